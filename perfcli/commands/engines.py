"""`ab`, `selftest`, `crash` and `profile`: two engines compared, the gate proven, an engine killed, or looked into."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.text import Text

from perfcli.ab.comparison import Comparison, ComparisonOptions, from_engines, prepared
from perfcli.ab.result import AbResult, EngineSide, MetricComparison
from perfcli.ab.selftest import selftest as run_gates
from perfcli.commands.context import Context, say_faults_left_out
from perfcli.commands.engine_options import AbOptions, CrashOptions, PairOptions, ProfileOptions, SelftestOptions
from perfcli.commands.quantities import share, time_ns
from perfcli.cpus import pinnable_cpus
from perfcli.crash import check_crashed, crash_scenario
from perfcli.errors import ExitCode, UsageError
from perfcli.outputs import STDOUT, check_folder, write_document
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.profiling import (
    KINDS,
    LONGEST_NS,
    check_profiled,
    choose_kinds,
    flame_graph_files,
    profile_scenario,
    write_flame_graph,
)
from perfcli.report.ab import ab_document, ab_summary, verdict_line
from perfcli.report.blocks import Section
from perfcli.report.console import to_console
from perfcli.report.faults import crash_document, kills_so_far
from perfcli.report.markdown import to_markdown
from perfcli.report.profile import profile_document
from perfcli.report.report_files import add_job_summary, whole_page
from perfcli.report.selftest import selftest_document
from perfcli.report.wording import one_line
from perfcli.results.findings import ProfileResult
from perfcli.units import NS_PER_S, format_duration

if TYPE_CHECKING:
    from perfcli.spread.remote_runner import RemoteRunner

_KILLS: Final = 200


def ab(options: AbOptions, context: Context) -> int:
    """Compare two engines by the scenarios that were named; return the exit code."""
    return compare(context.plans(options.selection, options.pairs.changes), options, context)


def compare(plans: Sequence[ExecutionPlan], options: AbOptions, context: Context) -> int:
    """Compare two engines by one scenario after another; after a Ctrl-C report what is known, and compare no more."""
    how = replace(_how(options.pairs), most_pairs=options.max_pairs, cpus=options.cpus, scenarios=len(plans))
    if not options.spread.cluster and 0 < (usable := len(pinnable_cpus())) < options.cpus:
        raise UsageError(f"--cpus {options.cpus}: engines can be pinned to {usable} here: write {usable} or fewer")
    context.will_write(_files(options.pairs), quiet=options.quiet)
    say_faults_left_out(plans, "ab")
    try:
        return _Comparisons(plans, how, options, context).run()
    finally:
        context.outputs.list_written()


@dataclass
class _Comparisons:
    plans: Sequence[ExecutionPlan]
    how: ComparisonOptions
    options: AbOptions
    context: Context
    results: list[AbResult] = field(default_factory=list)

    def run(self) -> int:
        options, context, json_file = self.options, self.context, self.options.pairs.json_file
        with (
            context.engine(options.base, "--base", "base") as base,
            context.engine(options.candidate, "--candidate", "candidate") as candidate,
            context.follow(options.pairs.following, lambda: whole_page(self.results)),
            context.runners(options.spread, [base, candidate]) as runners,
        ):
            for number, plan in enumerate(context.until_interrupted(self.plans), start=1):
                context.audience.begin(plan, candidate, number, len(self.plans))
                self.results.append(self._compared(plan, base, candidate, runners))
                context.audience.end(self.results[-1])
                if json_file and json_file != STDOUT:
                    self._write(json_file)
                with context.outputs.attempt("stdout"):
                    self._show(self.results[-1])
        if json_file == STDOUT:
            self._write(STDOUT)
        add_job_summary(self.results, context.outputs)
        with context.outputs.attempt("stdout"):
            if len(self.plans) > 1 and not options.quiet:
                context.console.print(to_console(ab_summary(self.results, of=len(self.plans))))
        return context.exit_code([result.exit_code(strict=options.strict) for result in self.results])

    def _compared(
        self, plan: ExecutionPlan, base: EngineSource, candidate: EngineSource, runners: Sequence[RemoteRunner]
    ) -> AbResult:
        """One scenario, which shares the probability of a false alarm with the others.

        Args:
            runners: on the machines that make the pairs; none if they are made here.
        """
        ready = prepared(plan, keep_ai=_asks_for_ai(self.options.pairs.changes.settings))
        with self.context.live(wanted=self.options.pairs.progress) as live:
            limit, began_s = _limit(self.how, "in total"), time.monotonic()
            live.begin(_line(f"{plan.scenario.name}: comparing {candidate.name} with {base.name} in pairs{limit}"))
            comparison = Comparison(
                (ready, ready),
                (base.name, candidate.name),
                self.how,
                counted=plan,
                stop=self.context.interrupts.stop,
                tell=lambda *so_far: live.tell(
                    lambda: _so_far(plan.scenario.name, time.monotonic() - began_s, *so_far)
                ),
            )
            if runners:
                result = self._spread(comparison, (ready, ready), (base, candidate), runners)
            else:
                result = comparison.run(from_engines(base.path, candidate.path))
        sides = {"base": _side(result.base, base), "candidate": _side(result.candidate, candidate)}
        return result.model_copy(update=sides)

    def _spread(
        self,
        comparison: Comparison,
        plans: tuple[ExecutionPlan, ExecutionPlan],
        engines: tuple[EngineSource, EngineSource],
        runners: Sequence[RemoteRunner],
    ) -> AbResult:
        """Compare by pairs of several machines."""
        from perfcli.spread.dealing import SpreadPairs

        pairs = SpreadPairs(runners, plans, engines, self.how.cpus, self.context.interrupts.stop)
        with closing(pairs):
            result = comparison.run_with(pairs)
        there = runners[0].machine.description
        return result.model_copy(update={"environment": there.environment(result.candidate.version)})

    def _write(self, path: Path) -> None:
        with self.context.outputs.attempt("--json", path):
            write_document([result.model_dump(mode="json") for result in self.results], path)

    def _show(self, result: AbResult) -> None:
        console = self.context.console
        if self.options.quiet:
            line = to_console([Section("verdict", [verdict_line(result)])])
            console.print(line, soft_wrap=not console.is_terminal)
        else:
            document = ab_document(result, strict=self.options.strict)
            console.print(to_console(document, brief=not self.options.verbose))
            console.print()


def selftest(options: SelftestOptions, context: Context) -> int:
    """Compare an engine with itself, and slowed down; report what the gate is worth here."""
    how, slowdown, gates = _how(options.pairs), share("--slowdown", options.slowdown), 2 * options.gates
    plan = context.one_plan(options.scenario, "compared", options.pairs.changes)
    context.will_write(_files(options.pairs))
    with (
        context.engine() as engine,
        context.follow(options.pairs.following),
        context.live(wanted=options.pairs.progress) as live,
    ):
        kinds = f"{options.gates} of the same code, {options.gates} slowed down by {slowdown:.0%}"
        head = f"{plan.scenario.name}: comparing the engine with itself in {gates} gates"
        live.begin(_line(f"{head}: {kinds}{_limit(how, 'each')}"))
        result = run_gates(
            plan,
            from_engines(engine.path, engine.path),
            how,
            gates=options.gates,
            slowdown=slowdown,
            stop=context.interrupts.stop,
            tell=lambda over, pairs: live.tell(
                lambda: _line(f"{plan.scenario.name}: gate {over + 1} of {gates}, pair {pairs}")
            ),
        )
    result = replace(
        result,
        engine=engine.name,
        commit=engine.commit_of(result.engine_version),
        engine_modified=engine.is_modified(result.engine_version),
    )
    code = ExitCode.PASS if result.passed else ExitCode.INVALID
    return context.show(selftest_document(result), lambda: asdict(result), options.pairs.json_file, code)


def _files(pairs: PairOptions) -> dict[str, Path]:
    files = {"json": pairs.json_file, "events": pairs.following.events}
    return {form: path for form, path in files.items() if path}


def _how(pairs: PairOptions) -> ComparisonOptions:
    limit_s = time_ns("--max-time", pairs.max_time) / NS_PER_S if pairs.max_time else None
    return ComparisonOptions(share("--margin", pairs.margin), max_time_s=limit_s)


def _asks_for_ai(settings: Sequence[str]) -> bool:
    """Whether an option changes the simulated AI, whose time counts then."""
    return any(setting.partition("=")[0].strip().startswith("engine.ai") for setting in settings)


def _side(side: EngineSide, engine: EngineSource) -> EngineSide:
    return side.model_copy(
        update={"commit": engine.commit_of(side.version), "modified": engine.is_modified(side.version)}
    )


def _so_far(
    scenario: str, elapsed_s: float, made: int, most: int, judged: Callable[[], Sequence[MetricComparison]]
) -> Text:
    times = next((metric for metric in judged() if metric.name == "time"), None)
    shift = f", time {times.ratio - 1:+.1%}" if times else ""
    return _line(f"{scenario}: {made} of {most} pairs, {format_duration(elapsed_s * NS_PER_S)}{shift}")


def _limit(how: ComparisonOptions, of_what: str) -> str:
    return f", at most {format_duration(how.max_time_s * NS_PER_S)} {of_what}" if how.max_time_s else ""


def _line(text: str) -> Text:
    return Text(one_line(text), no_wrap=True, overflow="crop")


def profile(options: ProfileOptions, context: Context) -> int:
    """Profile the scenario that was named; return the exit code."""
    plan = context.one_plan(options.scenario, "profiled", options.changes)
    say_faults_left_out([plan], "profile")
    check_profiled(plan)
    kinds, notes = choose_kinds([kind for kind in KINDS if getattr(options, kind)])
    files = options.files | ({"json": options.json_file} if options.json_file else {})
    if "cpu" in kinds:
        check_folder(options.out, "--out")
        files |= {f"out {file.name}": file for file in flame_graph_files(plan.scenario.name, options.out)}
    context.will_write(files)
    with context.engine(options.engine) as engine, context.live(wanted=options.progress) as live:
        runs = f"without a profiler, then with {', '.join(kinds)}, at most {LONGEST_NS // NS_PER_S} s each"
        live.begin(Text(f"{plan.scenario.name}: running {runs}", no_wrap=True, overflow="crop"))
        stop = context.interrupts.stop
        pool = context.pool(engine)
        result, graph = profile_scenario(plan, kinds, observer=live, stop=stop, pool=pool, engine=engine)
    written = write_flame_graph(graph, result.scenario, options.out, context.outputs) if graph else []
    result = result.model_copy(update={"files": written, "notes": notes})
    document = profile_document(result)
    render = {"markdown": lambda: f"{to_markdown(document)}\n", "html": lambda: _page(result)}
    context.write(options.files, render)
    return context.show(document, lambda: result.model_dump(mode="json"), options.json_file, brief=not options.verbose)


def _page(result: ProfileResult) -> str:
    from perfcli.report.html.page import render_document

    return render_document(profile_document(result), f"profile of {result.scenario}")


def crash(options: CrashOptions, context: Context) -> int:
    """Kill an engine under the scenario that was named; return the exit code."""
    plan = context.one_plan(options.scenario, "crashed", options.changes)
    say_faults_left_out([plan], "crash")
    writes: Iterable[int] | None = None
    if options.every_write or options.at_write:
        writes = islice([options.at_write] if options.at_write else count(1), options.kills)
    kills = options.kills or _KILLS if writes is None else 0
    check_crashed(plan.scenario, within_writes=not kills)
    context.will_write({"json": options.json_file} if options.json_file else {})
    with context.engine(options.engine) as engine, context.live(wanted=options.progress) as live:
        one = f"in SQLite's write {options.at_write}" if options.at_write else "in each write of SQLite's"
        how = f"{kills} times at random moments" if kills else one
        live.begin(_line(f"{plan.scenario.name}: killing the engine {how}"))
        result = crash_scenario(
            plan,
            kills=kills,
            writes=writes or (),
            pool=lambda: context.pool(engine),
            engine=engine,
            stop=context.interrupts.stop,
            tell=lambda so_far: live.tell(lambda: _line(f"{plan.scenario.name}: {kills_so_far(so_far, kills)}")),
        )
    return context.show(crash_document(result), lambda: asdict(result), options.json_file, result.exit_code)
