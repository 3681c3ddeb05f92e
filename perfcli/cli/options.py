"""Arguments and options that say what runs, the same for every command that runs something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce, wraps
from typing import TYPE_CHECKING, Any, Final

import click

from perfcli.cli.files import DIRECTORY, note_inputs
from perfcli.errors import UsageError
from perfcli.streams import complain

if TYPE_CHECKING:
    from perfcli.history.store import Store
    from perfcli.plan import ExecutionPlan
    from perfcli.results import RunResult
    from perfcli.scenario.models import Scenario
    from perfcli.scenario.overrides import Override

VUS = click.option("--workers", "--vus", type=click.IntRange(min=1), metavar="N", help="Virtual users (load.vus).")
ITERATIONS = click.option(
    "--iterations", type=click.IntRange(min=1), metavar="N", help="Iterations, whatever the executor."
)
DURATION = click.option("--duration", metavar="D", help="Run for this long (30s, 2m), whatever the executor.")
SET = click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a key, e.g. engine.ai.latency=10ms."
)
SEED = click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), metavar="N", help="Repeat a run's operations.")
CHANGES = (VUS, ITERATIONS, DURATION, SET, SEED)
"""Options that change a scenario, as `plans` takes them."""

WHICH = (
    click.argument("scenarios", nargs=-1, metavar="[NAME|FILE|DIR]..."),
    click.option(
        "--tag", "tags", multiple=True, metavar="T", help="Only scenarios with this tag (several: any of them)."
    ),
)
STORE = click.option(
    "--store",
    type=DIRECTORY,
    default=".digipal-perf",
    envvar="DIGIPAL_PERF_STORE",
    show_default=True,
    show_envvar=True,
    metavar="DIR",
    help="Where runs and baselines are kept.",
)

_MANY_FILES: Final = 300
"""Files that take about a second to read."""


def kept_runs(store: Store, scenario: str = "", *, in_short: bool = False) -> list[RunResult]:
    """The runs that a store keeps, oldest first; stderr names the files that cannot be read.

    Args:
        scenario: only its runs.
        in_short: as in `Store.runs`.
    """
    files = len(store.files())
    if files >= _MANY_FILES:
        complain(f"reading {files:,} files in {store.directory}")
    kept = store.runs(scenario, in_short=in_short)
    complain_left_out(kept.complaints)
    return kept.runs


def complain_left_out(complaints: Sequence[str]) -> None:
    """Print on stderr which files of a store cannot be read, and why."""
    for complaint in complaints:
        complain(f"left out: {complaint}")


PROGRESS = click.option(
    "--progress/--no-progress", default=True, help="Show how it goes, if not on a terminal every 10 s."
)


def with_options(*options: Callable[[Callable[..., None]], Callable[..., None]]) -> Callable[..., Callable[..., None]]:
    """Give a command these arguments and options, in this order."""
    return lambda command: reduce(lambda decorated, option: option(decorated), reversed(options), command)


def runs_plans(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments and options of `plans`, and the plans that they stand for."""

    @wraps(command)
    def with_plans(
        scenarios: Sequence[str],
        tags: Sequence[str],
        workers: int | None,
        iterations: int | None,
        duration: str | None,
        settings: Sequence[str],
        seed: int | None,
        **options: Any,
    ) -> None:
        command(chosen=plans(scenarios, tags, workers, iterations, duration, settings, seed), **options)

    return with_options(*WHICH, *CHANGES)(with_plans)


def plans(
    scenarios: Sequence[str],
    tags: Sequence[str],
    workers: int | None = None,
    iterations: int | None = None,
    duration: str | None = None,
    settings: Sequence[str] = (),
    seed: int | None = None,
) -> list[ExecutionPlan]:
    """The plans of the scenarios that were named, with the changes that options ask for."""
    from perfcli.plan import plan_run
    from perfcli.scenario import overrides

    if not scenarios and not tags:
        raise UsageError("say what to run: a scenario's name, a file, a directory or --tag", hint="digipal-perf list")
    changes = [overrides.parse_set(setting) for setting in settings]
    changes += [overrides.workers(workers)] if workers else []
    changes += [overrides.iterations(iterations)] if iterations else []
    changes += [overrides.duration(duration)] if duration else []
    return [plan_run(scenario, seed) for scenario in load(scenarios, tags, changes)]


def one_plan(scenario: str, what_is_done: str, **changes: Any) -> ExecutionPlan:
    """The plan of the one scenario that a command takes.

    Args:
        what_is_done: to it by the command: compared, profiled.
        changes: as `plans` takes them.

    Raises:
        UsageError: the name stands for several.
    """
    found = plans([scenario], [], **changes)
    if len(found) > 1:
        names = ", ".join(plan.scenario.name for plan in found)
        message = f"{scenario}: one scenario is {what_is_done} at a time, not {len(found)}"
        raise UsageError(message, hint=f"choose: {names}")
    return found[0]


def load(references: Sequence[str], tags: Sequence[str], changes: Sequence[Override]) -> list[Scenario]:
    """The scenarios that were named, checked as they will run."""
    from perfcli.scenario.library import find_scenarios
    from perfcli.scenario.loader import load_scenarios
    from perfcli.scenario.source import recorded_reads

    with recorded_reads() as files:
        scenarios = load_scenarios(find_scenarios(references), changes, tags=tags)
    note_inputs(files)
    return scenarios
