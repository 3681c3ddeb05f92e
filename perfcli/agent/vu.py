"""A virtual user: one thread of work. What happens between two readings of the clock is the engine's, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from perfcli.agent.outcomes import Outcomes
from perfcli.clock import Clock
from perfcli.executors import Schedule
from perfcli.recorder import FLUSH_INTERVAL_NS, OK, Recorder
from perfcli.scenario.models import Scenario
from perfcli.scenario.steps import Sleep
from perfcli.targets.protocol import Call, Check, StepImpossible, Target
from perfcli.workload import Draw, Workload


@dataclass(slots=True)
class VirtualUser:
    """Does the iterations its schedule asks for, and records every operation."""

    vu: int
    scenario: Scenario
    target: Target
    calls: Sequence[Call | None]
    recorder: Recorder
    outcomes: Outcomes
    clock: Clock
    stop: Event

    def run(self, schedule: Schedule, workload: Workload, origin_ns: int) -> None:
        """Iterate until the schedule is over or the run is stopped, then send what is recorded."""
        think_time_ns = self.scenario.load.think_time_ns
        now_ns, stopped = self.clock.now_ns, self.stop.is_set
        next_start_ns, next_iteration = schedule.next_start_ns, workload.next_iteration
        thinking_ns = 0
        while not stopped():
            now = now_ns() - origin_ns
            ready = now + thinking_ns
            start = next_start_ns(self.vu, ready)
            if start is None:
                break
            if start > now:
                self._wait(start - now)
            # a start at "ready" means as soon as possible: then the operation's own start is the intended one
            self._iterate(next_iteration(), 0 if start == ready else origin_ns + start)
            thinking_ns = think_time_ns
        self.recorder.flush(now_ns())

    def _iterate(self, draws: Sequence[Draw], intended_ns: int) -> None:
        """Do the steps of one iteration; `intended_ns` is when the first was to start, 0 for as soon as possible."""
        now_ns, record = self.clock.now_ns, self.recorder.record
        for place, user, choice, packed in draws:
            if self.stop.is_set():
                return
            call = self.calls[place]
            if call is None:
                self._pause(place)
                continue
            make_arguments, invoke, check = call
            start_ns = 0
            try:
                arguments = make_arguments(user, choice)
                start_ns = now_ns()
                answer = invoke(*arguments)
                end_ns = now_ns()
            except BaseException as error:
                # an engine may raise anything, SystemExit too: it is the operation's failure
                end_ns = now_ns()
                start_ns = start_ns or end_ns
                outcome = self._failure(error)
            else:
                outcome = self._judge(check, arguments, answer)
            record(packed, outcome, intended_ns or start_ns, start_ns, end_ns)
            intended_ns = 0
        self.recorder.complete_iteration()

    def _judge(self, check: Check, arguments: tuple[Any, ...], answer: Any) -> int:
        try:
            problem = check(arguments, answer)
        except Exception as error:  # an answer of another shape than the API's is wrong, whatever it is
            problem = f"wrong answer: {type(answer).__name__} ({type(error).__name__} on reading it)"
        return self.outcomes.number(problem) if problem else OK

    def _failure(self, error: BaseException) -> int:
        if isinstance(error, StepImpossible):
            return self.outcomes.number(str(error))
        return self.outcomes.number(*self.target.classify(error))

    def _wait(self, duration_ns: int) -> None:
        if duration_ns >= FLUSH_INTERVAL_NS:
            # what is recorded must not wait as long as the vu does
            self.recorder.flush(self.clock.now_ns())
        self.clock.pause(duration_ns)

    def _pause(self, step: int) -> None:
        pause = self.scenario.flow[step]
        assert isinstance(pause, Sleep)
        self._wait(pause.duration_ns)
