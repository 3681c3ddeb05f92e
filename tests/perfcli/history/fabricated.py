"""Runs made of slices of known length: no clock, no engine."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from perfcli.errors import Verdict
from perfcli.results import Environment, LoadSlice, OperationResult, RunResult

SCENARIO: dict[str, Any] = {
    "name": "test",
    "engine": {"ai": {"latency": "50ms"}},
    "load": {"executor": "shared-iterations", "iterations": 100},
    "flow": [{"operation": "load_pet"}, {"operation": "save_pet"}, {"operation": "interact"}],
}
HERE = Environment(
    tool_version="1", python="CPython 3.11.7", sqlite="3.40.1", system="Linux 6.1", machine="x86_64", cpu_count=2
)


def slices(
    typical_ns: float, *, pace_ns: float = 20_000, count: int = 40, noise: float = 0.03, seed: int = 1
) -> list[LoadSlice]:
    """Parts of an operation that takes so long on a machine of that pace, which wanders by 10 %."""
    random = Random(seed)
    made = []
    for place in range(count):
        reference_ns = pace_ns * random.uniform(0.9, 1.1)
        median_ns = typical_ns * reference_ns / 20_000 * random.gauss(1, noise)
        made.append(
            LoadSlice(start_ns=place, count=10, mean_ns=median_ns, median_ns=median_ns, reference_ns=reference_ns)
        )
    return made


def run(operations: dict[str, Sequence[LoadSlice]], **changes: Any) -> RunResult:
    """A run of these operations."""
    return RunResult(
        **{
            "name": "test",
            "scenario": SCENARIO,
            "plan": "",
            "seed": 1,
            "started_at": "2026-01-02T03:04:05+00:00",
            "verdict": Verdict.PASS,
            "duration_ns": 1_000_000_000,
            "total": OperationResult(name="all operations", ok=1, failed=0),
            "slices": operations,
            "digest": "",
            "performed_as_planned": True,
            "environment": HERE,
            **changes,
        }
    )
