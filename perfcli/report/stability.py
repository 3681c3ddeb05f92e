"""Whether a run left the engine as quick, as small and as true as it was: leak, degradation, growth, integrity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.metrics.memory import LEAST_GROWTH_BYTES, LEAST_SLOPE
from perfcli.report.blocks import BAD, QUIET
from perfcli.report.figures import name, share, signed, why_not
from perfcli.report.inspection import inspection_lines
from perfcli.report.integrity import describe_integrity
from perfcli.report.layout import labelled
from perfcli.results import GrowthResult, LeakResult, OperationResult, RunResult

_TELLING_DRIFT: Final = 0.05
_OVER: Final = {"pets": "pets stored", "interactions": "interactions of a session"}
_CHANGE: Final = signed(share)
_SLOPE: Final = signed(units.format_size_per_operation)


def render_stability(result: RunResult) -> Iterator[RenderableType]:
    """What is known of the engine beyond its times, a line for each question that was asked."""
    yield from labelled(_lines(result))


def _lines(result: RunResult) -> Iterator[tuple[str, Text]]:
    if result.memory.leak:
        yield "leak", _leak(result.memory.leak, failed=_fails_for("memory.leak", result))
    yield "degradation", _degradation(result)
    if grown := [operation for operation in result.operations if operation.growth]:
        yield "growth", _growth(grown)
    yield "integrity", describe_integrity(result)
    yield from inspection_lines(result.inspection)
    if result.kept_database:
        yield "database", Text.assemble("kept at ", name(result.kept_database))


def _fails_for(metric: str, result: RunResult) -> bool:
    return any(metric in threshold.expr for threshold in result.failed_thresholds)


def _leak(leak: LeakResult, *, failed: bool) -> Text:
    slope, bound = _SLOPE(leak.slope), _SLOPE(leak.lower_bound)
    if leak.judged:
        grown = units.format_size(leak.growth_bytes)
        if failed:
            return Text(f"{bound} at least; slope {slope}, {grown} in all", BAD)
        what = "; a leak, or caches and histories that still fill: a longer run tells"
        return Text.assemble(f"memory still grew, by {slope}, {grown} in all", (what, QUIET))
    short = ""
    if leak.lower_bound > LEAST_SLOPE and leak.growth_bytes <= LEAST_GROWTH_BYTES:
        needed = units.format_size(LEAST_GROWTH_BYTES)
        short = f"; {units.format_size(leak.growth_bytes)} of the {needed} that would prove it: run longer"
    return Text.assemble("none proven", (f": slope {slope}, its lower bound {bound}{short}", QUIET))


def _degradation(result: RunResult) -> Text:
    total = result.total
    if result.duration_ns is None:
        return why_not(result, "measured")
    if total.degradation is None:
        return Text("not known: too few operations to tell", QUIET)
    how = ", the last fifth of the operations against the first"
    return Text.assemble(
        _CHANGE(total.degradation), (how, QUIET), _raw(total), _most_degraded(result.operations, total.degradation)
    )


def _raw(total: OperationResult) -> Text:
    """The figure as it was timed, where the machine's own change of pace makes another of it."""
    raw, judged = total.raw_degradation, total.degradation
    if raw is None or judged is None or abs(raw - judged) <= _TELLING_DRIFT:
        return Text()
    return Text.assemble(f"; {_CHANGE(raw)} raw", (", before it is held against the machine's own pace", QUIET))


def _most_degraded(operations: Sequence[OperationResult], total: float) -> Text:
    each = [(operation.degradation, operation.name) for operation in operations if operation.degradation]
    if len(each) < 2:
        return Text()
    most, operation = max(each)
    if most * total <= 0:
        return Text()
    return Text.assemble(("; most in ", QUIET), name(operation), f" {_CHANGE(most)}")


def _growth(operations: Sequence[OperationResult]) -> Text:
    grown = [(operation.name, operation.growth) for operation in operations if operation.growth]
    grown.sort(key=lambda each: -each[1].ratio)
    width = max(name(operation).cell_len for operation, _ in grown)
    lines = [_growth_of(operation, growth, width) for operation, growth in grown]
    return Text("\n").join(lines)


def _growth_of(operation: str, growth: GrowthResult, width: int) -> Text:
    label = name(operation)
    label.pad_right(width - label.cell_len)
    sizes = [size for size, _ in growth.points]
    over = _OVER[growth.over]
    seen = f"{units.format_count(sizes[0])} to {units.format_count(sizes[-1])} {over}" if sizes else over
    exponent = "no exponent: the size hardly changed"
    if growth.exponent is not None:
        exponent = f"cost ~ size^{units.format_number(growth.exponent)}"
    return Text.assemble(label, f"  {units.format_number(growth.ratio)}x", (f" over {seen}; {exponent}", QUIET))
