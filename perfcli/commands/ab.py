"""`ab` and `selftest`: two engines compared, shown, saved, and the exit code."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.text import Text

from perfcli.ab.comparison import AbOptions, Comparison, from_engines
from perfcli.ab.plan import prepared
from perfcli.ab.result import AbResult, EngineSide, MetricComparison
from perfcli.ab.selftest import selftest
from perfcli.documents import STDOUT, write_document
from perfcli.errors import ExitCode, UsageError, worst
from perfcli.outputs import Outputs
from perfcli.plan import ExecutionPlan
from perfcli.pool.checkout import choose_engine, resolve_engine
from perfcli.pool.identity import EngineSource
from perfcli.report.ab import ab_document, ab_summary, verdict_line
from perfcli.report.blocks import Section
from perfcli.report.console import to_console
from perfcli.report.live import LiveProgress
from perfcli.report.selftest import selftest_document
from perfcli.report.wording import announce, one_line
from perfcli.report.writing import add_job_summary, check_places, show_and_write
from perfcli.run.interrupts import Interrupts
from perfcli.units import NS_PER_S, format_duration


@dataclass(frozen=True, slots=True)
class AbSettings:
    """What the command line says of a comparison."""

    base: str
    candidate: str = ""
    options: AbOptions = field(default_factory=AbOptions)
    strict: bool = False
    quiet: bool = False
    verbose: bool = False
    keep_ai: bool = False
    json_file: Path | None = None
    progress: bool = True
    inputs: Sequence[Path] = ()
    """The files that the plans were made of."""

    def __post_init__(self) -> None:
        if self.verbose and self.quiet:
            raise UsageError("--verbose prints what --quiet leaves out: choose one of them")


def compare(plans: Sequence[ExecutionPlan], settings: AbSettings, console: Console) -> int:
    """Compare two engines by one scenario after another; after a Ctrl-C say what is known, and compare no more."""
    outputs = _checked(settings)
    try:
        return _compare_all(plans, settings, outputs, console)
    finally:
        outputs.list_written()


def _compare_all(plans: Sequence[ExecutionPlan], settings: AbSettings, outputs: Outputs, console: Console) -> int:
    interrupts = Interrupts()
    interrupts.install()
    results: list[AbResult] = []
    with resolve_engine(settings.base, "--base") as base, choose_engine(settings.candidate, "--candidate") as candidate:
        announce(base, "base")
        announce(candidate, "candidate")
        for plan in plans:
            if interrupts.exit_code is not None:
                break
            results.append(_compared(plan, len(plans), base, candidate, settings, interrupts, console))
            if settings.json_file and settings.json_file != STDOUT:
                _write(results, settings.json_file, outputs)
            with outputs.attempt("stdout"):
                _show(results[-1], settings, console)
    if settings.json_file == STDOUT:
        _write(results, STDOUT, outputs)
    add_job_summary(results, outputs)
    with outputs.attempt("stdout"):
        if len(plans) > 1 and not settings.quiet:
            console.print(to_console(ab_summary(results, of=len(plans))))
    codes = [result.exit_code(strict=settings.strict) for result in results]
    return interrupts.exit_code if interrupts.exit_code is not None else outputs.exit_code(worst(codes))


def _compared(
    plan: ExecutionPlan,
    scenarios: int,
    base: EngineSource,
    candidate: EngineSource,
    settings: AbSettings,
    interrupts: Interrupts,
    console: Console,
) -> AbResult:
    """One scenario, which shares the probability of a false alarm with the others."""
    ready = prepared(plan, keep_ai=settings.keep_ai)
    with LiveProgress(console, wanted=settings.progress, interrupts=interrupts) as live:
        limit, began_s = _limit(settings.options, "in all"), time.monotonic()
        live.begin(_line(f"{plan.scenario.name}: comparing {candidate.name} with {base.name} in pairs{limit}"))
        result = Comparison(
            (ready, ready),
            (base.name, candidate.name),
            replace(settings.options, scenarios=scenarios),
            stop=interrupts.stop,
            tell=lambda *so_far: live.tell(lambda: _so_far(plan.scenario.name, time.monotonic() - began_s, *so_far)),
        ).run(from_engines(base.path, candidate.path))
    return _identified(result, base, candidate)


def _write(results: Sequence[AbResult], path: Path, outputs: Outputs) -> None:
    with outputs.attempt("--json", path):
        write_document([result.model_dump(mode="json") for result in results], path)


def _show(result: AbResult, settings: AbSettings, console: Console) -> None:
    if settings.quiet:
        line = to_console([Section("verdict", [verdict_line(result)])])
        console.print(line, soft_wrap=not console.is_terminal)
    else:
        document = ab_document(result, strict=settings.strict)
        console.print(to_console(document, brief=not settings.verbose))
        console.print()


@dataclass(frozen=True, slots=True)
class SelftestSettings:
    """What the command line says of a self-test."""

    options: AbOptions
    gates: int
    slowdown: float
    json_file: Path | None = None
    progress: bool = True
    inputs: Sequence[Path] = ()
    """The files that the plan was made of."""


def prove(plan: ExecutionPlan, settings: SelftestSettings, console: Console) -> int:
    """Compare an engine with itself, and slowed down; say what the gate is worth here."""
    outputs = _checked(settings)
    interrupts = Interrupts()
    interrupts.install()
    gates = 2 * settings.gates
    with choose_engine("") as engine:
        announce(engine)
        with LiveProgress(console, wanted=settings.progress, interrupts=interrupts) as live:
            limit = _limit(settings.options, "each")
            kinds = f"{settings.gates} of the same code, {settings.gates} slowed down by {settings.slowdown:.0%}"
            live.begin(
                _line(f"{plan.scenario.name}: comparing the engine with itself in {gates} gates: {kinds}{limit}")
            )
            result = selftest(
                plan,
                from_engines(engine.path, engine.path),
                settings.options,
                gates=settings.gates,
                slowdown=settings.slowdown,
                stop=interrupts.stop,
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
    show_and_write(selftest_document(result), lambda: asdict(result), settings.json_file, outputs)
    if interrupts.exit_code is not None:
        return interrupts.exit_code
    return outputs.exit_code(ExitCode.PASS if result.passed else ExitCode.INVALID)


def _checked(settings: AbSettings | SelftestSettings) -> Outputs:
    """What the command will write, once it is known that it can be."""
    check_places({"json": settings.json_file} if settings.json_file else {}, settings.inputs)
    return Outputs(quiet=isinstance(settings, AbSettings) and settings.quiet)


def _identified(result: AbResult, base: EngineSource, candidate: EngineSource) -> AbResult:
    """The result with the commits of both engines."""
    return result.model_copy(update={"base": _side(result.base, base), "candidate": _side(result.candidate, candidate)})


def _side(side: EngineSide, engine: EngineSource) -> EngineSide:
    return side.model_copy(
        update={"commit": engine.commit_of(side.version), "modified": engine.is_modified(side.version)}
    )


def _so_far(
    scenario: str, elapsed_s: float, made: int, most: int, judged: Callable[[], Sequence[MetricComparison]]
) -> Text:
    times = next((metric for metric in judged() if metric.name == "time"), None)
    shift = f", time {times.ratio - 1:+.1%}" if times else ""
    return _line(f"{scenario}: {made} of at most {most} pairs in {format_duration(elapsed_s * NS_PER_S)}{shift}")


def _limit(options: AbOptions, of_what: str) -> str:
    return f", at most {format_duration(options.max_time_s * NS_PER_S)} {of_what}" if options.max_time_s else ""


def _line(text: str) -> Text:
    return Text(one_line(text), no_wrap=True, overflow="crop")
