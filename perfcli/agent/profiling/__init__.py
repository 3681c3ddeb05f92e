"""What works inside the engine's process to say where its time and memory go; runs that count are without it."""

from __future__ import annotations

from pathlib import Path

from perfcli.agent.profiling.profiler import Profiler
from perfcli.plan import ExecutionPlan


def make_profiler(plan: ExecutionPlan, database: Path, process: int) -> Profiler:
    """The profiler that a plan asks for; of several engine processes the first one is profiled.

    Each is imported only where it is wanted: a run that counts has nothing of them in its memory.
    """
    if plan.profile is None or process > 0:
        return Profiler()
    match by := plan.profile.by:
        case "cpu":
            from perfcli.agent.profiling.cpu import CpuProfiler

            return CpuProfiler(plan.scenario.name, plan.vus)
        case "memory":
            from perfcli.agent.profiling.allocations import MemoryProfiler

            return MemoryProfiler()
        case "sql" | "locks":
            from perfcli.agent.profiling.tracing import TracingProfiler

            return TracingProfiler(by, database)
    return Profiler()
