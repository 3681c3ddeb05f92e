"""One run of one scenario in the engine process, from an unopened engine to a closed one."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from threading import Thread
from typing import Final

from perfcli.agent.channel import Channel
from perfcli.agent.inspection import EngineInspector
from perfcli.agent.inspection.counting import OPERATIONS, OPERATIONS_OF_A_PAIR
from perfcli.agent.outcomes import Outcomes
from perfcli.agent.profiling import make_profiler
from perfcli.agent.profiling.profiler import Profiler
from perfcli.agent.slices import CHECKPOINTS_OF_SLICES, SlicedLoad
from perfcli.agent.timed_calls import Threads, TimedCaller
from perfcli.agent.vu import VirtualUser
from perfcli.clock import Clock
from perfcli.errors import PerfError
from perfcli.executors import Schedule
from perfcli.executors.arrivals import LATE_START_NS
from perfcli.executors.base import BoundedSchedule, Share
from perfcli.executors.constant_vus import steady
from perfcli.executors.per_vu_iterations import for_each_vu
from perfcli.operations.call import Call, begin_stream
from perfcli.operations.own.binding import OwnVu
from perfcli.operations.own.loading import load_files
from perfcli.plan import INCARNATION, LONGEST_PASS_NS, ExecutionPlan, PlannedPhase
from perfcli.recorder import Recorder
from perfcli.scenario.canary_mode import may_share_pets
from perfcli.targets.error_kinds import named
from perfcli.targets.protocol import EngineGone, Target
from perfcli.wire import (
    OWN_OPERATIONS,
    Answers,
    Done,
    Failed,
    LivesIn,
    LoadOver,
    Opened,
    Outcome,
    PhaseOver,
    Profiled,
    Stage,
    Wave,
)
from perfcli.workload import Stream, Workload

_REFERENCE_INTERVAL_NS: Final = 40_000_000
_MOST_SHARING_IT: Final = 10
_ANSWERS_BYTES: Final = 100_000

Job = Callable[[], None]


class Session:
    """The steps of a run, in their order.

    Args:
        process: which of the scenario's engine processes this is, from 0.
        incarnation: how many processes of this number there were before, on the same database.
        make_inspector: called right before the engine is imported.
        collect: collects the process's garbage.
    """

    def __init__(
        self,
        plan: ExecutionPlan,
        process: int,
        database: Path,
        channel: Channel,
        clock: Clock,
        threads: Threads,
        *,
        incarnation: int = 0,
        make_inspector: Callable[[ExecutionPlan, Path], EngineInspector],
        collect: Callable[[], object] = gc.collect,
    ) -> None:
        self._plan = plan
        self._process = process
        self._makes_setup = process == 0 and incarnation == 0
        self._database = database
        self._channel = channel
        self._clock = clock
        self._threads = threads
        self._make_inspector = make_inspector
        self._collect = collect
        self._recorders = {
            vu: Recorder(incarnation * INCARNATION + vu, plan.vus, channel.frame, self._reference_timer())
            for vu in range(plan.vus)
            if plan.process_of(vu) == process
        }
        self._profiler = Profiler()
        self._stage = "open"

    def run(self, make_target: Callable[[], Target]) -> None:
        """Go through all steps; a failure ends the session and is told to the tool."""
        try:
            self._steps(make_target)
        except (EngineGone, PerfError) as error:
            hint = getattr(error, "hint", "") if self._stage == OWN_OPERATIONS else ""
            self._failed(str(error), hint)
        except Exception as error:
            self._failed(named(error), traceback.format_exc())
        else:
            self._channel.send(Done())

    def _failed(self, message: str, where: str = "") -> None:
        self._channel.send(Failed(self._stage, message, where))

    def _steps(self, make_target: Callable[[], Target]) -> None:
        self._checkpoint("harness")
        self._begin("open")
        inspector = self._make_inspector(self._plan, self._database)
        self._profiler = make_profiler(self._plan, self._database, self._process)
        target = make_target()
        self._profiler.engine_is_imported()
        version = target.open(lambda pid: self._channel.send(LivesIn(pid)))
        self._channel.send(Opened(version))
        self._stage = OWN_OPERATIONS
        own = self._own_operations()
        self._checkpoint("opened")
        self._begin("set-up")
        if self._makes_setup:
            target.set_up()
            self._checkpoint("set up")
        else:
            self._checkpoint("set up")
            target.join()
        users = self._virtual_users(target, own)
        if self._plan.slices is None:
            self._load(target, users)
        else:
            self._checkpoint("baseline")
            self._begin("measuring")
            SlicedLoad(self._plan, users, self._channel, self._clock, self._threads).run()
        self._checkpoint("end")
        self._count_costs(users, inspector)
        self._checkpoint("account")
        if self._plan.scenario.asks_for("fidelity.differences"):
            self._begin("asking for answers")
            self._send_answers(target.answers(of_setup=self._process == 0))
        self._begin("clean-up")
        if target.clean_up():
            self._checkpoint("cleanup")
        self._begin("close")
        if self._plan.profile is not None and self._process == 0:
            self._channel.send(Profiled(self._profiler.find()))
        for operations in own.values():
            operations.close()
        self._channel.send(inspector.leave(target.close, self._harness_threads(users)))

    def _send_answers(self, answers: Iterator[str]) -> None:
        for first in answers:
            lines, size = [first], len(first)
            while size < _ANSWERS_BYTES and (line := next(answers, "")):
                lines.append(line)
                size += len(line)
            self._channel.send(Answers("".join(lines)))

    def _load(self, target: Target, users: dict[int, VirtualUser]) -> None:
        for number, wave in enumerate(self._plan.waves):
            warmed = [phase for phase in wave if phase.load.warmup_ns]
            if warmed:
                self._begin("warm-up")
                began_ns = self._clock.now_ns()
                self._threads.run(list(self._warm_up(users, warmed)))
                self._rest_until(began_ns + max(phase.load.warmup_ns for phase in warmed))
            began_ns = self._checkpoint("wave" if number else "baseline")
            self._begin("measuring")
            self._profiler.begin()
            origin_ns = max(began_ns, self._clock.now_ns())
            self._channel.send(Wave(number, origin_ns))
            self._threads.run(list(self._measure(users, wave, origin_ns)))
            ends_ns = {phase.index: origin_ns + self._lasts_ns(phase) for phase in wave}
            rested_ns = self._rest_until(max(ends_ns.values()))
            for phase in wave:
                mine = [users[vu] for vu in phase.vus if vu in users]
                # a load that is stopped ends then, whatever was planned
                ended_ns = max([min(ends_ns[phase.index], rested_ns), *(user.ended_ns for user in mine)])
                interrupted = sum(user.interrupted for user in mine)
                self._channel.send(PhaseOver(phase.index, ended_ns, interrupted))
        self._channel.send(LoadOver(self._clock.now_ns(), target.active_pets()))

    def _lasts_ns(self, phase: PlannedPhase) -> int:
        """How long after the beginning of its wave a phase lasts at least."""
        planned_ns = phase.load.planned_ns or 0
        return (phase.load.start_after_ns or 0) + min(planned_ns, self._bound_ns or planned_ns)

    @property
    def _bound_ns(self) -> int | None:
        """How long a wave of a profile lasts at most; None for any other run."""
        return self._plan.profile.longest_ns // len(self._plan.waves) if self._plan.profile else None

    def _rest_until(self, until_ns: int) -> int:
        """Wait, unless the run is stopped; return when that was over."""
        while (now_ns := self._clock.now_ns()) < until_ns and not self._channel.stop.asked:
            self._clock.pause(until_ns - now_ns)
        return now_ns

    def _count_costs(self, users: dict[int, VirtualUser], inspector: EngineInspector) -> None:
        """Let the first vu of each phase do some more iterations, counted and not timed, where a threshold asks."""
        if self._process > 0 or not inspector.costs.is_wanted:
            return
        self._begin("counting")
        for phase in self._plan.phases:
            job = partial(self._count_costs_of, users[phase.first_vu], phase, inspector)
            self._threads.run([job])

    def _count_costs_of(self, user: VirtualUser, phase: PlannedPhase, inspector: EngineInspector) -> None:
        operations = OPERATIONS if self._plan.slices is None else OPERATIONS_OF_A_PAIR
        iterations = -(-operations // (1 if phase.phase.is_mix else len(phase.flow)))
        user.recorder.begin(measured=False, now_ns=self._clock.now_ns())

        def do(calls: Sequence[Call | None]) -> None:
            begin_stream(calls, "counting")
            now_ns = self._clock.now_ns()
            ends_ns = now_ns + LONGEST_PASS_NS
            schedule = for_each_vu(phase.load.vu_count, iterations, LONGEST_PASS_NS)
            workload = Workload(phase, self._plan.seed, user.vu, "counting")
            replace(user, calls=calls).run(schedule, workload, None, now_ns, ends_ns, ends_ns)

        inspector.costs.count(user.calls, [step.label for step in phase.flow], do, forget=user.recorder.blank)

    def _harness_threads(self, users: dict[int, VirtualUser]) -> list[Thread]:
        return [*self._threads.stuck, *(user.hands.thread for user in users.values() if user.hands)]

    def _own_operations(self) -> dict[int, OwnVu]:
        """The functions of the user's own for each vu; only now is their code executed, on the engine under test."""
        files = load_files(self._plan.scenario.operations)
        shared = may_share_pets(self._plan.scenario)
        folder = self._database.parent.parent / "files"
        for recorder in self._recorders.values():
            recorder.journal.notes_all = shared
        return {
            vu: OwnVu(
                files,
                recorder.vu,
                self._plan.seed,
                recorder.journal,
                folder / f"vu-{recorder.vu}",
                self._clock.now_ns,
                slowdown=self._plan.slices.slowdown if self._plan.slices else 0.0,
            )
            for vu, recorder in self._recorders.items()
        }

    def _virtual_users(self, target: Target, own: Mapping[int, OwnVu]) -> dict[int, VirtualUser]:
        outcomes = Outcomes(
            lambda *kind: self._channel.send(Outcome(*kind)),
            target.classify,
            self._process,
            self._plan.scenario.pool.processes,
        )
        return {
            vu: VirtualUser(
                recorder.vu,
                vu - self._plan.phase_of(vu).first_vu,
                self._plan.flow_of(vu),
                self._profiler.watched(
                    [step.label for step in self._plan.flow_of(vu)], target.calls(recorder.vu, recorder.shown, own[vu])
                ),
                recorder,
                outcomes,
                self._timed_caller(vu),
                self._clock,
                self._channel.stop,
            )
            for vu, recorder in self._recorders.items()
        }

    def _timed_caller(self, vu: int) -> TimedCaller | None:
        has_timeouts = any(step.timeout for step in self._plan.flow_of(vu))
        return self._threads.timed_caller(f"vu {vu}") if has_timeouts else None

    def _warm_up(self, users: dict[int, VirtualUser], phases: Sequence[PlannedPhase]) -> Iterator[Job]:
        origin_ns = self._clock.now_ns()
        for phase in phases:
            schedule = steady(phase.load.warmup_ns)
            yield from self._jobs(users, phase, schedule, "warm-up", origin_ns, origin_ns + phase.load.warmup_ns)

    def _measure(self, users: dict[int, VirtualUser], wave: Sequence[PlannedPhase], origin_ns: int) -> Iterator[Job]:
        share = Share(self._process, self._plan.scenario.pool.processes)
        for phase in wave:
            load = phase.load
            begins_ns = origin_ns + (load.start_after_ns or 0)
            schedule = load.schedule(share)
            if self._bound_ns:
                schedule = BoundedSchedule(schedule, self._bound_ns)
            jobs = self._jobs(users, phase, schedule, "load", begins_ns, begins_ns + load.longest_ns)
            yield from map(self._profiler.during, jobs)

    def _jobs(
        self,
        users: dict[int, VirtualUser],
        phase: PlannedPhase,
        schedule: Schedule,
        stream: Stream,
        begins_ns: int,
        ends_ns: int,
    ) -> Iterator[Job]:
        measured = stream == "load"
        cut_off_ns = ends_ns + phase.load.graceful_stop_ns
        for user in (users[vu] for vu in phase.vus if vu in users):
            workload = Workload(phase, self._plan.seed, user.vu, stream)
            user.recorder.begin(measured=measured, now_ns=begins_ns, is_open=measured and phase.load.is_open)
            random = Random(f"{self._plan.seed}/think/{stream}/{user.vu}").random
            begin_stream(user.calls, stream)
            thinking = phase.load.think_time
            pause_after = thinking.pause_after(random) if thinking.longest_ns else None
            yield partial(user.run, schedule, workload, pause_after, begins_ns, ends_ns + LATE_START_NS, cut_off_ns)

    def _reference_timer(self) -> Callable[[], int]:
        """Times the reference kernel for one vu, now and then."""
        due_ns = 0
        interval_ns = _REFERENCE_INTERVAL_NS * min(_MOST_SHARING_IT, self._plan.vus)

        def timer() -> int:
            nonlocal due_ns
            now_ns = self._clock.now_ns()
            if now_ns < due_ns:
                return 0
            due_ns = now_ns + interval_ns
            return self._clock.time_reference_ns()

        return timer

    def _begin(self, phase: str) -> None:
        self._stage = phase
        self._channel.send(Stage(phase))

    def _checkpoint(self, name: str) -> int:
        # garbage that waits to be collected is nobody's leak
        self._collect()
        if self._plan.slices is not None and name not in CHECKPOINTS_OF_SLICES:
            return 0
        return self._channel.checkpoint(name)
