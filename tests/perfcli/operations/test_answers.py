"""Which answers of an engine are right, asked of each operation as it is bound to one vu."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from digipal.core import EggType
from perfcli.operations import STEP_MODELS
from perfcli.operations.binding import EmbeddedVu, ToolError, ToolVu
from perfcli.operations.call import Call, StepImpossible
from perfcli.operations.digipal_data import CREATED_PET, PetRef, VuPets
from perfcli.operations.save_canaries import (
    CANARY_FIELDS,
    UNSAVED,
    CanaryMode,
    SaveCanaries,
    save_key,
    save_name,
)

PET = SimpleNamespace(user_id="u", id="p", name="Pet")
STATE = {"user_id": "u", "id": "p", "attributes": {"hp": 1}}
TALK = {"user_id": "u", "user_input": "hi", "response": "Hello!", "success": True, "result": "success"}


class Tools:
    """A server that answers every tool alike."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.vu = ToolVu(VuPets(4, [PetRef("u", "p")], "run-"), self.call, None, None, None)  # type: ignore[arg-type]

    def call(self, tool: str, arguments: Mapping[str, Any]) -> Any:
        self.calls.append((tool, arguments))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def do(self, operation: str, **settings: Any) -> tuple[Any, str]:
        """The answer, and what is wrong with it."""
        step = STEP_MODELS[operation].model_validate({"operation": operation, **settings})
        return done(step.bind_mcp(self.vu, 0))


def done(call: Call, user: int = 0) -> tuple[Any, str]:
    arguments = call.arguments(user, 0)
    answer = call.invoke(*arguments)
    return answer, call.check(arguments, answer)


@pytest.mark.parametrize(
    ("operation", "answer", "problem"),
    [
        ("get_pet_status", STATE, ""),
        ("get_pet_status", {}, "wrong answer: no state"),
        ("get_pet_status", {**STATE, "user_id": "v"}, "wrong answer: another user's pet"),
        ("get_pet_status", {**STATE, "id": "q"}, "wrong answer: another pet"),
        ("get_pet_statistics", {"basic_info": {"id": "p"}}, ""),
        ("get_pet_statistics", {"basic_info": {"id": "q"}}, "wrong answer: another pet"),
        ("get_pet_statistics", {}, "wrong answer: no statistics"),
        ("get_available_actions", {"user_id": "u", "actions": ["meat"]}, ""),
        ("get_available_actions", {"user_id": "u", "actions": []}, "wrong answer: no actions"),
        ("get_available_actions", {"user_id": "v", "actions": ["meat"]}, "wrong answer: another user's pet"),
        ("trigger_evolution", {"user_id": "u", "old_stage": "egg", "new_stage": "baby"}, ""),
        ("trigger_evolution", {"user_id": "u", "old_stage": "egg"}, "wrong answer: no stages"),
        ("trigger_evolution", {"user_id": "u", "new_stage": "baby"}, "wrong answer: no stages"),
        ("trigger_evolution", {"old_stage": "egg", "new_stage": "baby"}, "wrong answer: another user's pet"),
    ],
)
def test_tools_answer_for_the_pet_that_they_are_asked_for(operation: str, answer: Any, problem: str) -> None:
    tools = Tools(answer)
    assert tools.do(operation) == (answer, problem)
    settings = {"force": False} if operation == "trigger_evolution" else {}
    assert tools.calls == [(operation, {"user_id": "u", **settings})]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"id": "p", "user_id": "run-vu4-0", "egg_type": "red"}, ""),
        ({"id": "p", "user_id": "run-vu4-0", "egg_type": "blue"}, "wrong answer: another egg type"),
        ({"id": "p", "user_id": "u", "egg_type": "red"}, "wrong answer: another user's pet"),
        ({"user_id": "run-vu4-0", "egg_type": "red"}, "wrong answer: no pet"),
    ],
)
def test_a_tool_creates_the_pet_that_the_next_steps_act_on(answer: Any, problem: str) -> None:
    tools = Tools(answer)
    assert tools.do("create_new_pet") == (answer, problem)
    assert tools.calls == [("create_new_pet", {"user_id": "run-vu4-0", "egg_type": "red"})]
    if problem:
        with pytest.raises(StepImpossible, match="not created"):
            tools.vu.pets.of(CREATED_PET)
    else:
        assert tools.vu.pets.of(CREATED_PET) == ("run-vu4-0", "p")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, ""),
        ({"user_id": "v"}, "wrong answer: another user's pet"),
        ({"user_input": "ho"}, "wrong answer: an interaction about something else"),
        ({"response": ""}, "wrong answer: an empty response"),
        ({"success": False, "result": "failure"}, "refused: failure"),
    ],
)
def test_a_tool_answers_what_was_said(changed: dict[str, Any], problem: str) -> None:
    tools = Tools({**TALK, **changed})
    assert tools.do("interact_with_pet", texts=["hi"])[1] == problem
    assert tools.calls == [("interact_with_pet", {"user_id": "u", "message": "hi"})]
    care = Tools({**TALK, "action": "meat", **changed})
    assert care.do("apply_care_action", actions=["meat"])[1] == ("" if "user_input" in changed else problem)
    assert care.calls == [("apply_care_action", {"user_id": "u", "action": "meat"})]


@pytest.mark.parametrize("operation", ["interact_with_pet", "apply_care_action", "trigger_evolution"])
def test_a_refusal_is_right_if_it_is_accepted(operation: str) -> None:
    details = {**TALK, "action": "meat", "success": False, "old_stage": "egg", "new_stage": "egg"}
    words = {"interact_with_pet": {"texts": ["hi"]}, "apply_care_action": {"actions": ["meat"]}}.get(operation, {})
    refused = Tools(ToolError("too tired", details))
    assert refused.do(operation, accept_refusal=True, **words) == (details, "")
    with pytest.raises(ToolError, match="too tired"):
        refused.do(operation, **words)
    with pytest.raises(ToolError, match="no such tool"):
        Tools(ToolError("no such tool", {"code": 1})).do(operation, accept_refusal=True, **words)


class Engine:
    """An engine in this process that answers every function alike."""

    def __init__(
        self, answer: Any, mode: CanaryMode = CanaryMode.NONE, *, tells: bool = False, on_created: bool = False
    ) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []
        self.shown = array("q")
        names = "get_pet_state get_pet_statistics load_existing_pet process_interaction apply_care_action"
        self.core = SimpleNamespace(active_pets={}, create_new_pet=self.call, **dict.fromkeys(names.split(), self.call))
        self.storage = SimpleNamespace(load_pet=self.call, save_pet=self.call, create_user=self.call)
        self.pets = VuPets(4, [PetRef("u", "p")])
        self.vu = EmbeddedVu(
            self.pets,
            SaveCanaries(mode),
            self.core,
            self.storage,
            self.shown,
            [0] if tells else [],
            [on_created],
            None,  # type: ignore[arg-type]
        )

    def call(self, *arguments: Any) -> Any:
        self.asked.append(arguments)
        return self.answer

    def do(self, operation: str, user: int = 0, **settings: Any) -> str:
        """What is wrong with the answer."""
        step = STEP_MODELS[operation].model_validate({"operation": operation, **settings})
        return done(step.bind_embedded(self.vu, 0), user)[1]


@pytest.mark.parametrize("operation", ["status", "load_pet"])
@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({}, ""),
        ({"user_id": "v"}, "wrong answer: another user's pet"),
        ({"id": "q"}, "wrong answer: another pet"),
        (None, "wrong answer: no pet"),
    ],
)
def test_reads_return_the_pet_of_the_user(operation: str, changed: dict[str, Any] | None, problem: str) -> None:
    engine = Engine(None if changed is None else SimpleNamespace(**{**vars(PET), **changed}))
    assert engine.do(operation) == problem
    assert engine.asked == [("u",)]
    assert not engine.shown


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize(
    ("mode", "fields", "problem", "shown"),
    [
        (CanaryMode.IN_PLACE, ["save 3 of vu4"] * 3, "", save_key(3, 4)),
        (CanaryMode.ON_COPIES, ["save 3 of vu4"] * 3, "", save_key(3, 4)),
        (CanaryMode.ON_COPIES, ["Pet", "a.png", "a pet"], "", UNSAVED),
        (CanaryMode.IN_PLACE, ["save 3 of vu4", "save 2 of vu4", "save 3 of vu4"], "wrong answer: torn read", None),
    ],
)
def test_a_read_tells_which_save_it_saw(
    mode: CanaryMode, fields: list[str], problem: str, shown: int | None, tells: bool
) -> None:
    pet = SimpleNamespace(user_id="u", id="p", **dict(zip(CANARY_FIELDS, fields, strict=True)))
    engine = Engine(pet, mode, tells=tells)
    assert engine.do("load_pet") == problem
    assert list(engine.shown) == ([] if shown is None or not tells else [shown])


@pytest.mark.parametrize("mode", [CanaryMode.NONE, CanaryMode.NOTES_ONLY])
def test_a_read_is_not_searched_for_canaries_that_no_save_leaves(mode: CanaryMode) -> None:
    engine = Engine(SimpleNamespace(**{**vars(PET), "name": "save 3 of vu4"}), mode, tells=True)
    assert engine.do("load_pet") == ""
    assert not engine.shown


@pytest.mark.parametrize(("operation", "tells"), [("load_pet", True), ("status", True), ("statistics", False)])
def test_what_a_step_of_the_load_created_is_what_the_next_one_acts_on(operation: str, tells: bool) -> None:
    """And not a pet of the setup; its name counts its saves."""
    pet = SimpleNamespace(user_id="vu4-0", id="new", name=save_name(7))
    engine = Engine(pet if tells else {"basic_info": {"id": "new"}}, tells=tells, on_created=True)
    engine.pets.welcome(PetRef("vu4-0", "new"))
    assert engine.do(operation, CREATED_PET) == ""
    assert engine.asked == [("vu4-0",)]
    assert list(engine.shown) == ([7] if tells else [])


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"basic_info": {"id": "p"}}, ""),
        ({"basic_info": {"id": "q"}}, "wrong answer: another pet"),
        ({}, "wrong answer: no statistics"),
        (None, "wrong answer: no statistics"),
    ],
)
def test_statistics_are_of_the_pet(answer: Any, problem: str) -> None:
    assert Engine(answer).do("statistics") == problem


def record(**changed: Any) -> SimpleNamespace:
    fields = {"user_input": "hi", "interpreted_command": "meat", "pet_response": "Yum"}
    return SimpleNamespace(**{**fields, "result": SimpleNamespace(value="failure"), **changed})


@pytest.mark.parametrize(
    ("answer", "accepts", "problem"),
    [
        ((True, record()), False, ""),
        ((False, record()), True, ""),
        ((False, record()), False, "refused: failure"),
        ((1, record()), False, "refused: failure"),  # True itself
        ((True, record(pet_response="")), True, "wrong answer: an empty response"),
        (
            (True, record(user_input="ho", interpreted_command="rest")),
            True,
            "wrong answer: an interaction about something else",
        ),
        ((False, record(user_input="", interpreted_command="", pet_response="No pet")), True, "refused: No pet"),
        (True, False, "wrong answer: bool instead of (success, Interaction)"),
        ((True, record(), 1), False, "wrong answer: tuple instead of (success, Interaction)"),
    ],
)
def test_talk_and_care_answer_with_their_record(answer: Any, accepts: bool, problem: str) -> None:
    for operation, words in (("interact", {"texts": ["hi"]}), ("care", {"actions": ["meat"]})):
        engine = Engine(answer)
        assert engine.do(operation, accept_refusal=accepts, **words) == problem
        assert engine.asked == [("u", *words.popitem()[1])]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (SimpleNamespace(user_id="vu4-0", id="new", egg_type=EggType.RED), ""),
        (SimpleNamespace(user_id="vu4-0", id="new", egg_type=EggType.BLUE), "wrong answer: another egg type"),
        (SimpleNamespace(user_id="u", id="new", egg_type=EggType.RED), "wrong answer: another user's pet"),
        (None, "wrong answer: no pet"),
    ],
)
def test_a_new_pet_is_of_its_user_and_egg_type(answer: Any, problem: str) -> None:
    engine = Engine(answer)
    assert engine.do("create_pet") == problem
    assert engine.asked == [("vu4-0", "vu4-0"), (EggType.RED, "vu4-0")]
    assert list(engine.pets.newcomers()) == ["vu4-0"]
    if problem:
        with pytest.raises(StepImpossible):
            engine.pets.of(CREATED_PET)
    else:
        assert engine.pets.of(CREATED_PET) == ("vu4-0", "new")
