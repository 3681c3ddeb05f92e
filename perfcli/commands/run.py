"""`run`: several scenarios, one after another: run, show, save, and the worst exit code of all."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from perfcli.commands.context import Context, say_faults_left_out
from perfcli.commands.options import RunOptions
from perfcli.errors import ExitCode, PerfError, Verdict
from perfcli.measurement.spilled_samples import SpilledSamples, spilled_beside
from perfcli.outputs import STDOUT, check_folder
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.pool.keep_database import NOT_KEPT, remove_database
from perfcli.report.console import to_console
from perfcli.report.report_files import add_job_summary, whole_page, write_reports
from perfcli.report.summary import render_retry, render_run, render_verdict_line, summary_document, takes_a_line
from perfcli.report.wording import one_line
from perfcli.results import RunResult, Try, save_results
from perfcli.run import run_scenario
from perfcli.run.one_run import Counting, check_packages
from perfcli.run.supervision import StopRequest

if TYPE_CHECKING:
    from perfcli.history.baseline import Baseline
    from perfcli.history.store import Store
    from perfcli.spread.remote_runner import RemoteRunner, Tell


def run(options: RunOptions, context: Context) -> int:
    """Run the scenarios that were named; return the exit code."""
    plans = context.plans(options.selection, options.changes, options.sweeps, options.faults)
    if options.exact:
        plans = [plan.model_copy(update={"seed": plan.counting_seed}) for plan in plans]
    if options.exact or options.also_exact:
        say_faults_left_out(plans, "counting")
    return run_plans(plans, options, context)


def run_plans(plans: Sequence[ExecutionPlan], options: RunOptions, context: Context) -> int:
    """Run all plans; after the first Ctrl-C report what is known and run no more.

    Raises:
        UsageError: the results or the databases have no place to go, or there is no such baseline; told before
            anything runs.
    """
    if options.spread.cluster:
        plans = [plan.on_cluster(options.spread.cluster) for plan in plans]
    for plan in plans:
        check_packages(plan)
    baseline = _check_files(options, context)
    try:
        with spilled_beside(options.samples) as spilled:
            return _Suite(plans, options, baseline, context, spilled).run()
    finally:
        context.outputs.list_written()


def _check_files(options: RunOptions, context: Context) -> Baseline | None:
    """See that everything can be written; return the baseline, if one is asked for."""
    kept = _store(options).files() if options.files else []  # other runs' results: never replaced
    if options.baseline:
        from perfcli.history.baseline import baseline_file, read_baseline

        kept = [baseline_file(options.baseline, _store(options)), *kept]
    if options.samples:
        from perfcli.report.data_files import check_sample_file

        check_sample_file(options.samples, "--samples")
    context.will_write(options.files, beside=kept, quiet=options.quiet)
    if options.keep_database_in:
        check_folder(options.keep_database_in, "--keep-db")
    if options.save:
        _store(options).prepare()
    return read_baseline(options.baseline, _store(options)) if options.baseline else None


def _store(options: RunOptions) -> Store:
    """The store of kept runs; most calls of `run` need none, and do not wait for its models."""
    from perfcli.history.store import Store

    return Store(options.store)


def _counting(options: RunOptions) -> Counting:
    return Counting.ONLY if options.exact else Counting.ALSO if options.also_exact else Counting.IF_ASKED


@dataclass
class _Suite:
    plans: Sequence[ExecutionPlan]
    options: RunOptions
    baseline: Baseline | None
    context: Context
    spilled: SpilledSamples | None
    results: list[RunResult] = field(default_factory=list)
    _numbers: list[int] = field(default_factory=list)
    """The number of the plan of each result."""

    @property
    def is_short(self) -> bool:
        return len(self.plans) > 1 and not (self.options.reports.verbose or self.options.reports.plots)

    def run(self) -> int:
        try:
            with (
                self.context.engine(self.options.engine) as engine,
                self.context.follow(self.options.following, lambda: whole_page(self.results)),
            ):
                for number, result in self._results(engine):
                    newest = self._add(number, self._compared(result))
                    self._save(newest)
                    with self.context.outputs.attempt("stdout"):
                        self._show(newest)
        finally:
            # also if a later scenario cannot even be started
            if self.results:
                self._report()
        with self.context.outputs.attempt("stdout"):
            self._summarize()
        return self.context.exit_code([result.exit_code for result in self.results])

    def _results(self, engine: EngineSource) -> Iterator[tuple[int, RunResult]]:
        """The results of all plans, with their numbers: whole ones on any machine, then those that are split."""
        numbers = range(len(self.plans))
        if not self.options.spread.cluster:
            yield from self._here(engine, numbers)
            return
        split = [number for number in numbers if self.plans[number].scenario.pool.cluster]
        if whole := [number for number in numbers if number not in split]:
            yield from self._spread(engine, whole)
        yield from self._here(engine, split)

    def _here(self, engine: EngineSource, numbers: Sequence[int]) -> Iterator[tuple[int, RunResult]]:
        """The results of these plans, one after another."""
        audience = self.context.audience
        for number in self.context.until_interrupted(numbers):
            plan = self.plans[number]
            audience.begin(plan, engine, number + 1, len(self.plans))
            result = self._run(plan, engine)
            audience.end(result)
            yield number, result

    def _spread(self, engine: EngineSource, numbers: Sequence[int]) -> Iterator[tuple[int, RunResult]]:
        """The results of these plans as they come from the machines of a cluster."""
        from perfcli.commands.spread import check_spread, spread_runs

        stop, audience = self.context.interrupts.stop, self.context.audience

        def run(runner: RemoteRunner, plan: ExecutionPlan, tell: Tell) -> RunResult:
            def run_once() -> RunResult:
                return runner.run(plan, engine, _counting(self.options), tell)

            return run_with_retries(run_once, self.options.retries, stop, lambda starved: None)

        plans, done = [self.plans[number] for number in numbers], 0
        check_spread(plans)
        with (
            self.context.runners(self.options.spread, [engine]) as runners,
            self.context.live(wanted=self.options.progress) as live,
        ):
            for place, result in spread_runs(plans, runners, run, stop, live):
                done += 1
                audience.begin(plans[place], engine, numbers[place] + 1, len(self.plans))
                audience.end(result)
                yield numbers[place], result
        if (left := len(plans) - done) and not stop.reason:
            raise PerfError(
                f"no machine of the cluster is left: {left} of {len(plans)} scenarios were not run",
                exit_code=ExitCode.INVALID,
            )

    def _add(self, number: int, result: RunResult) -> RunResult:
        """Keep a result in the place of its plan among the others."""
        place = bisect(self._numbers, number)
        self._numbers.insert(place, number)
        self.results.insert(place, result)
        return result

    def _run(self, plan: ExecutionPlan, engine: EngineSource) -> RunResult:
        stop = self.context.interrupts.stop
        with self.context.live(wanted=self.options.progress) as live:

            def run_once() -> RunResult:
                pool, folder = self.context.pool(engine), self.options.keep_database_in
                return run_scenario(
                    plan,
                    pool=pool,
                    observer=live,
                    stop=stop,
                    keep_database_in=folder,
                    engine=engine,
                    counting=_counting(self.options),
                    spilled=self.spilled,
                    insecure_cluster=self.options.spread.insecure_cluster,
                )

            return run_with_retries(run_once, self.options.retries, stop, self._show_retry)

    def _show_retry(self, starved: RunResult) -> None:
        self.context.audience.note(f"{starved.title}: repeated, because {starved.starved}")
        if not self.options.quiet:
            with self.context.outputs.attempt("stdout"):
                self.context.console.print(render_retry(starved))

    def _compared(self, result: RunResult) -> RunResult:
        """The result with its comparison, if there is a baseline."""
        if self.baseline is None:
            return result
        return result.model_copy(update={"baseline": self.baseline.judge(result, strict=self.options.strict)})

    def _save(self, newest: RunResult) -> None:
        """Save a result, before anything else can go wrong with it or with a later scenario."""
        options, outputs = self.options, self.context.outputs
        if options.json_file and options.json_file != STDOUT:
            with outputs.attempt("--json", options.json_file):
                save_results(self.results, options.json_file)
        if options.save:
            with outputs.attempt(f"--save of run {len(self.results)}"):
                outputs.wrote(_store(options).add(newest))
        if newest.kept_database:
            outputs.wrote(Path(newest.kept_database))
        elif options.keep_database_in:
            why = [reason for reason in newest.reasons if reason.startswith(NOT_KEPT)]
            outputs.fail(f"--keep-db of run {len(self.results)}", ": ".join([f"{newest.title}: --keep-db", *why]))

    def _show(self, result: RunResult) -> None:
        console, reports = self.context.console, self.options.reports
        if self.options.quiet:
            # a program reads it by lines
            console.print(render_verdict_line(result), soft_wrap=not console.is_terminal)
        else:
            console.print(render_run(result, short=self.is_short, verbose=reports.verbose, plot=reports.plots))

    def _report(self) -> None:
        """Write what is made of all results together."""
        write_reports(self.results, self.options.reports.files, self.context.outputs)
        if self.options.json_file == STDOUT:
            with self.context.outputs.attempt("--json"):
                save_results(self.results, STDOUT)
        if self.options.samples and self.spilled:
            from perfcli.report.data_files import write_samples

            with self.context.outputs.attempt("--samples", self.options.samples):
                write_samples(self.spilled, self.options.samples)
        add_job_summary(self.results, self.context.outputs)

    def _summarize(self) -> None:
        planned, done = len(self.plans), len(self.results)
        if self.results and planned > 1 and not self.options.quiet:
            if self.is_short and takes_a_line(self.results[-1]):
                self.context.console.print()
            self.context.console.print(to_console(summary_document(self.results)))
        if done < planned:
            swept = bool(self.options.sweeps)
            left = [plan for number, plan in enumerate(self.plans) if number not in self._numbers]
            names = "; ".join(one_line(plan.title) for plan in left)
            count = f"{planned - done} of {planned} {'variations' if swept else 'scenarios'}"
            self.context.console.print(Text(f"not run: {count}{f': {names}' if swept else ''}", "yellow"))


def run_with_retries(
    run: Callable[[], RunResult], retries: int, stop: StopRequest, tell: Callable[[RunResult], None]
) -> RunResult:
    """Run until a try is not starved, or no retry is left; the last try, with a record of those before.

    A starved run that fails by what does not depend on time has its verdict, and is not repeated.

    Args:
        stop: ends the tries as well.
        tell: called with each try that is repeated.
    """
    earlier: list[Try] = []
    while True:
        result = run().model_copy(update={"earlier_tries": list(earlier)})
        is_starved = bool(result.starved) and result.verdict is Verdict.INVALID
        if not is_starved or len(earlier) >= retries or stop.reason:
            return result
        earlier.append(Try.of(result))
        remove_database(result.kept_database)
        tell(result)
