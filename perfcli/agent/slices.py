"""The load of a comparison: short slices of work, each begun by the tool, while the other engine stands still."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from perfcli.agent.channel import Channel
from perfcli.agent.timed_calls import Threads
from perfcli.agent.vu import VirtualUser
from perfcli.clock import Clock
from perfcli.executors.iterations import for_each_vu
from perfcli.operations.call import Call, begin_stream
from perfcli.plan import ExecutionPlan
from perfcli.wire import Slice, Sliced
from perfcli.workload import Workload

CHECKPOINTS_OF_SLICES: Final = frozenset({"baseline", "end"})
"""Where an engine that is compared stands still: nobody looks at it elsewhere."""

_AT_MOST_NS: Final = 600_000_000_000


class SlicedLoad:
    """Work in slices, through one sequence of operations for each vu."""

    def __init__(
        self, plan: ExecutionPlan, users: Mapping[int, VirtualUser], channel: Channel, clock: Clock, threads: Threads
    ) -> None:
        slowdown = plan.slices.slowdown if plan.slices else 0.0
        self._plan = plan
        self._channel = channel
        self._clock = clock
        self._threads = threads
        self._users = {
            vu: replace(user, calls=[call and _slowed(call, slowdown, clock.now_ns) for call in user.calls])
            if slowdown
            else user
            for vu, user in users.items()
        }
        self._workloads = {vu: Workload(plan.phase_of(vu), plan.seed, vu) for vu in users}
        for user in self._users.values():
            begin_stream(user.calls, "load")

    def run(self) -> None:
        """Do the slices that the tool asks for, until it asks for no more."""
        while order := self._channel.next_slice():
            self._threads.run(list(self._jobs(order)))
            self._channel.send(Sliced())

    def _jobs(self, order: Slice) -> Iterator[Callable[[], None]]:
        began_ns = self._clock.now_ns()
        ends_ns = began_ns + _AT_MOST_NS
        for phase in self._plan.waves[order.wave]:
            for user in (self._users[vu] for vu in phase.vus if vu in self._users):
                # how far a vu is, a schedule knows: each slice has its own
                schedule = for_each_vu(phase.load.vu_count, order.iterations, _AT_MOST_NS)
                user.recorder.begin(measured=order.measured, now_ns=began_ns)
                yield partial(user.run, schedule, self._workloads[user.vu], None, began_ns, ends_ns, ends_ns)


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
