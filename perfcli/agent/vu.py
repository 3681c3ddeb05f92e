"""A virtual user: one thread of work, in the loop that its schedule and its flow call for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perfcli.agent.bound_steps import StepBinder
from perfcli.agent.outcomes import Outcomes
from perfcli.agent.timed_calls import TimedCaller
from perfcli.clock import Clock, StopSignal
from perfcli.executors import Schedule
from perfcli.executors.iterations import for_each_vu
from perfcli.operations.base import StepSettings
from perfcli.operations.call import Call, begin_stream
from perfcli.operations.own.binding import OwnVu
from perfcli.operations.own.loading import LoadedFile
from perfcli.plan import ExecutionPlan, PlannedPhase
from perfcli.recorder import Recorder
from perfcli.scenario.canary_mode import may_share_pets
from perfcli.workload import Draw, Workload

Loop = Callable[[Iterator[object], Iterator[Sequence[Draw]], int], None]
"""(tickets, iterations, deadline in ns) → do an iteration for each ticket, until the deadline or the run is stopped."""


def one_step_loop(
    call: Call, recorder: Recorder, outcomes: Outcomes, stop: StopSignal, now_ns: Callable[[], int]
) -> Loop:
    """The loop of a flow that is one plain step, without pauses: it does a call again and again.

    The harness's hottest path: nothing in it is a call that can be done in place.
    """
    make_arguments, invoke, check = call.arguments, call.invoke, call.check
    draws, starts, durations, capacity = recorder.draws, recorder.starts, recorder.durations, recorder.capacity

    def loop(tickets: Iterator[object], iterations: Iterator[Sequence[Draw]], deadline_ns: int) -> None:
        # the next time at which anything but the next operation is due
        due_ns = min(recorder.flush_at_ns, deadline_ns)
        used = recorder.used
        if now_ns() >= deadline_ns:
            return
        for _, ((_, user, choice, packed),) in zip(tickets, iterations, strict=False):
            if stop.asked:
                break
            start_ns = end_ns = 0
            answer = None
            try:
                arguments = make_arguments(user, choice)
                start_ns = now_ns()
                answer = invoke(*arguments)
                end_ns = now_ns()
                problem = check(arguments, answer)
            except BaseException as error:
                recorder.failures[used] = outcomes.unreadable(error, answer) if end_ns else outcomes.raised(error)
                end_ns = end_ns or now_ns()
                start_ns = start_ns or end_ns
            else:
                if problem:
                    recorder.failures[used] = outcomes.wrong(problem, arguments, answer)
            draws[used] = packed
            starts[used] = start_ns
            durations[used] = end_ns - start_ns
            used += 1
            if end_ns >= due_ns or used == capacity:
                recorder.stored(used, end_ns)
                used, due_ns = recorder.used, min(recorder.flush_at_ns, deadline_ns)
                if end_ns >= deadline_ns:
                    break
        recorder.stored(used, 0)

    return loop


@dataclass(slots=True)
class VirtualUser:
    """Does the iterations its schedule asks for, and records every operation."""

    vu: int
    place: int  # among the vus of its phase
    flow: Sequence[StepSettings]
    calls: Sequence[Call | None]
    recorder: Recorder
    outcomes: Outcomes
    timed_caller: TimedCaller | None  # for calls with a timeout
    clock: Clock
    stop: StopSignal
    interrupted: int = 0  # iterations that were cut off
    ended_ns: int = 0

    def run(
        self,
        schedule: Schedule,
        workload: Workload,
        pause_after: Callable[[int], int] | None,
        origin_ns: int,
        latest_ns: int,
        cut_off_ns: int,
    ) -> None:
        """Iterate until the schedule is over or the run is stopped, then send what is recorded.

        Args:
            pause_after: the think time after an iteration that took so many ns.
            origin_ns: the clock's reading at which the phase began, or will.
            latest_ns: the clock's reading after which no iteration that was waited for begins.
            cut_off_ns: the clock's reading at which an iteration that still goes on is cut off between two steps.
        """
        now_ns = self.clock.now_ns
        now = now_ns()
        if now < origin_ns:
            self._wait(origin_ns - now)
        back_to_back = schedule.back_to_back(self.place) if pause_after is None else None
        if back_to_back is None:
            self._one_by_one(schedule, workload, self._iteration(cut_off_ns), pause_after, origin_ns, latest_ns)
        else:
            tickets, deadline_ns = back_to_back
            self._loop(cut_off_ns)(tickets, workload.iterations, origin_ns + deadline_ns)
        self.ended_ns = now_ns()
        self.recorder.flush(self.ended_ns)

    def do_counted(
        self, phase: PlannedPhase, seed: int, iterations: int, longest_ns: int, calls: Sequence[Call | None]
    ) -> None:
        """Do iterations by these calls, which are counted and not timed; for `longest_ns` at most."""
        begin_stream(calls, "counting")
        now_ns = self.clock.now_ns()
        self.recorder.begin(measured=False, now_ns=now_ns)
        schedule = for_each_vu(phase.load.vu_count, iterations, longest_ns)
        workload = Workload(phase, seed, self.vu, "counting")
        ends_ns = now_ns + longest_ns
        replace(self, calls=calls).run(schedule, workload, None, now_ns, ends_ns, ends_ns)

    def _one_by_one(
        self,
        schedule: Schedule,
        workload: Workload,
        iterate: Callable[[Sequence[Draw]], int],
        pause_after: Callable[[int], int] | None,
        origin_ns: int,
        latest_ns: int,
    ) -> None:
        """Ask the schedule before each iteration, and wait for it."""
        recorder, stop, now_ns = self.recorder, self.stop, self.clock.now_ns
        next_start_ns, place, iterations = schedule.next_start_ns, self.place, workload.iterations
        now, thinking_ns = now_ns(), 0
        while not stop.asked:
            ready_ns = now - origin_ns + thinking_ns
            start_ns = next_start_ns(place, ready_ns)
            if start_ns is None:
                break
            due_ns = origin_ns + start_ns
            if due_ns > now or thinking_ns:
                self._wait(max(due_ns, origin_ns + ready_ns) - now_ns())
                if stop.asked or now_ns() > latest_ns:
                    break
            # one that starts as soon as possible cannot be late
            recorder.due_ns = 0 if start_ns == ready_ns else due_ns
            began_ns, now = now, iterate(next(iterations))
            if pause_after is not None:
                now = now_ns()
                thinking_ns = pause_after(now - max(began_ns, due_ns))

    def _loop(self, cut_off_ns: int) -> Loop:
        """Iterations without a pause between them."""
        if len(self.calls) == 1 and (call := self.calls[0]) and call.is_plain:
            return one_step_loop(call, self.recorder, self.outcomes, self.stop, self.clock.now_ns)
        iterate, stop, now_ns = self._iteration(cut_off_ns), self.stop, self.clock.now_ns

        def loop(tickets: Iterator[object], iterations: Iterator[Sequence[Draw]], deadline_ns: int) -> None:
            now = now_ns()
            # the ticket first: the next slice of a comparison would lack a draw that was taken for nothing
            for _, draws in zip(tickets, iterations, strict=False):
                if now >= deadline_ns or stop.asked:
                    break
                now = iterate(draws)

        return loop

    def _iteration(self, cut_off_ns: int) -> Callable[[Sequence[Draw]], int]:
        """Does the steps of one iteration; returns the clock's reading after the last."""
        recorder, stop, now_ns = self.recorder, self.stop, self.clock.now_ns

        def pause(duration_ns: int) -> None:
            self._wait(min(duration_ns, max(0, cut_off_ns - now_ns())))

        steps = StepBinder(recorder, self.outcomes, self.timed_caller, now_ns, pause).bind(self.flow, self.calls)

        def iterate(draws: Sequence[Draw]) -> int:
            now = 0
            for place, user, choice, packed in draws:
                if now and (now >= cut_off_ns or stop.asked):
                    self.interrupted += 1
                    return now
                now = steps[place](user, choice, packed)
            recorder.iterations += 1
            return now

        return iterate

    def _wait(self, duration_ns: int) -> None:
        now_ns = self.clock.now_ns()
        if duration_ns >= self.recorder.oldest_ns or self.recorder.is_overdue(now_ns):
            # what is recorded must not wait as long as the vu does, and a vu that only pauses does not hang
            self.recorder.flush(now_ns)
            duration_ns -= self.clock.now_ns() - now_ns
        self.clock.pause(duration_ns)


def bind_own_operations(
    files: Mapping[str, LoadedFile],
    plan: ExecutionPlan,
    recorder: Recorder,
    database: Path,
    now_ns: Callable[[], int],
) -> OwnVu:
    """The functions of the user's own for one vu, whose notes of writes its recorder takes."""
    recorder.journal.notes_all = may_share_pets(plan.scenario)
    folder = database.parent.parent / "files" / f"vu-{recorder.vu}"
    slowdown = plan.slices.slowdown if plan.slices else 0.0
    return OwnVu(files, recorder.vu, plan.seed, recorder.journal, folder, now_ns, slowdown=slowdown)
