"""Fabricated results with everything that a page can show, and names that would break one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable

import pytest

from perfcli.ab.result import AbResult, Change, EngineSide, MetricComparison, Pairing
from perfcli.errors import Verdict
from perfcli.metrics.histogram import Histogram, bucket_floor
from perfcli.results import (
    BaselineComparison,
    LeakResult,
    LoadSlice,
    MonitorSample,
    OperationChange,
    OperationResult,
    PhaseResult,
    RunResult,
    SecondOfLoad,
    ThresholdResult,
)

HOSTILE = '<b onclick="x()">"né\'w|\nline</b> 👩‍💻 </script><script>document.title="owned"</script>\x00\ud800'
SECOND_NS = 1_000_000_000


def counts(typical_ns: int) -> dict[int, int]:
    """The histogram of two thousand samples with a long tail."""
    return Counter(bucket_floor(round(typical_ns * (1 + (each / 500) ** 3))) for each in range(2_000))


def seconds(typical_ns: int) -> list[SecondOfLoad]:
    """Ten seconds of a hundred operations."""
    at = {"mean_ns": typical_ns, "p50_ns": typical_ns, "p95_ns": 5 * typical_ns, "p99_ns": 9 * typical_ns}
    at["max_ns"] = 20 * typical_ns
    return [SecondOfLoad(second=second, ok=100 + second, failed=second % 2, **at) for second in range(10)]


def reading(tenth: int) -> MonitorSample:
    """What the monitor saw at some tenth of a second: memory grows by 1 kB an operation."""
    return MonitorSample(
        at_ns=tenth * SECOND_NS // 10,
        rss=43_900_000 + 10_000 * tenth,
        uss=35_000_000 + 9_000 * tenth if tenth % 5 == 0 else None,
        cpu=0.5 + 0.4 * math.sin(tenth),
        threads=7,
        open_files=12,
        database_bytes=4_096 * tenth,
        wal_bytes=100_000,
        operations=10 * tenth,
    )


@pytest.fixture
def hostile() -> str:
    """A name that would break a page which did not escape it."""
    return HOSTILE


@pytest.fixture
def full_result(
    make_result: Callable[..., RunResult],
    make_operation: Callable[..., OperationResult],
    make_phase: Callable[..., PhaseResult],
    judged: Callable[..., ThresholdResult],
) -> Callable[..., RunResult]:
    """A factory of runs of ten seconds with two phases, and every section filled."""

    def make(name: str = "load_pet", **changes: object) -> RunResult:
        operations = [
            make_operation(name, 7_000, 1_900, 5, errors={f"{name} is locked": 5}, histogram_ns=counts(7_000)),
            make_operation("save_pet", 60_000, 2_000, histogram_ns=counts(60_000)),
        ]
        operations[1] = operations[1].model_copy(update={"service_time": operations[1].latency})
        rate = {"offered_per_s": 90.0, "achieved_per_s": 90.0, "offered_line": [(0, 0.0), (5 * SECOND_NS, 180.0)]}
        calm = make_phase("calm", 2, *operations, duration_ns=5 * SECOND_NS, **rate)
        calm = calm.model_copy(update={"vus_line": [(0, 2)]})
        steps = [(0, 1), (2 * SECOND_NS, 5)]
        rush = make_phase(name, 5, *operations, began_ns=5 * SECOND_NS, duration_ns=5 * SECOND_NS, vus_line=steps)
        known: dict[str, object] = {
            "name": name,
            "description": name,
            "scenario": {"name": name, "thresholds": ["latency.p95 < 1ms"]},
            "verdict": Verdict.FAIL,
            "reasons": [f"{name}: too slow"],
            "duration_ns": 10 * SECOND_NS,
            "phases": [calm, rush],
            "operations": operations,
            "thresholds": [
                judged("load_pet.latency.p95 < 1us", 9_000.0),
                judged("throughput > 50/s", 100.0, phase="calm"),
                judged("latency.p99 < 10ms", 9_000.0, phase=name),
            ],
            "seconds": seconds(20_000),
            "seconds_by_operation": {name: seconds(7_000), "save_pet": seconds(60_000)},
            "slices": {
                name: [LoadSlice(start_ns=n * SECOND_NS // 4, count=50, mean_ns=8e3, median_ns=7e3) for n in range(40)]
            },
            "monitor": [reading(tenth) for tenth in range(-3, 101)],
            "baseline": BaselineComparison(
                name=name,
                change="regression",
                operations=[OperationChange(name=name, ratio=1.3, p_slower=0.0001, change="regression")],
            ),
        }
        result = make_result(**{**known, **changes})
        leak = LeakResult(slope=1_000, lower_bound=900, second_half_slope=1_000, growth_bytes=7e5, judged=900)
        return result.model_copy(update={"memory": result.memory.model_copy(update={"leak": leak})})

    return make


@pytest.fixture
def comparison(full_result: Callable[..., RunResult]) -> Callable[..., AbResult]:
    """A factory of comparisons: one metric slower in each of twelve pairs, one unchanged."""

    def make(name: str = "load_pet.p50", **changes: object) -> AbResult:
        slower = [0.2 + 0.01 * pair for pair in range(12)]
        metrics = [
            MetricComparison(
                name=name,
                unit="ns",
                margin=0.05,
                base=7_000,
                candidate=9_000,
                ratio=math.exp(0.255),
                lower=math.exp(0.22),
                upper=math.exp(0.29),
                p_worse=0.001,
                p_better=1,
                change=Change.REGRESSION,
                differences=slower,
            ),
            MetricComparison(
                name="memory",
                unit="bytes",
                margin=0.05,
                base=10,
                candidate=10,
                ratio=1,
                lower=1,
                upper=1,
                p_worse=1,
                p_better=1,
                change=Change.NO_CHANGE,
                differences=[0.0] * 12,
            ),
        ]
        known: dict[str, object] = {
            "scenario": name,
            "plan": "1 vu: load_pet",
            "seed": 1,
            "started_at": "2026-01-02T03:04:05Z",
            "duration_ns": 5 * SECOND_NS,
            "base": EngineSide(name="main", version="abc", operations=900),
            "candidate": EngineSide(name=name, version="def", operations=900, errors={name: 2}),
            "pairing": Pairing(
                pairs=12, slices=12, slice_ns=5_000_000, iterations=50, vus=1, pinned=True, stopped_by="precision"
            ),
            "metrics": metrics,
            "change": Change.REGRESSION,
            "environment": full_result().environment,
        }
        return AbResult.model_validate({**known, **changes})

    return make


@pytest.fixture
def histogram_of() -> Callable[[int], Histogram]:
    """The histogram behind the fabricated counts."""
    return lambda typical_ns: Histogram.from_counts(counts(typical_ns))
