"""How long operations take, how many are done a second, and whether that changes."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from perfcli.figures.registry import NEVER_BEGAN, Better, Group, Metric, Scope
from perfcli.metrics.slowdown import FIFTHS, SMALLEST_FIFTH
from perfcli.units import Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import Spread, View
    from perfcli.results import GrowthResult

_TOO_FEW_SIZES = "too few operations, or none of them stores anything"
_GROWTH = "The scenario needs growth: {over: pets} or {over: interactions}"


def _latency(view: View) -> Spread | None:
    operation = view.operation
    return view.spread(operation.latency, operation.histogram_ns) if operation else None


def _service_time(view: View) -> Spread | None:
    operation = view.operation
    if operation is None:
        return None
    same = operation.service_time == operation.latency
    return view.spread(operation.service_time, operation.histogram_ns if same else None)


def _throughput(view: View) -> float | None:
    operation = view.operation
    return operation.throughput_per_s if operation and operation.attempts and view.part.duration_ns else None


def _growth(view: View) -> GrowthResult | None:
    return view.operation.growth if view.operation else None


def _why_no_exponent(view: View) -> str:
    return "the size barely changed" if _growth(view) else _TOO_FEW_SIZES


_time = partial(
    Metric,
    scope=Scope.OPERATION,
    better=Better.LESS,
    group=Group.TIME,
    depends_on_time="yes",
    section="time",
)
_spread = partial(
    _time,
    unit=Unit.DURATION,
    why_none="no operation succeeded",
    needs_statistic=True,
    windowed=True,
)
_slowdown = partial(
    _time,
    unit=Unit.PERCENTAGE,
    section="degradation",
    why_none="a fifth of the operations has fewer than 5",
    least=-1,
    least_samples=FIFTHS * SMALLEST_FIFTH,
    is_change=True,
)
_of_growth = partial(_time, unit=Unit.NUMBER, section="growth-of-cost", needs_growth=True)

METRICS = (
    _spread(
        name="latency",
        of=_latency,
        meaning="time from the intended start of an operation to its end",
        computed="perf_counter_ns, read before and after the engine's own call. With an arrival rate it counts from "
        "the time the call was due. Percentiles interpolate between order statistics; failed operations are "
        "left out",
        example="latency.p99 < 100ms",
        label="latency",
    ),
    _spread(
        name="service_time",
        of=_service_time,
        meaning="time from the actual start of an operation to its end",
        computed="perf_counter_ns, read before and after the engine's own call, whenever it was due. It equals latency"
        " without an arrival rate",
        example="service_time.p99 < 100ms",
        label="service time",
    ),
    _time(
        name="preparation",
        unit=Unit.DURATION,
        of=lambda view: view.operation.preparation_ns if view.operation else None,
        meaning="mean time of your own operation before its `with ctx.timed():`",
        computed="from the call of the function to its timed block, over successful operations. Not part of latency; "
        "with an arrival rate it makes the operation late",
        example="preparation < 1ms",
        label="preparation",
        why_none="no operation of your own succeeded",
    ),
    _time(
        name="throughput",
        unit=Unit.RATE,
        better=Better.MORE,
        of=_throughput,
        meaning="successful operations per second of planned time, or of measured time if longer",
        computed="successful operations / duration, including pauses and planned rests",
        example="throughput > 500/s",
        label="throughput",
        why_none="no operation ran",
        windowed=True,
    ),
    _slowdown(
        name="degradation",
        of=lambda view: view.operation.degradation if view.operation else None,
        meaning="change of the median latency from the first to the last fifth of the operations, corrected for the "
        "machine",
        computed="median of the last fifth of the operations over that of the first, minus 1. Computed in time and in "
        "units of the reference kernel; the lesser counts. A fifth needs 5 samples",
        example="degradation < 50%",
        label="degradation",
    ),
    _slowdown(
        name="raw_degradation",
        of=lambda view: view.operation.raw_degradation if view.operation else None,
        meaning="degradation as timed, not corrected for the machine",
        computed="median of the last fifth of the operations / median of the first fifth − 1",
        example="raw_degradation < 100%",
        label="raw degradation",
    ),
    _of_growth(
        name="growth.ratio",
        of=lambda view: growth.ratio if (growth := _growth(view)) else None,
        meaning="median latency in the last tenth by size (pets, or interactions) / median in the first",
        computed=f"ten parts of equal count, in order of time: median of the last / median of the first. {_GROWTH}",
        example="growth.ratio < 2.5",
        label="growth",
        why_none=_TOO_FEW_SIZES,
    ),
    _of_growth(
        name="growth.exponent",
        of=lambda view: growth.exponent if (growth := _growth(view)) else None,
        meaning="power of the size with which latency grows: 0 is constant, 1 is linear",
        computed=f"the b of cost = a + c * size ** b through the medians of ten parts, by Theil-Sen. {_GROWTH}",
        example="growth.exponent < 0.5",
        label="growth exponent",
        why_none=_why_no_exponent,
        least=-math.inf,
    ),
    _time(
        name="duration",
        unit=Unit.DURATION,
        scope=Scope.PHASE,
        of=lambda view: view.part.duration_ns,
        meaning="measured time, without warm-up",
        computed="from the end of the first warm-up until the planned time is over and the last vu has finished",
        example="duration < 30s",
        label="duration",
        why_none=NEVER_BEGAN,
        counts_up=True,
    ),
)
