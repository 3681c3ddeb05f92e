"""How much of the planned load was delivered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from perfcli.figures.registry import NEVER_BEGAN, Better, Group, Metric, Scope
from perfcli.units import NS_PER_S, Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import View
    from perfcli.results import PhaseResult, UnjudgedRun

_NO_ARRIVAL_RATE = "the load has no arrival rate"


def _counted(count: Callable[[UnjudgedRun | PhaseResult], int]) -> Callable[[View], float | None]:
    """A count of a part; None if the run ended before measuring began in it."""
    return lambda view: count(view.part) if view.began else None


def _why_no_rate(view: View) -> str:
    """A load that was cut short has no rate either: what was due by then is not known."""
    parts = view.run.phases if view.phase is None else [view.phase]
    return "the load was cut short" if any(part.offered_line for part in parts) else _NO_ARRIVAL_RATE


def _delivery(view: View) -> float | None:
    offered, achieved = view.part.offered_per_s, view.part.achieved_per_s
    return achieved / offered if offered and achieved is not None else None


_load = partial(
    Metric,
    scope=Scope.PHASE,
    group=Group.LOAD,
    section="load-models",
    depends_on_time="yes",
)
_count = partial(_load, unit=Unit.COUNT, why_none=NEVER_BEGAN)
_rate = partial(_load, unit=Unit.RATE, why_none=_why_no_rate, needs_arrival_rate=True)

METRICS = (
    _count(
        name="iterations",
        better=Better.MORE,
        of=_counted(lambda part: part.iterations),
        meaning="completed passes over the flow",
        computed="counted at the end of a pass's last step",
        example="iterations >= 1000",
        label="iterations",
        counts_up=True,
    ),
    _load(
        name="iteration_rate",
        unit=Unit.RATE,
        better=Better.MORE,
        of=lambda view: view.part.iterations * NS_PER_S / view.part.duration_ns if view.part.duration_ns else None,
        meaning="completed passes over the flow per second",
        computed="iterations / duration, pauses included",
        example="iteration_rate > 50/s",
        label="iteration rate",
        why_none=NEVER_BEGAN,
    ),
    _count(
        name="dropped_iterations",
        better=Better.LESS,
        of=_counted(lambda part: part.dropped_iterations),
        meaning="iterations that were due but never started",
        computed="iterations that were due while every vu was busy, and for which no vu was free up to 100 ms after "
        "the end",
        example="dropped_iterations == 0",
        label="dropped",
        at_end=True,
        counts_up=True,
    ),
    _count(
        name="interrupted_iterations",
        better=Better.LESS,
        of=_counted(lambda part: part.interrupted_iterations),
        meaning="iterations cut off at the end of graceful_stop",
        computed="iterations still running when graceful_stop ended",
        example="interrupted_iterations == 0",
        label="interrupted",
        counts_up=True,
    ),
    _count(
        name="warmup_iterations",
        better=Better.NEITHER,
        of=_counted(lambda part: part.warmup_iterations),
        meaning="iterations of the warm-up, excluded from all other figures",
        computed="counted at the end of a pass's last step",
        example="warmup_iterations >= 100",
        label="warm-up",
    ),
    _load(
        name="schedule_lag",
        unit=Unit.DURATION,
        better=Better.LESS,
        of=lambda view: view.spread(view.part.schedule_lag),
        meaning="delay of an iteration's start after it was due",
        computed="actual start minus due time, with an arrival rate",
        example="schedule_lag.p99 < 50ms",
        label="schedule lag",
        why_none=_NO_ARRIVAL_RATE,
        needs_statistic=True,
        needs_arrival_rate=True,
    ),
    _rate(
        name="offered_rate",
        better=Better.NEITHER,
        of=lambda view: view.part.offered_per_s,
        meaning="iterations due per second, with an arrival rate",
        computed="iterations due / duration of the phases with an arrival rate",
        example="offered_rate >= 20/s",
        label="offered",
    ),
    _rate(
        name="achieved_rate",
        better=Better.MORE,
        of=lambda view: view.part.achieved_per_s,
        meaning="iterations done per second, with an arrival rate",
        computed="iterations completed / duration of the phases with an arrival rate, or their actual time if longer",
        example="achieved_rate >= 19/s",
        label="achieved",
    ),
    _load(
        name="delivery",
        unit=Unit.PERCENTAGE,
        better=Better.MORE,
        of=_delivery,
        meaning="achieved rate / offered rate",
        computed="achieved_rate / offered_rate. Below 98% the run is invalid, unless a threshold on delivery or "
        "dropped_iterations allows it",
        example="delivery >= 99%",
        label="delivery",
        why_none=_why_no_rate,
        needs_arrival_rate=True,
        most=1,
    ),
)
