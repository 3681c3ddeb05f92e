"""The command line: options in, calls out. What takes long to import waits until a command needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perfcli import __version__
from perfcli.errors import UsageError

if TYPE_CHECKING:
    from perfcli.plan import ExecutionPlan
    from perfcli.scenario.models import Scenario
    from perfcli.scenario.overrides import Override

_EPILOG = """\b
Exit codes: 0 pass · 1 the engine died or hung · 2 usage or invalid scenario · 3 a threshold failed ·
4 the run is invalid · 5 regression · 130 interrupted (143 by SIGTERM)"""


@click.group(epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="digipal-perf")
def cli() -> None:
    """Load tests for the DigiPal engine that are honest enough to block a merge.

    \b
    Examples:
      digipal-perf run pet_creation         one shipped scenario, by name
      digipal-perf run my.yaml --json r.json
      digipal-perf run --tag quick          what a merge waits for
    """


_WHAT_RUNS = (
    click.argument("scenarios", nargs=-1, metavar="[NAME|FILE|DIR]..."),
    click.option(
        "--tag", "tags", multiple=True, metavar="T", help="Only scenarios with this tag (several: any of them)."
    ),
    click.option("--workers", "--vus", type=click.IntRange(min=1), metavar="N", help="Virtual users (load.vus)."),
    click.option("--iterations", type=click.IntRange(min=1), metavar="N", help="Iterations, whatever the executor."),
    click.option("--duration", metavar="D", help="Run for this long (30s, 2m), whatever the executor."),
    click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change a key, e.g. engine.ai.latency=10ms."
    ),
    click.option("--seed", type=click.IntRange(min=0, max=2**63 - 1), metavar="N", help="Repeat a run's operations."),
)


def _says_what_runs(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the arguments of `_plan`."""
    return reduce(lambda decorated, parameter: parameter(decorated), reversed(_WHAT_RUNS), command)


@cli.command(epilog=_EPILOG)
@_says_what_runs
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the results."
)
@click.option("--quiet", "-q", is_flag=True, help="One line per scenario.")
@click.option(
    "--keep-db", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Keep the databases there."
)
@click.option(
    "--engine", default="", metavar="PATH|REV", help="Run this engine: a checkout, or a revision of this repository."
)
def run(json_file: Path | None, quiet: bool, keep_db: Path | None, engine: str, **what_runs: Any) -> None:
    """Run scenarios: shipped ones by name, or files, or all files of a directory.

    Without a name and with --tag, the shipped scenarios that carry the tag.

    \b
    Examples:
      digipal-perf run pet_creation database_load
      digipal-perf run scenarios/ --tag quick --json results.json
      digipal-perf run typical_session --workers 20 --duration 30s
      digipal-perf run long_session --set engine.ai.latency=0ms --seed 42
    """
    from perfcli.report.terminal import make_console
    from perfcli.suite import SuiteOptions, run_suite

    options = SuiteOptions(json_file=json_file, quiet=quiet, keep_database_in=keep_db, engine=engine)
    raise click.exceptions.Exit(run_suite(_plan(**what_runs), options, make_console()))


@cli.command()
@_says_what_runs
def plan(**what_runs: Any) -> None:
    """Show what would run, a line for each phase, and run nothing.

    Scenarios are chosen and changed as by `run`, and every mistake in them is told.

    \b
    Examples:
      digipal-perf plan database_load
      digipal-perf plan my.yaml --workers 20 --duration 30s
      digipal-perf plan --tag quick
    """
    from perfcli.report.planned import render_plans
    from perfcli.report.terminal import make_console

    console = make_console()
    # for a pipe a phase stays on its line, however long, so that grep finds it whole
    console.print(render_plans(_plan(**what_runs)), soft_wrap=not console.is_terminal)


@cli.command(name="list")
@click.argument("scenarios", nargs=-1, metavar="[NAME|FILE|DIR]...")
@click.option("--tag", "tags", multiple=True, metavar="T", help="Only scenarios with this tag (several: any of them).")
def list_scenarios(scenarios: tuple[str, ...], tags: tuple[str, ...]) -> None:
    """Show the shipped scenarios, or those of files and directories.

    \b
    Examples:
      digipal-perf list
      digipal-perf list --tag quick
    """
    from perfcli.plan import plan_run
    from perfcli.report.console import render_list
    from perfcli.report.terminal import make_console

    found = _load(scenarios, tags, [])
    make_console().print(render_list([(scenario, plan_run(scenario, 0).describe()) for scenario in found]))


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def validate(files: tuple[str, ...]) -> None:
    """Check scenario files, and report every mistake with its line and column.

    \b
    Examples:
      digipal-perf validate my.yaml
      digipal-perf validate scenarios/
    """
    for scenario in _load(files, (), []):
        click.echo(f"{scenario.name}: ok")


def _plan(
    scenarios: Sequence[str],
    tags: Sequence[str],
    workers: int | None,
    iterations: int | None,
    duration: str | None,
    settings: Sequence[str],
    seed: int | None,
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
    return [plan_run(scenario, seed) for scenario in _load(scenarios, tags, changes)]


def _load(references: Sequence[str], tags: Sequence[str], changes: Sequence[Override]) -> list[Scenario]:
    from perfcli.scenario.library import find_scenarios
    from perfcli.scenario.loader import load_scenarios

    return load_scenarios(find_scenarios(references), changes, tags=tags)
