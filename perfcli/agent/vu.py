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
        now_ns, pause, stopped = self.clock.now_ns, self.clock.pause, self.stop.is_set
        next_start_ns, next_iteration = schedule.next_start_ns, workload.next_iteration
        while not stopped():
            now = now_ns() - origin_ns
            start = next_start_ns(self.vu, now)
            if start is None:
                break
            if start > now:
                pause(start - now)
            # "now" means as soon as possible: then the operation's own start is the intended one
            self._iterate(next_iteration(), 0 if start == now else origin_ns + start)
            if think_time_ns:
                pause(think_time_ns)
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
                problem = check(arguments, answer)
                outcome = self.outcomes.number(problem) if problem else OK
            except Exception as error:
                end_ns = now_ns()
                start_ns = start_ns or end_ns
                outcome = self._failure(error)
            record(packed, outcome, intended_ns or start_ns, start_ns, end_ns)
            intended_ns = 0
        self.recorder.complete_iteration()

    def _failure(self, error: Exception) -> int:
        if isinstance(error, StepImpossible):
            return self.outcomes.number(str(error))
        return self.outcomes.number(*self.target.classify(error))

    def _pause(self, step: int) -> None:
        pause = self.scenario.flow[step]
        assert isinstance(pause, Sleep)
        self.clock.pause(pause.duration_ns)
