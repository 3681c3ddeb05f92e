"""A virtual user: one thread of work. What happens between two readings of the clock is the engine's, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from perfcli.agent.outcomes import Outcomes
from perfcli.agent.timed_calls import TimedCaller, TimedOut
from perfcli.clock import Clock, StopSignal
from perfcli.executors import Schedule
from perfcli.recorder import FLUSH_INTERVAL_NS, NOT_DUE, OK, SKIPPED, Recorder
from perfcli.scenario.operation import StepSettings, needed_steps
from perfcli.scenario.steps import Sleep
from perfcli.targets.checks import CATEGORIES
from perfcli.targets.examples import example_of_answer, example_of_error
from perfcli.targets.protocol import Call, EngineGone, StepImpossible, Target
from perfcli.workload import Draw, Workload

_NEVER: Final = 2**63


@dataclass(slots=True)
class VirtualUser:
    """Does the iterations its schedule asks for, and records every operation."""

    vu: int
    place: int  # among the vus of its phase
    flow: Sequence[StepSettings]
    target: Target
    calls: Sequence[Call | None]
    recorder: Recorder
    outcomes: Outcomes
    hands: TimedCaller | None  # for calls with a timeout
    clock: Clock
    stop: StopSignal
    interrupted: int = 0  # iterations that were cut off
    ended_ns: int = 0
    _cut_off_ns: int = _NEVER
    _needs: list[int | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._needs = needed_steps(self.flow)

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
        self._cut_off_ns = cut_off_ns
        now_ns, stop, place = self.clock.now_ns, self.stop, self.place
        next_start_ns, next_iteration, iterate = schedule.next_start_ns, workload.next_iteration, self._iteration()
        now, thinking_ns = now_ns(), 0
        if now < origin_ns:
            self._wait(origin_ns - now)
            now = now_ns()
        while not stop.asked:
            ready_ns = now - origin_ns + thinking_ns
            start_ns = next_start_ns(place, ready_ns)
            if start_ns == ready_ns and pause_after is None:
                # as soon as possible: then the operation's own start is the intended one
                now = iterate(next_iteration(), 0)
                continue
            if start_ns is None:
                break
            due_ns = origin_ns + start_ns
            if due_ns > now or thinking_ns:
                self._wait(max(due_ns, origin_ns + ready_ns) - now_ns())
                if stop.asked or now_ns() > latest_ns:
                    break
            began_ns, now = now, iterate(next_iteration(), 0 if start_ns == ready_ns else due_ns)
            if pause_after is not None:
                now = now_ns()
                thinking_ns = pause_after(now - max(began_ns, due_ns))
        self.ended_ns = now_ns()
        self.recorder.flush(self.ended_ns)

    def _iteration(self) -> Callable[[Sequence[Draw], int], int]:  # noqa: C901 a call more would cost what a step may
        """What does the steps of one iteration, with all it needs at hand: it is the harness's hot path."""
        now_ns, stop, cut_off_ns, calls, hands = (
            self.clock.now_ns,
            self.stop,
            self._cut_off_ns,
            self.calls,
            self.hands,
        )
        recorder, record = self.recorder, self.recorder.record

        def iterate(draws: Sequence[Draw], intended_ns: int) -> int:
            """Do the steps; return the clock's reading after the last, 0 where there was none to read it for.

            Args:
                intended_ns: when the first step was to start; 0 for as soon as possible.
            """
            passed_ns = failed = 0
            for place, user, choice, packed in draws:
                if passed_ns and (passed_ns >= cut_off_ns or stop.asked):
                    self.interrupted += 1
                    return passed_ns
                call = calls[place]
                if call is None:
                    passed_ns = self._pause(place)
                    continue
                if failed and self._is_skipped(place, failed):
                    failed |= 1 << place
                    self.recorder.record_failure(packed, SKIPPED, passed_ns, passed_ns)
                    continue
                make_arguments, invoke, check, timeout_ns = call
                start_ns = end_ns = 0
                try:
                    arguments = make_arguments(user, choice)
                    if timeout_ns and hands:
                        start_ns, end_ns, answer = hands.do(invoke, arguments, timeout_ns)
                    else:
                        start_ns = now_ns()
                        answer = invoke(*arguments)
                        end_ns = now_ns()
                    problem = check(arguments, answer)
                except BaseException as error:
                    # an engine may raise anything, SystemExit too: it is the operation's failure
                    outcome = self._unreadable(answer, error) if end_ns else self._failure(error)
                    start_ns, end_ns = self._times(start_ns, end_ns, by_hands=bool(timeout_ns))
                else:
                    if not problem and not intended_ns:
                        record(packed, start_ns, end_ns)
                        passed_ns = end_ns
                        continue
                    outcome = self._wrong(problem, arguments, answer) if problem else OK
                passed_ns = end_ns
                lag_ns = max(0, start_ns - intended_ns) if intended_ns else NOT_DUE
                intended_ns = 0
                if outcome == OK:
                    record(packed, start_ns, end_ns, lag_ns)
                else:
                    failed |= 1 << place
                    self.recorder.record_failure(packed, outcome, start_ns, end_ns, lag_ns)
            recorder.iterations += 1
            return passed_ns

        return iterate

    def _is_skipped(self, place: int, failed: int) -> bool:
        """Whether a step is one of those that are tried only if another succeeded, which failed."""
        needed = self._needs[place]
        return needed is not None and bool(failed >> needed & 1)

    def _wrong(self, problem: str, arguments: tuple[Any, ...], answer: Any) -> int:
        example = partial(example_of_answer, arguments, answer)
        return self.outcomes.number(problem, CATEGORIES.get(problem, ""), example)

    def _failure(self, error: BaseException) -> int:
        if isinstance(error, EngineGone):
            raise error
        if isinstance(error, TimedOut):
            return self.outcomes.number(f"timeout: {error}", "timeout")
        if isinstance(error, StepImpossible):
            return self.outcomes.number(str(error))
        return self.outcomes.number(*self.target.classify(error), partial(example_of_error, error))

    def _times(self, start_ns: int, end_ns: int, *, by_hands: bool) -> tuple[int, int]:
        """When an operation that failed began and was over, as far as that was noted; else now."""
        if by_hands and self.hands and not end_ns:
            return self.hands.start_ns, self.hands.end_ns
        end_ns = end_ns or self.clock.now_ns()
        return start_ns or end_ns, end_ns

    def _unreadable(self, answer: Any, error: BaseException) -> int:
        """An answer of another shape than the API's is wrong, whatever it is."""
        if not isinstance(error, Exception):
            raise error
        kind = f"wrong answer: {type(answer).__name__} ({type(error).__name__} on reading it)"
        return self.outcomes.number(kind, "", partial(example_of_error, error))

    def _wait(self, duration_ns: int) -> None:
        now_ns = self.clock.now_ns()
        if duration_ns >= FLUSH_INTERVAL_NS or self.recorder.is_overdue(now_ns):
            # what is recorded must not wait as long as the vu does, and a vu that only pauses does not hang
            self.recorder.flush(now_ns)
            duration_ns -= self.clock.now_ns() - now_ns
        self.clock.pause(duration_ns)

    def _pause(self, place: int) -> int:
        """Do a sleep step, as far as the phase's time allows; return the clock's reading after it."""
        pause = self.flow[place]
        assert isinstance(pause, Sleep)
        now_ns = self.clock.now_ns()
        self._wait(min(pause.duration_ns, max(0, self._cut_off_ns - now_ns)))
        return self.clock.now_ns()
