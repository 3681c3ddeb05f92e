"""Commands that run scenarios, or say what would run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from perfcli.cli.files import DIRECTORY, FILE, inputs
from perfcli.cli.group import EPILOG, cli
from perfcli.cli.options import PROGRESS, STORE, WHICH, load, runs_plans, with_options
from perfcli.cli.report import writes_reports
from perfcli.streams import say

if TYPE_CHECKING:
    from perfcli.plan import ExecutionPlan


@cli.command(epilog=EPILOG)
@runs_plans
@click.option(
    "--json",
    "json_file",
    type=FILE,
    metavar="FILE",
    help="Write the results, for `report` and others; - is stdout.",
)
@writes_reports
@click.option("--quiet", "-q", is_flag=True, help="Print one line per scenario.")
@click.option("--keep-db", "keep_database_in", type=DIRECTORY, metavar="DIR", help="Keep the databases there.")
@click.option(
    "--engine",
    default="",
    metavar="PATH|REV",
    help="Run this engine: a checkout or a revision. Default: this repository's, else the installed one.",
)
@click.option("--save", is_flag=True, help="Keep every run in the store, for history, trend and baseline.")
@click.option("--baseline", default="", metavar="NAME|FILE", help="Compare with this baseline, and fail if slower.")
@click.option("--strict", is_flag=True, help="Fail also where the comparison could not be made or says too little.")
@click.option(
    "--retries",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Repeat a run that other processes starved, up to N times.",
)
@STORE
@PROGRESS
def run(chosen: list[ExecutionPlan], **options: Any) -> None:
    """Run scenarios: shipped ones by name, or files, or all files of a directory.

    Without a name and with --tag, the shipped scenarios that carry the tag.

    \b
    Examples:
      digipal-perf run pet_creation database_load
      digipal-perf run scenarios/ --tag quick --json results.json
      digipal-perf run typical_session --workers 20 --duration 30s
      digipal-perf run long_session --set engine.ai.latency=0ms --seed 42
      digipal-perf run database_load --duration 10s --save --baseline main
      digipal-perf run --tag quick --html report.html --junit junit.xml
    """
    from perfcli.commands.run import SuiteOptions, run_suite
    from perfcli.report.writing import console_beside

    suite = SuiteOptions(**options, inputs=inputs())
    raise click.exceptions.Exit(run_suite(chosen, suite, console_beside(suite.places.values())))


@cli.command()
@runs_plans
def plan(chosen: list[ExecutionPlan]) -> None:
    """Show what would run, a line for each phase, and run nothing.

    Scenarios are chosen and changed as by `run`, and every mistake in them is told.

    \b
    Examples:
      digipal-perf plan database_load
      digipal-perf plan my.yaml --workers 20 --duration 30s
      digipal-perf plan --tag quick
    """
    from perfcli.report.console import make_console, to_console
    from perfcli.report.listing import plans_document

    console = make_console()
    # for a pipe a phase stays on its line, however long, so that grep finds it whole
    console.print(to_console(plans_document(chosen)), soft_wrap=not console.is_terminal)


@cli.command(name="list")
@with_options(*WHICH)
def list_scenarios(scenarios: tuple[str, ...], tags: tuple[str, ...]) -> None:
    """Show the shipped scenarios, or those of files and directories.

    \b
    Examples:
      digipal-perf list
      digipal-perf list --tag quick
    """
    from perfcli.plan import plan_run
    from perfcli.report.console import make_console, to_console
    from perfcli.report.listing import list_document

    found = [(scenario, plan_run(scenario, 0).describe()) for scenario in load(scenarios, tags, [])]
    console = make_console()
    console.print(to_console(list_document(found)), soft_wrap=not console.is_terminal)


@cli.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def validate(files: tuple[str, ...]) -> None:
    """Check scenario files, and report every mistake with its line and column.

    Warns of what checks nothing, or fails whatever the engine does; exit code 0.

    \b
    Examples:
      digipal-perf validate my.yaml
      digipal-perf validate scenarios/
    """
    from perfcli.scenario.library import find_scenarios
    from perfcli.scenario.loader import load_scenarios, warnings_of

    paths = find_scenarios(files)
    for path, scenario in zip(paths, load_scenarios(paths), strict=True):
        warned = [f"  warning: {warning.with_source_line()}" for warning in warnings_of(path)]
        say("\n".join([f"{scenario.name}: ok", *warned]))
