"""`report`, `compare`, `history`, `trend` and `baseline`: what was found before."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from perfcli.commands.context import Context
from perfcli.commands.options import Reports, Selection
from perfcli.commands.result_options import (
    BaselinesOptions,
    CompareOptions,
    HistoryOptions,
    RemoveOptions,
    ReportOptions,
    SaveOptions,
    ShowOptions,
    TrendOptions,
)
from perfcli.errors import ExitCode, UsageError, nearest
from perfcli.history.baseline import (
    baseline_file,
    check_name,
    list_baselines,
    listed,
    newest_runs,
    read_baseline,
    remove_baseline,
    save_baseline,
)
from perfcli.history.kept_runs import history as history_of
from perfcli.history.kept_runs import needs_histogram, of_variation
from perfcli.history.result_pairs import ResultsComparison, read_source, side_by_side
from perfcli.history.store import Kept, Store, read_runs
from perfcli.history.trend import trend as trend_of
from perfcli.report.console import to_console
from perfcli.report.data_files import check_one_kind
from perfcli.report.history import baseline_document, baselines_document, history_document, saved_in_words
from perfcli.report.markdown import to_markdown
from perfcli.report.report_files import write_reports
from perfcli.report.reported import Reported, document_of, load_reported, summary_of
from perfcli.report.side_by_side import compared_document, compared_verdict
from perfcli.report.summary import render_run, takes_a_line
from perfcli.report.trend import trend_document
from perfcli.results import RunResult, as_document
from perfcli.streams import complain, say


def report(options: ReportOptions, context: Context) -> int:
    """Write and show reports; return the exit code, which does not depend on how the runs went."""
    reports = options.reports
    context.inputs += options.results
    # which pages have charts, only their results tell
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


def compare(options: CompareOptions, context: Context) -> int:
    """Compare results with the first of them; return the exit code."""
    if len(options.sources) < 2:
        raise UsageError(
            f"only {options.sources[0]} given: compare needs two results or more",
            hint="digipal-perf compare main after.json",
        )
    store = Store(options.store)
    context.inputs += [Path(text) for text in options.sources if text != "-"]
    files = options.files | ({"json": options.json_file} if options.json_file else {})
    context.will_write(files, beside=store.files() if files else ())
    found = side_by_side([read_source(text, store) for text in options.sources], strict=options.strict)
    document = compared_document(found)
    render = {"markdown": lambda: f"{to_markdown(document)}\n", "html": lambda: _page(found)}
    context.write(options.files, render)
    return context.show(
        document,
        lambda: found.model_dump(mode="json"),
        options.json_file,
        found.exit_code,
        brief=not options.verbose,
    )


def _page(found: ResultsComparison) -> str:
    from perfcli.report.html.page import render_document

    verdict = compared_verdict(found)
    return render_document(compared_document(found), f"{verdict.word.plain}: {verdict.name.plain}")


_MANY_FILES: Final = 300
"""Files that take about a second to read."""


def history(options: HistoryOptions, context: Context) -> int:
    """Show the kept runs; return the exit code."""
    runs, _, ids = _runs_of(options, context, in_short=True)
    found = history_of(runs, ids, options.last)
    document = history_document(found, str(options.store))
    return context.show(document, lambda: found.model_dump(mode="json"), options.json_file)


def trend(options: TrendOptions, context: Context) -> int:
    """Show how metrics went from run to run; return the exit code."""
    in_short = not options.phase and not needs_histogram(options.metric)
    kept = _runs_of(options, context, in_short=in_short)
    found = trend_of(kept.runs, options.metric, phase=options.phase, reference=options.scenario)
    return context.show(trend_document(found), lambda: found.model_dump(mode="json"), options.json_file)


def _runs_of(options: HistoryOptions | TrendOptions, context: Context, *, in_short: bool) -> Kept:
    """The runs of a scenario, or of all, oldest first.

    Raises:
        UsageError: there are none of the scenario that was named.
    """
    store, scenario = Store(options.store), options.scenario
    if os.path.isfile(os.path.expanduser(scenario)):
        scenario = context.scenarios(Selection(scenarios=(scenario,)))[0].name
    _will_write(options.json_file, store, context)
    kept = _read(store, scenario, in_short=in_short)
    if options.scenario and not kept.runs:
        raise _none_kept(options.scenario, store)
    if not options.variations:
        return kept
    ids = dict(zip(map(id, kept.runs), kept.ids, strict=True))
    chosen = of_variation(kept.runs, options.variations)
    return Kept(chosen, kept.complaints, [ids[id(run)] for run in chosen])


def _none_kept(scenario: str, store: Store) -> UsageError:
    known = sorted({run.name for run in store.runs(in_short=True).runs})
    there = f"it has runs of {', '.join(known)}" if known else "the store is empty"
    meant = nearest(scenario, known)
    hint = f"did you mean {meant}?" if meant else f"save one: digipal-perf run {scenario} --save"
    return UsageError(f"no saved run of {scenario} in {store.directory}: {there}", hint=hint)


def save(options: SaveOptions, context: Context) -> int:
    """Save a baseline; return the exit code."""
    store = Store(options.store)
    check_name(options.name)
    chosen = newest_runs(_read(store).runs) if options.results is None else read_runs(options.results)
    path, replaces = save_baseline(options.name, chosen, store, force=options.force, results=options.results)
    say(saved_in_words(options.name, chosen, path, replaces=replaces))
    return ExitCode.PASS


def list_all(options: BaselinesOptions, context: Context) -> int:
    """Show the baselines; return the exit code."""
    store = Store(options.store)
    _will_write(options.json_file, store, context)
    found, complaints = list_baselines(store)
    _complain_left_out(complaints)
    document = baselines_document({baseline.name: baseline.runs for baseline in found})
    return context.show(document, lambda: listed(found).model_dump(mode="json"), options.json_file)


def show(options: ShowOptions, context: Context) -> int:
    """Show one baseline; return the exit code."""
    store = Store(options.store)
    context.inputs.append(baseline_file(options.name, store))
    _will_write(options.json_file, store, context)
    found = read_baseline(options.name, store)
    return context.show(baseline_document(found.name, found.runs), lambda: as_document(found.runs), options.json_file)


def remove(options: RemoveOptions, context: Context) -> int:
    """Remove a baseline; return the exit code."""
    say(f"removed {remove_baseline(options.name, Store(options.store))}")
    return ExitCode.PASS


def _will_write(json_file: Path | None, store: Store, context: Context) -> None:
    """See that the document can be written, and would replace nothing of the store."""
    context.will_write({"json": json_file} if json_file else {}, beside=store.files() if json_file else ())


def _read(store: Store, scenario: str = "", *, in_short: bool = False) -> Kept:
    """The runs that a store keeps, oldest first; stderr names the files that cannot be read.

    Args:
        scenario: only its runs.
        in_short: as in `Store.runs`.
    """
    files = len(store.files())
    if files >= _MANY_FILES:
        complain(f"reading {files:,} files in {store.directory}")
    kept = store.runs(scenario, in_short=in_short)
    _complain_left_out(kept.complaints)
    return kept


def _complain_left_out(complaints: Sequence[str]) -> None:
    for complaint in complaints:
        complain(f"skipped: {complaint}")
