"""Commands that compare two engines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from perfcli.cli.files import FILE, inputs
from perfcli.cli.group import EPILOG, cli
from perfcli.cli.options import PROGRESS, SEED, SET, VUS, WHICH, one_plan, plans, with_options
from perfcli.errors import UsageError

_HOW = (
    VUS,
    SET,
    SEED,
    click.option("--margin", default="5%", show_default=True, metavar="P", help="A change of less is none."),
    click.option("--max-time", metavar="D", help="Begin no pair of a scenario after this long (30s, 2m)."),
    click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write the result."),
    PROGRESS,
)


@cli.command(epilog=EPILOG)
@with_options(*WHICH, *_HOW)
@click.option("--base", required=True, metavar="PATH|REV", help="The engine to hold against: a checkout or a revision.")
@click.option(
    "--candidate",
    default="",
    metavar="PATH|REV",
    help="The engine to judge. Default: this repository's.",
)
@click.option("--max-pairs", type=click.IntRange(min=1), metavar="N", help="Make at most so many pairs (40).")
@click.option("--cpus", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="CPUs of a pair.")
@click.option("--strict", is_flag=True, help="Fail also where it stays inconclusive.")
@click.option("--quiet", "-q", is_flag=True, help="Print one line per scenario.")
@click.option("--verbose", "-v", is_flag=True, help="Print everything that is known.")
def ab(
    base: str,
    candidate: str,
    max_pairs: int | None,
    cpus: int,
    strict: bool,
    quiet: bool,
    verbose: bool,
    json_file: Path | None,
    margin: str,
    max_time: str | None,
    progress: bool,
    scenarios: tuple[str, ...],
    tags: tuple[str, ...],
    **changes: Any,
) -> None:
    """Say whether one engine is slower than another, surely enough to block a merge on.

    Both run the scenario's operations in turns of some milliseconds, on the same CPU, in 15 to 40 pairs of fresh
    processes, so that what else the machine does meets both alike. Exit code 5 if the candidate is slower.

    Several scenarios share the 1% of false alarms, and have 20 pairs at least; the most severe exit code wins.

    \b
    Examples:
      digipal-perf ab pet_creation --base main
      digipal-perf ab --tag quick --base main --json ab.json
      digipal-perf ab database_load --base v1.2 --candidate HEAD
      digipal-perf ab my.yaml --base ../before --candidate ../after --margin 3% --strict
    """
    from perfcli.ab.comparison import AbOptions
    from perfcli.commands.ab import AbSettings, compare
    from perfcli.report.writing import console_beside

    options = AbOptions(_share("--margin", margin), max_pairs, _seconds(max_time), cpus)
    chosen, keep_ai = plans(scenarios, tags, **changes), _asks_for_ai(changes["settings"])
    settings = AbSettings(base, candidate, options, strict, quiet, verbose, keep_ai, json_file, progress, inputs())
    raise click.exceptions.Exit(compare(chosen, settings, console_beside([json_file] if json_file else [])))


@cli.command(epilog=EPILOG)
@click.argument("scenario", metavar="[NAME|FILE]", default="pet_creation")
@with_options(*_HOW)
@click.option("--gates", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="Of each kind.")
@click.option("--slowdown", default="10%", show_default=True, metavar="P", help="What the gate has to find.")
def selftest(
    gates: int,
    slowdown: str,
    json_file: Path | None,
    margin: str,
    max_time: str | None,
    progress: bool,
    scenario: str,
    **changes: Any,
) -> None:
    """Prove `ab` on this machine: it must not blame an engine for being itself, and must find a planted slowdown.

    Says how many false alarms there were, how many slowdowns were found, and the smallest that can be found here in
    the time that each gate is given. Exit code 4 where the gate cannot be relied on.

    \b
    Examples:
      digipal-perf selftest
      digipal-perf selftest database_query --gates 30 --slowdown 5% --margin 3%
    """
    from perfcli.ab.comparison import AbOptions
    from perfcli.commands.ab import SelftestSettings, prove
    from perfcli.report.writing import console_beside

    options = AbOptions(_share("--margin", margin), max_time_s=_seconds(max_time))
    plan = one_plan(scenario, "compared", **changes)
    settings = SelftestSettings(options, gates, _share("--slowdown", slowdown), json_file, progress, inputs())
    raise click.exceptions.Exit(prove(plan, settings, console_beside([json_file] if json_file else [])))


def _asks_for_ai(settings: Sequence[str]) -> bool:
    """Whether somebody wants the simulated AI to take its time."""
    return any(setting.partition("=")[0].strip().startswith("engine.ai") for setting in settings)


def _share(option: str, text: str) -> float:
    from perfcli.units import parse_fraction

    share = _parsed(option, text, parse_fraction)
    if not 0 < share <= 1:
        raise UsageError(f"{option} {text}: expected more than 0% and at most 100%")
    return share


def _seconds(text: str | None) -> float | None:
    from perfcli.units import parse_duration_ns

    return None if text is None else _parsed("--max-time", text, parse_duration_ns) / 1e9


def _parsed(option: str, text: str, parse: Callable[[object], float]) -> float:
    from perfcli.units import UnitError

    try:
        return parse(text)
    except UnitError as error:
        raise UsageError(f"{option}: {error}") from error
