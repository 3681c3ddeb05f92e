"""One run of one scenario in the engine process, from an unopened engine to a closed one."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import KW_ONLY, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

from perfcli.agent.channel import Channel
from perfcli.agent.inside_faults import FaultOrders, Inflictor, ThisProcess
from perfcli.agent.inspection import OPERATIONS, EngineInspector
from perfcli.agent.outcomes import Outcomes
from perfcli.agent.profiling import make_profiler
from perfcli.agent.profiling.profiler import Profiler
from perfcli.agent.system_calls import dying_at_write
from perfcli.agent.timed_calls import Threads, TimedCaller
from perfcli.agent.vu import VirtualUser, bind_own_operations
from perfcli.agent.waves import CHECKPOINTS_OF_SLICES, Waves, do_slices
from perfcli.clock import Clock
from perfcli.faults.inside import InsideFault
from perfcli.operations.call import Call
from perfcli.operations.own.binding import OwnVu
from perfcli.operations.own.loading import load_files
from perfcli.plan import INCARNATION, LONGEST_PASS_NS, ExecutionPlan
from perfcli.recorder import BegunCalls, Recorder
from perfcli.targets.protocol import Obey, Surroundings, Target
from perfcli.wire import (
    OWN_OPERATIONS,
    Answers,
    LoadOver,
    Opened,
    Outcome,
    Profiled,
    Rejoined,
    Stage,
)

_REFERENCE_INTERVAL_NS: Final = 40_000_000
_MOST_SHARING_IT: Final = 10
_LOOK_INTERVAL_NS: Final = 100_000_000
_ANSWERS_BYTES: Final = 100_000


@dataclass
class Session:
    """The steps of a run, in their order.

    Args:
        process: which of the scenario's engine processes this is, from 0.
        incarnation: how many processes of this number there were before, on the same database.
        begun: the file that tells how many calls each vu had begun, if this process is to be killed.
        make_inspector: called right before the engine is imported.
        collect: collects the process's garbage.
    """

    plan: ExecutionPlan
    process: int
    database: Path
    channel: Channel
    clock: Clock
    threads: Threads
    _: KW_ONLY
    incarnation: int = 0
    begun: Path
    make_inspector: Callable[[ExecutionPlan, Path], EngineInspector]
    collect: Callable[[], object] = gc.collect

    def __post_init__(self) -> None:
        plan, shift = self.plan, self.incarnation * INCARNATION
        oldest_ns = plan.oldest_sample_ns
        self._recorders = {
            vu: Recorder(shift + vu, plan.vus, self.channel.frame, self._reference_timer(), oldest_ns)
            for vu in range(plan.vus)
            if plan.process_of(vu) == self.process
        }
        self._begun = None if oldest_ns is None else BegunCalls(self.begun, plan.vus, self.clock.now_ns)
        self._profiler = Profiler()
        self._stage = "open"

    def run(self, make_target: Callable[[], Target]) -> None:
        """Go through all steps; report a failure to the tool, and end."""
        self.channel.report_end(lambda: self._steps(make_target), lambda: self._stage)

    def _steps(self, make_target: Callable[[], Target]) -> None:
        for package in {fault.package for fault in self.plan.scenario.faults} - {""}:
            import_module(package)
        self.checkpoint("harness")
        self.begin("open")
        inspector = self.make_inspector(self.plan, self.database)
        self._profiler = make_profiler(self.plan, self.database, self.process)
        target = make_target()
        self._profiler.engine_is_imported()
        version = target.open(self.channel.send)
        self.channel.send(Opened(version))
        own = self._own_operations()
        self.checkpoint("opened")
        self.begin("set-up")
        if self.process == self.plan.first_process and not self.incarnation:
            target.set_up()
            self.checkpoint("set up")
        else:
            self.checkpoint("set up")
            if self.process != self.plan.host:
                target.join()
        users = self._virtual_users(target, own)
        self._load(target, users)
        self.checkpoint("end")
        self._count_syncs(users, inspector)
        self.checkpoint("account")
        if self.plan.scenario.asks_for("fidelity.differences"):
            self.begin("asking for answers")
            self._send_answers(target.answers(of_setup=self.process == 0))
        self.begin("clean-up")
        if target.clean_up():
            self.checkpoint("cleanup")
        self.begin("close")
        if self.plan.profile is not None and self.process == 0:
            self.channel.send(Profiled(self._profiler.find()))
        for operations in own.values():
            operations.close()
        harness = [*self.threads.stuck, *(user.timed_caller.thread for user in users.values() if user.timed_caller)]
        self.channel.send(inspector.leave(target.close, harness))

    def _load(self, target: Target, users: Mapping[int, VirtualUser]) -> None:
        if self.process == self.plan.host:
            self._serve(target)
        elif self.plan.slices is not None:
            self.checkpoint("baseline")
            self.begin("measuring")
            do_slices(self.plan, users, self.channel, self.clock, self.threads)
        else:
            rejoin = None
            if self.incarnation:
                self.checkpoint("rejoin")
                rejoin = self.channel.rejoin()
            at_write = self.plan.crash.at_write if self.plan.crash and not self.incarnation else None
            with dying_at_write(at_write) if at_write else nullcontext(), self._faults(target):
                Waves(
                    *(self.plan, self.process, users, self.channel, self.clock, self.threads),
                    self._profiler,
                    self._begun.forget if self._begun else lambda vu: None,
                    self.begin,
                    self.checkpoint,
                ).run(rejoin)
            self.channel.send(LoadOver(self.clock.now_ns(), target.active_pets()))

    def _serve(self, target: Target) -> None:
        """Have the server do what the vus of the other processes ask for, until the tool says that their load is over.

        Raises:
            EngineGone: the server has ended.
        """
        self.checkpoint("rejoin" if self.incarnation else "baseline")
        self.begin("measuring")
        if self.incarnation:
            self.channel.send(Rejoined(self.process, self.clock.now_ns()))
        with self._faults(target):
            while not self.channel.stop.asked:
                target.see_that_it_lives()
                self.clock.pause(_LOOK_INTERVAL_NS)

    @contextmanager
    def _faults(self, target: Target) -> Iterator[None]:
        """Surrounds the load: the tool's orders of faults are carried out in it."""
        with ExitStack() as stack:

            def here(there: Surroundings) -> Obey:
                inside = ThisProcess(self.plan, there)
                if self.plan.scenario.target.in_process:
                    stack.enter_context(inside.movable_clock())
                return Inflictor(self.plan, self.process, self.clock.now_ns, inside).obey

            host = self.plan.host
            has_engine, has_vus = host in (None, self.process), host != self.process
            faults = [fault for fault in self.plan.scenario.faults if isinstance(fault, InsideFault)]
            if any(has_engine if fault.is_in_engine else has_vus for fault in faults):
                orders = FaultOrders(self.process, self.channel, target.fault_orders(here))
                stack.enter_context(orders)
            yield

    def _send_answers(self, answers: Iterator[str]) -> None:
        for first in answers:
            lines, size = [first], len(first)
            while size < _ANSWERS_BYTES and (line := next(answers, "")):
                lines.append(line)
                size += len(line)
            self.channel.send(Answers("".join(lines)))

    def _count_syncs(self, users: dict[int, VirtualUser], inspector: EngineInspector) -> None:
        """Let the first vu of each phase do some more iterations, counted and not timed, where a threshold asks."""
        if self.process > 0 or not inspector.syncs.is_wanted:
            return
        self.begin("counting")
        for phase in self.plan.phases:
            user = users[phase.first_vu]
            iterations = -(-OPERATIONS // (1 if phase.phase.is_mix else len(phase.flow)))
            do = partial(user.do_counted, phase, self.plan.seed, iterations, LONGEST_PASS_NS)
            self.threads.run([partial(inspector.syncs.count, user.calls, do)])

    def _own_operations(self) -> dict[int, OwnVu]:
        """The functions of the user's own for each vu; only now is their code executed, on the engine under test."""
        if self.plan.scenario.operations:
            self.begin(OWN_OPERATIONS)
        files = load_files(self.plan.scenario.operations)
        return {
            vu: bind_own_operations(files, self.plan, recorder, self.database, self.clock.now_ns)
            for vu, recorder in self._recorders.items()
        }

    def _virtual_users(self, target: Target, own: Mapping[int, OwnVu]) -> dict[int, VirtualUser]:
        outcomes = Outcomes(
            lambda *kind: self.channel.send(Outcome(*kind)),
            target.classify,
            self.process,
            self.plan.scenario.pool.processes,
            self.incarnation,
        )
        return {
            vu: VirtualUser(
                recorder.vu,
                vu - self.plan.phase_of(vu).first_vu,
                self.plan.flow_of(vu),
                self._watched(vu, target.calls(recorder.vu, recorder.shown, own[vu])),
                recorder,
                outcomes,
                self._timed_caller(vu),
                self.clock,
                self.channel.stop,
            )
            for vu, recorder in self._recorders.items()
        }

    def _watched(self, vu: int, calls: Sequence[Call | None]) -> Sequence[Call | None]:
        """The calls of a vu as the profiler sees them, and counted if this process is to be killed."""
        begun = self._begun
        if begun is not None:
            calls = [call and call._replace(arguments=begun.counting(vu, call.arguments)) for call in calls]
        return self._profiler.watched([step.label for step in self.plan.flow_of(vu)], calls)

    def _timed_caller(self, vu: int) -> TimedCaller | None:
        has_timeouts = any(step.timeout for step in self.plan.flow_of(vu))
        return self.threads.timed_caller(f"vu {vu}") if has_timeouts else None

    def _reference_timer(self) -> Callable[[], int]:
        """Times the reference kernel for one vu, now and then."""
        due_ns = 0
        interval_ns = _REFERENCE_INTERVAL_NS * min(_MOST_SHARING_IT, self.plan.vus)

        def timer() -> int:
            nonlocal due_ns
            now_ns = self.clock.now_ns()
            if now_ns < due_ns:
                return 0
            due_ns = now_ns + interval_ns
            return self.clock.time_reference_ns()

        return timer

    def begin(self, stage: str) -> None:
        """Begin the next stage, and report it to the tool; a failure from here on belongs to it."""
        self._stage = stage
        self.channel.send(Stage(stage))

    def checkpoint(self, name: str) -> int:
        """Collect garbage and stand still until the tool lets it go on; return when, 0 for at once."""
        # garbage that waits to be collected is nobody's leak
        self.collect()
        if self.plan.slices is not None and name not in CHECKPOINTS_OF_SLICES:
            return 0
        return self.channel.checkpoint(name)
