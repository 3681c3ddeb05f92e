"""The tool on a real cluster of dask, with TLS: who is there, runs that are spread, and machines that die or freeze."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from benchmarks.loopback_cluster import LoopbackCluster, loopback_cluster
from perfcli.cluster.description import describe
from perfcli.cpus import usable_cpus
from tests.processes import is_alive, started_by

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not find_spec("distributed"), reason="the extra cluster is not installed"),
    pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl"),
]

ROOT = Path(__file__).parents[3]
QUICK = """
name: {name}
setup: {{pets: 2}}
load: {{executor: per-vu-iterations, vus: 2, iterations: 20}}
flow: [create_pet]
thresholds: [success_rate == 100%, lost_writes == 0]
"""
ENDLESS = """
name: endless
setup: {pets: 2}
load: {executor: constant-vus, vus: 1, duration: 10m, think_time: 10ms}
flow: [load_pet]
"""


class Tool:
    """Runs the command in a folder of its own."""

    def __init__(self, cluster: LoopbackCluster, home: Path) -> None:
        self.cluster = cluster
        self.home = home

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "perfcli", *arguments],
            cwd=self.home,
            env={**os.environ, **self.cluster.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **variables)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    def write(self, name: str, text: str) -> str:
        (self.home / name).write_text(text)
        return name

    def results(self) -> list[dict[str, Any]]:
        content = json.loads((self.home / "r.json").read_text())
        return content if isinstance(content, list) else [content]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    with loopback_cluster("left", "right") as started:
        yield started


@pytest.fixture
def tool(cluster: LoopbackCluster, tmp_path: Path) -> Tool:
    return Tool(cluster, tmp_path)


def await_true(condition: Any, limit_s: float = 30.0) -> bool:
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_the_machines_of_a_cluster_are_shown(tool: Tool, cluster: LoopbackCluster) -> None:
    code, output, errors = tool.run("cluster", "--json", "r.json", DASK_SCHEDULER_ADDRESS=cluster.address)
    assert code == 0, errors
    assert output.count("ready") == 2
    (document,) = tool.results()
    own = describe()["source"]
    assert [each["name"] for each in document["machines"]] == ["left", "right"]
    assert {each["source"] for each in document["machines"]} == {own}
    assert all(0 <= abs(each["clock"]["offset_ns"]) <= each["clock"]["bound_ns"] for each in document["machines"])
    assert "share CPUs" in document["notes"][0]


def test_scenarios_are_spread_and_each_result_names_its_machine(tool: Tool, cluster: LoopbackCluster) -> None:
    files = [tool.write(f"{name}.yaml", QUICK.format(name=name)) for name in ("one", "two", "three")]
    command, of_dask = ("--seed", "7", "--json", "r.json"), {"DASK_SCHEDULER_ADDRESS": cluster.address}
    code, output, errors = tool.run("run", *files, *command, "--cluster", **of_dask)
    assert code == 0, errors
    results = tool.results()
    assert [each["name"] for each in results] == ["one", "two", "three"]
    assert {each["machines"][0]["name"] for each in results} == {"left", "right"}
    assert cluster.address not in json.dumps(results)
    assert "3 passed" in output or output.count("pass") >= 3
    # the variable alone, which may be there for other work, spreads nothing
    local = tool.run("run", files[0], *command, **of_dask)
    assert local[0] == 0
    assert tool.results()[0]["machines"] == []
    assert tool.results()[0]["digest"] == results[0]["digest"]


MOST = """
name: most
setup: {pets: 2}
load: {executor: constant-vus, vus: 1, duration: 500ms, think_time: 20ms}
flow: [load_pet]
thresholds: [latency.p50 < 1m, success_rate == 100%]
"""


@pytest.mark.nightly
@pytest.mark.skipif(usable_cpus() < 2 or not shutil.which("taskset"), reason="needs two CPUs, and taskset")
def test_capacity_and_scaling_use_machines_of_one_kind(tool: Tool, cluster: LoopbackCluster) -> None:
    cluster.add("odd", command=("taskset", "-c", "0"))
    cluster.await_worker("odd")
    try:
        file, spread = tool.write("most.yaml", MOST), ("--cluster", cluster.address, "--machines", "3")
        for command, options in (
            ("capacity", ("--to", "2")),
            ("scaling", ("--vus", "1,2,3,4", "--blocks", "5")),
        ):
            code, output, errors = tool.run(command, file, *options, *spread, "--json", "r.json")
            (document,) = tool.results()
            assert code == 0 or (code == 4 and "other processes" in output), (output, errors)
            assert f"Warning: odd is of another kind and left out: 1.0, not {usable_cpus()}" in errors
            names = {each["name"] for each in document["machines"]}
            # a search that is starved at once has used one
            assert names
            assert names <= {"left", "right"}
    finally:
        cluster.remove("odd")


def test_a_worker_that_is_killed_costs_its_own_run(tool: Tool, cluster: LoopbackCluster) -> None:
    cluster.add("doomed")
    cluster.await_worker("doomed")
    files = [tool.write("endless.yaml", ENDLESS)]
    command = ("run", *files, "--json", "r.json", "--cluster", cluster.address, "--machines", "3")
    process = tool.start(*command)
    doomed = cluster.workers["doomed"]
    # one scenario goes to one of three machines: have it be the one that dies
    busy: list[subprocess.Popen[bytes]] = []

    def is_loaded() -> bool:
        busy[:] = [worker for worker in cluster.workers.values() if started_by(worker.pid, "perfcli.agent")]
        return bool(busy) or process.poll() is not None

    assert await_true(is_loaded)
    time.sleep(1.0)
    left = started_by(busy[0].pid)
    busy[0].kill()
    killed_s = time.monotonic()
    output, errors = process.communicate(timeout=30)
    assert time.monotonic() - killed_s < 15
    assert process.returncode == 4, errors
    assert "is lost" in output
    assert tool.results()[0]["verdict"] == "invalid"
    assert await_true(lambda: not any(map(is_alive, left)), 15)
    if doomed.poll() is None:
        doomed.terminate()


@pytest.mark.nightly
def test_an_interrupt_stops_all_machines_and_reports(tool: Tool, cluster: LoopbackCluster) -> None:
    process = tool.start("run", tool.write("endless.yaml", ENDLESS), "--json", "r.json", "--cluster", cluster.address)
    assert await_true(
        lambda: any(len(started_by(worker.pid)) > 2 for worker in cluster.workers.values() if worker.poll() is None)
    )
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert tool.results()[0]["verdict"] == "interrupted"
    alive = [worker for worker in cluster.workers.values() if worker.poll() is None]
    assert await_true(lambda: not any(started_by(worker.pid) for worker in alive), 15)


@pytest.mark.nightly
def test_a_tool_that_is_killed_leaves_nothing_for_long(tool: Tool, cluster: LoopbackCluster) -> None:
    process = tool.start("run", tool.write("endless.yaml", ENDLESS), "--cluster", cluster.address)
    alive = [worker for worker in cluster.workers.values() if worker.poll() is None]
    assert await_true(lambda: any(len(started_by(worker.pid)) > 2 for worker in alive))
    process.kill()
    process.communicate()
    assert await_true(lambda: not any(started_by(worker.pid) for worker in alive), 15)


@pytest.mark.nightly
def test_another_tool_is_refused_and_nothing_runs(tool: Tool, cluster: LoopbackCluster, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "perfcli", other / "perfcli", ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "perfcli" / "errors.py").open("a") as file:
        file.write("#")
    cluster.add("other", PYTHONPATH=str(other))
    cluster.await_worker("other")
    try:
        file_name = tool.write("one.yaml", QUICK.format(name="one"))
        command = ("run", file_name, "--json", "r.json", "--cluster", cluster.address, "--machines", "2")
        # on a busy machine it may not answer in time, which is no refusal
        assert await_true(lambda: tool.run("cluster", cluster.address)[0] == 2, 90)
        code, _, errors = tool.run(*command)
        assert code == 2
        assert f"this tool {describe()['source']}" in errors
        assert "pip install" in errors
        assert not (tool.home / "r.json").exists()
    finally:
        cluster.workers["other"].terminate()
        cluster.workers["other"].wait()


def test_without_certificates_or_tls_nobody_gets_in(tool: Tool, cluster: LoopbackCluster) -> None:
    without = dict.fromkeys(cluster.variables, "")
    code, _, errors = tool.run("cluster", cluster.address, **without)
    assert (code, "TLS needs certificates" in errors) == (2, True)
    plain = cluster.address.replace("tls://", "tcp://")
    code, _, errors = tool.run("cluster", plain)
    assert (code, "--insecure-cluster" in errors) == (2, True)
