"""What the engine's processes hold in memory, seen from outside."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from perfcli.figures.registry import Better, Group, Metric, Needs, Scope
from perfcli.units import Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import View
    from perfcli.results import LeakResult, MemoryResult, PhaseResult

_NOT_READ = "the run ended before memory was read"
_TOO_FEW_READINGS = "too few readings: run for some seconds"
_VUS_COME_AND_GO = "vus come and go in the longest phase, and their memory is not a leak"


def _of(read: Callable[[MemoryResult], float | None]) -> Callable[[View], float | None]:
    return lambda view: read(view.run.memory)


def _of_leak(read: Callable[[LeakResult], float]) -> Callable[[View], float | None]:
    return _of(lambda memory: None if memory.leak is None else read(memory.leak))


def _without_harness(memory: MemoryResult, rss: int | None) -> int | None:
    return None if rss is None or memory.harness_rss is None else rss - memory.harness_rss


def _why_no_leak(view: View) -> str:
    """The rule needs a phase whose vus stay the same: it looks at the longest."""
    phases = [phase for phase in view.run.phases if phase.began_ns is not None and phase.duration_ns]
    longest = max(phases, key=lambda phase: phase.duration_ns or 0, default=None)
    if longest is None:
        return _TOO_FEW_READINGS
    beside = any(phase is not longest and _overlap(phase, longest) for phase in phases)
    return _VUS_COME_AND_GO if beside or len(longest.vus_line) > 1 else _TOO_FEW_READINGS


def _overlap(one: PhaseResult, other: PhaseResult) -> bool:
    (first, first_ns), (second, second_ns) = ((each.began_ns or 0, each.duration_ns or 0) for each in (one, other))
    return first < second + second_ns and second < first + first_ns


_memory = partial(
    Metric,
    unit=Unit.SIZE,
    scope=Scope.RUN,
    better=Better.LESS,
    group=Group.MEMORY,
    needs=Needs.PROCESS,
    least=-math.inf,
    section="memory",
    why_none=_NOT_READ,
)
_leak = partial(_memory, unit=Unit.SIZE_PER_OPERATION, section="leaks", why_none=_why_no_leak)

METRICS = (
    _memory(
        name="memory.growth",
        of=_of(lambda memory: memory.growth),
        meaning="RSS after the load minus RSS at the baseline after warm-up",
        computed="RSS at end minus RSS at baseline, both read while the engine is idle and its garbage collected",
        example="memory.growth < 50MB",
        label="RSS growth",
        is_change=True,
    ),
    _memory(
        name="memory.uss_growth",
        of=_of(
            lambda memory: (
                None if memory.end_uss is None or memory.baseline_uss is None else memory.end_uss - memory.baseline_uss
            )
        ),
        meaning="USS (unshared memory) after the load minus USS at the baseline",
        computed="as memory.growth, for private pages only; some systems do not report them",
        example="memory.uss_growth < 50MB",
        label="USS growth",
        why_none=lambda view: "this system does not report USS" if view.run.memory.end_rss is not None else _NOT_READ,
        is_change=True,
        at_end=True,
    ),
    _memory(
        name="memory.peak",
        of=_of(lambda memory: memory.peak),
        meaning="highest RSS while measuring, minus the harness's share",
        computed="highest of ten readings a second, from baseline to end, minus the harness's share",
        example="memory.peak < 200MB",
        label="peak",
    ),
    _memory(
        name="memory.baseline",
        of=_of(lambda memory: _without_harness(memory, memory.baseline_rss)),
        meaning="RSS after set-up and warm-up, minus the harness's share",
        computed="read while the engine is idle and its garbage collected",
        example="memory.baseline < 100MB",
        label="RSS before",
    ),
    _memory(
        name="memory.end",
        of=_of(lambda memory: _without_harness(memory, memory.end_rss)),
        meaning="RSS after the load, minus the harness's share",
        computed="read while the engine is idle and its garbage collected",
        example="memory.end < 150MB",
        label="RSS after",
        at_end=True,
    ),
    _memory(
        name="memory.harness",
        of=_of(lambda memory: memory.harness_rss),
        meaning="RSS before the engine is imported: the harness's share, excluded from other figures",
        computed="read before the engine is imported",
        example="memory.harness < 60MB",
        label="harness (excluded)",
    ),
    _memory(
        name="memory.per_pet",
        of=_of(lambda memory: memory.per_pet),
        meaning="RSS growth since the engine opened, per pet in its cache",
        computed="(RSS at end − RSS at opening) / pets in the engine's cache at the end; includes fixed costs",
        example="memory.per_pet < 1MB",
        label="per active pet",
        why_none=lambda view: "no pet was in the engine's cache" if view.run.memory.end_rss is not None else _NOT_READ,
        needs=Needs.CACHE,
        at_end=True,
    ),
    _memory(
        name="memory.active_pets",
        unit=Unit.COUNT,
        better=Better.NEITHER,
        of=_of(lambda memory: memory.active_pets),
        meaning="pets in the engine's cache at the end of the load",
        computed="the engine's own count, after the load",
        example="memory.active_pets <= 1000",
        label="active pets",
        needs=Needs.CACHE,
        least=0.0,
        at_end=True,
    ),
    _memory(
        name="memory.slope",
        unit=Unit.SIZE_PER_OPERATION,
        of=_of(lambda memory: memory.slope_bytes_per_operation),
        meaning="Theil–Sen slope of RSS over operations",
        computed="median of the slopes between all pairs of readings from baseline to end (Theil 1950, Sen 1968); "
        "needs a second of load",
        example="memory.slope < 100B/op",
        label="slope",
        why_none=_TOO_FEW_READINGS,
        is_change=True,
    ),
    _leak(
        name="memory.leak",
        of=_of_leak(lambda leak: leak.judged),
        meaning="lasting RSS growth per operation: its lower confidence bound; 0 if growth is not significant",
        computed="Sen's lower bound of the slope over twenty parts of the load, without the first 30%; 0 unless it "
        "exceeds 16 B/op, 1 MiB in total, in the second half too",
        example="memory.leak == 0B/op",
        label="leak",
        least=0.0,
    ),
    _leak(
        name="memory.leak_slope",
        of=_of_leak(lambda leak: leak.slope),
        meaning="slope of RSS over operations, as the leak rule computes it",
        computed="Theil–Sen over twenty parts of the load, without the first 30%",
        example="memory.leak_slope < 100B/op",
        label="leak slope",
        is_change=True,
    ),
    _leak(
        name="memory.leak_bound",
        of=_of_leak(lambda leak: leak.lower_bound),
        meaning="lower confidence bound of that slope, one-sided 99%",
        computed="Sen's lower bound over twenty parts of the load, without the first 30%",
        example="memory.leak_bound < 16B/op",
        label="leak bound",
        is_change=True,
    ),
    _leak(
        name="memory.leak_growth",
        unit=Unit.SIZE,
        of=_of_leak(lambda leak: leak.growth_bytes),
        meaning="total growth along the leak rule's line; below 1 MiB it is no leak",
        computed="leak slope × operations in the last 70% of the load",
        example="memory.leak_growth < 1MiB",
        label="leak growth",
        is_change=True,
    ),
    _memory(
        name="memory.after_cleanup",
        of=_of(lambda memory: memory.after_cleanup),
        meaning="RSS above the baseline once the cache is cleared",
        computed="RSS once the engine's cache is emptied, minus RSS at baseline",
        example="memory.after_cleanup < 10MB",
        label="after cleanup",
        needs=Needs.CACHE,
        is_change=True,
        at_end=True,
    ),
)
