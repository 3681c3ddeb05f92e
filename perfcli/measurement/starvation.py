"""Did others take the CPU? Then the figures are those of a busy machine, not of the engine.

Said only of plain cases, as a shared machine is never quite quiet: others, the machine's host included, used three
quarters of all CPU time, and the threads of the engine, or of the tool, waited for a CPU longer than they had one, and
each of them for a fifth of the time in the mean.
"""

from __future__ import annotations

import os
import time
from typing import Final, NamedTuple

from perfcli.monitor import Reading, waited_ns

_OTHERS_SHARE: Final = 0.75
_WAITING_SHARE: Final = 0.2
_SHORTEST_NS: Final = 1_000_000_000  # a moment of a shared machine says nothing


class ToolTime(NamedTuple):
    """What the tool's own process has used and missed until a moment."""

    cpu_ns: int
    waited_ns: int | None

    @classmethod
    def now(cls) -> ToolTime:
        """Until now."""
        return cls(time.process_time_ns(), waited_ns(os.getpid()))


def starvation(before: Reading, after: Reading, tool_before: ToolTime, tool_after: ToolTime, *, cpus: int) -> str:
    """Why engine or tool were starved between two whole readings; "" where they were not, or that cannot be told."""
    elapsed_ns = after.at_ns - before.at_ns
    busy_ns = _between(before.machine_busy_ns, after.machine_busy_ns)
    if busy_ns is None or elapsed_ns < _SHORTEST_NS:
        return ""
    ran_ns = {"the engine": after.cpu_ns - before.cpu_ns, "the tool": tool_after.cpu_ns - tool_before.cpu_ns}
    waited = {
        "the engine": _between(before.waited_ns, after.waited_ns) or 0,
        "the tool": _between(tool_before.waited_ns, tool_after.waited_ns) or 0,
    }
    others_share = (busy_ns - sum(ran_ns.values())) / (elapsed_ns * cpus)
    threads = {"the engine": after.threads, "the tool": 1}
    starved = [who for who in ran_ns if waited[who] >= max(ran_ns[who], _WAITING_SHARE * elapsed_ns * threads[who])]
    if others_share < _OTHERS_SHARE or not starved:
        return ""
    return (
        f"the machine was busy with other work: it took {others_share:.0%} of all CPU time, and {starved[0]} waited "
        f"{waited[starved[0]] / 1e9:.1f} s for a CPU in {elapsed_ns / 1e9:.1f} s; try again when it is quiet"
    )


def _between(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
