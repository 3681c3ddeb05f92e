"""`digipal-perf report`, and the options of every command that writes reports."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from perfcli.cli.files import FILE, inputs, note_inputs
from perfcli.cli.group import cli
from perfcli.cli.options import with_options
from perfcli.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from perfcli.report.saved import Reported

_OPTIONS: Final = (
    *(click.option(f"--{form}", type=FILE, metavar="FILE", help=each.help) for form, each in FORMATS.items()),
    click.option("--plots", is_flag=True, help="Draw the latency of each operation."),
    click.option("--verbose", "-v", is_flag=True, help="Print everything that is known."),
)


def writes_reports(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of reports, and `reports`: where each goes, by format."""

    @wraps(command)
    def with_reports(**given: Any) -> None:
        reports = {form: given[form] for form in FORMATS if given[form] is not None}
        command(reports=reports, **{key: value for key, value in given.items() if key not in FORMATS})

    return with_options(*_OPTIONS)(with_reports)


@cli.command()
@click.argument("results", nargs=-1, required=True, type=FILE, metavar="RESULT.json...")
@writes_reports
def report(results: tuple[Path, ...], reports: dict[str, Path], plots: bool, verbose: bool) -> None:
    """Make reports of what `run --json` and `ab --json` wrote; by default the one that was printed then.

    A file of `-` is stdout, a result of `-` is stdin. The exit code says whether the report was made, not how the
    runs went.

    \b
    Examples:
      digipal-perf run --tag quick --json results.json
      digipal-perf report results.json --plots
      digipal-perf report results.json --html report.html --junit junit.xml
      digipal-perf report results.json --markdown -
    """
    from perfcli.outputs import Outputs
    from perfcli.report.csv_series import check_one_kind
    from perfcli.report.saved import load_reported
    from perfcli.report.writing import check_places, console_beside, write_reports

    outputs = Outputs()
    note_inputs(results)
    check_places(reports, inputs())
    console = console_beside(reports.values())
    reported = load_reported(results)
    if "csv" in reports:
        check_one_kind(reported)
    write_reports(reported, reports, outputs)
    with outputs.attempt("stdout"):
        if plots or verbose or not reports:
            _show(reported, console, plots=plots, verbose=verbose)
    outputs.list_written()
    raise click.exceptions.Exit(outputs.exit_code(0))


def _show(reported: Sequence[Reported], console: Console, *, plots: bool, verbose: bool) -> None:
    from perfcli.report.console import to_console
    from perfcli.report.saved import document_of, summary_of
    from perfcli.report.summary import render_run, takes_a_line
    from perfcli.results import RunResult

    short = len(reported) > 1 and not (verbose or plots)
    for result in reported:
        if isinstance(result, RunResult):
            console.print(render_run(result, short=short, verbose=verbose, plot=plots))
        else:
            console.print(to_console(document_of(result), brief=not verbose))
            console.print()
    if short and takes_a_line(reported[-1]):
        console.print()
    console.print(to_console(summary_of(reported)))
