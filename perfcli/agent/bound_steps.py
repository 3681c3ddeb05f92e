"""The steps of a flow as functions of one vu, each made for what its step needs: the loop asks for no type of step.

Between two readings of the clock lies the engine's own function, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perfcli.agent.outcomes import Outcomes
from perfcli.agent.timed_calls import TimedCaller
from perfcli.operations.base import StepSettings, needed_steps
from perfcli.operations.call import Call
from perfcli.recorder import OK, SKIPPED, Recorder

BoundStep = Callable[[int, int, int], int]
"""(user index, choice, packed draw) → does the step, records it, returns the clock's reading after it, in ns."""


@dataclass(slots=True)
class StepBinder:
    """Makes the functions of one vu for one phase.

    Args:
        caller: for calls with a timeout; None if the flow has none.
        pause: waits that many ns, or until iterations are cut off.
    """

    recorder: Recorder
    outcomes: Outcomes
    caller: TimedCaller | None
    now_ns: Callable[[], int]
    pause: Callable[[int], None]
    _has_failed: bool = False

    def bind(self, flow: Sequence[StepSettings], calls: Sequence[Call | None]) -> list[BoundStep]:
        """The functions of a flow, by place; `calls` holds None for a pause."""
        needs = needed_steps(flow)
        succeeded = [True] * len(flow)
        steps = []
        for place, (settings, call, needed) in enumerate(zip(flow, calls, needs, strict=True)):
            if call is None:
                steps.append(self._pause(settings))
                continue
            step = self._plain(call) if call.is_plain else self._special(call)
            if needed is not None:
                step = self._only_if(step, succeeded, needed)
            if place in needs:
                step = self._noted(step, succeeded, place)
            steps.append(step)
        return steps

    def _plain(self, call: Call) -> BoundStep:
        make_arguments, invoke, check = call.arguments, call.invoke, call.check
        now_ns, record, outcomes = self.now_ns, self.recorder.record, self.outcomes

        def step(user: int, choice: int, packed: int) -> int:
            start_ns = end_ns = 0
            answer = None
            try:
                arguments = make_arguments(user, choice)
                start_ns = now_ns()
                answer = invoke(*arguments)
                end_ns = now_ns()
                problem = check(arguments, answer)
            except BaseException as error:
                outcome = outcomes.unreadable(error, answer) if end_ns else outcomes.raised(error)
                return self._fail(packed, outcome, start_ns, end_ns)
            if problem:
                return self._fail(packed, outcomes.wrong(problem, arguments, answer), start_ns, end_ns)
            record(packed, start_ns, end_ns)
            return end_ns

        return step

    def _special(self, call: Call) -> BoundStep:
        """A call with a timeout, or one that times itself."""
        make_arguments, invoke, check, timeout_ns, block, _ = call
        now_ns, record, outcomes = self.now_ns, self.recorder.record, self.outcomes
        caller = self.caller if timeout_ns else None

        def step(user: int, choice: int, packed: int) -> int:
            start_ns = end_ns = 0
            answer, has_answer = None, False
            if block is not None:
                block.reset()
            try:
                arguments = make_arguments(user, choice)
                start_ns = now_ns()
                if caller is None:
                    answer = invoke(*arguments)
                    end_ns = now_ns()
                else:
                    start_ns, end_ns, answer = caller.do(invoke, arguments, timeout_ns)
                has_answer = True
                problem = check(arguments, answer)
            except BaseException as error:
                if start_ns and not has_answer:
                    start_ns, end_ns = (caller.start_ns, caller.end_ns) if caller else (start_ns, now_ns())
                outcome = outcomes.unreadable(error, answer) if has_answer else outcomes.raised(error)
            else:
                outcome = outcomes.wrong(problem, arguments, answer) if problem else OK
            if block is not None and block.start_ns:
                start_ns, end_ns = block.start_ns, block.end_ns or end_ns
            if outcome != OK:
                return self._fail(packed, outcome, start_ns, end_ns)
            record(packed, start_ns, end_ns)
            return end_ns

        return step

    def _pause(self, settings: StepSettings) -> BoundStep:
        duration_ns, now_ns, pause, recorder = settings.pause_ns, self.now_ns, self.pause, self.recorder

        def step(user: int, choice: int, packed: int) -> int:
            pause(duration_ns)
            if recorder.due_ns:
                # what follows a pause is late only if it starts later than the pause explains
                recorder.due_ns += duration_ns
            return now_ns()

        return step

    def _only_if(self, step: BoundStep, succeeded: Sequence[bool], needed: int) -> BoundStep:
        def step_if(user: int, choice: int, packed: int) -> int:
            return step(user, choice, packed) if succeeded[needed] else self._fail(packed, SKIPPED, 0, 0)

        return step_if

    def _noted(self, step: BoundStep, succeeded: list[bool], place: int) -> BoundStep:
        """A step that others need."""

        def noted(user: int, choice: int, packed: int) -> int:
            self._has_failed = False
            end_ns = step(user, choice, packed)
            succeeded[place] = not self._has_failed
            return end_ns

        return noted

    def _fail(self, packed: int, outcome: int, start_ns: int, end_ns: int) -> int:
        """Record a failure; a time that is 0 is now."""
        end_ns = end_ns or self.now_ns()
        self._has_failed = True
        self.recorder.record_failure(packed, outcome, start_ns or end_ns, end_ns)
        return end_ns
