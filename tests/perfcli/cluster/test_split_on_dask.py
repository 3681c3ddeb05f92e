"""A split load on a real cluster of dask: its counts, and what a worker costs that dies or freezes."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from threading import Timer
from typing import Any

import psutil
import pytest

from benchmarks.loopback_cluster import LoopbackCluster, loopback_cluster
from perfcli.errors import PerfError, Verdict
from perfcli.observer import Progress, SilentObserver
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult
from perfcli.run import run_scenario
from tests.processes import is_alive, started_by

pytest.importorskip("distributed")
pytestmark = pytest.mark.end_to_end

MakePlan = Callable[..., ExecutionPlan]
FLOW = ["create_new_pet", {"interact_with_pet": {"texts": ["hello"]}}, "get_pet_status"]
KEYS: dict[str, Any] = {
    "target": {"mcp": {"transport": "http"}},
    "setup": {"pets": 2},
    "engine": {"ai": {"latency": "0ms"}},
    "thresholds": ["success_rate == 100%", "lost_writes == 0", "duplicate_writes == 0"],
}
COUNTED = {"executor": "per-vu-iterations", "vus": 4, "iterations": 5}


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    with loopback_cluster("db", "load", tls=False) as started:
        yield started


def split(cluster: LoopbackCluster, make_plan: MakePlan, load: dict[str, Any], **pool: Any) -> ExecutionPlan:
    settings = {"cluster": cluster.address, "machines": 2, "server": "db", "processes": 1, **pool}
    return make_plan(FLOW, load=load, pool=settings, **KEYS)


def are_gone(processes: list[psutil.Process], within_s: float = 15.0) -> bool:
    _, alive = psutil.wait_procs(processes, within_s)
    return not any(map(is_alive, alive))


class Once(SilentObserver):
    """Does something as soon as something was measured."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act
        self.at_s = 0.0

    def update(self, progress: Progress) -> None:
        if progress.ok and not self.at_s:
            self.at_s = time.monotonic()
            self._act()


@pytest.mark.nightly
def test_it_counts_as_the_local_run_of_the_same_seed(cluster: LoopbackCluster, make_plan: MakePlan) -> None:
    result = run_scenario(split(cluster, make_plan, COUNTED, processes=2), insecure_cluster=True)
    local = run_scenario(make_plan(FLOW, load=COUNTED, pool={"processes": 2}, **KEYS))
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    assert (result.digest, result.vus) == (local.digest, local.vus)
    assert [(each.name, each.ok) for each in result.operations] == [(each.name, each.ok) for each in local.operations]
    assert result.integrity is not None
    assert local.integrity is not None
    assert result.integrity.acknowledged == local.integrity.acknowledged > 0
    assert [(each.name, each.role) for each in result.machines] == [("db", "server"), ("load", "load")]
    assert all(each.clock and abs(each.clock.offset_ns) <= each.clock.bound_ns for each in result.machines)
    assert cluster.address not in json.dumps(result.model_dump(mode="json"))
    assert are_gone([process for worker in cluster.workers.values() for process in started_by(worker.pid)])


def test_a_worker_that_freezes_for_3_s_costs_nothing(cluster: LoopbackCluster, make_plan: MakePlan) -> None:
    worker = cluster.workers["load"]
    thaw = Timer(3.0, worker.send_signal, [signal.SIGCONT])

    def freeze() -> None:
        worker.send_signal(signal.SIGSTOP)
        thaw.start()

    load = {"executor": "constant-vus", "vus": 2, "duration": "5s"}
    result = run_scenario(split(cluster, make_plan, load), insecure_cluster=True, observer=Once(freeze))
    thaw.join()
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    assert result.total.ok == result.machines[1].samples > 0
    assert result.performed_as_planned


@pytest.mark.parametrize(
    ("killed", "verdict", "code"),
    [("load", Verdict.INVALID, 4), pytest.param("db", Verdict.ERROR, 1, marks=pytest.mark.nightly)],
)
def test_a_worker_that_is_killed_ends_the_run_with_a_partial_report(
    make_plan: MakePlan, killed: str, verdict: Verdict, code: int
) -> None:
    with loopback_cluster("db", "load", tls=False) as cluster:
        left: list[psutil.Process] = []

        def kill() -> None:
            left.extend(process for worker in cluster.workers.values() for process in started_by(worker.pid))
            cluster.workers[killed].kill()

        load, killing = {"executor": "constant-vus", "vus": 1, "duration": "10m"}, Once(kill)
        result = run_scenario(split(cluster, make_plan, load), insecure_cluster=True, observer=killing)
        assert time.monotonic() - killing.at_s < 15
        assert (result.verdict, result.exit_code) == (verdict, code)
        assert f"machine {killed} is lost" in result.reasons[0]
        assert result.total.ok > 0
        assert RunResult.model_validate_json(result.model_dump_json()).machines == result.machines
        assert left
        assert are_gone(left)


def test_fewer_machines_than_asked_for_run_nothing(cluster: LoopbackCluster, make_plan: MakePlan) -> None:
    with pytest.raises(PerfError, match="2 of 3 machines") as raised:
        run_scenario(split(cluster, make_plan, COUNTED, machines=3, processes=2), insecure_cluster=True)
    assert raised.value.exit_code == 4
