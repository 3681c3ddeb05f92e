"""The engine as an MCP server: one method for each tool, who may use it, and the way to start and stop."""

import functools
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from digipal.core.arguments import all_name_arguments
from digipal.core.digipal_core import DigiPalCore
from digipal.core.enums import EggType
from digipal.core.models import Interaction
from digipal.errors import SimulatedAIError, StorageError
from digipal.mcp.answers import answered, failed
from digipal.mcp.http import HttpListener
from digipal.mcp.tools import TOOLS, ToolFailure, listed_tools

_CALLS_AT_ONCE: Final = 64
_NO_PET: Final = "No DigiPal found"

_log = logging.getLogger(__name__)

Arguments: TypeAlias = Mapping[str, Any]
Work: TypeAlias = Callable[..., dict[str, Any]]
Tool: TypeAlias = Callable[["MCPServer", Arguments], Awaitable[types.CallToolResult]]


class TokenCheck(Protocol):
    """Says whether a token is the one of a user; for `MCPServer(check_token=…)`."""

    def __call__(self, user_id: str, token: str | None) -> bool:
        """Whether to let the user in."""


def _tool(work: Work) -> Tool:
    """Make a tool of a method that calls the engine: `_handle_<tool>(arguments)`, which never raises.

    Arguments are checked before; the work is done in a thread, as the engine blocks on SQLite and the AI, so that
    one slow answer holds up no other; a failure is told to the client as a tool error and logged.
    """
    name = work.__name__.removeprefix("_handle_")

    @functools.wraps(work)
    async def handle(self: "MCPServer", arguments: Arguments) -> types.CallToolResult:
        try:
            taken = TOOLS[name].taken(arguments)
            self._let_pass(taken["user_id"], name)
            call = functools.partial(work, self, **taken)
            answer = await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._calls_at_once)
            return answered(answer)
        except ToolFailure as failure:
            _log.info("%s: %s", name, failure)
            return failed(str(failure), failure.details)
        except Exception as error:
            _log.error("%s failed: %s: %s", name, kind := type(error).__name__, error, exc_info=not _is_foreseen(error))
            return failed(f"{name} failed: {error}", {"error": kind})

    del handle.__wrapped__  # whose arguments are not those of `handle`
    return handle


@all_name_arguments
class MCPServer:
    """Serves a DigiPalCore to MCP clients, over streamable HTTP or, by `server.run`, over any transport of the SDK.

    A tool's handler, `await _handle_<tool>(arguments)`, gives a `CallToolResult`: the answer as JSON in the text of its
    only content, and the same in `structured_content`; for a failure `is_error`, and the reason in plain words as the
    text. It never raises. The core and its storage stay their owner's to shut down.

    Access: whoever reaches the server may use every tool for every user, until `set_user_permissions` names the tools
    that a user may use, or `revoke_user_access` shuts the user out. The server keeps no accounts: it is `check_token`
    that knows tokens; without one, `authenticate_user` lets everyone in who has a name.
    """

    def __init__(
        self,
        digipal_core: DigiPalCore,
        server_name: str = "digipal-mcp-server",
        *,
        check_token: TokenCheck | None = None,
    ) -> None:
        self.digipal_core = digipal_core
        self.server_name = server_name
        self.authenticated_users: dict[str, bool] = {}
        self.user_permissions: dict[str, list[str]] = {}
        self.server: Server[Any] = Server(
            server_name,
            instructions="Virtual pets that hatch, learn and grow. A user has one: create it first, then talk to it.",
            get_tool_input_schema=lambda name: TOOLS[name].schema() if name in TOOLS else None,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )
        self._check_token = check_token
        self._revoked: set[str] = set()
        self._calls_at_once = anyio.CapacityLimiter(_CALLS_AT_ONCE)
        self._listeners: list[HttpListener] = []

    def authenticate_user(self, user_id: str, token: str | None = None) -> bool:
        """Let a user in, one who was shut out too; False for an empty id, or where the token is not the user's."""
        if not user_id or (self._check_token is not None and not self._check_token(user_id, token)):
            return False
        self.authenticated_users[user_id] = True
        self._revoked.discard(user_id)
        return True

    def set_user_permissions(self, user_id: str, tools: Sequence[str]) -> None:
        """Let a user use these tools only; none at all where the list is empty."""
        self.user_permissions[user_id] = list(tools)

    def revoke_user_access(self, user_id: str) -> None:
        """Refuse the user every tool until authenticated again; permissions are forgotten."""
        self.authenticated_users.pop(user_id, None)
        self.user_permissions.pop(user_id, None)
        self._revoked.add(user_id)

    async def start_server(
        self,
        host: str = "127.0.0.1",
        port: int = 8000,
        *,
        token: str = "",
        reached_as: Sequence[str] = (),
        tls: ssl.SSLContext | None = None,
        leave: Callable[[], None] | None = None,
        listening: Callable[[str], None] | None = None,
    ) -> None:
        """Serve streamable HTTP at http://host:port/mcp until `shutdown`.

        Clients are as many as there are descriptors for; who connects without asking anything gives way to others.
        The head of a request may take 10 s and 32 KiB, its body 20 s and 1 MiB.

        Args:
            port: 0 for any that is free.
            token: what every request must bear, `Authorization: Bearer …`; needed where `host` is not loopback.
            reached_as: names and addresses, besides `host`, that clients may reach the server by; others are refused.
            tls: serve https:// with this; `digipal.mcp.http.server_tls` makes one of files.
            leave: called when no request is answered any more; a process may end there, with all its sessions.
            listening: told the URL as soon as the server listens.

        Raises:
            ValueError: others can reach the address, and there is no token.
            OSError: nothing can listen there.
        """
        listener = HttpListener(self.server, host, port, token=token, reached_as=reached_as, tls=tls, leave=leave)
        self._listeners.append(listener)
        try:
            if listening is not None:
                listening(listener.url)
            await listener.serve()
        finally:
            self._listeners.remove(listener)

    def shutdown(self) -> None:
        """Have `start_server` return; from any thread, the one of its event loop too.

        Nothing is served after half a second. To unwind a thousand open sessions takes longer: a process that has
        nothing else to do ends by `leave`.
        """
        for listener in list(self._listeners):
            listener.stop()

    @_tool
    def _handle_get_pet_status(self, user_id: str) -> dict[str, Any]:
        state = self.digipal_core.get_pet_state(user_id)
        if state is None:
            raise _no_pet(user_id)
        return state.to_dict()

    @_tool
    def _handle_interact_with_pet(self, user_id: str, message: str) -> dict[str, Any]:
        self._require_pet(user_id)
        success, interaction = self.digipal_core.process_interaction(user_id, message)
        return _told(user_id, success, interaction)

    @_tool
    def _handle_apply_care_action(self, user_id: str, action: str) -> dict[str, Any]:
        self._require_pet(user_id)
        success, interaction = self.digipal_core.apply_care_action(user_id, action)
        told = {**_told(user_id, success, interaction), "action": action}
        if not success:
            raise ToolFailure(f"{action} was refused: {interaction.pet_response}", told)
        return told

    @_tool
    def _handle_create_new_pet(self, user_id: str, egg_type: str, name: str) -> dict[str, Any]:
        if self.digipal_core.load_existing_pet(user_id) is not None:
            raise ToolFailure(f"user {user_id!r} already has a DigiPal")
        pet = self.digipal_core.create_new_pet(EggType(egg_type), user_id, name)
        return {
            "id": pet.id,
            "user_id": pet.user_id,
            "name": pet.name,
            "egg_type": pet.egg_type,
            "life_stage": pet.life_stage,
        }

    @_tool
    def _handle_get_pet_statistics(self, user_id: str) -> dict[str, Any]:
        statistics = self.digipal_core.get_pet_statistics(user_id)
        if not statistics:
            raise _no_pet(user_id)
        return statistics

    @_tool
    def _handle_trigger_evolution(self, user_id: str, force: bool) -> dict[str, Any]:
        self._require_pet(user_id)
        success, result = self.digipal_core.trigger_evolution(user_id, force=force)
        told = {
            "user_id": user_id,
            "success": success,
            "message": result.message,
            "old_stage": result.old_stage,
            "new_stage": result.new_stage,
            "attribute_changes": result.attribute_changes,
            "requirements_met": result.requirements_met,
        }
        if not success:
            raise ToolFailure(str(result.message) or "the pet did not evolve", told)
        return told

    @_tool
    def _handle_get_available_actions(self, user_id: str) -> dict[str, Any]:
        self._require_pet(user_id)
        return {"user_id": user_id, "actions": self.digipal_core.get_care_actions(user_id)}

    def _require_pet(self, user_id: str) -> None:
        if self.digipal_core.load_existing_pet(user_id) is None:
            raise _no_pet(user_id)

    def _let_pass(self, user_id: str, tool: str) -> None:
        if user_id in self._revoked:
            raise ToolFailure(f"permission denied: the access of user {user_id!r} was revoked")
        if tool not in self.user_permissions.get(user_id, [tool]):
            raise ToolFailure(f"permission denied: user {user_id!r} may not use {tool}")

    async def _list_tools(
        self, context: ServerRequestContext[Any], params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=listed_tools())

    async def _call_tool(
        self, context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if params.name not in TOOLS:
            return failed(f"unknown tool {params.name!r:.60}: use one of {', '.join(TOOLS)}", {})
        handle: Callable[[Arguments], Awaitable[types.CallToolResult]] = getattr(self, f"_handle_{params.name}")
        return await handle(params.arguments or {})


def _is_foreseen(error: Exception) -> bool:
    """Whether the engine raises such errors on purpose, so that where it did so says nothing new."""
    return isinstance(error, (StorageError, SimulatedAIError))


def _no_pet(user_id: str) -> ToolFailure:
    return ToolFailure(f"{_NO_PET} for user {user_id!r}: create one with create_new_pet")


def _told(user_id: str, success: bool, interaction: Interaction) -> dict[str, Any]:
    """What an interaction was; ToolFailure where the core found no pet to have it with."""
    if not success and str(interaction.pet_response).startswith(_NO_PET):
        raise _no_pet(user_id)
    return {
        "user_id": user_id,
        "success": success,
        "response": interaction.pet_response,
        "user_input": interaction.user_input,
        "command": interaction.interpreted_command,
        "attribute_changes": interaction.attribute_changes,
        "result": interaction.result,
    }
