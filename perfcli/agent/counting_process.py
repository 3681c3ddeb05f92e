"""Counts what operations cost, and times none: `main([LINE, PLAN, DATABASE, PROCESS, INCARNATION, ENGINE])`.

What chance decides is drawn from the seed, and garbage is collected only between passes, so that the same engine gives
the same counts each time. Each pass has one instrument. All operations are done by the main thread.

Passes whose instruments are gone at their end come first: what watches connections stays attached to them.
"""

from __future__ import annotations

import gc
import hashlib
import os
import platform
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from functools import partial
from math import ceil
from pathlib import Path
from socket import socket
from time import monotonic
from typing import Any, Final

from perfcli.agent.channel import Channel, leave_after
from perfcli.agent.engine_import import use_engine
from perfcli.agent.inspection.instruments import (
    CallCounter,
    ForeignHooks,
    Instrument,
    PageCounter,
    StatementCounter,
    StepCounter,
)
from perfcli.agent.inspection.repeatable import SteadyTime, drop_cursor_references, make_chance_repeat, weigh
from perfcli.agent.inspection.shutdown import open_connections
from perfcli.agent.outcomes import Outcomes
from perfcli.agent.vu import VirtualUser, bind_own_operations
from perfcli.clock import StopSignal, SystemClock
from perfcli.figures.engine import CALLS, FIELDS, PAGES, STATEMENTS, STEPS
from perfcli.line import LINE_LOST, Line
from perfcli.operations.call import Call
from perfcli.operations.own.loading import LoadedFile, load_files
from perfcli.plan import ExecutionPlan, PlannedPhase
from perfcli.recorder import Frame, Recorder
from perfcli.results import ExactCounters, OperationCounts
from perfcli.targets.protocol import Target
from perfcli.version import VERSION, python_version
from perfcli.wire import OWN_OPERATIONS, Counted, Opened, Stage
from perfcli.workload import places

OPERATIONS: Final = 40
"""Operations of each phase in each pass, rounded up to whole iterations."""

OF_RAREST: Final = 10
"""A mix does more, until its rarest step is expected this often."""

MOST_OPERATIONS: Final = 200
"""Of a mix, however rare a step is."""

SKIPPED_STEP: Final = "skipped, because a step it needs failed"

_EVER: Final = 2**62
"""Longer than any pass takes, in ns."""

_HEARD_EVERY_S: Final = 5.0
"""How often the tool hears that counting goes on, however slow operations are."""


def main(arguments: list[str]) -> None:
    """Count, report, and leave."""
    descriptor, plan_file, database, engine = int(arguments[0]), arguments[1], Path(arguments[2]), Path(arguments[5])
    plan = ExecutionPlan.model_validate_json(Path(plan_file).read_text(encoding="utf-8"), strict=False)
    channel = Channel(Line(socket(fileno=descriptor)), orphaned=partial(os._exit, LINE_LOST))
    make_chance_repeat(plan.seed)
    steady = SteadyTime()
    steady.install()
    leave_after(_Count(plan, database, engine, channel, steady).run)


class _Unpaused(SystemClock):
    """A clock whose pauses take no time: nothing is timed."""

    def pause(self, duration_ns: int) -> None:
        """Go on at once."""


class _Pass:
    """Counts calls by the label of their step."""

    def __init__(self, instrument: Instrument) -> None:
        self.done: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        self._instrument = instrument

    def watch(self, label: str, call: Call | None) -> Call | None:
        """The same call, counted."""
        if call is None:
            return None
        invoke, done, counted = call.invoke, self.done, self.counted
        begin, end = self._instrument.begin, self._instrument.end

        def watched(*arguments: Any) -> Any:
            count = 0
            try:
                begin()
                try:
                    return invoke(*arguments)
                finally:
                    count = end()
            finally:
                done[label] += 1
                counted[label] += count

        return call._replace(invoke=watched)


class _Count:
    """All passes of one plan."""

    def __init__(self, plan: ExecutionPlan, database: Path, engine: Path, channel: Channel, steady: SteadyTime) -> None:
        self._plan = plan
        self._database = database
        self._engine = engine
        self._channel = channel
        self._steady = steady
        self._clock = _Unpaused(StopSignal())
        self._hooks = ForeignHooks()
        self._kinds: dict[int, str] = {}
        self._failures: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._stage = "open"
        self._began_s = 0.0
        self._closing: list[Callable[[], object]] = []
        self._connections: list[sqlite3.Connection] = []
        """Those that are open before the first operation."""

    def run(self) -> None:
        """Go through all steps; report a failure to the tool, and end."""
        self._channel.report_end(self._steps, lambda: self._stage)

    def _begin(self, stage: str) -> None:
        self._stage = stage
        self._began_s = monotonic()
        self._channel.send(Stage(stage))

    def _steps(self) -> None:
        from perfcli.targets import make_target

        self._begin("open")
        gc.disable()
        with self._hooks.watched():
            with use_engine(self._engine):
                target = make_target(self._plan, self._database)
            version = target.open(lambda _: None)
            self._channel.send(Opened(version))
            if self._plan.scenario.operations:
                self._begin(OWN_OPERATIONS)
            files = load_files(self._plan.scenario.operations)
            self._begin("set-up")
            target.set_up()
        # each collection then looks at what operations made, and at nothing older
        gc.collect()
        self._connections = open_connections()
        gc.freeze()
        users = [self._user(target, phase, files) for phase in self._plan.phases]
        self._begin("counting")
        self._channel.send(Counted(self._count(users)))
        self._begin("close")
        self._steady.end_operations()
        for close in self._closing:
            close()
        target.close()

    def _count(self, users: Sequence[VirtualUser]) -> ExactCounters:
        passes: dict[str, _Pass] = {}
        not_counted: dict[str, str] = {}

        def count(metric: str, instrument: Instrument, attached: AbstractContextManager[object]) -> None:
            gc.collect()
            one_pass = passes[metric] = _Pass(instrument)
            with attached:
                for user in users:
                    self._do(
                        user,
                        [one_pass.watch(step.label, call) for step, call in zip(user.flow, user.calls, strict=True)],
                    )
            if instrument.why_not:
                not_counted[metric] = instrument.why_not

        count(CALLS, CallCounter(self._hooks), nullcontext())
        count(PAGES, PageCounter(self._database), nullcontext())
        kept_bytes = self._weigh(users, passes[CALLS].done.total())
        gc.unfreeze()  # connections that are frozen are not found
        statements, steps = StatementCounter(self._hooks), StepCounter(self._hooks)
        count(STATEMENTS, statements, statements)
        count(STEPS, steps, steps)
        operations = {
            label: OperationCounts(
                done=done,
                failed=self._failed[label],
                **{
                    FIELDS[metric]: each.counted[label] / each.done[label]
                    for metric, each in passes.items()
                    if metric not in not_counted and each.done[label]
                },
            )
            for label, done in passes[CALLS].done.items()
        }
        return ExactCounters(
            seed=self._plan.seed,
            tool_version=VERSION,
            system=platform.system(),
            python=python_version(),
            sqlite=sqlite3.sqlite_version,
            sqlite_options=_compile_options(),
            operations=operations,
            kept_bytes=kept_bytes,
            not_counted=not_counted,
            failures=dict(self._failures),
        )

    def _weigh(self, users: Sequence[VirtualUser], done: int) -> float | None:
        kept = [weigh(partial(self._do, user, user.calls), partial(self._forget, user)) for user in users]
        return sum(kept) / done if done else None

    def _forget(self, user: VirtualUser) -> None:
        """Let go of what the harness and Python's sqlite3 hold of operations that are over."""
        user.recorder.blank()
        gc.collect()
        drop_cursor_references([*self._connections, *open_connections()])

    def _do(self, user: VirtualUser, calls: Sequence[Call | None]) -> None:
        phase = self._plan.phase_of(user.vu)
        calls = [call and call._replace(invoke=self._next(call.invoke)) for call in calls]
        user.do_counted(phase, self._plan.seed, _iterations(phase), _EVER, calls)

    def _next(self, invoke: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, as the next operation; the tool, which limits the time of a stage, hears of some."""

        def call_next(*arguments: Any) -> Any:
            self._steady.next_operation()
            if monotonic() - self._began_s > _HEARD_EVERY_S:  # not what the engine finds under that name
                self._begin("counting")
            return invoke(*arguments)

        return call_next

    def _user(self, target: Target, phase: PlannedPhase, files: Mapping[str, LoadedFile]) -> VirtualUser:
        """The first vu of a phase."""
        vu = phase.first_vu
        recorder = Recorder(vu, self._plan.vus, self._note_failures)
        own = bind_own_operations(files, self._plan, recorder, self._database, self._clock.now_ns)
        self._closing.append(own.close)
        # a call that is given up would go on in another thread
        calls = [call and call._replace(timeout_ns=0) for call in target.calls(vu, recorder.shown, own)]
        outcomes = Outcomes(self._learn, target.classify)
        return VirtualUser(vu, 0, phase.flow, calls, recorder, outcomes, None, self._clock, StopSignal())

    def _learn(self, number: int, kind: str, category: str, example: str) -> None:
        self._kinds[number] = kind

    def _note_failures(self, frame: Frame) -> None:
        flow = self._plan.flow_of(frame.vu)
        for index, place in enumerate(places(frame.draws)):
            if outcome := frame.failures.get(index):
                self._failed[flow[place].label] += 1
                self._failures[self._kinds.get(outcome, SKIPPED_STEP)] += 1


def _iterations(phase: PlannedPhase) -> int:
    """Of each pass."""
    if not phase.phase.is_mix:
        return ceil(OPERATIONS / len(phase.flow))
    weights = [step.weight for step in phase.flow if step.weight]
    return min(MOST_OPERATIONS, max(OPERATIONS, ceil(OF_RAREST * sum(weights) / min(weights))))


def _compile_options() -> str:
    """The digest of how SQLite was compiled."""
    with closing(sqlite3.connect(":memory:")) as connection:
        options = sorted(option for (option,) in connection.execute("PRAGMA compile_options"))
    return hashlib.sha256("\n".join(options).encode()).hexdigest()[:12]
