"""The engine behind its MCP server, driven through the SDK's own client; what is timed is the whole round trip."""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from mcp_types import CallToolResult

from perfcli.errors import PerfError
from perfcli.faults.inside import InsideFault
from perfcli.operations.binding import ToolError, ToolVu
from perfcli.operations.call import Call
from perfcli.operations.digipal_data import EGG_TYPES, PetRef, VuPets, set_up_user
from perfcli.operations.own.binding import OwnVu
from perfcli.plan import ExecutionPlan, longest_call_ns
from perfcli.scenario.target import McpSettings
from perfcli.targets.error_kinds import kind_of
from perfcli.targets.mcp_http import Access
from perfcli.targets.mcp_server import (
    HostedServer,
    HttpServer,
    keep_serving,
    kept_serving,
    make_certificate,
    server_arguments,
)
from perfcli.targets.mcp_sessions import LostCall, Session, Sessions, is_cut_off
from perfcli.targets.protocol import (
    PACKAGE,
    EngineGone,
    Failure,
    Found,
    Obey,
    Surroundings,
    installed_in,
    source_digest,
)
from perfcli.targets.relay import Relay
from perfcli.wire import FaultOrder, FaultReport, LivesIn, Serving

_CERTIFICATE: Final = "server.pem"
"""Beside the database: with its key, and gone with the run."""


_CATEGORIES: Final = {
    "DatabaseBusyError": "busy",
    "StalePetError": "stale",
    "PetConflictError": "stale",
    "StorageError": "database",
    "SchemaVersionError": "database",
    "TimeoutError": "timeout",
}
"""What a server's errors say of the database or the clock, by the name of their type."""

Answer = dict[str, Any]


class McpTarget:
    """A server of the run's own, on the run's database; or one that runs already, under users of this run's own.

    Args:
        process: the number of this process; the plan's host starts the server and serves it to the others.
        serving: where the host does; None in the host itself, and in plans without one.
    """

    def __init__(self, plan: ExecutionPlan, database: Path, process: int = 0, serving: Serving | None = None) -> None:
        self._plan = plan
        self._is_host = process == plan.host
        self._serving = serving
        settings = cast("McpSettings", plan.scenario.target)
        self._settings = settings
        self._database = database
        # what a server found at a URL keeps from other runs must not stand in the way of this one
        self._prefix = "" if settings.watchable else plan.users_prefix
        self._sessions = Sessions(longest_call_ns(plan) / 1e9)
        self._server: HttpServer | None = None
        self._url = serving.url if serving else settings.url
        self._access = Access(serving.token, serving.certificate) if serving and serving.certificate else None
        self._pets: list[PetRef] = []
        faults = [fault for fault in plan.scenario.faults if isinstance(fault, InsideFault)]
        in_engine = any(fault.is_in_engine for fault in faults)
        self._hosted = HostedServer(plan, process) if in_engine and not serving else None
        self._has_cuts = not all(fault.is_in_engine for fault in faults) and not self._is_host
        self._relay: Relay | None = None
        self._outlives_server = bool(serving) and any(fault.replaces_processes for fault in plan.scenario.faults)

    def open(self, found: Found) -> str:
        """Start the server, or find it, and see that it has the tools of the flow."""
        session = self._first_session(found)
        offered = {tool.name for tool in self._sessions.tools(session)}
        flows = [phase.flow for phase in self._plan.phases]
        needed = {step.tool for flow in flows for step in flow if step.tool}
        if missing := sorted(needed - offered):
            raise PerfError(f"the MCP server has no tool {', '.join(missing)}: it offers {', '.join(sorted(offered))}")
        self._session = session
        if self._has_cuts and self._url:
            self._relay = Relay(self._url, is_ours=self._access is not None)
        if self._settings.watchable and (home := installed_in()):
            return source_digest(home / PACKAGE)
        server = session.client.server_info
        return server.version if server else ""

    def set_up(self) -> None:
        """One user with a hatched pet for each of `setup.pets`."""
        for index in range(self._plan.scenario.setup.pets):
            user = self._prefix + set_up_user(index)
            egg = {"egg_type": EGG_TYPES[index % len(EGG_TYPES)]}
            pet = self._call(self._session, "create_new_pet", {"user_id": user, **egg})
            self._call(self._session, "trigger_evolution", {"user_id": user, "force": True})
            self._pets.append(PetRef(user, pet["id"]))

    def join(self) -> None:
        """Ask for the pets that another process has set up, or the server before, which was killed."""
        for index in range(self._plan.scenario.setup.pets):
            user = self._prefix + set_up_user(index)
            self._pets.append(PetRef(user, self._call(self._session, "get_pet_status", {"user_id": user})["id"]))

    def answers(self, *, of_setup: bool) -> Iterator[str]:
        """None: a tool's answer is a text for people."""
        return iter(())

    def calls(self, vu: int, shown: array[int], own: OwnVu) -> list[Call | None]:
        """The scenario's steps for one vu: over HTTP in a session of its own, over stdio in the only one."""
        session = self._session
        if self._url:
            by_relay = self._relay.transport if self._relay else None
            session = self._sessions.over_http(self._url, self._access, by_relay)
        bound = ToolVu(
            VuPets(vu, self._pets, self._prefix),
            partial(self._call, session),
            own,
            partial(self._call_async, session),
            self._sessions.run,
        )
        flow = enumerate(self._plan.flow_of(vu))
        return [None if step.is_pause else step.within_timeout(step.bind_mcp(bound, place)) for place, step in flow]

    def classify(self, error: BaseException) -> Failure:
        """Kinds are what the server said, without the parts that differ from case to case.

        Raises:
            EngineGone: the run's own server has ended.
        """
        if isinstance(error, ToolError):
            return Failure(kind_of(str(error)), _CATEGORIES.get(error.details.get("error", ""), ""))
        if isinstance(error, LostCall) and error.is_cut_off:
            fault = "cut" if self._relay and self._relay.fails_calls else "kill" if self._outlives_server else ""
            if fault:
                return Failure(f"the fault {fault} {'refused' if error.is_refused else 'reset'} the connection", "")
        if is_cut_off(error) and self._has_ended():
            raise EngineGone("the MCP server ended") from error
        if isinstance(error, LostCall) and error.is_refused and self._settings.watchable:
            raise EngineGone(f"the MCP server {'still runs, but ' if self._server else ''}no longer listens") from error
        if isinstance(error, LostCall):
            return Failure(str(error), "timeout" if error.is_timeout else "")
        return Failure(kind_of(f"{type(error).__name__}: {error}"), _CATEGORIES.get(type(error).__name__, ""))

    def active_pets(self) -> None:
        """No tool tells."""

    def fault_orders(self, here: Callable[[Surroundings], Obey]) -> Obey:
        """The engine lives in the server, and the ends of its connections here."""
        in_server = self._hosted.obey if self._hosted else None
        at_this_end = here(Surroundings(cut=self._relay.cut)) if self._relay else None

        def obey(order: FaultOrder) -> FaultReport:
            fault = cast("InsideFault", self._plan.faults[order.number].fault)
            meant = in_server if fault.is_in_engine else at_this_end
            assert meant is not None
            return meant(order)

        return obey

    def see_that_it_lives(self) -> None:
        """Whether the server still runs.

        Raises:
            EngineGone: it does not.
        """
        if self._server is not None and self._server.has_ended():
            raise EngineGone("the MCP server ended")

    def clean_up(self) -> bool:
        """No tool clears the cache."""
        return False

    def close(self) -> None:
        """End the sessions, and with them the run's own server."""
        self._sessions.close()
        if self._relay is not None:
            self._relay.close()
        if self._server is not None:
            self._server.close()
        if self._hosted is not None:
            self._hosted.close()

    def _first_session(self, found: Found) -> Session:
        arguments = server_arguments(self._plan, self._database)
        try:
            if self._serving:
                return self._sessions.over_http(self._serving.url, self._access)
            if self._settings.url:
                found(LivesIn(None))
                return self._sessions.over_http(self._settings.url)
            if self._hosted is not None:
                arguments = self._hosted.arguments(arguments)
            if self._settings.transport == "stdio":
                return self._sessions.over_stdio(arguments, found)
            return self._served(arguments, found)
        except PerfError:
            raise
        except Exception as error:
            raise PerfError(f"the MCP server does not start: {error}") from error

    def _served(self, arguments: list[str], found: Found) -> Session:
        """Start the server over HTTP: where the one was that it replaces, if there was one."""
        folder, host = self._database.parent, self._plan.serve_at
        before = kept_serving(folder) if self._is_host else None
        token, certificate = (before.token, before.certificate) if before else ("", "")
        if host:
            file = folder / _CERTIFICATE
            if not before:
                token, certificate = secrets.token_urlsafe(), make_certificate(host, file)
            self._access = Access(token, certificate)
            arguments = [*arguments, "--host", host, "--tls-cert", str(file)]
        port = urlsplit(before.url).port or 0 if before else 0
        self._server = HttpServer(arguments, self._plan.scenario.setup.pets, token, port)
        found(LivesIn(self._server.pid))
        self._url = self._server.url()
        if self._is_host and not before:
            serving = Serving(self._url, token, certificate)
            keep_serving(serving, folder)
            found(serving)
        return self._sessions.over_http(self._url, self._access)

    def _call(self, session: Session, tool: str, arguments: Mapping[str, Any]) -> Answer:
        return _answer_in(self._sessions.call(session, tool, arguments))

    async def _call_async(self, session: Session, tool: str, arguments: Mapping[str, Any]) -> Answer:
        return _answer_in(await session.call(tool, dict(arguments)))

    def _has_ended(self) -> bool:
        """Over stdio a broken connection is the server's end; over HTTP it may be one of many."""
        if self._server is not None:
            return self._server.is_gone()
        return self._settings.watchable and not self._serving


def _answer_in(result: CallToolResult) -> Answer:
    answer = result.structured_content if isinstance(result.structured_content, dict) else {}
    if result.is_error:
        raise ToolError(" ".join(getattr(part, "text", "") for part in result.content), answer)
    return answer
