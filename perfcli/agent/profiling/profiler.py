"""What a session tells its profiler, and which profiler that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from perfcli.executors import Schedule
from perfcli.plan import ExecutionPlan
from perfcli.targets.protocol import Call

if TYPE_CHECKING:
    from perfcli.agent.profiling.findings import Findings

Job = Callable[[], None]


class Profiler:
    """Looks at nothing. Made right before the engine is imported; told of each step of the session."""

    file: Path | None = None
    """Where the findings go; None where nobody asked for any."""

    def engine_is_imported(self) -> None:
        """The engine's modules are there, none of its objects yet."""

    def watched(self, labels: Sequence[str], calls: Sequence[Call | None]) -> Sequence[Call | None]:
        """The calls of one vu, so that they can be seen; labels name their operations."""
        return calls

    def begin(self) -> None:
        """A wave is about to begin; its warm-up is over."""

    def during(self, job: Job) -> Job:
        """What one vu does while it is measured."""
        return job

    def find(self) -> Findings:
        """What was seen. The engine's cache is empty, the engine not yet closed."""
        from perfcli.agent.profiling.findings import Findings

        return Findings()

    def conclude(self) -> None:
        """Write down what was found."""
        if self.file is not None:
            self.file.write_text(self.find().model_dump_json(), encoding="utf-8")


class BoundedSchedule:
    """A schedule that is over after so long at the latest."""

    def __init__(self, schedule: Schedule, longest_ns: int) -> None:
        self._next_start_ns = schedule.next_start_ns
        self._longest_ns = longest_ns

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """As of the schedule; None where that is too late."""
        start_ns = self._next_start_ns(vu, now_ns)
        return None if start_ns is None or start_ns > self._longest_ns else start_ns


def make_profiler(plan: ExecutionPlan, database: Path, process: int) -> Profiler:
    """The profiler that a plan asks for; of several engine processes the first one is profiled.

    Each is imported only where it is wanted: a run that counts has nothing of them in its memory.
    """
    if plan.profile is None or process > 0:
        return Profiler()
    profiler = _make(plan.profile.by, plan, database)
    profiler.file = plan.profile.findings
    return profiler


def _make(by: str, plan: ExecutionPlan, database: Path) -> Profiler:
    match by:
        case "cpu":
            from perfcli.agent.profiling.cpu import CpuProfiler

            return CpuProfiler(plan.scenario.name, plan.vus)
        case "memory":
            from perfcli.agent.profiling.memory import MemoryProfiler

            return MemoryProfiler()
        case "sql" | "locks":
            from perfcli.agent.profiling.tracing import TracingProfiler

            return TracingProfiler(by, database)
    return Profiler()
