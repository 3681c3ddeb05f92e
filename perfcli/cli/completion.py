"""Names that a shell completes: of scenarios, tags, metrics and baselines. Heavy imports wait for a scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from perfcli.figures import Metric
    from perfcli.operations.base import StepSettings
    from perfcli.scenario.models import Scenario

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
    """Those of the run, and of the operations of the scenario that was named."""
    from perfcli.figures import METRICS

    yield from (spelt for metric in METRICS.values() for spelt in _spelt(metric))
    for step in _steps(ctx):
        yield from (f"{step.label}.{name}" for name in step.counters)
        of_operations = (metric for metric in METRICS.values() if metric.per_operation)
        yield from (f"{step.label}.{spelt}" for metric in of_operations for spelt in _spelt(metric))


def _spelt(metric: Metric) -> Iterable[str]:
    from perfcli.figures import STATISTICS

    return (f"{metric.name}.{each}" for each in STATISTICS) if metric.needs_statistic else (metric.name,)


def _explained(ctx: click.Context) -> Iterable[str]:
    """Metrics; and the operations, with those of the scenario that was named, as their import takes a while."""
    from perfcli.figures import METRICS

    yield from METRICS
    for scenario in _scenarios_of(ctx):
        from perfcli.operations import STEP_MODELS

        yield from STEP_MODELS
        yield from (operation.name for file in scenario.operations for operation in file.operations)


def _scenarios_of(ctx: click.Context) -> list[Scenario]:
    """What `scenario` names, read as `validate` reads it; nothing if it cannot be."""
    # click does not get as far as the arguments if the value of an option is missing
    named = ctx.params.get("scenario") or next(iter(ctx.args), None)
    if not named:
        return []
    from perfcli.errors import UsageError
    from perfcli.scenario.library import find_scenarios
    from perfcli.scenario.loader import load_scenarios

    try:
        return load_scenarios(find_scenarios([named]))
    except UsageError:
        return []


def _steps(ctx: click.Context) -> Iterable[StepSettings]:
    phases = (phase for scenario in _scenarios_of(ctx) for phase in scenario.phases_to_run)
    return {step.label: step for phase in phases for step in phase.flow if not step.is_pause}.values()


def _baselines(ctx: click.Context) -> Iterable[str]:
    store = Path(ctx.params.get("store") or _STORE)
    return [path.stem for path in store.glob("baselines/[!.]*.json")]


def _faults(ctx: click.Context) -> Iterable[str]:
    from perfcli.faults import fault_models

    return [f"{kind}={model.example}" for kind, model in fault_models().items()]


def _none(ctx: click.Context) -> Iterable[str]:
    return ()


_NAMES_OF: Final[dict[str, tuple[Callable[[click.Context], Iterable[str]], bool]]] = {
    "scenario": (_scenarios, True),
    "scenarios": (_scenarios, True),
    "files": (_none, True),
    "tags": (_tags, False),
    "faults": (_faults, False),
    "metric": (_metrics, False),
    "subject": (_explained, False),
    "baseline": (_baselines, True),
    "name": (_baselines, False),
    "sources": (_baselines, True),
}
"""By the names of parameters: what they may be called, and whether a file is as good."""
