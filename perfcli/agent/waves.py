"""The load of a session: its phases in waves, each begun together with the other engine processes; or in slices.

A slice is a short piece of work of a comparison, begun by the tool, while the other engine stands still.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any, Final

from perfcli.agent.channel import Channel
from perfcli.agent.profiling.profiler import Profiler
from perfcli.agent.timed_calls import Threads
from perfcli.agent.vu import VirtualUser
from perfcli.clock import Clock
from perfcli.executors import Earlier, Schedule
from perfcli.executors.arrivals import LATE_START_NS
from perfcli.executors.base import BoundedSchedule, Share
from perfcli.executors.iterations import for_each_vu
from perfcli.executors.repeated import EndableSchedule
from perfcli.executors.vus import steady
from perfcli.operations.call import Call, begin_stream
from perfcli.plan import ExecutionPlan, PlannedPhase
from perfcli.wire import PhaseOver, Rejoin, Rejoined, Sliced, Wave
from perfcli.workload import Stream, Workload

Job = Callable[[], None]
ScheduleOf = Callable[[PlannedPhase, Share], Schedule]


@dataclass(slots=True)
class Waves:
    """The load of one engine process.

    Args:
        users: its vus, by their numbers in the plan.
        begin_vu: called with the number in the plan of each vu that is about to work.
        begin: begins the next stage of the session.
        checkpoint: stands still until the tool lets it go on; returns when, 0 for at once.
    """

    plan: ExecutionPlan
    process: int
    users: Mapping[int, VirtualUser]
    channel: Channel
    clock: Clock
    threads: Threads
    profiler: Profiler
    begin_vu: Callable[[int], None]
    begin: Callable[[str], None]
    checkpoint: Callable[[str], int]

    def run(self, rejoin: Rejoin | None) -> None:
        """All waves; if it replaces a process that was killed, the rest of its wave and those that follow."""
        for number in range(len(self.plan.waves)):
            if rejoin is None or number > rejoin.wave:
                self._whole_wave(number)
            elif number == rejoin.wave:
                self._rest_of_wave(rejoin)

    def _whole_wave(self, number: int) -> None:
        wave = self.plan.waves[number]
        warmed = [phase for phase in wave if phase.load.warmup_ns]
        if warmed:
            self.begin("warm-up")
            began_ns = self.clock.now_ns()
            self.threads.run(list(self._warm_up(warmed)))
            self._rest_until(began_ns + max(phase.load.warmup_ns for phase in warmed))
        began_ns = self.checkpoint("wave" if number else "baseline")
        self.begin("measuring")
        self.profiler.begin()
        origin_ns = max(began_ns, self.clock.now_ns())
        self.channel.send(Wave(number, origin_ns))
        self._do(wave, origin_ns, lambda phase, share: phase.load.schedule(share))

    def _rest_of_wave(self, rejoin: Rejoin) -> None:
        def rest(phase: PlannedPhase, share: Share) -> Schedule:
            done = [rejoin.iterations[vu] for vu in phase.vus]
            began_ns = rejoin.began_ns + (phase.load.start_after_ns or 0)
            return phase.load.rest_of_schedule(share, Earlier(done, max(0, rejoin.killed_ns - began_ns)))

        self.begin("measuring")
        self.channel.send(Rejoined(self.process, self.clock.now_ns()))
        left = [phase for phase in self.plan.waves[rejoin.wave] if phase.index not in rejoin.over]
        # one whose load was done had nothing left to end
        self._do(left, rejoin.began_ns, rest, has_worked=lambda user: user.recorder.has_sent)

    def _do(
        self,
        phases: Sequence[PlannedPhase],
        origin_ns: int,
        schedule_of: ScheduleOf,
        has_worked: Callable[[VirtualUser], bool] = lambda user: True,
    ) -> None:
        """Phases of one wave, to their end."""
        self.threads.run(list(self._measure(phases, origin_ns, schedule_of)))
        ends_ns = {phase.index: origin_ns + self._lasts_ns(phase) for phase in phases}
        rested_ns = self._rest_until(max(ends_ns.values(), default=origin_ns))
        for phase in phases:
            mine = self._users_of(phase)
            # a load that is stopped ends then, whatever was planned
            ended_ns = max(
                [min(ends_ns[phase.index], rested_ns), *(user.ended_ns for user in mine if has_worked(user))]
            )
            interrupted = sum(user.interrupted for user in mine)
            self.channel.send(PhaseOver(phase.index, ended_ns, interrupted))

    def _has_ended(self, phase: int) -> bool:
        return phase in self.channel.ended_phases

    def _users_of(self, phase: PlannedPhase) -> list[VirtualUser]:
        return [self.users[vu] for vu in phase.vus if vu in self.users]

    def _lasts_ns(self, phase: PlannedPhase) -> int:
        """How long after the beginning of its wave a phase lasts at least."""
        planned_ns = phase.load.planned_ns or 0
        return (phase.load.start_after_ns or 0) + min(planned_ns, self._bound_ns or planned_ns)

    @property
    def _bound_ns(self) -> int | None:
        """How long a wave of a profile lasts at most; None for any other run."""
        return self.plan.profile.longest_ns // len(self.plan.waves) if self.plan.profile else None

    def _rest_until(self, until_ns: int) -> int:
        """Wait, unless the run is stopped; return when that was over."""
        while (now_ns := self.clock.now_ns()) < until_ns and not self.channel.stop.asked:
            self.clock.pause(until_ns - now_ns)
        return now_ns

    def _warm_up(self, phases: Sequence[PlannedPhase]) -> Iterator[Job]:
        origin_ns = self.clock.now_ns()
        for phase in phases:
            schedule = steady(phase.load.warmup_ns)
            yield from self._jobs(phase, schedule, "warm-up", origin_ns, origin_ns + phase.load.warmup_ns)

    def _measure(self, phases: Sequence[PlannedPhase], origin_ns: int, schedule_of: ScheduleOf) -> Iterator[Job]:
        share = Share(self.process, self.plan.scenario.pool.processes)
        for phase in phases:
            begins_ns = origin_ns + (phase.load.start_after_ns or 0)
            schedule = schedule_of(phase, share)
            if phase.load.ends_on_order:
                schedule = EndableSchedule(schedule, partial(self._has_ended, phase.index))
            if self._bound_ns:
                schedule = BoundedSchedule(schedule, self._bound_ns)
            jobs = self._jobs(phase, schedule, "load", begins_ns, begins_ns + phase.load.longest_ns)
            yield from map(self.profiler.during, jobs)

    def _jobs(
        self, phase: PlannedPhase, schedule: Schedule, stream: Stream, begins_ns: int, ends_ns: int
    ) -> Iterator[Job]:
        measured = stream == "load"
        cut_off_ns = ends_ns + phase.load.graceful_stop_ns
        for user in self._users_of(phase):
            workload = Workload(phase, self.plan.seed, user.vu, stream)
            user.recorder.begin(measured=measured, now_ns=begins_ns, is_open=measured and phase.load.is_open)
            self.begin_vu(phase.first_vu + user.place)
            random = Random(f"{self.plan.seed}/think/{stream}/{user.vu}").random
            begin_stream(user.calls, stream)
            thinking = phase.load.think_time
            pause_after = thinking.pause_after(random) if thinking.longest_ns else None
            yield partial(user.run, schedule, workload, pause_after, begins_ns, ends_ns + LATE_START_NS, cut_off_ns)


CHECKPOINTS_OF_SLICES: Final = frozenset({"baseline", "end"})
"""Where an engine under comparison stands still; the tool looks at it only there."""

_AT_MOST_NS: Final = 600_000_000_000


def do_slices(
    plan: ExecutionPlan, users: Mapping[int, VirtualUser], channel: Channel, clock: Clock, threads: Threads
) -> None:
    """Do the slices that the tool asks for, through one sequence of operations for each vu, until it asks for no more.

    Args:
        users: the vus of this process, by their numbers in the plan.
    """
    if plan.slices and (slowdown := plan.slices.slowdown):
        users = {
            vu: replace(user, calls=[call and _slowed(call, slowdown, clock.now_ns) for call in user.calls])
            for vu, user in users.items()
        }
    workloads = {vu: Workload(plan.phase_of(vu), plan.seed, vu) for vu in users}
    for user in users.values():
        begin_stream(user.calls, "load")
    while order := channel.next_slice():
        jobs: list[Job] = []
        began_ns = clock.now_ns()
        ends_ns = began_ns + _AT_MOST_NS
        for phase in plan.waves[order.wave]:
            for vu in (vu for vu in phase.vus if vu in users):
                # how far a vu is, a schedule knows: each slice has its own
                schedule = for_each_vu(phase.load.vu_count, order.iterations, _AT_MOST_NS)
                users[vu].recorder.begin(measured=order.measured, now_ns=began_ns)
                jobs.append(partial(users[vu].run, schedule, workloads[vu], None, began_ns, ends_ns, ends_ns))
        threads.run(jobs)
        channel.send(Sliced())


def _slowed(call: Call, share: float, now_ns: Callable[[], int]) -> Call:
    """A call that keeps the CPU busy for that share of its own time before it returns."""
    if call.timed is not None:
        return call  # it prolongs its timed part itself
    invoke = call.invoke

    def slow(*arguments: Any) -> Any:
        began_ns = now_ns()
        answer = invoke(*arguments)
        ended_ns = now_ns()
        until_ns = ended_ns + round((ended_ns - began_ns) * share)
        while now_ns() < until_ns:
            pass
        return answer

    return call._replace(invoke=slow)
