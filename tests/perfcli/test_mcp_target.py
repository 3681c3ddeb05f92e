"""The target `mcp`: whole runs through true servers, what it takes for a right answer, and that no server is left."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sqlite3
import subprocess
import sys
import time
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import mcp_types as types
import psutil
import pytest
from mcp import stdio_client
from mcp.server.lowlevel import Server

from digipal.ai import SimulatedAI
from digipal.core.digipal_core import DigiPalCore
from digipal.mcp.http import HttpListener
from digipal.mcp.server import MCPServer
from digipal.storage import StorageManager
from perfcli.errors import PerfError, UsageError, Verdict
from perfcli.operations.own.binding import OwnVu
from perfcli.operations.own.journal import Journal
from perfcli.plan import ExecutionPlan
from perfcli.run import run_scenario
from perfcli.scenario.target import McpSettings
from perfcli.targets import make_target
from perfcli.targets.error_kinds import kind_of
from perfcli.targets.mcp import McpTarget, ToolError
from perfcli.targets.mcp_server import HttpServer
from perfcli.targets.mcp_sessions import LostCall, Sessions
from perfcli.targets.protocol import EngineGone
from perfcli.wire import LivesIn, Serving
from tests.processes import is_alive, started_by

ROOT = Path(__file__).parents[2]
MakePlan = Callable[..., ExecutionPlan]
QUIET_AI = {"engine": {"ai": {"latency": "0ms"}}}
EVERY_TOOL = [
    "create_new_pet",
    {"interact_with_pet": {"texts": ["good job", "eat some food"]}},
    {"apply_care_action": {"actions": ["meat", "rest"]}},
    "get_pet_status",
    "get_pet_statistics",
    {"trigger_evolution": {"accept_refusal": True}},
    "get_available_actions",
]
ENDLESS = """
name: endless
target: {mcp: {transport: http}}
setup: {pets: 2}
engine: {ai: {latency: 1ms}}
load: {executor: constant-vus, vus: 2, duration: 10m, think_time: 20ms}
flow: [interact_with_pet]
"""


def servers(parent: int) -> list[psutil.Process]:
    """The MCP servers that a process has started, or what it has started."""
    return started_by(parent, "digipal.mcp")


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen within 30 s")


class Listening:
    """A server in a thread of this process."""

    def __init__(self, server: Server[Any], token: str = "", port: int = 0) -> None:
        self._listener = HttpListener(server, "127.0.0.1", port, token=token)
        self.url = self._listener.url
        self._thread = Thread(target=asyncio.run, args=(self._listener.serve(),))
        self._thread.start()

    def close(self) -> None:
        self._listener.stop()
        self._thread.join()


@pytest.fixture
def found(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start a server that the runs did not start, and tell its URL."""
    storage = StorageManager(tmp_path / "theirs.db")
    started: list[Listening] = []

    def start(server: Server[Any] | None = None, **options: str) -> str:
        core = DigiPalCore(storage, SimulatedAI(latency_ms=0))
        started.append(Listening(server or MCPServer(core).server, **options))
        return started[-1].url

    yield start
    for listening in started:
        listening.close()
    storage.close()


@pytest.fixture
def opened(make_plan: MakePlan, tmp_path: Path) -> Iterator[Callable[..., McpTarget]]:
    """A target on a server at a URL, open and set up in this process."""
    targets: list[McpTarget] = []

    def make(url: str, flow: list[Any], pets: int = 1) -> McpTarget:
        plan = make_plan(flow, target={"mcp": {"url": url}}, setup={"pets": pets})
        target = make_target(plan, tmp_path / "none.db")
        assert isinstance(target, McpTarget)
        targets.append(target)
        target.open(lambda pid: None)
        target.set_up()
        return target

    yield make
    for target in targets:
        target.close()


@pytest.mark.end_to_end
class TestRuns:
    """Whole runs, each with processes of its own."""

    def test_every_tool_over_stdio(self, make_plan: MakePlan, forked_engines: None) -> None:
        plan = make_plan(
            EVERY_TOOL,
            target="mcp",
            setup={"pets": 2},
            load={"executor": "per-vu-iterations", "vus": 2, "iterations": 3},
            thresholds=["success_rate == 100%", "lost_writes == 0", "memory.growth < 1GB"],
            **QUIET_AI,
        )
        result = run_scenario(plan)
        assert (result.verdict, result.reasons) == (Verdict.PASS, [])
        assert {operation.name: operation.ok for operation in result.operations} == dict.fromkeys(
            (operation if isinstance(operation, str) else next(iter(operation)) for operation in EVERY_TOOL), 6
        )
        assert result.integrity is not None
        assert (result.integrity.acknowledged, result.integrity.lost) == (2 + 6 + 6 + 6, 0)
        assert result.memory.harness_rss == 0
        assert result.memory.end_rss
        assert (result.memory.active_pets, result.memory.per_pet, result.memory.after_cleanup) == (None, None, None)
        assert servers(os.getpid()) == []

    def test_sessions_of_their_own_over_http(self, make_plan: MakePlan, forked_engines: None) -> None:
        plan = make_plan(
            [{"get_pet_status": {"weight": 1}}, {"interact_with_pet": {"weight": 1}}],
            target={"mcp": {"transport": "http"}},
            setup={"pets": 3},
            load={"vus": 3, "iterations": 30},
            thresholds=["success_rate == 100%", "lost_writes == 0"],
            **QUIET_AI,
        )
        result = run_scenario(plan)
        assert (result.verdict, result.reasons) == (Verdict.PASS, [])
        assert result.total.ok == 30
        assert servers(os.getpid()) == []

    def test_a_server_that_is_killed(self, make_plan: MakePlan, forked_engines: None) -> None:
        load = {"executor": "constant-vus", "duration": "10m", "vus": 2, "think_time": "20ms"}
        plan = make_plan(["get_pet_status", "interact_with_pet"], target="mcp", setup={"pets": 2}, load=load)
        killed: list[int] = []

        class Assassin:
            wants_snapshots = False

            def update(self, progress: Any) -> None:
                if progress.ok and not killed:
                    (server,) = servers(os.getpid())
                    killed.append(server.pid)
                    server.kill()

        result = run_scenario(plan, observer=Assassin())
        assert result.verdict is Verdict.ERROR
        assert result.reasons == ["the engine failed at measuring: the MCP server ended"]
        assert result.total.ok > 0
        assert result.integrity is not None
        assert result.integrity.lost == 0
        until(lambda: not psutil.pid_exists(killed[0]))

    def test_a_tool_that_is_killed_leaves_no_server(self, tmp_path: Path) -> None:
        (tmp_path / "endless.yaml").write_text(ENDLESS, encoding="utf-8")
        tool = subprocess.Popen(
            [sys.executable, "-m", "perfcli", "run", "endless.yaml"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
            stdout=subprocess.DEVNULL,
        )
        (server,) = until(lambda: servers(tool.pid))
        tool.send_signal(signal.SIGKILL)
        tool.wait()
        until(lambda: not is_alive(server))
        until(lambda: not list(tmp_path.glob("digipal-perf-*")))

    def test_a_server_that_runs_already(
        self, found: Callable[..., str], make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DIGIPAL_MCP_TOKEN", "secret")
        url = found(token="secret")
        plan = make_plan(
            ["create_new_pet", "interact_with_pet"],
            target={"mcp": {"url": url}},
            setup={"pets": 1},
            thresholds=["success_rate == 100%"],
        )
        result = run_scenario(plan)
        assert (result.verdict, result.reasons) == (Verdict.PASS, [])
        assert result.integrity is None
        assert (result.memory.end_rss, result.memory.growth, result.resources.cpu_mean) == (None, None, None)
        assert result.resources.generator_cpu
        assert result.monitor == []
        assert "secret" not in result.model_dump_json()


class TestOpening:
    """What stands in the way of a run is told before it begins."""

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("raise SystemExit(7)", "it ended, or closed its standard output, before it answered"),
            (
                "import json, sys\nfor line in sys.stdin:\n"
                " print(json.dumps({'jsonrpc': '2.0', 'id': json.loads(line).get('id', 0),"
                " 'error': {'code': -5, 'message': 'no luck'}}), flush=True)",
                "it answers with an error: no luck",
            ),
        ],
    )
    def test_a_server_over_stdio_that_does_not_start(self, code: str, expected: str) -> None:
        sessions = Sessions()
        try:
            with pytest.raises(PerfError) as caught:
                sessions.over_stdio(["-c", code], lambda pid: None)
        finally:
            sessions.close()
        assert caught.value.message == f"the MCP server does not start: {expected}"

    @pytest.mark.parametrize("is_seen", [True, False])
    def test_a_server_that_ends_before_the_session_begins(self, is_seen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """However soon it ends: before the tool looks for its pid, or right after."""
        before, seen = psutil.Process().children(), list[int]()

        @asynccontextmanager
        async def ended(server: Any, errlog: Any) -> AsyncIterator[Any]:
            async with stdio_client(server, errlog=errlog) as streams:
                (process,) = [child for child in psutil.Process().children() if child not in before]
                process.kill()
                while process in psutil.Process().children():
                    await asyncio.sleep(0.01)
                yield streams

        def end(found: LivesIn | Serving) -> None:
            assert isinstance(found, LivesIn)
            assert found.process is not None
            seen.append(found.process)
            process = psutil.Process(found.process)
            process.kill()
            until(lambda: not is_alive(process))

        if not is_seen:
            monkeypatch.setattr("perfcli.targets.mcp_sessions.stdio_client", ended)
        sessions = Sessions()
        try:
            with pytest.raises(PerfError, match="it ended, or closed its standard output, before it answered"):
                sessions.over_stdio(["-c", "import time; time.sleep(60)"], end)
        finally:
            sessions.close()
        assert len(seen) == is_seen

    def test_a_server_of_something_else(self, found: Callable[..., str], opened: Callable[..., McpTarget]) -> None:
        async def listed(*_: Any) -> types.ListToolsResult:
            return types.ListToolsResult(tools=[types.Tool(name="sing", input_schema={"type": "object"})])

        with pytest.raises(PerfError, match="the MCP server has no tool get_pet_status: it offers sing"):
            opened(found(Server("choir", on_list_tools=listed)), ["get_pet_status"])

    @pytest.mark.slow
    def test_the_sdk_is_missing(self, make_plan: MakePlan, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in [name for name in sys.modules if name.startswith(("perfcli.targets.mcp", "mcp"))]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "mcp", None)
        plan = make_plan(["get_pet_status"], target="mcp", setup={"pets": 1})
        with pytest.raises(UsageError, match=r"needs the package mcp.*: pip install 'digipal-perf\[mcp\]'"):
            make_target(plan, tmp_path / "pets.db")


class TestFailures:
    """What a tool's error is counted as."""

    @pytest.mark.slow
    def test_the_own_server_listens_no_more(
        self, opened: Callable[..., McpTarget], found: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        target = opened(found(), ["get_pet_status"])
        refused = LostCall("nothing listens", ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
        assert target.classify(refused) == ("nothing listens", "")
        monkeypatch.setattr(target, "_settings", McpSettings(transport="http"))
        monkeypatch.setattr(target, "_server", HttpServer(["-c", "input()"], 1))
        for _ in range(2):
            with pytest.raises(EngineGone, match="the MCP server still runs, but no longer listens"):
                target.classify(refused)
        assert target._server is not None
        began_s = time.monotonic()
        assert not any(target._server.is_gone() for _ in range(50))
        assert time.monotonic() - began_s < 10
        target._server._process.communicate(b"\n")
        assert target._server.is_gone()
        monkeypatch.setattr(target, "_server", None)

    @pytest.mark.slow
    def test_a_server_that_was_restarted_is_asked_in_a_new_session(self, tmp_path: Path) -> None:
        storage = StorageManager(tmp_path / "theirs.db")
        core = DigiPalCore(storage, SimulatedAI(latency_ms=0))
        first, sessions = Listening(MCPServer(core).server), Sessions()
        try:
            session = sessions.over_http(first.url)
            user = {"user_id": "ada"}
            sessions.call(session, "create_new_pet", {**user, "egg_type": "red"})
            first.close()
            second = Listening(MCPServer(core).server, port=urlsplit(first.url).port)
            try:
                assert not sessions.call(session, "get_pet_status", user).is_error
                assert not sessions.call(session, "get_pet_status", user).is_error
            finally:
                sessions.close()
                second.close()
        finally:
            storage.close()

    def test_tool_errors_by_what_they_say(self, found: Callable[..., str], opened: Callable[..., McpTarget]) -> None:
        target = opened(found(), [{"trigger_evolution": {"force": False}}])
        call = target.calls(0, array("q"), OwnVu({}, 0, 1, Journal(), Path("unused")))[0]
        assert call is not None
        with pytest.raises(ToolError) as caught:
            call.invoke(*call.arguments(0, 0))
        assert target.classify(caught.value) == ("Evolution requirements not met: min_age", "")

    def test_refusals_that_are_accepted(self, found: Callable[..., str], opened: Callable[..., McpTarget]) -> None:
        target = opened(found(), [{"trigger_evolution": {"accept_refusal": True}}])
        call = target.calls(0, array("q"), OwnVu({}, 0, 1, Journal(), Path("unused")))[0]
        assert call is not None
        asked = call.arguments(0, 0)
        assert call.check(asked, call.invoke(*asked)) == ""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("error", "category"),
        [
            ("DatabaseBusyError", "busy"),
            ("StorageError", "database"),
            ("StalePetError", "stale"),
            ("SimulatedAIError", ""),
            (None, ""),
        ],
    )
    def test_categories(
        self, error: str | None, category: str, found: Callable[..., str], opened: Callable[..., McpTarget]
    ) -> None:
        target = opened(found(), ["get_pet_status"])
        assert target.classify(ToolError("it failed", {"error": error})) == ("it failed", category)

    @pytest.mark.slow
    def test_users_of_two_runs_do_not_meet(
        self, found: Callable[..., str], make_plan: MakePlan, tmp_path: Path, forked_engines: None
    ) -> None:
        plan = make_plan(["get_pet_status"], target={"mcp": {"url": found()}}, setup={"pets": 1})
        for _ in range(2):
            result = run_scenario(plan)
            assert (result.verdict, result.reasons) == (Verdict.PASS, [])
        with closing(sqlite3.connect(tmp_path / "theirs.db")) as database:
            users = [user for (user,) in database.execute("SELECT user_id FROM digipals")]
        assert len(set(users)) == len(users) == 2


def test_kinds_leave_out_what_varies() -> None:
    first, second = (kind_of(f"No DigiPal found for user 'user-{n}': pet 0{n}a1b2c3d4\nmore") for n in (1, 2))
    assert first == second == "No DigiPal found for user …: pet …"


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_a_server_that_is_killed_is_replaced_on_the_same_database(
    transport: str, make_plan: MakePlan, forked_engines: None
) -> None:
    target = {"mcp": {"transport": transport}}
    load = {"executor": "per-vu-iterations", "iterations": 40, "vus": 2, "think_time": "40ms"}
    faults = [{"kill": {"at": "1100ms"}}]
    plan = make_plan(["interact_with_pet"], target=target, setup={"pets": 2}, load=load, faults=faults, **QUIET_AI)
    result = run_scenario(plan)
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    assert len(result.restarts) == 1
    assert result.iterations >= 80, "they are repeated until the kill has recovered"
    assert result.integrity is not None
    assert (result.integrity.lost, result.integrity.duplicates) == (0, 0)
    assert result.inspection.processes_left == []
