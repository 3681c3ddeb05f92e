"""`report`: reports of what `run --json` and `ab --json` wrote."""

from __future__ import annotations

from collections.abc import Sequence

from perfcli.commands.context import Context
from perfcli.commands.options import Reports
from perfcli.commands.result_options import ReportOptions
from perfcli.errors import ExitCode
from perfcli.report.console import to_console
from perfcli.report.csv_series import check_one_kind
from perfcli.report.saved import Reported, document_of, load_reported, summary_of
from perfcli.report.summary import render_run, takes_a_line
from perfcli.report.writing import write_reports
from perfcli.results import RunResult


def report(options: ReportOptions, context: Context) -> int:
    """Write and show reports; return the exit code, which does not depend on how the runs went."""
    reports = options.reports
    context.inputs += options.results
    context.will_write(reports.files)
    results = load_reported(options.results)
    if "csv" in reports.files:
        check_one_kind(results)
    write_reports(results, reports.files, context.outputs)
    with context.outputs.attempt("stdout"):
        if reports.plots or reports.verbose or not reports.files:
            _show(results, reports, context)
    context.outputs.list_written()
    return context.exit_code([ExitCode.PASS])


def _show(results: Sequence[Reported], reports: Reports, context: Context) -> None:
    short = len(results) > 1 and not (reports.verbose or reports.plots)
    for result in results:
        if isinstance(result, RunResult):
            context.console.print(render_run(result, short=short, verbose=reports.verbose, plot=reports.plots))
        else:
            context.console.print(to_console(document_of(result), brief=not reports.verbose))
            context.console.print()
    if short and takes_a_line(results[-1]):
        context.console.print()
    context.console.print(to_console(summary_of(results)))
