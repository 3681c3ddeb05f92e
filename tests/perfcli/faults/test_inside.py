"""Faults inside engine processes: ordered by the tool, inflicted by the agents, lifted whatever happens."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from errno import EIO, ENOSPC
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from digipal.core.models import DigiPal
from perfcli.agent.channel import Channel
from perfcli.agent.inside_faults import FaultOrders, Inflictor, ThisProcess
from perfcli.agent.system_calls import SQLITE_WRITES, default_vfs
from perfcli.errors import PerfError, UsageError, Verdict
from perfcli.executors.fields import jump_ns
from perfcli.faults import Fault, Seen
from perfcli.faults.inside import Hits, Inflicted, InsideFault
from perfcli.plan import plan_run
from perfcli.results import RunResult
from perfcli.run import run_scenario
from perfcli.run.engine_client import EngineClient
from perfcli.run.ordered_faults import OrderedFaults
from perfcli.scenario.loader import ScenarioFileError, load_scenario
from perfcli.scenario.models import Scenario, SimulatedAi
from perfcli.targets.protocol import Surroundings
from perfcli.targets.simulated_ai import SimulatedAI, SimulatedFailure
from perfcli.wire import BeginFault, EndFault, FaultBegan, FaultEnded, Message, NoFault

MS = 1_000_000
SECOND = 1_000_000_000
SCENARIO: dict[str, Any] = {
    "name": "inside",
    "setup": {"pets": 4},
    "engine": {"ai": {"latency": "0ms"}},
    "load": {"executor": "constant-arrival-rate", "rate": "50/s", "vus": 30, "duration": "2s"},
    "flow": ["interact"],
}

THIS_PROCESS = ThisProcess(plan_run(Scenario.model_validate(SCENARIO), 1), Surroundings())


def write(connection: sqlite3.Connection) -> str:
    """What an insert fails with; "" if it is done."""
    try:
        connection.execute("INSERT INTO pets VALUES ('x')")
    except sqlite3.OperationalError as error:
        return error.sqlite_errorname
    return ""


def inflict(draw: Callable[[], float] = lambda: 0.0, **written: Any) -> Inflicted:
    fault: InsideFault = TypeAdapter(Fault).validate_python(written)
    return fault.inflict_inside(THIS_PROCESS, draw)


def pwrite() -> int:
    vfs = default_vfs()
    return cast("int", vfs.contents.xGetSystemCall(vfs, b"pwrite64") or vfs.contents.xGetSystemCall(vfs, b"pwrite"))


@pytest.mark.parametrize(("fault", "error"), [("disk_full", "SQLITE_FULL"), ("disk_error", "SQLITE_IOERR_WRITE")])
def test_writes_fail_on_open_connections_until_it_is_lifted(
    fault: str, error: str, connection: sqlite3.Connection
) -> None:
    own = pwrite()
    lift, hits = inflict(**{fault: {"at": "2s", "for": "1s"}})
    assert pwrite() != own
    assert write(connection) == error
    assert connection.execute("SELECT count(*) FROM pets").fetchone() == (0,)
    lift()
    assert pwrite() == own, "without a fault SQLite calls its own functions"
    assert write(connection) == ""
    assert hits.number == 1
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_share_of_the_writes_is_hit(connection: sqlite3.Connection) -> None:
    draws = iter([0.0, 0.1, 0.29, 0.3, 0.9] * 100)
    lift, hits = inflict(lambda: next(draws), disk_slow={"at": "2s", "for": "1s", "delay": "1us", "share": "30%"})
    connection.execute("BEGIN")
    while hits.number < 3:
        assert write(connection) == ""
        connection.execute("COMMIT")
        connection.execute("BEGIN")
    lift()
    assert next(draws) in (0.3, 0.9, 0.0)


def test_a_slow_disk_delays_each_write(connection: sqlite3.Connection) -> None:
    lift, hits = inflict(disk_slow={"at": "2s", "for": "1s", "delay": "20ms"})
    began_s = time.perf_counter()
    assert write(connection) == ""
    assert time.perf_counter() - began_s >= 0.02 * hits.number > 0
    lift()


def test_two_faults_at_once_are_lifted_one_by_one(connection: sqlite3.Connection) -> None:
    own = pwrite()
    ends = [SQLITE_WRITES.add(lambda: ENOSPC), SQLITE_WRITES.add(lambda: EIO)]
    assert write(connection) == "SQLITE_FULL"
    ends[0]()
    assert write(connection) == "SQLITE_IOERR_WRITE"
    ends[1]()
    ends[1]()
    assert (write(connection), pwrite()) == ("", own)


class Sent:
    """A channel that keeps what is sent, and hands on orders."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send_as_it_happens(self, act: Callable[[], Message]) -> None:
        self.messages.append(act())

    def obey(self, orders: Callable[[BeginFault | EndFault], None]) -> None:
        self.order = orders


def test_the_end_of_the_load_lifts_what_nobody_lifted(connection: sqlite3.Connection) -> None:
    sent, own = Sent(), pwrite()
    plan = plan_run(Scenario.model_validate({**SCENARIO, "faults": [{"disk_full": {"at": "1s", "for": "1s"}}]}), 1)
    inflictor = Inflictor(plan, 3, time.perf_counter_ns, THIS_PROCESS)
    with FaultOrders(3, cast("Channel", sent), inflictor.obey):
        sent.order(BeginFault(0))
        assert write(connection) == "SQLITE_FULL"
    assert (write(connection), pwrite()) == ("", own)
    sent.order(EndFault(0))
    sent.order(BeginFault(0))
    assert pwrite() == own
    began, ended, late = sent.messages
    assert isinstance(began, FaultBegan)
    assert isinstance(ended, FaultEnded)
    assert (began.process, ended.process, ended.hits) == (3, 3, 1)
    assert began.at_ns < ended.at_ns
    assert late == NoFault(3, 0, "the load was over")


class Client:
    """An engine process, as far as orders of faults reach."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.send = self.sent.append
        self.is_measuring, self.is_away, self.is_down = True, False, False
        self.has_engine = self.has_vus = True
        self.killed_ns: int | None = None
        self.engine = SimpleNamespace(incarnation=0)


@pytest.fixture
def clients() -> list[Client]:
    return [Client(), Client()]


@pytest.fixture
def ordered(clients: list[Client]) -> OrderedFaults:
    return OrderedFaults(cast("list[EngineClient]", clients))


def test_a_fault_lasts_from_the_first_process_to_the_last(clients: list[Client], ordered: OrderedFaults) -> None:
    end = ordered.order(7, in_engine=True)
    assert end is not None
    assert ordered.began(FaultBegan(1, 7, 100))
    assert not ordered.began(FaultBegan(0, 7, 110))
    end()
    assert ordered.ended(FaultEnded(1, 7, 230, 4)) is None
    assert ordered.ended(FaultEnded(0, 7, 220, 3)) == (230, 7)
    assert [client.sent for client in clients] == [[BeginFault(7), EndFault(7)]] * 2


def test_what_acts_where_vus_are_is_not_ordered_where_only_the_engine_is(
    clients: list[Client], ordered: OrderedFaults
) -> None:
    clients[0].has_vus = clients[1].has_engine = False
    ordered.order(1, in_engine=True)
    ordered.order(2, in_engine=False)
    assert [client.sent for client in clients] == [[BeginFault(1)], [BeginFault(2)]]


def test_nothing_is_ordered_while_a_process_is_replaced(clients: list[Client], ordered: OrderedFaults) -> None:
    clients[1].is_measuring, clients[1].is_away = False, True
    assert ordered.order(7, in_engine=True) is None
    assert clients[0].sent == []


def test_a_process_that_is_replaced_has_the_fault_no_more(clients: list[Client], ordered: OrderedFaults) -> None:
    end = ordered.order(7, in_engine=True)
    assert end is not None
    for process in (0, 1):
        ordered.began(FaultBegan(process, 7, 100))
    clients[0].is_down, clients[0].killed_ns = True, 150
    (dead,) = ordered.of_the_dead()
    assert dead == FaultEnded(0, 7, 150, None)
    assert ordered.ended(dead) is None
    clients[0].is_down, clients[0].engine.incarnation = False, 1
    end()
    assert clients[0].sent == [BeginFault(7)], "the next incarnation knows nothing of it"
    assert ordered.ended(FaultEnded(1, 7, 200, 5)) == (200, 5)
    assert list(ordered.of_the_dead()) == []


def test_one_process_that_cannot_is_enough_to_give_up(clients: list[Client], ordered: OrderedFaults) -> None:
    ordered.order(7, in_engine=True)
    ordered.began(FaultBegan(0, 7, 100))
    ordered.failed(NoFault(1, 7, "no ctypes"))
    assert ordered.ended(FaultEnded(0, 7, 200, 5)) is None


def run(*faults: dict[str, Any], **keys: Any) -> RunResult:
    return run_scenario(plan_run(Scenario.model_validate({**SCENARIO, "faults": list(faults), **keys}), 1))


@pytest.mark.end_to_end
def test_a_full_disk_fails_saves_in_all_processes_and_loses_nothing() -> None:
    limits = ["success_rate == 100% outside faults", "lost_writes == 0", "load_pet.error_rate == 0% during disk_full"]
    result = run(
        {"disk_full": {"at": "1s", "for": "300ms"}},
        flow=["interact", "load_pet"],
        pool={"processes": 2},
        thresholds=limits,
    )
    (fault,) = result.faults
    assert fault.lasted_ns is not None
    assert fault.lasted_ns >= 300 * MS
    assert fault.hits is not None
    assert fault.hits >= fault.failed > 0
    assert fault.problem == ""
    assert result.integrity is not None
    assert result.integrity.lost == 0
    assert set(result.total.errors) == {"StorageError: save_pet: database or disk is full"}
    assert result.verdict in (Verdict.PASS, Verdict.INVALID), "a starved machine may not deliver the load"


@pytest.mark.end_to_end
def test_a_disk_that_nobody_writes_to_shows_nothing() -> None:
    result = run({"disk_error": {"at": "1s", "for": "100ms"}}, flow=["load_pet"])
    assert result.faults[0].hits == 0
    assert result.faults[0].problem == "no effect: it hit no write by SQLite: does the load write?"
    assert result.verdict is Verdict.INVALID


@pytest.mark.end_to_end
def test_the_ai_fails_for_as_long_as_written() -> None:
    result = run({"ai": {"at": "1s", "for": "300ms", "error_rate": "100%"}}, flow=["interact", "load_pet"])
    (fault,) = result.faults
    assert fault.hits is not None
    assert fault.hits >= fault.failed > 0
    assert set(result.total.errors) == {"SimulatedFailure: simulated failure of the AI"}
    assert result.total.failed == fault.failed
    assert fault.problem == ""


def test_the_newest_settings_of_the_ai_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("perfcli.targets.simulated_ai.time.sleep", slept.append)
    ai, hits, pet = SimulatedAI(SimulatedAi(latency="1s"), 1), Hits(), DigiPal("user", "pet")

    def ask() -> float:
        ai.process_interaction("hello", pet)
        return slept.pop()

    first = ai.behave(SimulatedAi(latency="2s"), hits.add)
    second = ai.behave(SimulatedAi(latency="3s"), lambda: None)
    assert ask() == 3
    first()
    assert ask() == 3
    second()
    assert ask() == 1
    assert hits.number == 0
    end = ai.behave(SimulatedAi(error_rate="100%"), hits.add)
    with pytest.raises(SimulatedFailure):
        ask()
    end()
    assert hits.number == 1


@pytest.mark.parametrize("hits", [0, None, 3])
def test_only_a_fault_that_certainly_hit_nothing_is_without_effect(hits: int | None) -> None:
    ai: InsideFault = TypeAdapter(Fault).validate_python({"ai": {"at": "1s", "for": "1s", "latency": "1s"}})
    unseen = ai.why_unseen(Seen(lasted_ns=1, failed=0, longest_ns=1, outage_ns=0, hits=hits))
    assert unseen == ("the AI was never called: does the flow have interact?" if hits == 0 else "")


@pytest.mark.end_to_end
@pytest.mark.parametrize("transport", ["stdio", pytest.param("http", marks=pytest.mark.nightly)])
def test_faults_reach_into_the_mcp_server(transport: str) -> None:
    pytest.importorskip("time_machine")
    result = run(
        {"disk_full": {"at": "1s", "for": "200ms"}},
        {"ai": {"at": "1400ms", "for": "200ms", "error_rate": "100%"}},
        {"clock": {"at": "1700ms", "for": "100ms", "jump": "5h"}},
        target={"mcp": {"transport": transport}},
        flow=["interact_with_pet"],
        load={**SCENARIO["load"], "rate": "20/s"},
    )
    full, ai, clock = result.faults
    assert (full.problem, ai.problem, clock.problem) == ("", "", "")
    assert full.hits
    assert ai.hits
    assert clock.hits is None
    assert sorted(result.total.errors) == [
        "interact_with_pet failed: save_pet: database or disk is full",
        "interact_with_pet failed: simulated failure of AI call … (seed …)",
    ]


@pytest.mark.parametrize(("text", "hours"), [("1h", 1), ("+1h30m", 1.5), ("-5m", -1 / 12), (" -1h ", -1)])
def test_a_jump_has_a_sign(text: str, hours: float) -> None:
    assert jump_ns(text) == hours * 3_600 * SECOND


def test_only_the_wall_clock_moves() -> None:
    pytest.importorskip("time_machine")
    scenario = Scenario.model_validate(SCENARIO | {"faults": [{"clock": {"at": "1s", "for": "1s", "jump": "1h"}}]})
    clock, hour = ThisProcess(plan_run(scenario, 1), Surroundings()), timedelta(hours=1)

    def ahead() -> timedelta:
        """How far it is ahead of the clocks that measure, to the second."""
        now = datetime.now(UTC) - timedelta(seconds=time.perf_counter())
        assert abs(time.monotonic() - monotonic_ahead_s - time.perf_counter()) < 1
        assert abs(time.time() - datetime.now(UTC).timestamp()) < 1
        return timedelta(hours=round((now - began) / hour, 2))

    monotonic_ahead_s = time.monotonic() - time.perf_counter()
    began = datetime.now(UTC) - timedelta(seconds=time.perf_counter())
    with clock.movable_clock():
        assert ahead() == 0 * hour
        first, second = clock.move_clock(3_600 * SECOND), clock.move_clock(-1_800 * SECOND)
        assert ahead() == hour / 2
        first()
        assert ahead() == -hour / 2
        second()
        assert ahead() == 0 * hour
        clock.move_clock(3_600 * SECOND)
    assert ahead() == 0 * hour, "what stays ends with the load"


def test_a_missing_package_is_told_before_the_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perfcli.run.one_run.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="inside: the fault clock needs the package time_machine") as failure:
        run({"clock": {"at": "1s", "for": "200ms", "jump": "1h"}})
    assert failure.value.hint == "pip install 'digipal-perf[faults]'"


LINKED_STATICALLY = '''"""Stands for a Python whose SQLite is linked statically: nothing exports its functions."""

import _sqlite3

from perfcli.operations import Context, operation

_sqlite3.__file__ = "/no/such/library.so"


@operation
def feed(ctx: Context) -> None:
    """Feed the pet."""
    ctx.engine.apply_care_action(ctx.user, "meat")
'''


def test_a_library_without_the_function_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("_sqlite3.__file__", "/no/such/library.so")
    with pytest.raises(PerfError, match="cannot be replaced in this Python"):
        SQLITE_WRITES.add(lambda: 0)


@pytest.mark.parametrize(
    ("target", "fault", "message"),
    [
        (
            "{mcp: {url: http://127.0.0.1:1/mcp}}",
            "disk_full: {at: 1s, for: 1s}",
            "for a server that already runs, only",
        ),
        ("embedded", "clock: {at: 1s, for: 1s, jump: 0s}", "moves nothing: write e.g. 1h or -5m"),
        ("embedded", "clock: {at: 1s, for: 1s, jump: -5}", "has no unit"),
        (
            "embedded",
            "disk_slow: {at: 1s, for: 1s, delay: 2s}",
            "delay: 2s is longer than the fault, which has for: 1s",
        ),
        ("embedded", "disk_slow: {at: 1s, for: 1s}", "required key is missing (delay of each write)"),
        ("embedded", "ai: {at: 1s, for: 1s}", "changes nothing: add latency, latency_jitter or error_rate"),
        ("embedded", "disk_full: {at: 1s, for: 1s, share: 0%}", "0% hits no write: write e.g. 10%"),
        ("embedded", "disk_error: {at: 1s, for: 1s, share: 101%}", "is not between 0% and 100%"),
    ],
)
def test_a_mistake_is_reported(target: str, fault: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    load = "{executor: constant-vus, vus: 2, duration: 9s}"
    path.write_text(f"name: t\ntarget: {target}\nload: {load}\nflow: [interact]\nfaults: [{fault}]\n")
    with pytest.raises(ScenarioFileError) as failure:
        load_scenario(path)
    assert message in str(failure.value)
