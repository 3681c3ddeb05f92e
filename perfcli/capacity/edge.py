"""How a limit is crossed between the load that holds and the one that fails: bit by bit, or at once."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from perfcli.capacity.result import Edge, ProbeResult, ProbeVerdict

_CLIFF_UP: Final = 1.0
"""An upper limit is crossed at once if the figure rises by as much as the limit itself; a lower one if it loses half
of it: either way, from the limit on, by a factor of two."""
_CLIFF_DOWN: Final = 0.5


def edge_between(holding: Sequence[ProbeResult], failing: Sequence[ProbeResult]) -> Edge | None:
    """The edge between the runs at both ends, by the limit that fails most; None without figures at either end."""
    named = [probe.threshold for probe in failing if probe.verdict is ProbeVerdict.FAILS and probe.threshold]
    threshold = max(named, key=named.count, default="")
    below = [probe.of_limit[threshold] for probe in holding if threshold in probe.of_limit]
    above = [probe.of_limit[threshold] for probe in failing if threshold in probe.of_limit]
    if not below or not above:
        return None
    at_holds, at_fails = median(below), median(above)
    is_cliff = at_fails - at_holds >= _CLIFF_UP if "<" in threshold else at_holds - at_fails >= _CLIFF_DOWN
    return Edge(kind="cliff" if is_cliff else "smooth", threshold=threshold, at_holds=at_holds, at_fails=at_fails)
