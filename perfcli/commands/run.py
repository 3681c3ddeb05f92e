"""Several scenarios, one after another: run, show, save, and the worst exit code of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from rich.console import Console

from perfcli.documents import STDOUT
from perfcli.errors import UsageError, worst
from perfcli.history.baseline import Baseline, baseline_file, read_baseline
from perfcli.history.store import Store
from perfcli.outputs import Outputs, check_folder
from perfcli.plan import ExecutionPlan
from perfcli.pool.checkout import choose_engine
from perfcli.report.console import to_console
from perfcli.report.live import LiveProgress
from perfcli.report.summary import render_retry, render_run, render_verdict_line, summary_document, takes_a_line
from perfcli.report.wording import announce
from perfcli.report.writing import Places, add_job_summary, check_places, write_reports
from perfcli.results import RunResult, save_results
from perfcli.run import run_scenario
from perfcli.run.interrupts import Interrupts
from perfcli.run.keep_database import NOT_KEPT
from perfcli.run.retrying import run_with_retries


@dataclass(frozen=True, slots=True)
class SuiteOptions:
    """What the command line says of a whole suite."""

    json_file: Path | None = None
    reports: Places = field(default_factory=dict)
    plots: bool = False
    quiet: bool = False
    verbose: bool = False
    keep_database_in: Path | None = None
    engine: str = ""
    store: Path = Path(".digipal-perf")
    save: bool = False
    baseline: str = ""
    strict: bool = False
    progress: bool = True
    retries: int = 1
    inputs: Sequence[Path] = ()
    """The files that the plans were made of."""

    def __post_init__(self) -> None:
        if self.strict and not self.baseline:
            raise UsageError("--strict says how to compare: it needs --baseline NAME or FILE")
        if self.plots and self.quiet:
            raise UsageError("--plots draws what --quiet leaves out: choose one of them")
        if self.verbose and self.quiet:
            raise UsageError("--verbose prints what --quiet leaves out: choose one of them")

    @property
    def places(self) -> Places:
        """Where everything that is written goes."""
        return dict(self.reports) | ({"json": self.json_file} if self.json_file else {})


def run_suite(plans: Sequence[ExecutionPlan], options: SuiteOptions, console: Console) -> int:
    """Run all plans; after the first Ctrl-C report what is known and run no more.

    Raises:
        UsageError: the results or the databases have no place to go, or there is no such baseline; told before
            anything runs.
    """
    _check_places(options)
    store = Store(options.store)
    baseline = read_baseline(options.baseline, store) if options.baseline else None
    outputs = Outputs(quiet=options.quiet)
    try:
        return _run_all(plans, options, store, baseline, outputs, console)
    finally:
        outputs.list_written()


def _run_all(
    plans: Sequence[ExecutionPlan],
    options: SuiteOptions,
    store: Store,
    baseline: Baseline | None,
    outputs: Outputs,
    console: Console,
) -> int:
    interrupts = Interrupts()
    interrupts.install()
    results: list[RunResult] = []
    short = len(plans) > 1 and not (options.verbose or options.plots)
    try:
        with choose_engine(options.engine) as engine:
            announce(engine)
            for plan in plans:
                if interrupts.exit_code is not None:
                    break
                with LiveProgress(console, wanted=options.progress, interrupts=interrupts) as live:
                    run = partial(
                        run_scenario,
                        plan,
                        observer=live,
                        stop=interrupts.stop,
                        keep_database_in=options.keep_database_in,
                        engine=engine,
                    )
                    tell = partial(_tell_of_retry, options, console, outputs)
                    result = run_with_retries(run, options.retries, interrupts.stop, tell)
                result = _compared(result, baseline, options)
                results.append(result)
                _save(results, options, store, outputs)
                with outputs.attempt("stdout"):
                    _show(result, options, console, short=short)
    finally:
        # also if a later scenario cannot even be started
        if results:
            _report(results, options, outputs)
    with outputs.attempt("stdout"):
        if len(plans) > 1 and not options.quiet:
            if short and takes_a_line(results[-1]):
                console.print()
            console.print(to_console(summary_document(results)))
        if len(results) < len(plans):
            console.print(f"not run: {len(plans) - len(results)} of {len(plans)} scenarios", style="yellow")
    codes = [result.exit_code for result in results]
    return interrupts.exit_code if interrupts.exit_code is not None else outputs.exit_code(worst(codes))


def _tell_of_retry(options: SuiteOptions, console: Console, outputs: Outputs, starved: RunResult) -> None:
    if not options.quiet:
        with outputs.attempt("stdout"):
            console.print(render_retry(starved))


def _show(result: RunResult, options: SuiteOptions, console: Console, *, short: bool) -> None:
    if options.quiet:
        # a program reads it by lines
        console.print(render_verdict_line(result), soft_wrap=not console.is_terminal)
    else:
        console.print(render_run(result, short=short, verbose=options.verbose, plot=options.plots))


def _save(results: Sequence[RunResult], options: SuiteOptions, store: Store, outputs: Outputs) -> None:
    """Save the newest result, before anything else can go wrong with it or with a later scenario."""
    if options.json_file and options.json_file != STDOUT:
        with outputs.attempt("--json", options.json_file):
            save_results(results, options.json_file)
    if options.save:
        with outputs.attempt(f"--save of run {len(results)}"):
            outputs.wrote(store.add(results[-1]))
    if results[-1].kept_database:
        outputs.wrote(Path(results[-1].kept_database))
    elif options.keep_database_in:
        why = [reason for reason in results[-1].reasons if reason.startswith(NOT_KEPT)]
        outputs.fail(f"--keep-db of run {len(results)}", ": ".join([f"{results[-1].name}: --keep-db", *why]))


def _report(results: Sequence[RunResult], options: SuiteOptions, outputs: Outputs) -> None:
    """Write what is made of all results together."""
    write_reports(results, options.reports, outputs)
    if options.json_file == STDOUT:
        with outputs.attempt("--json"):
            save_results(results, STDOUT)
    add_job_summary(results, outputs)


def _compared(result: RunResult, baseline: Baseline | None, options: SuiteOptions) -> RunResult:
    """The result with its comparison, where there is a baseline."""
    if baseline is None:
        return result
    return result.model_copy(update={"baseline": baseline.judge(result, strict=options.strict)})


def _check_places(options: SuiteOptions) -> None:
    store = Store(options.store)
    baseline = [baseline_file(options.baseline, store)] if options.baseline else []
    kept = store.files() if options.places else []  # other runs' results: never replaced
    check_places(options.places, [*options.inputs, *baseline, *kept])
    if options.keep_database_in:
        check_folder(options.keep_database_in, "--keep-db")
    if options.save:
        store.prepare()
