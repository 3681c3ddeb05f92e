"""Several scenarios, one after another: run, show, save, and the worst exit code of all."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from perfcli.documents import STDOUT
from perfcli.errors import UsageError, worst
from perfcli.measurement.commit import commit_of_engine
from perfcli.plan import ExecutionPlan
from perfcli.pool.checkout import resolve_engine
from perfcli.regression.baseline import Baseline, read_baseline
from perfcli.regression.store import Store
from perfcli.report.console import render_result, render_summary, render_verdict_line
from perfcli.report.live import LiveProgress
from perfcli.report.writing import Places, add_job_summary, check_places, write_reports
from perfcli.results import RunResult, save_results
from perfcli.run import run_scenario
from perfcli.run.interrupts import Interrupts


@dataclass(frozen=True, slots=True)
class SuiteOptions:
    """What the command line says of a whole suite."""

    json_file: Path | None = None
    reports: Places = field(default_factory=dict)
    plots: bool = False
    quiet: bool = False
    keep_database_in: Path | None = None
    engine: str = ""
    store: Path = Path(".digipal-perf")
    save: bool = False
    baseline: str = ""
    strict: bool = False
    progress: bool = True


def run_suite(plans: Sequence[ExecutionPlan], options: SuiteOptions, console: Console) -> int:
    """Run all plans; after the first Ctrl-C report what is known and run no more.

    Raises:
        UsageError: the results or the databases have no place to go, or there is no such baseline; told before
            anything runs.
    """
    _check_places(options)
    store = Store(options.store)
    baseline = read_baseline(options.baseline, store) if options.baseline else None
    interrupts = Interrupts()
    interrupts.install()
    results: list[RunResult] = []
    with resolve_engine(options.engine) if options.engine else nullcontext() as engine:
        commit = commit_of_engine(engine.path if engine else None)
        for plan in plans:
            if interrupts.exit_code is not None:
                break
            with LiveProgress(console, wanted=options.progress) as live:
                result = run_scenario(
                    plan,
                    observer=live,
                    stop=interrupts.stop,
                    keep_database_in=options.keep_database_in,
                    engine=engine,
                )
            result = _compared(result.model_copy(update={"commit": commit}), baseline, options)
            results.append(result)
            _show(result, options, console)
            # after every scenario, so that a crash of a later one loses nothing
            if options.json_file and options.json_file != STDOUT:
                save_results(results, options.json_file)
            if options.save:
                store.add(result)
    if len(plans) > 1 and not options.quiet:
        console.print(render_summary(results))
    if len(results) < len(plans):
        console.print(f"not run: {len(plans) - len(results)} of {len(plans)} scenarios", style="yellow")
    if results:
        _report(results, options)
    codes = [result.exit_code for result in results]
    return interrupts.exit_code if interrupts.exit_code is not None else worst(codes)


def _show(result: RunResult, options: SuiteOptions, console: Console) -> None:
    if options.quiet:
        # a program reads it by lines
        console.print(render_verdict_line(result), soft_wrap=not console.is_terminal)
    else:
        console.print(render_result(result, plots=options.plots))
        console.print()


def _report(results: Sequence[RunResult], options: SuiteOptions) -> None:
    """Write what is made of all results together."""
    if options.json_file == STDOUT:
        save_results(results, STDOUT)
    write_reports(results, options.reports)
    add_job_summary(results)


def _compared(result: RunResult, baseline: Baseline | None, options: SuiteOptions) -> RunResult:
    """The result with its comparison, where there is a baseline."""
    if baseline is None:
        return result
    return result.model_copy(update={"baseline": baseline.judge(result, strict=options.strict)})


def _check_places(options: SuiteOptions) -> None:
    if options.keep_database_in:
        try:
            options.keep_database_in.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--keep-db {options.keep_database_in}: {error.strerror}") from error
    check_places(dict(options.reports) | ({"json": options.json_file} if options.json_file else {}))
    if options.save:
        Store(options.store).prepare()
