"""Names that a shell completes: of scenarios, tags, metrics and baselines. Nothing heavy is imported for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_STORE: Final = ".digipal-perf"


def complete_names(parameters: Iterable[click.Parameter]) -> None:
    """Let the parameters that take a name complete it."""
    for parameter in parameters:
        if parameter.type is click.STRING and parameter.name in _NAMES_OF:
            names, or_file = _NAMES_OF[parameter.name]
            parameter.type = _Name(names, or_file=or_file)


class _Name(click.types.StringParamType):
    """A text that is likely one of some names, or a file."""

    def __init__(self, names: Callable[[click.Context], Iterable[str]], *, or_file: bool) -> None:
        self._names = names
        self._or_file = or_file

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names that begin so; a shell offers files beside them."""
        from click.shell_completion import CompletionItem

        names = sorted(name for name in self._names(ctx) if name.startswith(incomplete))
        files = [CompletionItem(incomplete, type="file")] if self._or_file else []
        return [*files, *map(CompletionItem, names)]


def _scenarios(ctx: click.Context) -> Iterable[str]:
    from perfcli.scenario.library import shipped_scenarios

    return [path.stem for path in shipped_scenarios()]


def _tags(ctx: click.Context) -> Iterable[str]:
    """Those of the shipped scenarios."""
    import yaml

    from perfcli.scenario.library import shipped_scenarios

    return {tag for path in shipped_scenarios() for tag in yaml.safe_load(path.read_text("utf-8")).get("tags", ())}


def _metrics(ctx: click.Context) -> Iterable[str]:
    from perfcli.figures import METRICS, STATISTICS

    for metric in METRICS.values():
        yield from (f"{metric.name}.{each}" for each in STATISTICS) if metric.needs_statistic else (metric.name,)


def _metrics_alone(ctx: click.Context) -> Iterable[str]:
    from perfcli.figures import METRICS

    return METRICS


def _baselines(ctx: click.Context) -> Iterable[str]:
    store = Path(ctx.params.get("store") or _STORE)
    return [path.stem for path in store.glob("baselines/[!.]*.json")]


def _none(ctx: click.Context) -> Iterable[str]:
    return ()


_NAMES_OF: Final[dict[str, tuple[Callable[[click.Context], Iterable[str]], bool]]] = {
    "scenario": (_scenarios, True),
    "scenarios": (_scenarios, True),
    "files": (_none, True),
    "tags": (_tags, False),
    "metric": (_metrics, False),
    "subject": (_metrics_alone, False),
    "baseline": (_baselines, True),
    "name": (_baselines, False),
}
"""By the names of parameters: what they may be called, and whether a file is as good."""
