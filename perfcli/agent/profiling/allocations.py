"""`--memory`: what was allocated during the load and outlives it, by line, as tracemalloc knows it.

It is looked at with the engine's cache emptied and the garbage collected: what is left then, the engine holds on to.
"""

from __future__ import annotations

import gc
import linecache
import tracemalloc
from collections import defaultdict
from typing import Final

from perfcli.agent.profiling.profiler import Profiler, is_engine, is_harness, short
from perfcli.results.findings import Findings, KeptLine, MemoryFindings

MOST_LINES: Final = 30
_FRAMES: Final = 6
"""Of each allocation's stack: deep enough to find the engine's line behind the standard library's."""


class MemoryProfiler(Profiler):
    """Follows allocations from the first wave on."""

    def begin(self) -> None:
        """Follow them, unless that has begun."""
        if not tracemalloc.is_tracing():
            tracemalloc.start(_FRAMES)

    def find(self) -> Findings:
        """The lines whose allocations are still there."""
        gc.collect()
        snapshot = tracemalloc.take_snapshot()
        tracemalloc.stop()
        return Findings(memory=kept_by_line(snapshot))


def kept_by_line(snapshot: tracemalloc.Snapshot) -> MemoryFindings:
    """The blocks of a snapshot, each at the innermost line of the engine on its stack.

    What has none there stands at its own line, unless that is the harness's.
    """
    kept: defaultdict[tuple[str, int, bool], list[int]] = defaultdict(lambda: [0, 0])
    for statistic in snapshot.statistics("traceback"):
        place = _place(statistic.traceback)
        if place is not None:
            kept[place][0] += statistic.size
            kept[place][1] += statistic.count
    lines = sorted(kept.items(), key=lambda each: (not each[0][2], -each[1][0]))
    return MemoryFindings(
        kept_bytes=sum(size for size, _ in kept.values()),
        lines=[
            KeptLine(
                place=f"{short(file)}:{line}",
                source=linecache.getline(file, line).strip(),
                in_engine=in_engine,
                kept_bytes=kept_bytes,
                blocks=blocks,
            )
            for (file, line, in_engine), (kept_bytes, blocks) in lines[:MOST_LINES]
        ],
    )


def _place(traceback: tracemalloc.Traceback) -> tuple[str, int, bool] | None:
    """File, line, and whether it is the engine's; None for the harness's own."""
    innermost_first = list(reversed(traceback))
    for frame in innermost_first:
        if is_engine(frame.filename):
            return frame.filename, frame.lineno, True
    if any(is_harness(frame.filename) for frame in innermost_first):
        return None
    return innermost_first[0].filename, innermost_first[0].lineno, False
