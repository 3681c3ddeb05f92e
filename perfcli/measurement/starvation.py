"""Did others take the CPU? Then the figures are those of a busy machine, not of the engine.

Said only of plain cases, as a shared machine is never quite quiet: others, the machine's host included, used three
quarters of all CPU time, and the engine's threads waited for a CPU longer than they had one, and for a fifth of the
time at least.
"""

from __future__ import annotations

from typing import Final

from perfcli.monitor import Reading

_OTHERS_SHARE: Final = 0.75
_WAITING_SHARE: Final = 0.2


def starvation(before: Reading, after: Reading, *, tool_cpu_ns: int, cpus: int) -> str:
    """Why the engine was starved between two whole readings; "" where it was not, or that cannot be told.

    Args:
        tool_cpu_ns: CPU time of the tool's own process between them.
    """
    if None in (before.waited_ns, after.waited_ns, before.machine_busy_ns, after.machine_busy_ns):
        return ""
    elapsed_ns = after.at_ns - before.at_ns
    ran_ns = after.cpu_ns - before.cpu_ns
    waited_ns = (after.waited_ns or 0) - (before.waited_ns or 0)
    others_ns = (after.machine_busy_ns or 0) - (before.machine_busy_ns or 0) - ran_ns - tool_cpu_ns
    others_share = others_ns / (elapsed_ns * cpus) if elapsed_ns > 0 else 0.0
    if others_share < _OTHERS_SHARE or waited_ns < max(ran_ns, _WAITING_SHARE * elapsed_ns):
        return ""
    return (
        f"the machine was busy with other work: it took {others_share:.0%} of all CPU time, and the engine waited "
        f"{waited_ns / 1e9:.1f} s for a CPU in {elapsed_ns / 1e9:.1f} s; try again when it is quiet"
    )
