"""Counts what operations cost: the same number on any machine, so that one run can be held against another's.

Two processes count, each on a database of its own. What differs between them hangs on chance or on time, and is marked:
it would differ from run to run too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any, Final, NamedTuple

from perfcli.clock import RunningTime
from perfcli.figures.engine import COUNTERS, KEPT, count_of
from perfcli.judgement import Ending
from perfcli.plan import ExecutionPlan
from perfcli.pool.protocol import WorkerPool
from perfcli.results import ExactCounters
from perfcli.run.engine_client import EngineClient
from perfcli.run.time_limits import TimeLimits
from perfcli.scenario.pool_settings import ONE_PROCESS
from perfcli.wire import Counted, Message

_COUNTS: Final = 2
_TICK_S: Final = 0.05
_SAME_MEMORY_BYTES: Final = 64
"""Memory is counted in whole blocks of the allocator: less than this is no difference."""


class Count(NamedTuple):
    """What was counted; and how the counting ended, if it did not end by itself."""

    counters: ExactCounters | None
    ending: Ending = Ending()


def count_exactly(
    plan: ExecutionPlan,
    pool: WorkerPool[Any],
    interrupted: Callable[[], str] = lambda: "",
    take: Callable[[Message], None] = lambda message: None,
) -> Count:
    """Count in engine processes of their own.

    Args:
        interrupted: why to stop, if there is a reason.
        take: receives what the first process says beside its counts.
    """
    counting, place = counted_plan(plan), pool.for_counting()
    counts: dict[int, ExactCounters] = {}

    def receive(number: int, message: Message) -> None:
        if isinstance(message, Counted):
            counts[number] = message.counts
        elif number == 0:
            take(message)

    running, limits = RunningTime(), TimeLimits(counting)
    with ExitStack() as stack:
        clients = []
        for number in range(_COUNTS):
            engine = place.start(counting, stack.enter_context(place.make_database()))
            stack.callback(engine.end)
            clients.append(EngineClient(engine, limits, 0, partial(receive, number), running))
        while any(client.ending is None for client in clients):
            if reason := interrupted():
                return Count(None, Ending(interrupted=reason))
            for client in clients:
                if client.ending is None:
                    client.engine.bound_output()
                    client.listen(_TICK_S)
            if broken := [client.ending for client in clients if client.ending not in (None, Ending())]:
                return Count(None, broken[0] or Ending())
    return Count(compared(counts[0], counts[1]))


def counted_plan(plan: ExecutionPlan) -> ExecutionPlan:
    """The plan to count by: one process, and an AI that answers at once and never fails."""
    scenario = plan.scenario
    ai = scenario.engine.ai.model_copy(update={"latency": "0ms", "jitter": "0ms", "error_rate": "0%"})
    engine = scenario.engine.model_copy(update={"ai": ai})
    counted = scenario.model_copy(update={"engine": engine, "pool": ONE_PROCESS})
    return ExecutionPlan.model_construct(scenario=counted, seed=plan.counting_seed)


def not_countable(plan: ExecutionPlan, reason: str) -> ExactCounters:
    """The counters of an engine that is out of sight."""
    return ExactCounters(
        seed=plan.counting_seed,
        tool_version="",
        system="",
        python="",
        sqlite="",
        sqlite_options="",
        not_counted=dict.fromkeys(COUNTERS, reason),
    )


def compared(first: ExactCounters, second: ExactCounters) -> ExactCounters:
    """The first count, with what the second one does not repeat marked as not exact."""
    differing = {name: f"two counts gave {_written(a)} and {_written(b)}" for name, a, b in _differing(first, second)}
    return first.model_copy(update={"not_exact": differing, "not_counted": second.not_counted | first.not_counted})


def _differing(first: ExactCounters, second: ExactCounters) -> Iterator[tuple[str, float | None, float | None]]:
    for metric in COUNTERS:
        for label in ("", *first.operations):
            a, b = count_of(first, metric, label), count_of(second, metric, label)
            if metric == KEPT:
                if not label and a is not None and b is not None and abs(a - b) > _SAME_MEMORY_BYTES:
                    yield KEPT, a, b
            elif label and a != b:
                yield f"{label}.{metric}", a, b


def _written(value: float | None) -> str:
    return "nothing" if value is None else f"{value:,.7g}"
