"""`digipal-perf report`, and the options of every command that writes reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from perfcli.cli.choosing import with_options
from perfcli.cli.files import FILE, inputs, note_inputs
from perfcli.cli.group import cli
from perfcli.streams import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from perfcli.report.saved import Reported

_FORMATS: Final = {
    "html": "Write a page with charts, in one file.",
    "junit": "Write JUnit XML: a test case per threshold.",
    "markdown": "Write Markdown for a comment or a job summary.",
    "csv": "Write the time series as CSV.",
    "openmetrics": "Write OpenMetrics text.",
}
REPORTS: Final = (
    *(click.option(f"--{form}", type=FILE, metavar="FILE", help=told) for form, told in _FORMATS.items()),
    click.option("--plots", is_flag=True, help="Draw the latency of each operation."),
)


def take_places(given: dict[str, Any]) -> dict[str, Path]:
    """The places of the reports that a command was given, which are taken out of what it was given."""
    return {form: path for form in _FORMATS if (path := given.pop(form)) is not None}


@cli.command()
@click.argument("results", nargs=-1, required=True, type=FILE, metavar="RESULT.json...")
@with_options(*REPORTS)
def report(results: tuple[Path, ...], plots: bool, **given: Any) -> None:
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

    places, outputs = take_places(given), Outputs()
    note_inputs(results)
    check_places(places, inputs())
    console = console_beside(places.values())
    reported = load_reported(results)
    if "csv" in places:
        check_one_kind(reported)
    written = write_reports(reported, places, outputs)
    with outputs.attempt("stdout"):
        if plots or not places:
            _show(reported, console, plots=plots)
        for form in written:
            console.print(f"{form}: {printable(str(places[form]))}", style="dim", soft_wrap=True)
    raise click.exceptions.Exit(outputs.exit_code(0))


def _show(reported: Sequence[Reported], console: Console, *, plots: bool) -> None:
    from perfcli.report.comparison import render_comparison
    from perfcli.report.console import render_result, render_summary
    from perfcli.results import RunResult

    runs = [each for each in reported if isinstance(each, RunResult)]
    for each in reported:
        whole = render_result(each, plots=plots) if isinstance(each, RunResult) else render_comparison(each, False)
        console.print(whole)
        if len(reported) > 1:
            console.print()
    if len(runs) > 1:
        console.print(render_summary(runs))
