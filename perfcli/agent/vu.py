"""A virtual user: one thread of work. What happens between two readings of the clock is the engine's, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from perfcli.agent.outcomes import Outcomes
from perfcli.clock import Clock
from perfcli.executors import Schedule
from perfcli.recorder import OK, Recorder
from perfcli.scenario.models import Scenario
from perfcli.scenario.steps import Sleep
from perfcli.targets.protocol import Call, StepImpossible, Target
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
        now_ns = self.clock.now_ns
        while not self.stop.is_set():
            now = now_ns() - origin_ns
            start = schedule.next_start_ns(self.vu, now)
            if start is None:
                break
            if start > now:
                self.clock.pause(start - now)
            # "now" means as soon as possible: then the operation's own start is the intended one
            self._iterate(workload.next_iteration(), None if start == now else origin_ns + start)
            self.clock.pause(think_time_ns)
        self.recorder.flush(now_ns())

    def _iterate(self, draws: Sequence[Draw], intended_ns: int | None) -> None:
        for draw in draws:
            if self.stop.is_set():
                return
            call = self.calls[draw.step]
            if call is None:
                self._pause(draw.step)
            else:
                self._operate(call, draw, intended_ns)
            intended_ns = None
        self.recorder.complete_iteration()

    def _operate(self, call: Call, draw: Draw, intended_ns: int | None) -> None:
        now_ns = self.clock.now_ns
        try:
            arguments = call.arguments(draw.user, draw.choice)
        except Exception as error:
            start_ns = end_ns = now_ns()
            outcome = self._failure(error)
        else:
            invoke = call.invoke
            start_ns = now_ns()
            try:
                answer = invoke(*arguments)
            except Exception as error:
                end_ns = now_ns()
                outcome = self._failure(error)
            else:
                end_ns = now_ns()
                problem = call.check(arguments, answer)
                outcome = self.outcomes.number(problem) if problem else OK
        self.recorder.record(draw.packed, outcome, intended_ns or start_ns, start_ns, end_ns)

    def _failure(self, error: Exception) -> int:
        if isinstance(error, StepImpossible):
            return self.outcomes.number(str(error))
        return self.outcomes.number(*self.target.classify(error))

    def _pause(self, step: int) -> None:
        pause = self.scenario.flow[step]
        assert isinstance(pause, Sleep)
        self.clock.pause(pause.duration_ns)
