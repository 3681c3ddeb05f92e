"""The engine behind its MCP server, driven through the SDK's own client; what is timed is the whole round trip."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from mcp import Client

from perfcli.errors import PerfError
from perfcli.plan import ExecutionPlan
from perfcli.planned_silence import longest_call_ns
from perfcli.scenario import tool_steps as steps
from perfcli.scenario.operation import StepSettings
from perfcli.scenario.steps import Sleep
from perfcli.scenario.target import McpSettings
from perfcli.targets import tool_checks as checks
from perfcli.targets.kinds import kind_of
from perfcli.targets.mcp_server import HttpServer, server_arguments
from perfcli.targets.mcp_sessions import LostCall, Sessions, is_cut_off
from perfcli.targets.naming import PetRef, set_up_user
from perfcli.targets.pets import VuPets
from perfcli.targets.protocol import Call, EngineGone, Failure, LivesIn, call_within
from perfcli.targets.sources import PACKAGE, installed_in, source_digest

_EGGS: Final = ("red", "blue", "green")
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


class ToolError(Exception):
    """A tool answered with an error; `details` are those for programs."""

    def __init__(self, text: str, details: Mapping[str, Any]) -> None:
        super().__init__(text)
        self.details = details


class McpTarget:
    """A server of the run's own, on the run's database; or one that runs already, under users of this run's own."""

    def __init__(self, plan: ExecutionPlan, settings: McpSettings, database: Path) -> None:
        self._plan = plan
        self._settings = settings
        self._database = database
        # what a server found at a URL keeps from other runs must not stand in the way of this one
        self._prefix = "" if settings.starts_engine else f"{uuid4().hex[:8]}-"
        self._sessions = Sessions(longest_call_ns(plan) / 1e9)
        self._server: HttpServer | None = None
        self._url = settings.url
        self._pets: list[PetRef] = []

    def open(self, lives_in: LivesIn) -> str:
        """Start the server, or find it, and see that it has the tools of the flow."""
        client = self._first_session(lives_in)
        offered = {tool.name for tool in self._sessions.tools(client)}
        flows = [phase.flow for phase in self._plan.phases]
        needed = {step.operation for flow in flows for step in flow if not isinstance(step, Sleep)}
        if missing := sorted(needed - offered):
            raise PerfError(f"the MCP server has no tool {', '.join(missing)}: it offers {', '.join(sorted(offered))}")
        self._client = client
        if self._settings.starts_engine and (home := installed_in()):
            return source_digest(home / PACKAGE)
        return client.server_info.version if client.server_info else ""

    def set_up(self) -> None:
        """One user with a hatched pet for each of `setup.pets`."""
        for index in range(self._plan.scenario.setup.pets):
            user = self._prefix + set_up_user(index)
            egg = {"egg_type": _EGGS[index % len(_EGGS)]}
            pet = self._call(self._client, "create_new_pet", {"user_id": user, **egg})
            self._call(self._client, "trigger_evolution", {"user_id": user, "force": True})
            self._pets.append(PetRef(user, pet["id"]))

    def join(self) -> None:
        """Refuse: a scenario cannot ask for several processes of this target."""
        raise EngineGone("the target mcp has one process")

    def answers(self, *, of_setup: bool) -> Iterator[str]:
        """None: a tool's answer is a text for people."""
        return iter(())

    def calls(self, vu: int, shown: array[int]) -> list[Call | None]:
        """The scenario's steps for one vu: over HTTP in a session of its own, over stdio in the only one."""
        client = self._sessions.over_http(self._url) if self._url else self._client
        bound = _VuTools(VuPets(vu, self._pets, self._prefix), lambda *call: self._call(client, *call))
        return [call_within(step, bound.bind(step)) for step in self._plan.flow_of(vu)]

    def classify(self, error: BaseException) -> Failure:
        """Kinds are what the server said, without the parts that differ from case to case.

        Raises:
            EngineGone: the run's own server has ended.
        """
        if isinstance(error, ToolError):
            return Failure(kind_of(str(error)), _CATEGORIES.get(error.details.get("error", ""), ""))
        if is_cut_off(error) and self._has_ended():
            raise EngineGone("the MCP server ended") from error
        if isinstance(error, LostCall) and error.is_refused and self._settings.starts_engine:
            raise EngineGone("the MCP server still runs, but listens no more") from error
        if isinstance(error, LostCall):
            return Failure(str(error), "timeout" if error.is_timeout else "")
        return Failure(kind_of(f"{type(error).__name__}: {error}"), _CATEGORIES.get(type(error).__name__, ""))

    def active_pets(self) -> None:
        """No tool tells."""

    def clean_up(self) -> bool:
        """No tool clears the cache."""
        return False

    def close(self) -> None:
        """End the sessions, and with them the run's own server."""
        self._sessions.close()
        if self._server is not None:
            self._server.close()

    def _first_session(self, lives_in: LivesIn) -> Client:
        arguments = server_arguments(self._plan, self._database)
        try:
            if self._settings.url:
                lives_in(None)
                return self._sessions.over_http(self._settings.url)
            if self._settings.transport == "stdio":
                return self._sessions.over_stdio(arguments, lives_in)
            self._server = HttpServer(arguments, self._plan.scenario.setup.pets)
            lives_in(self._server.pid)
            self._url = self._server.url()
            return self._sessions.over_http(self._url)
        except PerfError:
            raise
        except Exception as error:
            raise PerfError(f"the MCP server does not start: {error}") from error

    def _call(self, client: Client, tool: str, arguments: Mapping[str, Any]) -> Answer:
        result = self._sessions.call(client, tool, arguments)
        told = result.structured_content
        answer = told if isinstance(told, dict) else {}
        if result.is_error:
            raise ToolError(" ".join(getattr(part, "text", "") for part in result.content), answer)
        return answer

    def _has_ended(self) -> bool:
        """Over stdio a broken connection is the server's end; over HTTP it may be one of many."""
        if self._server is not None:
            return self._server.is_gone()
        return self._settings.starts_engine


class _VuTools:
    """Binds steps to one vu's session."""

    def __init__(self, pets: VuPets, call: Callable[[str, Mapping[str, Any]], Answer]) -> None:
        self._pets = pets
        self._call = call

    def bind(self, step: StepSettings) -> Call | None:
        match step:
            case steps.CreateNewPet():
                return Call(
                    lambda user, choice: ({"user_id": self._pets.newcomer(), "egg_type": step.egg_types[choice]},),
                    self._tool("create_new_pet"),
                    self._welcome,
                )
            case steps.InteractWithPet():
                return self._talk("interact_with_pet", "message", step.texts, "user_input", step.accept_refusal)
            case steps.ApplyCareAction():
                return self._talk("apply_care_action", "action", step.actions, "action", step.accept_refusal)
            case steps.TriggerEvolution():
                return self._on_pet(
                    "trigger_evolution", checks.evolution, {"force": step.force}, accept_refusal=step.accept_refusal
                )
            case steps.GetPetStatus():
                return self._on_pet("get_pet_status", checks.status)
            case steps.GetPetStatistics():
                return self._on_pet("get_pet_statistics", checks.statistics)
            case steps.GetAvailableActions():
                return self._on_pet("get_available_actions", checks.actions)
        return None

    def _tool(self, name: str, accept_refusal: bool = False) -> Callable[[Mapping[str, Any]], Answer]:
        def invoke(arguments: Mapping[str, Any]) -> Answer:
            try:
                return self._call(name, arguments)
            except ToolError as error:
                # a refusal is told with what came of it; any other error is not
                if accept_refusal and error.details.get("success") is False:
                    return dict(error.details)
                raise

        return invoke

    def _on_pet(
        self,
        tool: str,
        check: Callable[[PetRef, Answer], str],
        settings: Mapping[str, Any] | None = None,
        *,
        accept_refusal: bool = False,
    ) -> Call:
        def arguments(user: int, choice: int) -> tuple[Answer, PetRef]:
            pet = self._pets.of(user)
            return {"user_id": pet.user_id, **(settings or {})}, pet

        invoke = self._tool(tool, accept_refusal)
        return Call(arguments, lambda given, pet: invoke(given), lambda given, answer: check(given[1], answer))

    def _talk(self, tool: str, argument: str, words: Sequence[str], echo: str, accept_refusal: bool) -> Call:
        def check(asked: tuple[Any, ...], answer: Answer) -> str:
            (given,) = asked
            return checks.interaction(given["user_id"], given[argument], echo, answer, accept_refusal=accept_refusal)

        return Call(
            lambda user, choice: ({"user_id": self._pets.of(user).user_id, argument: words[choice]},),
            self._tool(tool, accept_refusal),
            check,
        )

    def _welcome(self, asked: tuple[Any, ...], answer: Answer) -> str:
        (given,) = asked
        problem = checks.created(given["user_id"], given["egg_type"], answer)
        if not problem:
            self._pets.welcome(PetRef(given["user_id"], answer["id"]))
        return problem
