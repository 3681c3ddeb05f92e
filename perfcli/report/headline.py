"""How a report, and each of its phases, begins: what ran, where, and how much of it."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.report.blocks import DOUBTFUL, QUIET
from perfcli.report.engine import engine_of
from perfcli.report.figures import UNKNOWN, counted, name
from perfcli.report.judgement import earlier_tries
from perfcli.report.layout import INDENT, Hanging, labelled
from perfcli.report.operations import Measured, is_open, latency
from perfcli.results import PhaseResult, RunResult

Line = tuple[str, Text]


def render_headline(result: RunResult) -> Iterator[RenderableType]:
    """The scenario: its plan, its seed, and what was measured."""
    yield Hanging(name(result.name, "bold").append(INDENT), name(result.description))
    yield from labelled(_of_run(result))


def render_phase_head(phase: PhaseResult) -> Iterator[RenderableType]:
    """One of several phases: its plan, and what was measured."""
    yield Hanging(Text.assemble(("phase ", QUIET), name(phase.name, "bold"), INDENT), name(phase.plan))
    yield from labelled([*_amounts(phase), *_delivery(phase)])


def _of_run(result: RunResult) -> Iterator[Line]:
    yield "plan", name(result.plan)
    if engine := engine_of(result):
        yield "engine", name(engine)
    if experiment := _experiment(result):
        yield "pool", experiment
    yield "seed", Text.assemble(str(result.seed), (f"  (repeat with --seed {result.seed})", QUIET))
    if tried := earlier_tries(result):
        yield "try", name(tried)
    yield from _amounts(result)
    if len(result.phases) == 1:
        yield from _delivery(result.phases[0])


def _experiment(result: RunResult) -> Text | None:
    """Threads and processes are different experiments; a lone vu is neither, nor is a server that others run in."""
    vus = [phase.vus for phase in result.phases]
    drives = result.scenario.get("target", {}).get("target", "embedded")
    if sum(vus) < 2 or drives != "embedded":
        return None
    who = counted(vus[0], "vu") if len(vus) == 1 else "all vus"
    if result.processes > 1:
        return Text(f"processes: {who} over {result.processes} engine processes (SQLite's one writer)")
    return Text(f"threads: {who} in one engine process (one GIL)")


def _amounts(part: Measured) -> Iterator[Line]:
    yield "measured", _measured(part)
    if part.warmup_iterations:
        yield "warm-up", Text(f"{counted(part.warmup_iterations, 'iteration')} before, in none of the figures")


def _measured(part: Measured) -> Text:
    if part.duration_ns is None:
        what = "this phase" if isinstance(part, PhaseResult) else "measuring"
        return Text(f"nothing: the run ended before {what} began", QUIET)
    said = [f"{counted(part.iterations, 'iteration')} in {units.format_duration(part.duration_ns)}"]
    rate = part.total.success_rate
    if rate is not None:
        said.append(f"{units.format_percentage(rate)} of {counted(part.total.attempts, 'operation')} succeeded")
    if not _tells_delivery(part):
        said += [f"{counted(count, 'iteration')} {what}" for count, what in _undone(part) if count]
    return Text("; ".join(said))


def _tells_delivery(part: Measured) -> bool:
    """Whether lines of their own tell what was dropped and interrupted."""
    phases = [part] if isinstance(part, PhaseResult) else part.phases
    return len(phases) == 1 and is_open(phases[0])


def _undone(part: Measured) -> list[tuple[int, str]]:
    return [(part.dropped_iterations, "dropped"), (part.interrupted_iterations, "interrupted")]


def _delivery(phase: PhaseResult) -> Iterator[Line]:
    """Of an open model: whether the load that was asked for is the load that ran."""
    if not is_open(phase) or phase.duration_ns is None:
        return
    dropped, interrupted = (f"{units.format_count(count)} {what}" for count, what in _undone(phase))
    rates = "not known: the load was cut short"
    if phase.offered_per_s and phase.achieved_per_s is not None:
        share = units.format_percentage(phase.achieved_per_s / phase.offered_per_s)
        achieved, offered = units.format_rate(phase.achieved_per_s), units.format_rate(phase.offered_per_s)
        rates = f"{achieved} achieved of {offered} offered ({share})"
    undone = any(count for count, _ in _undone(phase))
    yield "delivery", Text.assemble(rates, "; ", (f"{dropped}, {interrupted}", DOUBTFUL if undone else ""))
    yield "schedule lag", _lag(phase)


def _lag(phase: PhaseResult) -> Text:
    if phase.schedule_lag is None:
        return Text(UNKNOWN, QUIET)
    figures = [Text.assemble(f"{each} ", latency(each, phase.schedule_lag)) for each in ("p50", "p99", "max")]
    return Text.assemble(Text(", ").join(figures), (" from due time to start", QUIET))
