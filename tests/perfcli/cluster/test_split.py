"""A load that is split over machines: the server on one, the vus on others, one result; and what becomes of it without
one of them. The machines are threads of this process, talked to over pipes.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import pytest

from perfcli.cluster.machine import zipped
from perfcli.cluster.pool import ClusterPool, chosen
from perfcli.errors import UsageError, Verdict
from perfcli.observer import Progress, SilentObserver
from perfcli.plan import ExecutionPlan
from perfcli.pool.processes import LocalPool, Post, forked
from perfcli.pool.supervised import SupervisedProcess
from perfcli.pool.template import Template
from perfcli.run import run_scenario
from perfcli.scenario.pool_settings import Pool
from tests.perfcli.cluster.plain_machine import ROOT, PlainMachine
from tests.perfcli.undisturbed import undisturbed
from tests.processes import command, started_by, without_templates

pytestmark = pytest.mark.end_to_end

MakePlan = Callable[..., ExecutionPlan]
FLOW = ["create_new_pet", {"interact_with_pet": {"texts": ["hello"]}}, "get_pet_status"]
KEYS: dict[str, Any] = {
    "target": {"mcp": {"transport": "http"}},
    "setup": {"pets": 2},
    "engine": {"ai": {"latency": "0ms"}},
    "thresholds": ["success_rate == 100%", "lost_writes == 0", "duplicate_writes == 0"],
}
SPLIT = {"cluster": "tls://scheduler:8786", "machines": 3, "processes": 3}
COUNTED = {"executor": "per-vu-iterations", "vus": 3, "iterations": 4}
ENDLESS = {"executor": "constant-vus", "vus": 2, "duration": "1m", "think_time": "20ms"}


@pytest.fixture(autouse=True)
def local_pool(template: Template, monkeypatch: pytest.MonkeyPatch) -> LocalPool:
    """One of this machine. All fork one after another: a template is for one thread, and each machine has its own."""
    template.restart_if_ended()
    begin, ordering = forked(template), Lock()

    def begin_one(line: int, post: Post) -> SupervisedProcess:
        with ordering:
            return begin(line, post)

    monkeypatch.setattr("perfcli.cluster.pool_process.LocalPool", lambda engine: LocalPool(engine, begin_one))
    return LocalPool(ROOT, begin_one)


class Cluster:
    def __init__(self, *names: str) -> None:
        self.machines = [PlainMachine(name) for name in names]
        machines: list[Any] = list(self.machines)
        self.pool = ClusterPool(machines, zipped(ROOT))


@pytest.mark.nightly
@pytest.mark.parametrize(("there_s", "back_s", "verdict"), [(0.002, 0.03, Verdict.PASS), (0.02, 0.1, Verdict.INVALID)])
def test_windows_are_judged_if_clocks_are_known(
    make_plan: MakePlan, there_s: float, back_s: float, verdict: Verdict
) -> None:
    machines: list[Any] = [PlainMachine("db"), PlainMachine("b"), PlainMachine("c", there_s, back_s)]
    keys = {**KEYS, "thresholds": ["lost_writes == 0", "latency.p95 < 1m within 1s"]}
    load = {"executor": "constant-vus", "vus": 2, "duration": "3s"}
    plan = make_plan(FLOW, load=load, pool={**SPLIT, "processes": 2}, **keys)
    result = run_scenario(plan, pool=ClusterPool(machines, zipped(ROOT)))
    assert result.verdict is verdict, result.reasons
    clock = result.machines[2].clock
    assert clock
    # the way is not the same both ways: so far off, and no further than the bound
    assert (back_s - there_s) / 2 * 0.9e9 <= -clock.offset_ns <= clock.bound_ns
    if verdict is Verdict.INVALID:
        assert result.reasons[0].startswith("the clock of c is known to ±")


class Losing(SilentObserver):
    """Loses a machine as soon as something was measured."""

    def __init__(self, cluster: Cluster, name: str, unnoticed_s: float) -> None:
        self._unnoticed_s = unnoticed_s
        (self._process,) = [machine.processes for machine in cluster.machines if machine.name == name]
        self._losing: Thread | None = None

    def update(self, progress: Progress) -> None:
        if progress.ok and self._losing is None:
            self._losing = Thread(target=self._process[0].lose, args=(self._unnoticed_s,))
            self._losing.start()


def left() -> list[list[str]]:
    names = ("perfcli.agent", "perfcli.cluster", "digipal.mcp")
    found = map(command, without_templates(started_by()))
    return [words for words in found if any(name in part for name in names for part in words)]


def test_one_result_of_all_machines(make_plan: MakePlan, tmp_path: Path, local_pool: LocalPool) -> None:
    cluster = Cluster("db", "b", "c")
    plan = make_plan(FLOW, load=COUNTED, pool=SPLIT, **KEYS)
    result = undisturbed(lambda: run_scenario(plan, pool=cluster.pool, keep_database_in=tmp_path))
    local = run_scenario(make_plan(FLOW, load=COUNTED, pool={"processes": 3}, **KEYS), pool=local_pool)

    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    assert (result.digest, result.vus) == (local.digest, local.vus)
    assert [(each.name, each.ok) for each in result.operations] == [(each.name, each.ok) for each in local.operations]
    assert result.total.latency is not None
    assert sum(each.ok for each in result.seconds) == result.total.ok == 36
    assert result.memory.baseline_rss is not None
    assert len(result.monitor) > 2

    db, b, c = result.machines
    assert [(each.name, each.role, each.processes) for each in (db, b, c)] == [
        ("db", "server", []),
        ("b", "load", [0, 2]),
        ("c", "load", [1]),
    ]
    assert (db.samples, b.samples, c.samples) == (0, 24, 12)
    assert b.start_late_ns is not None
    assert b.start_late_ns >= 0
    assert all(each.clock and abs(each.clock.offset_ns) <= each.clock.bound_ns for each in result.machines)

    with closing(sqlite3.connect(result.kept_database)) as database:
        assert database.execute("SELECT COUNT(*) FROM digipals").fetchone() == (2 + 12,)
    assert left() == []


def test_the_token_the_certificate_and_the_address_are_in_no_result(
    make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perfcli.run.supervision import Supervision
    from perfcli.wire import Message, Serving

    passed_on: list[Serving] = []
    take = Supervision._take

    def noting(supervision: Supervision, message: Message) -> None:
        if isinstance(message, Serving):
            passed_on.append(message)
        take(supervision, message)

    monkeypatch.setattr(Supervision, "_take", noting)
    pool, cluster = {**SPLIT, "machines": 2, "processes": 1}, Cluster("a", "b")
    plan = make_plan(FLOW, load={**COUNTED, "vus": 1}, pool=pool, **KEYS)
    result = undisturbed(lambda: run_scenario(plan, pool=cluster.pool))
    serving = passed_on[-1]
    assert result.verdict is Verdict.PASS
    assert serving.url.startswith("https://127.0.0.1:")
    assert len(serving.token) > 20
    assert "BEGIN CERTIFICATE" in serving.certificate
    left_machines = b"".join(bytes(process.received) for each in cluster.machines for process in each.processes)
    assert serving.token.encode() in left_machines, "all of it was looked at"
    assert b"PRIVATE KEY" not in left_machines
    text = json.dumps(result.model_dump(mode="json"))
    assert not [secret for secret in (serving.token, "CERTIFICATE", "scheduler:8786", serving.url) if secret in text]


def test_a_killed_server_comes_back_where_it_was(make_plan: MakePlan) -> None:
    load = {"executor": "per-vu-iterations", "vus": 2, "iterations": 20, "think_time": "40ms"}
    limits = ["lost_writes == 0", "duplicate_writes == 0", "success_rate < 100% during kill"]
    faults = [{"kill": {"at": "1100ms", "process": 0}}]
    pool = {**SPLIT, "machines": 2, "processes": 1}
    plan = make_plan(FLOW, load=load, pool=pool, **{**KEYS, "thresholds": limits, "faults": faults})
    result = undisturbed(lambda: run_scenario(plan, pool=Cluster("db", "b").pool))
    # on a busy machine calls that the kill broke had begun long before it
    assert result.verdict is Verdict.PASS or result.unsteady, result.reasons
    assert [fault.problem for fault in result.faults] == [""]
    of_kill = {f"the fault kill {how} the connection" for how in ("reset", "refused")}
    assert set(result.total.errors) <= {*of_kill, "skipped: the pet was not created"}
    (restart,) = result.restarts
    assert restart.down_ns
    back_s = (restart.at_ns + restart.down_ns) / 1e9
    assert any(each.ok for each in result.seconds if each.second > back_s), "iterations are repeated until it is steady"
    assert result.integrity is not None
    assert (result.integrity.lost, result.integrity.duplicates) == (0, 0)
    assert left() == []


def test_one_machine_has_the_server_and_the_load(make_plan: MakePlan) -> None:
    plan = make_plan(FLOW, load=COUNTED, pool={**SPLIT, "machines": 1, "processes": 2}, **KEYS)
    result = undisturbed(lambda: run_scenario(plan, pool=Cluster("a").pool))
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    assert [(each.role, each.processes) for each in result.machines] == [("server and load", [0, 1])]


@pytest.mark.parametrize(
    ("lost", "unnoticed_s", "verdict", "words"),
    [
        ("b", 0.0, Verdict.INVALID, "machine b is lost: no answer: the load was not the planned one"),
        ("db", 0.0, Verdict.ERROR, "machine db is lost: no answer, while the engine there was measuring"),
        # the process with the load sees first that nobody listens
        ("db", 1.5, Verdict.ERROR, "machine db is lost: no answer, while the engine there was measuring"),
    ],
)
def test_a_lost_machine_ends_the_run_with_a_partial_report(
    make_plan: MakePlan, lost: str, unnoticed_s: float, verdict: Verdict, words: str
) -> None:
    cluster = Cluster("db", "b")
    plan = make_plan(FLOW, load=ENDLESS, pool={**SPLIT, "machines": 2, "processes": 1}, **KEYS)
    result = run_scenario(plan, pool=cluster.pool, observer=Losing(cluster, lost, unnoticed_s))
    assert result.verdict is verdict
    assert words in result.reasons[0]
    assert result.total.ok > 0
    # a database that cannot be asked has lost nothing
    assert (result.integrity and result.integrity.lost) == (None if lost == "db" else 0)
    deadline_s = time.monotonic() + 10
    while left() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    assert left() == []


def test_the_machine_of_the_server_comes_first_and_must_be_there() -> None:
    machines: list[Any] = [PlainMachine(name) for name in ("a", "b", "c")]
    wanted = Pool(cluster="tls://s:1", machines=2, server="c")
    assert [machine.name for machine in chosen(machines, wanted)] == ["c", "a"]
    with pytest.raises(UsageError, match="no machine of the cluster is called 'cc' \\(did you mean 'c'\\?\\)"):
        chosen(machines, wanted.model_copy(update={"server": "cc"}))
