"""One run of one scenario in the engine process, from an unopened engine to a closed one."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from threading import Barrier
from typing import Protocol

from perfcli.agent.link import Link
from perfcli.agent.outcomes import Outcomes
from perfcli.agent.vu import VirtualUser
from perfcli.clock import Clock
from perfcli.errors import PerfError, UsageError
from perfcli.executors import Schedule
from perfcli.executors.constant_vus import ConstantVusSchedule
from perfcli.plan import ExecutionPlan
from perfcli.recorder import Recorder
from perfcli.targets.protocol import EngineGone, Target
from perfcli.workload import Stream, Workload


class VuThreads(Protocol):
    """Where vus run."""

    def run(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Do all jobs at once, each in a thread of its own; raise what one of them raised."""


class SystemThreads:
    """Threads of this process, all started here, so that their memory is not taken for the engine's."""

    def __init__(self, vus: int) -> None:
        self._executor = ThreadPoolExecutor(vus, thread_name_prefix="vu")
        barrier = Barrier(vus)
        try:
            self.run([barrier.wait] * vus)
        except RuntimeError as error:
            barrier.abort()
            raise UsageError(f"this system does not let a process have {vus} threads: {error}") from error

    def run(self, jobs: Sequence[Callable[[], object]]) -> None:
        """Do all jobs at once, each in a thread of its own; raise what one of them raised."""
        futures = [self._executor.submit(job) for job in jobs]
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()


class Session:
    """The phases of a run, in their order."""

    def __init__(self, plan: ExecutionPlan, link: Link, clock: Clock, threads: VuThreads) -> None:
        self._plan = plan
        self._load = plan.scenario.load
        self._link = link
        self._clock = clock
        self._threads = threads
        self._recorders = [Recorder(vu, self._load.vus, link.frame) for vu in range(self._load.vus)]
        self._stage = "open"

    def run(self, make_target: Callable[[], Target]) -> None:
        """Go through all phases; a failure ends the session and is told to the tool."""
        try:
            self._phases(make_target)
        except (EngineGone, PerfError) as error:
            self._failed(str(error))
        except Exception as error:
            self._failed(f"{type(error).__name__}: {error}", traceback.format_exc())
        else:
            self._link.event("done")

    def _failed(self, message: str, where: str = "") -> None:
        self._link.event("failed", stage=self._stage, message=message, traceback=where)

    def _phases(self, make_target: Callable[[], Target]) -> None:
        self._checkpoint("harness")
        self._begin("open")
        target = make_target()
        version = target.open(lambda pid: self._link.event("engine", pid=pid))
        self._link.event("opened", version=version)
        self._checkpoint("opened")
        self._begin("set-up")
        target.set_up()
        vus = self._virtual_users(target)
        if self._load.warmup_ns:
            self._begin("warm-up")
            self._work(vus, ConstantVusSchedule(self._load.warmup_ns), "warm-up")
        self._checkpoint("baseline")
        self._begin("measuring")
        self._work(vus, self._load.schedule(), "load")
        self._link.event("measured", at_ns=self._clock.now_ns(), active_pets=target.active_pets())
        self._checkpoint("end")
        self._begin("clean-up")
        if target.clean_up():
            self._checkpoint("cleanup")
        self._begin("close")
        target.close()

    def _virtual_users(self, target: Target) -> list[VirtualUser]:
        outcomes = Outcomes(
            lambda number, kind, category: self._link.event("outcome", index=number, kind=kind, category=category)
        )
        return [
            VirtualUser(
                vu,
                self._plan.scenario,
                target,
                target.calls(vu),
                recorder,
                outcomes,
                self._clock,
                self._link.stop,
            )
            for vu, recorder in enumerate(self._recorders)
        ]

    def _work(self, vus: Sequence[VirtualUser], schedule: Schedule, stream: Stream) -> None:
        workloads = [Workload(self._plan.scenario, self._plan.seed, user.vu, stream) for user in vus]
        origin_ns = self._clock.now_ns()
        for recorder in self._recorders:
            recorder.begin(measured=stream == "load", now_ns=origin_ns)
        self._threads.run(
            [partial(user.run, schedule, workload, origin_ns) for user, workload in zip(vus, workloads, strict=True)]
        )

    def _begin(self, phase: str) -> None:
        self._stage = phase
        self._link.event("phase", name=phase, at_ns=self._clock.now_ns())

    def _checkpoint(self, name: str) -> None:
        # garbage that waits to be collected is nobody's leak
        gc.collect()
        self._link.checkpoint(name)
