"""The handlers: what they answer, what they refuse and in which words, and that they never raise."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from mcp import Client

from digipal.ai import SimulatedAI
from digipal.core import DigiPal, EggType, Interaction, LifeStage
from digipal.core.attribute_engine import AttributeEngine
from digipal.core.digipal_core import DigiPalCore, PetState
from digipal.core.evolution_controller import EvolutionResult
from digipal.errors import DatabaseBusyError
from digipal.mcp.server import MCPServer
from digipal.mcp.tools import TOOLS
from digipal.storage import StorageManager

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]

ARGUMENTS: dict[str, dict[str, Any]] = {
    "interact_with_pet": {"message": "good"},
    "apply_care_action": {"action": "meat"},
    "create_new_pet": {"egg_type": "red"},
}


@pytest.fixture
def server(core: DigiPalCore) -> MCPServer:
    core.create_new_pet(EggType.BLUE, "u", "Momo")
    core.trigger_evolution("u", force=True)
    return MCPServer(core)


def call(server: MCPServer, tool: str, **arguments: Any) -> Any:
    return asyncio.run(getattr(server, f"_handle_{tool}")(arguments))


def answer(server: MCPServer, tool: str, **arguments: Any) -> dict[str, Any]:
    """The answer of a call that succeeds."""
    result = call(server, tool, **arguments)
    assert not result.is_error, result.content[0].text
    assert json.loads(result.content[0].text) == result.structured_content
    told: dict[str, Any] = result.structured_content
    return told


def refusal(server: MCPServer, tool: str, **arguments: Any) -> str:
    """The words of a call that fails."""
    result = call(server, tool, **arguments)
    assert result.is_error
    text: str = result.content[0].text
    assert "Traceback" not in text
    return text


class TestAnswers:
    """What each tool says of a pet."""

    def test_status(self, server: MCPServer, core: DigiPalCore) -> None:
        state = core.get_pet_state("u")
        assert state is not None
        told = answer(server, "get_pet_status", user_id="u")
        assert (told["id"], told["user_id"], told["name"], told["life_stage"]) == (state.id, "u", "Momo", "baby")
        assert told["attributes"] == state.to_dict()["attributes"]

    def test_interaction(self, server: MCPServer, storage: StorageManager) -> None:
        told = answer(server, "interact_with_pet", user_id="u", message="good 🎉")
        assert told["user_input"] == "good 🎉"
        assert told["response"]
        assert told["success"] is True
        assert storage.get_interaction_history("u")[0]["pet_response"] == told["response"]

    def test_a_pet_that_does_not_understand_is_no_error(self, server: MCPServer) -> None:
        assert answer(server, "interact_with_pet", user_id="u", message="quantum")["success"] is False

    def test_care(self, server: MCPServer) -> None:
        told = answer(server, "apply_care_action", user_id="u", action="meat")
        assert told["attribute_changes"]["weight"] == 2

    def test_new_pet(self, server: MCPServer, storage: StorageManager) -> None:
        told = answer(server, "create_new_pet", user_id="v", egg_type="green")
        pet = storage.load_pet("v")
        assert pet is not None
        assert told == {"id": pet.id, "user_id": "v", "name": "DigiPal", "egg_type": "green", "life_stage": "egg"}

    def test_statistics(self, server: MCPServer) -> None:
        assert answer(server, "get_pet_statistics", user_id="u")["basic_info"]["name"] == "Momo"

    def test_evolution(self, server: MCPServer) -> None:
        told = answer(server, "trigger_evolution", user_id="u", force=True)
        assert (told["old_stage"], told["new_stage"]) == ("baby", "child")
        assert told["attribute_changes"]["hp"] == 30

    def test_available_actions(self, server: MCPServer, core: DigiPalCore) -> None:
        assert answer(server, "get_available_actions", user_id="u")["actions"] == core.get_care_actions("u")


class TestRefusals:
    """What goes wrong is told in plain words."""

    @pytest.mark.slow
    @pytest.mark.parametrize("tool", TOOLS)
    @pytest.mark.parametrize("user", [{}, {"user_id": ""}, {"user_id": None}])
    def test_user_is_required(self, server: MCPServer, tool: str, user: dict[str, Any]) -> None:
        assert "user_id is required" in refusal(server, tool, **user, **ARGUMENTS.get(tool, {}))

    @pytest.mark.parametrize("tool", sorted(TOOLS.keys() - {"create_new_pet"}))
    def test_no_pet(self, server: MCPServer, tool: str) -> None:
        assert "No DigiPal found" in refusal(server, tool, user_id="nobody", **ARGUMENTS.get(tool, {}))

    def test_a_second_pet(self, server: MCPServer) -> None:
        assert "already has a DigiPal" in refusal(server, "create_new_pet", user_id="u", egg_type="red")

    @pytest.mark.parametrize(
        ("tool", "arguments", "words"),
        [
            ("create_new_pet", {"egg_type": "pink"}, "Invalid egg type 'pink': use one of red, blue, green"),
            ("create_new_pet", {}, "egg_type is required"),
            ("create_new_pet", {"egg_type": "red", "name": 7}, "name must be text, not a number"),
            ("apply_care_action", {"action": "fly"}, "Unknown care action 'fly': use one of strength_training"),
            ("interact_with_pet", {"message": ""}, "message is required"),
            ("interact_with_pet", {"message": "x" * 65_537}, "message has 65,537 characters; the limit is 65,536"),
            ("interact_with_pet", {"message": ["hi"]}, "message must be text, not a list"),
            ("trigger_evolution", {"force": "yes"}, "force must be true or false, not text"),
            ("get_pet_status", {"userid": "u"}, "unknown argument 'userid': use user_id"),
        ],
    )
    def test_wrong_arguments(self, server: MCPServer, tool: str, arguments: dict[str, Any], words: str) -> None:
        assert words in refusal(server, tool, user_id="u", **arguments)

    def test_a_tired_pet(self, server: MCPServer, core: DigiPalCore) -> None:
        core.trigger_evolution("u", force=True)
        core.active_pets["u"].energy = 3
        result = call(server, "apply_care_action", user_id="u", action="play")
        assert result.is_error
        assert result.content[0].text.startswith("play was refused: ")
        assert result.structured_content["result"] == "insufficient_energy"

    def test_a_pet_that_is_not_ready(self, server: MCPServer) -> None:
        result = call(server, "trigger_evolution", user_id="u")
        assert result.is_error
        assert "requirements not met" in result.content[0].text
        assert result.structured_content["requirements_met"]["min_age"] is False

    def test_a_database_that_is_gone(
        self, server: MCPServer, storage: StorageManager, caplog: pytest.LogCaptureFixture
    ) -> None:
        storage.close()
        result = call(server, "apply_care_action", user_id="u", action="meat")
        assert result.is_error
        assert result.content[0].text.startswith("apply_care_action failed: ")
        assert result.structured_content == {"error": "StorageError"}
        assert "apply_care_action failed: StorageError" in caplog.text
        assert server.digipal_core.active_pets["u"].weight == 20

    def test_an_ai_that_fails(self, storage: StorageManager) -> None:
        core = DigiPalCore(storage, SimulatedAI(latency_ms=0, error_rate=1))
        core.create_new_pet(EggType.RED, "u")
        assert "simulated failure" in refusal(MCPServer(core), "interact_with_pet", user_id="u", message="hi")

    def test_a_fault_nobody_foresaw_is_logged_with_its_place(self, caplog: pytest.LogCaptureFixture) -> None:
        core = Mock(spec=DigiPalCore)
        core.get_pet_state.side_effect = ZeroDivisionError("half a pet")
        assert refusal(MCPServer(core), "get_pet_status", user_id="u") == "get_pet_status failed: half a pet"
        assert "Traceback" in caplog.text

    def test_what_is_no_character_can_be_told(self, caplog: pytest.LogCaptureFixture) -> None:
        # such a log could not travel between processes that share the tests
        caplog.set_level(logging.CRITICAL + 1)
        core = Mock(spec=DigiPalCore)
        core.get_pet_state.side_effect = DatabaseBusyError("\ud800")
        assert refusal(MCPServer(core), "get_pet_status", user_id="u").endswith("\\ud800")


class TestAccess:
    """Who may use what."""

    def test_everyone_may_use_everything_at_first(self, server: MCPServer) -> None:
        answer(server, "get_pet_status", user_id="u")

    def test_permissions_name_the_tools_a_user_may_use(self, server: MCPServer) -> None:
        server.set_user_permissions("u", ["get_pet_status"])
        answer(server, "get_pet_status", user_id="u")
        assert "permission denied" in refusal(server, "trigger_evolution", user_id="u")
        assert server.user_permissions == {"u": ["get_pet_status"]}

    def test_an_empty_list_allows_nothing(self, server: MCPServer) -> None:
        server.set_user_permissions("u", [])
        assert "permission denied" in refusal(server, "get_pet_status", user_id="u")

    def test_revoked_until_authenticated_again(self, server: MCPServer) -> None:
        assert server.authenticate_user("u")
        server.revoke_user_access("u")
        assert "u" not in server.authenticated_users
        assert "revoked" in refusal(server, "get_pet_status", user_id="u")
        assert server.authenticate_user("u")
        answer(server, "get_pet_status", user_id="u")

    def test_tokens_are_checked_where_someone_knows_them(self, core: DigiPalCore) -> None:
        server = MCPServer(core, check_token=lambda user, token: token == f"{user}'s own")
        assert not server.authenticate_user("u", "guess")
        assert not server.authenticate_user("u")
        assert server.authenticate_user("u", "u's own")
        assert not MCPServer(core).authenticate_user("")


class TestStandIns:
    """Callers test with a mock in the place of the core."""

    @pytest.fixture
    def mocked(self) -> Any:
        return Mock(spec=DigiPalCore)

    def test_attributes(self, mocked: Any) -> None:
        server = MCPServer(mocked)
        assert (server.digipal_core, server.server_name) == (mocked, "digipal-mcp-server")
        assert server.server.name == server.server_name
        assert (server.authenticated_users, server.user_permissions) == ({}, {})

    def test_calls_reach_the_core(self, mocked: Any) -> None:
        server = MCPServer(mocked)
        pet = DigiPal(user_id="u", name="Momo", life_stage=LifeStage.BABY)
        said = Interaction(user_input="hi", pet_response="Hello!")
        mocked.load_existing_pet.return_value = None
        mocked.create_new_pet.return_value = pet
        assert answer(server, "create_new_pet", user_id="u", egg_type="red", name="Momo")["name"] == "Momo"
        mocked.create_new_pet.assert_called_once_with(EggType.RED, "u", "Momo")
        mocked.load_existing_pet.return_value = pet
        mocked.get_pet_state.return_value = PetState(pet)
        mocked.process_interaction.return_value = (True, said)
        mocked.apply_care_action.return_value = (True, said)
        mocked.get_pet_statistics.return_value = {"basic_info": {"id": pet.id}, "seen": pet.birth_time}
        mocked.trigger_evolution.return_value = (True, EvolutionResult(True, LifeStage.EGG, LifeStage.BABY))
        mocked.get_care_actions.return_value = ["meat"]
        for tool in TOOLS.keys() - {"create_new_pet"}:
            answer(server, tool, user_id="u", **ARGUMENTS.get(tool, {}))
        mocked.process_interaction.assert_called_once_with("u", "good")
        mocked.apply_care_action.assert_called_once_with("u", "meat")

    def test_a_core_that_says_there_is_no_pet(self, mocked: Any) -> None:
        nobody = Interaction(pet_response="No DigiPal found for user u", success=False)
        mocked.process_interaction.return_value = (False, nobody)
        assert "No DigiPal found" in refusal(MCPServer(mocked), "interact_with_pet", user_id="u", message="hi")

    def test_answers_that_are_mocks_themselves_do_no_harm(self, mocked: Any) -> None:
        mocked.process_interaction.return_value = (True, Mock(pet_response="Hi"))
        mocked.trigger_evolution.return_value = (True, Mock())
        mocked.load_existing_pet.side_effect = lambda user: None if user == "new" else Mock()
        server = MCPServer(mocked)
        assert answer(server, "interact_with_pet", user_id="u", message="hi")["response"] == "Hi"
        answer(server, "trigger_evolution", user_id="u")
        answer(server, "create_new_pet", user_id="new", egg_type="red")
        assert not call(server, "get_pet_status", user_id="u").is_error


class TestProtocol:
    """What a client of the SDK sees, in process."""

    def test_schemas(self, server: MCPServer) -> None:
        async def listed() -> Any:
            async with Client(server.server) as client:
                return (await client.list_tools()).tools

        tools = {tool.name: tool for tool in asyncio.run(listed())}
        assert list(tools) == list(TOOLS)
        assert len(tools) == 7
        schemas = {name: tool.input_schema for name, tool in tools.items()}
        assert all(tool.description for tool in tools.values())
        assert all(schema["required"][0] == "user_id" for schema in schemas.values())
        assert schemas["apply_care_action"]["properties"]["action"]["enum"] == list(AttributeEngine().care_actions)
        created = schemas["create_new_pet"]
        assert created["properties"]["egg_type"]["enum"] == ["red", "blue", "green"]
        assert created["properties"]["name"]["default"] == "DigiPal"
        assert created["required"] == ["user_id", "egg_type"]
        assert schemas["trigger_evolution"]["properties"]["force"]["type"] == "boolean"

    def test_an_unknown_tool_and_no_arguments(self, server: MCPServer) -> None:
        async def told() -> list[Any]:
            async with Client(server.server) as client:
                return [await client.call_tool("sing"), await client.call_tool("get_pet_status")]

        unknown, nothing = asyncio.run(told())
        assert (unknown.is_error, nothing.is_error) == (True, True)
        assert "unknown tool 'sing': use one of get_pet_status" in unknown.content[0].text
        assert "user_id is required" in nothing.content[0].text

    def test_a_slow_answer_holds_up_no_other(self, storage: StorageManager) -> None:
        answering, may_answer = threading.Event(), threading.Event()

        def wait(seconds: float) -> None:
            answering.set()
            assert may_answer.wait(30)

        core = DigiPalCore(storage, SimulatedAI(latency_ms=1, sleep=wait))
        core.create_new_pet(EggType.RED, "slow")
        core.create_new_pet(EggType.RED, "quick")

        async def both() -> tuple[Any, Any]:
            async with Client(MCPServer(core).server) as client:
                slow = asyncio.create_task(client.call_tool("interact_with_pet", {"user_id": "slow", "message": "hi"}))
                await asyncio.to_thread(answering.wait, 30)
                quick = await client.call_tool("get_pet_status", {"user_id": "quick"})
                assert not slow.done()
                may_answer.set()
                return quick, await slow

        quick, slow = asyncio.run(both())
        assert (quick.is_error, slow.is_error) == (False, False)


@pytest.mark.slow
def test_the_engine_itself_does_not_need_the_sdk(tmp_path: Path) -> None:
    code = "import sys, digipal.core.digipal_core, digipal.storage, digipal.ai; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
    without = "import sys; sys.modules['mcp'] = sys.modules['mcp_types'] = None; "
    code = without + f"from digipal.mcp.__main__ import main; main(['--db', {str(tmp_path / 'p.db')!r}])"
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "pip install 'digipal-perf[mcp]'" in told.stderr
