"""Did the load stand still because it, or the tool, was stopped from outside? Then no figure is the engine's."""

from __future__ import annotations

from collections.abc import Iterable

from perfcli.clock import SPOILS_NS, Stop
from perfcli.units import format_duration


def disturbance(tool_stops: Iterable[Stop], held_up: Iterable[Stop], measured: Stop) -> str:
    """Why the figures of a measured time are not the engine's; "" if they are.

    A stop of the tool alone does no harm: the vus go on, and what they report waits. It does harm if the engine's
    process was stopped with it, or if the vus had to wait until the tool took what they had to report.
    """
    held = [*held_up]
    lost = ((_common_ns(stop, other, measured), stop) for stop in tool_stops for other in held)
    lost_ns, stop = max(lost, default=(0, measured))
    if lost_ns < SPOILS_NS:
        return ""
    return (
        f"the tool did not run for {format_duration(stop.ended_ns - stop.began_ns)}, and the load stood still for "
        f"{format_duration(lost_ns)} of that: both were stopped (SIGSTOP, Ctrl-Z, a paused machine); run it again"
    )


def _common_ns(*times: Stop) -> int:
    return max(0, min(time.ended_ns for time in times) - max(time.began_ns for time in times))
