"""The loop of a flow that is one plain step, without pauses: the harness's hottest path, so nothing in it is a call
that can be done in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from perfcli.agent.outcomes import Outcomes
from perfcli.clock import StopSignal
from perfcli.operations.call import Call
from perfcli.recorder import Recorder
from perfcli.workload import Draw

Loop = Callable[[Iterator[object], Iterator[Sequence[Draw]], int], None]
"""(tickets, iterations, deadline in ns) → do an iteration for each ticket, until the deadline or the run is stopped."""


def one_step_loop(
    call: Call, recorder: Recorder, outcomes: Outcomes, stop: StopSignal, now_ns: Callable[[], int]
) -> Loop:
    """The loop that does a call again and again."""
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
