"""Did others take the CPU? Then the figures are those of a busy machine, not of the engine.

Said only of plain cases, as a shared machine is never quite quiet: other processes left less than 0.6 CPUs to each
engine process (whose one interpreter lock keeps it from using more than about one), and its threads had a CPU for less
than 60 % of the time they wanted one. What cannot be told at the length of a load is not said: busy time is counted in
ticks, waiting in nanoseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from perfcli.clock import SPOILS_NS, Stop
from perfcli.cpus import TICK_NS, Scheduling, Threads, ThreadTime, Throttling
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
        f"the tool was stopped for {format_duration(stop.ended_ns - stop.began_ns)}, and the load stood still for "
        f"{format_duration(lost_ns)} of that (SIGSTOP, Ctrl-Z, a paused machine): run it again"
    )


def _common_ns(*times: Stop) -> int:
    return max(0, min(time.ended_ns for time in times) - max(time.began_ns for time in times))


_ENOUGH: Final = 0.6
"""CPUs for each engine process, and the share of the time in which its threads wanted one."""

_TIME_SHARE: Final = 0.2
_SHORTEST_NS: Final = 20_000_000
_SHORTEST_OF_HARNESS_NS: Final = 1_000_000_000  # what the tool waits for in a moment changes no latency
_TICKS_UNSURE: Final = 2
_LONG_ENOUGH_FOR_TICKS_NS: Final = 100_000_000
_AGAIN: Final = "try again on a quieter machine"


def starvation(before: Scheduling, after: Scheduling) -> str:
    """Why the engine or the harness was starved between two moments; "" if not, or if that cannot be told."""
    elapsed_ns = after.at_ns - before.at_ns
    if elapsed_ns < _SHORTEST_NS:
        return ""
    engine = _Spent.between(before.engine, after.engine)
    harness = _Spent.between(before.harness, after.harness)
    least_ns = _TIME_SHARE * elapsed_ns
    if stopped := _stopped(before.throttling, after.throttling, least_ns, elapsed_ns):
        return stopped
    # an engine that fills the CPUs with processes and short threads of its own is slow by its own doing
    ours_ns = engine.ran_ns + harness.ran_ns + max(0, after.elsewhere_ns - before.elsewhere_ns)
    if taken := _taken_by_host(before, after, ours_ns, least_ns):
        return taken
    others = _blame_others(before, after, engine, ours_ns)
    if not others:
        return ""
    if engine.was_kept_from_cpus and engine.waited_ns >= least_ns:
        return f"{others}; the engine's threads {engine.in_words(elapsed_ns)}; {_AGAIN}"
    if elapsed_ns >= _SHORTEST_OF_HARNESS_NS and harness.was_kept_from_cpus and harness.waited_ns >= least_ns:
        return f"{others}; the harness's threads {harness.in_words(elapsed_ns)}; {_AGAIN}"
    return ""


class _Spent(NamedTuple):
    """What the threads of a process did between two moments."""

    threads: list[ThreadTime]

    @classmethod
    def between(cls, before: Threads, after: Threads) -> _Spent:
        """Threads that ended meanwhile are not known; those that began did so with nothing."""
        none = ThreadTime(0, 0)
        pairs = ((now, before.get(number, none)) for number, now in after.items())
        return cls([ThreadTime(now.ran_ns - was.ran_ns, now.waited_ns - was.waited_ns) for now, was in pairs])

    @property
    def ran_ns(self) -> int:
        return sum(thread.ran_ns for thread in self.threads)

    @property
    def waited_ns(self) -> int:
        return sum(thread.waited_ns for thread in self.threads)

    @property
    def was_kept_from_cpus(self) -> bool:
        return self.ran_ns <= _ENOUGH * (self.ran_ns + self.waited_ns)

    def in_words(self, elapsed_ns: int) -> str:
        waited, ran, elapsed = map(format_duration, (self.waited_ns, self.ran_ns, elapsed_ns))
        return f"waited {waited} for one and ran {ran}, in {elapsed}"


def _blame_others(before: Scheduling, after: Scheduling, engine: _Spent, ours_ns: int) -> str:
    """What other processes did to the CPUs that the engine may use; "" if they did not surely use most of them."""
    elapsed_ns = after.at_ns - before.at_ns
    others_ns = after.busy_ns - before.busy_ns - ours_ns
    all_ns = elapsed_ns * after.cpus
    left_ns = all_ns - others_ns + _TICKS_UNSURE * TICK_NS * after.cpus
    if left_ns < _ENOUGH * elapsed_ns * min(after.processes, after.cpus):
        return f"other processes used {min(1.0, others_ns / all_ns):.0%} of the CPU"
    if elapsed_ns >= _LONG_ENOUGH_FOR_TICKS_NS:
        return ""
    # while a thread waits, its CPU is busy; as far as that is more than all that ran of us, it is busy with others
    longest = max(engine.threads, key=lambda thread: thread.waited_ns, default=ThreadTime(0, 0))
    if longest.waited_ns - (ours_ns - longest.ran_ns) >= _ENOUGH * elapsed_ns:
        return "other processes had the CPU"
    return ""


def _taken_by_host(before: Scheduling, after: Scheduling, ours_ns: int, least_ns: float) -> str:
    """What the host of a virtual machine took, as far as it took it from this run."""
    stolen_ns = after.stolen_ns - before.stolen_ns - _TICKS_UNSURE * TICK_NS * after.cpus
    used_ns = max(1, after.busy_ns - before.busy_ns - (after.stolen_ns - before.stolen_ns))
    from_us_ns = stolen_ns * min(1.0, ours_ns / used_ns)
    if from_us_ns < max(ours_ns, least_ns):
        return ""
    taken, ran, elapsed = map(format_duration, (stolen_ns, ours_ns, after.at_ns - before.at_ns))
    return f"the host of this virtual machine took {taken} of CPU time, and the run had {ran}, in {elapsed}; {_AGAIN}"


def _stopped(before: Throttling | None, after: Throttling | None, least_ns: float, elapsed_ns: int) -> str:
    if before is None or after is None or (stopped_ns := after.stopped_ns - before.stopped_ns) < least_ns:
        return ""
    periods = after.periods - before.periods
    with_stops = after.periods_with_stops - before.periods_with_stops
    return (
        f"the CPU limit of its control group stopped the run for {format_duration(stopped_ns)} in "
        f"{format_duration(elapsed_ns)} ({with_stops} of {periods} periods); raise the limit, or lower the load"
    )
