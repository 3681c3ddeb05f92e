"""A split load on a real cluster of dask: its counts, and what a worker costs that dies or freezes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from socket import socket
from threading import Timer
from typing import Any

import psutil
import pytest

from benchmarks.loopback_cluster import LoopbackCluster, loopback_cluster
from perfcli.cluster.carrier import connected
from perfcli.cluster.members import clock_of, gather
from perfcli.errors import PerfError, Verdict
from perfcli.observer import Progress, SilentObserver
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult
from perfcli.run import run_scenario
from tests.perfcli.cluster.delaying_proxy import DelayingProxy, delaying_proxy
from tests.processes import is_alive, started_by

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not find_spec("distributed"), reason="the extra cluster is not installed"),
]

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


def below(cluster: LoopbackCluster, *workers: str) -> list[psutil.Process]:
    return [process for worker in workers for process in started_by(cluster.workers[worker].pid)]


def nothing_is_left(
    cluster: LoopbackCluster, processes: list[psutil.Process], *workers: str, within_s: float = 15.0
) -> bool:
    """Whether these processes are gone in time, and the files of these workers with them."""
    deadline_s = time.monotonic() + within_s
    while any(map(is_alive, processes)) or any(map(cluster.scratch, workers)):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.05)
    return True


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
    document = json.dumps(result.model_dump(mode="json"))
    assert cluster.address not in document
    assert "-----BEGIN" not in document + cluster.logs(), "neither the certificate nor its key"
    assert nothing_is_left(cluster, below(cluster, "db", "load"), "db", "load")


def test_a_worker_that_freezes_for_3_s_costs_nothing(cluster: LoopbackCluster, make_plan: MakePlan) -> None:
    worker = cluster.workers["load"]
    thaw = Timer(3.0, worker.send_signal, [signal.SIGCONT])

    def freeze() -> None:
        worker.send_signal(signal.SIGSTOP)
        thaw.start()

    load = {"executor": "constant-vus", "vus": 2, "duration": "5s", "think_time": "20ms"}
    result = run_scenario(split(cluster, make_plan, load), insecure_cluster=True, observer=Once(freeze))
    thaw.join()
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    assert result.total.ok == result.machines[1].samples > 0
    assert result.performed_as_planned


ENDLESS = {"executor": "constant-vus", "vus": 1, "duration": "10m", "think_time": "20ms"}


@pytest.mark.parametrize(
    ("killed", "role", "verdict", "code"),
    [
        ("a", "load", Verdict.INVALID, 4),
        pytest.param("b", "server", Verdict.ERROR, 1, marks=pytest.mark.nightly),
    ],
)
def test_a_worker_that_is_killed_ends_the_run_with_a_partial_report(
    cluster: LoopbackCluster, make_plan: MakePlan, killed: str, role: str, verdict: Verdict, code: int
) -> None:
    cluster.add(killed)
    cluster.await_worker(killed)
    left: list[psutil.Process] = []

    def kill() -> None:
        left.extend(below(cluster, *workers))
        cluster.workers[killed].kill()

    # of two machines, the first by name has the load
    workers = (killed, "db")
    plan = split(cluster, make_plan, ENDLESS, server="db" if role == "load" else killed)
    killing = Once(kill)
    result = run_scenario(plan, insecure_cluster=True, observer=killing)
    assert time.monotonic() - killing.at_s < 15
    assert (result.verdict, result.exit_code) == (verdict, code)
    assert f"machine {killed} is lost" in result.reasons[0]
    assert result.total.ok > 0
    assert RunResult.model_validate_json(result.model_dump_json()).machines == result.machines
    assert left
    assert nothing_is_left(cluster, left, *workers)
    cluster.remove(killed)


@pytest.mark.nightly
def test_a_worker_that_freezes_for_30_s_is_lost_and_leaves_nothing(
    cluster: LoopbackCluster, make_plan: MakePlan
) -> None:
    left: list[psutil.Process] = []

    def freeze() -> None:
        left.extend(below(cluster, "db", "load"))
        cluster.workers["load"].send_signal(signal.SIGSTOP)

    freezing = Once(freeze)
    try:
        result = run_scenario(split(cluster, make_plan, ENDLESS), insecure_cluster=True, observer=freezing)
        assert time.monotonic() - freezing.at_s < 15
        assert (result.verdict, result.exit_code) == (Verdict.INVALID, 4)
        assert "machine load is lost: no answer within 5 s" in result.reasons[0]
        assert result.total.ok > 0
        # the worker is still frozen: what it started ends by itself
        assert nothing_is_left(cluster, left, "db", "load")
        time.sleep(max(0.0, freezing.at_s + 30 - time.monotonic()))
    finally:
        cluster.workers["load"].send_signal(signal.SIGCONT)
    assert run_scenario(split(cluster, make_plan, COUNTED), insecure_cluster=True).verdict is Verdict.PASS


CROWD = """
name: crowd
target: {{mcp: {{transport: http}}}}
setup: {{pets: 2}}
engine: {{ai: {{latency: 0ms}}}}
pool: {{cluster: "{address}", machines: 2, server: db}}
load: {{executor: constant-vus, vus: 1, duration: 10m, think_time: 20ms}}
flow: [get_pet_status]
"""


def has_measured(events: Path) -> bool:
    *lines, _ = events.read_text().split("\n") if events.exists() else [""]
    return any(json.loads(line).get("ok") for line in lines)


@contextmanager
def crowd_under_way(cluster: LoopbackCluster, folder: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The tool in a process of its own, with a split load that would take ten minutes; and its result."""
    (folder / "crowd.yaml").write_text(CROWD.format(address=cluster.address))
    (folder / "tmp").mkdir()
    files = ("--json", "r.json", "--events", "events")
    command = [sys.executable, "-m", "perfcli", "run", "crowd.yaml", "--insecure-cluster", *files]
    variables = {**os.environ, "TMPDIR": str(folder / "tmp")}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=folder, env=variables, text=True, **output) as tool:
        try:
            deadline_s = time.monotonic() + 60
            while not (tool.poll() is None and has_measured(folder / "events")):
                assert time.monotonic() < deadline_s
                time.sleep(0.05)
            yield tool, folder / "r.json"
        finally:
            tool.kill()


@pytest.mark.nightly
def test_a_tool_that_is_killed_leaves_nothing(cluster: LoopbackCluster, tmp_path: Path) -> None:
    with crowd_under_way(cluster, tmp_path) as (tool, _):
        left = below(cluster, "db", "load")
        assert any("digipal.mcp" in " ".join(process.cmdline()) for process in left)
        tool.kill()
        tool.wait()
        assert nothing_is_left(cluster, left, "db", "load")
        assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.nightly
def test_a_scheduler_that_is_killed_ends_the_run_with_a_partial_report(tmp_path: Path) -> None:
    with (
        loopback_cluster("db", "load", tls=False) as cluster,
        crowd_under_way(cluster, tmp_path) as (tool, file),
    ):
        left = below(cluster, "db", "load")
        cluster.scheduler.kill()
        killed_s = time.monotonic()
        output, _ = tool.communicate(timeout=60)
        assert time.monotonic() - killed_s < 15, output
        (result,) = map(RunResult.model_validate, json.loads(file.read_text()))
        # workers end without a scheduler, and so the server's machine is lost
        assert (tool.returncode, result.verdict) == (1, Verdict.ERROR), output
        assert "machine db is lost" in result.reasons[0]
        assert result.total.ok > 0
        assert left
        assert nothing_is_left(cluster, left, "db", "load")


@pytest.mark.nightly
def test_fewer_machines_than_asked_for_run_nothing(cluster: LoopbackCluster, make_plan: MakePlan) -> None:
    with pytest.raises(PerfError, match="2 of 3 machines") as raised:
        run_scenario(split(cluster, make_plan, COUNTED, machines=3, processes=2), insecure_cluster=True)
    assert raised.value.exit_code == 4


@contextmanager
def behind_a_slow_net(cluster: LoopbackCluster, there_s: float, back_s: float) -> Iterator[DelayingProxy]:
    """A worker `far` that the scheduler and the tool reach by way of a proxy."""
    port = free_port()
    with delaying_proxy(port, there_s, back_s) as proxy:
        here, there = (f"tcp://127.0.0.1:{each}" for each in (port, proxy.port))
        cluster.add("far", "--listen-address", here, "--contact-address", there)
        try:
            cluster.await_worker("far")
            yield proxy
        finally:
            cluster.remove("far")


def free_port() -> int:
    with socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_a_clock_behind_a_slow_net_is_known_within_its_bound(cluster: LoopbackCluster) -> None:
    port = int(cluster.address.rpartition(":")[2])
    with (
        behind_a_slow_net(cluster, 0.002, 0.030),
        delaying_proxy(port, 0.002, 0.030) as to_scheduler,
        connected(f"tcp://127.0.0.1:{to_scheduler.port}", insecure=True) as carrier,
    ):
        crew = gather(carrier, 3)
        try:
            (far,) = (machine for machine in crew.machines if machine.name == "far")
            clock = clock_of(far)
        finally:
            crew.end()
    # the clocks are the same: an estimate is off by half of what the way back takes longer
    assert -clock.bound_ns <= clock.offset_ns <= -14_000_000 * 0.9
    assert clock.bound_ns >= 16_000_000


@pytest.mark.nightly
@pytest.mark.parametrize(("there_s", "back_s", "verdict"), [(0.002, 0.03, Verdict.PASS), (0.02, 0.1, Verdict.INVALID)])
def test_windows_that_join_machines_are_judged_if_their_clocks_are_known(
    cluster: LoopbackCluster, make_plan: MakePlan, there_s: float, back_s: float, verdict: Verdict
) -> None:
    keys = {**KEYS, "thresholds": ["lost_writes == 0", "latency.p95 < 1m within 1s"]}
    load = {"executor": "constant-vus", "vus": 2, "duration": "3s"}
    with behind_a_slow_net(cluster, there_s, back_s):
        pool = {"cluster": cluster.address, "machines": 3, "server": "db", "processes": 2}
        result = run_scenario(make_plan(FLOW, load=load, pool=pool, **keys), insecure_cluster=True)
    assert result.verdict is verdict, result.reasons
    document = json.loads(result.model_dump_json())
    (clock,) = (each["clock"] for each in document["machines"] if each["name"] == "far")
    assert -clock["bound_ns"] <= clock["offset_ns"] <= -(back_s - there_s) / 2 * 0.9e9
    if verdict is Verdict.INVALID:
        assert result.reasons[0].startswith("the clock of far is known to ±")
