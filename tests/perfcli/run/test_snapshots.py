"""What is seen of a run while it goes on: percentiles, thresholds at risk, and never too often."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perfcli.observer import Progress, Snapshot
from perfcli.plan import ExecutionPlan
from perfcli.run import progress
from perfcli.testing import Behaviour, simulate

pytestmark = pytest.mark.slow

MakePlan = Callable[..., ExecutionPlan]


class Watching:
    """Keeps all that it is told."""

    wants_snapshots = True

    def __init__(self) -> None:
        self.all: list[Progress] = []

    @property
    def seen(self) -> list[Snapshot]:
        return [progress.snapshot for progress in self.all]

    def update(self, progress: Progress) -> None:
        self.all.append(progress)


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Watching:
    """Is told after every message, whatever the time."""
    monkeypatch.setattr("perfcli.run.supervision.UPDATE_INTERVAL_S", 0.0)
    monkeypatch.setattr(progress, "SNAPSHOT_INTERVAL_S", 0.0)
    monkeypatch.setattr(progress, "_REST", 0)
    return Watching()


def snapshots(plan: ExecutionPlan, watching: Watching, takes_ns: int = 1_000_000, every: int = 0) -> list[Snapshot]:
    def script(label: str, call: int) -> Behaviour:
        return Behaviour(takes_ns=takes_ns, raises=ValueError() if every and call % every == 0 else None)

    simulate(plan, script, observer=watching)
    return [snapshot for snapshot in watching.seen if snapshot.operations]


LONG = {"executor": "shared-iterations", "iterations": 6_000}


def test_percentiles_of_each_operation_are_told(make_plan: MakePlan, watching: Watching) -> None:
    plan = make_plan(["load_pet"], load=LONG, setup={"pets": 1})
    last = snapshots(plan, watching)[-1]
    (operation,) = last.operations
    assert (operation.name, operation.failed) == ("load_pet", 0)
    assert operation.ok > 0
    assert operation.p50_ns == operation.p99_ns == last.p95_ns == 1_000_000


AT_RISK = {
    "latency.p50 < 2ms": False,
    "latency.p50 < 1.05ms": True,
    "latency.p50 < 500us": True,
    "success_rate >= 95%": False,
    "lost_writes == 0": False,
    "iterations == 6000": False,
    "iterations >= 6000": False,
    "ok > 6000": False,
    "iterations < 7000": False,
    "iterations < 3": True,
    "ok == 2": True,
    "duration < 1h": False,
    "dropped_iterations == 1": False,
    "writes.acknowledged >= 2": False,
    "throughput > 1000000/s": True,
    "memory.growth < 50MB": False,
}


@pytest.mark.slow
def test_thresholds_that_would_fail_now_or_nearly_are_at_risk(make_plan: MakePlan, watching: Watching) -> None:
    plan = make_plan(["load_pet"], load=LONG, setup={"pets": 1}, thresholds=list(AT_RISK))
    risks = [risk.text for risk in snapshots(plan, watching)[-1].at_risk]
    assert {threshold: any(threshold in text for text in risks) for threshold in AT_RISK} == AT_RISK
    assert len(risks) == sum(AT_RISK.values())


@pytest.mark.slow
def test_thresholds_of_a_phase_are_told_with_its_name(make_plan: MakePlan, watching: Watching) -> None:
    phases = [{"name": "rush", "load": LONG, "flow": ["load_pet"], "thresholds": ["latency.p50 < 1us"]}]
    plan = make_plan([], phases=phases, setup={"pets": 1})
    assert snapshots(plan, watching)[-1].at_risk[0].text.startswith("rush: latency.p50 < 1us")


@pytest.mark.slow
def test_failures_are_told(make_plan: MakePlan, watching: Watching) -> None:
    plan = make_plan(["load_pet"], load=LONG, setup={"pets": 1}, thresholds=["success_rate == 100%"])
    last = snapshots(plan, watching, every=10)[-1]
    assert last.operations[0].failed > 0
    assert last.at_risk[0].text.startswith("success_rate == 100%")


def test_it_looks_no_more_often_than_a_twentieth_of_the_time(make_plan: MakePlan) -> None:
    from perfcli.measurement.measurement import Measurement

    measurement = Measurement(make_plan(["load_pet"], setup={"pets": 1}))
    measurement.began_ns = 0
    times = iter([10.0, 12.0, 51.9, 52.1, 52.2])
    snapshots = progress.Snapshots(measurement, clock_s=lambda: next(times))
    first = snapshots.latest(1)
    assert snapshots.latest(2) is first  # 2 s of looking are followed by 40 s of rest
    assert snapshots.latest(3) is not first
