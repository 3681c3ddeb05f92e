"""Arguments of a wrong type: TypeError or ValueError with the parameter's name, never a puzzle."""

from __future__ import annotations

import inspect
import math
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from digipal import core
from digipal.ai.communication import (
    AICommunication,
    CommandInterpreter,
    ConversationMemoryManager,
    ResponseGenerator,
)
from digipal.ai.simulated import SimulatedAI
from digipal.core import AttributeEngine, DigiPal, EggType, Interaction, LifeStage, enums
from digipal.core.arguments import LONGEST_TEXT
from digipal.core.digipal_core import DigiPalCore, InteractionProcessor, PetState
from digipal.core.evolution_controller import (
    DNAInheritance,
    EvolutionController,
    EvolutionRequirement,
    EvolutionResult,
)
from digipal.core.memory_manager import EmotionalMemory, EnhancedMemoryManager, MemoryCache, SimpleRAG
from digipal.errors import StorageError, TextTooLongError
from digipal.mcp.server import MCPServer
from digipal.storage import DatabaseConnection, DatabaseSchema, StorageManager
from digipal.storage.backup_manager import BackupManager

PUZZLES = (AttributeError, KeyError, RecursionError)
NOT_CALLED = {"start_background_updates", "start_background_cleanup", "start_schedule", "start_server"}
"""Those that begin something which goes on."""
CALLS_OF_EACH_METHOD = 60


def odd_values() -> list[Any]:
    loop: list[Any] = []
    loop.append(loop)
    ring: dict[str, Any] = {}
    ring["ring"] = ring
    return [
        *(None, 0, -1, 1.5, True, math.nan, math.inf, 10**400, b"bytes", "", "text", "\ud800", "a\0b"),
        *([], ["x"], [None], {}, {"x": 1}, {1: 2}, set(), (), (1, 2), loop, ring, object(), int, len),
        *(LifeStage.TEEN, EggType.BLUE, enums.AttributeType.HP, enums.CareActionType.FEED),
        *(datetime(2020, 1, 1), datetime(2020, 1, 1, tzinfo=UTC), Path("x"), "x" * (LONGEST_TEXT + 1)),
        *(DigiPal(), DigiPal(egg_type=EggType.RED, name=None), Interaction(timestamp=None, result="success")),  # type: ignore[arg-type]
        *(DigiPal(life_stage="teen"), DigiPal(learned_commands=None, personality_traits=[])),  # type: ignore[arg-type]
        *({"timestamp": 5}, {"egg_type": []}, {"conversation_history": 5}, {"birth_time": None}, {"attribute": "hp"}),
    ]


@pytest.fixture
def subjects(storage: StorageManager, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Something of each class of the public API, to call methods of, and the classes themselves."""
    voice = SimulatedAI(latency_ms=0)
    engine = DigiPalCore(storage, voice)
    engine.create_new_pet(EggType.RED, "text")
    classes = [
        *(core.DigiPal, core.Interaction, core.Command, core.CareAction, core.AttributeModifier, AttributeEngine),
        *(EvolutionController, EvolutionRequirement, EvolutionResult, DNAInheritance, EmotionalMemory, MemoryCache),
        *(SimpleRAG, EnhancedMemoryManager, PetState, InteractionProcessor, StorageManager, DatabaseConnection),
        *(BackupManager, DatabaseSchema, AICommunication, CommandInterpreter, ResponseGenerator, SimulatedAI),
        *(
            ConversationMemoryManager,
            MCPServer,
            DigiPalCore,
            *(vars(enums)[name] for name in core.__all__ if name in vars(enums)),
        ),
    ]
    found: dict[str, Any] = {cls.__name__: cls for cls in classes}
    found |= {
        f"{type(each).__name__}()": each
        for each in (
            *(engine, storage, storage.db, storage.backup_manager, voice, voice.command_interpreter),
            *(voice.response_generator, voice.memory_manager, engine.attribute_engine, engine.evolution_controller),
            *(
                engine.enhanced_memory_manager,
                engine.interaction_processor,
                MCPServer(engine),
                MemoryCache(),
                SimpleRAG(),
            ),
            *(DigiPal(), Interaction(), core.Command(), EvolutionRequirement(), DNAInheritance()),
            *(EvolutionResult(True, LifeStage.EGG, LifeStage.BABY), PetState(DigiPal())),
            core.CareAction("a", enums.CareActionType.FEED, 0, 0),
            core.AttributeModifier(enums.AttributeType.HP, 1),
            EmotionalMemory("id", datetime.now(), "content", "type", 0.0, 0.0),
        )
    }
    yield found
    engine.enhanced_memory_manager.shutdown()


def callables(subjects: dict[str, Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, subject in subjects.items():
        if isinstance(subject, type):
            yield name, subject
        for method, member in inspect.getmembers(subject):
            ours = getattr(inspect.unwrap(member), "__module__", "") if callable(member) else ""
            if method.startswith("_") or method in NOT_CALLED or not str(ours).startswith("digipal"):
                continue
            if not (
                isinstance(subject, type)
                and inspect.isfunction(member)
                and "self" in inspect.signature(member).parameters
            ):
                yield f"{name}.{method}", member


def arguments(chance: random.Random, call: Callable[..., Any], odd: list[Any], usual: dict[str, Any]) -> dict[str, Any]:
    """One or more of the parameters are odd, the rest usual as far as something usual is known."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = [p for p in inspect.signature(call).parameters.values() if p.kind not in variable]
    if isinstance(call, type) and issubclass(call, Enum):
        parameters = parameters[:1]  # the others make a new enum
    given = {p.name: usual[p.name] for p in parameters if p.name in usual and p.kind is not p.POSITIONAL_ONLY}
    for parameter in parameters:
        if parameter.kind is parameter.POSITIONAL_ONLY or parameter.name == "self":
            continue
        if (parameter.name not in given and parameter.default is parameter.empty) or chance.random() < 0.4:
            given[parameter.name] = chance.choice(odd)
    if given and chance.random() < 0.8:
        given[chance.choice(list(given))] = chance.choice(odd)
    return given


@pytest.mark.slow
def test_no_call_of_the_public_api_ends_in_a_puzzle(
    subjects: dict[str, Any], storage: StorageManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    chance, puzzles, calls = random.Random(7), list[str](), 0
    voice = subjects["SimulatedAI()"]
    for name, call in callables(subjects):
        for _ in range(CALLS_OF_EACH_METHOD):
            usual = {
                "pet": DigiPal(user_id="text"),
                "offspring": DigiPal(),
                "user_id": "text",
                "storage_manager": storage,
                "storage": storage,
                "ai_communication": voice,
                "db_path": tmp_path / "odd.db",
                "database": storage.db,
                "folder": tmp_path,
                "digipal_core": subjects["DigiPalCore()"],
                "interaction": Interaction(),
                "busy_timeout_s": 0.01,
            }
            given = arguments(chance, call, odd_values(), usual)
            calls += 1
            try:
                made = call(**given)
            except PUZZLES as error:
                puzzles.append(f"{name}({', '.join(f'{k}={v!r:.40}' for k, v in given.items())}): {error!r:.80}")
            except Exception:
                continue  # a clear error, as each of its kind is tested elsewhere
            else:
                if inspect.iscoroutine(made) or isinstance(made, (DatabaseConnection, StorageManager)):
                    made.close()
    assert calls > 5_000
    assert puzzles == [], f"{len(puzzles)} of {calls}: {puzzles[:30]}"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: DigiPal(egg_type="red"), "egg_type must be EggType, not 'red'"),  # type: ignore[arg-type]
        (lambda: DigiPal().get_attribute("hp"), "attribute must be AttributeType, not 'hp'"),  # type: ignore[arg-type]
        (lambda: DigiPal(life_stage="teen").to_dict(), "life_stage must be LifeStage, not 'teen'"),  # type: ignore[arg-type]
        (lambda: DigiPal.from_dict(None), "data must be dict.*, not None"),  # type: ignore[arg-type]
        (lambda: core.AttributeModifier.from_dict({}), "data lacks 'attribute'"),
        (lambda: AttributeEngine().apply_care_action(None, "meat"), "pet must be DigiPal, not None"),  # type: ignore[arg-type]
        (lambda: EvolutionController().get_evolution_timing("egg"), "stage must be LifeStage, not 'egg'"),  # type: ignore[arg-type]
        (lambda: CommandInterpreter().parse_command("eat", "baby"), "stage must be LifeStage, not 'baby'"),  # type: ignore[arg-type]
        (lambda: PetState("pet"), "pet must be DigiPal, not 'pet'"),  # type: ignore[arg-type]
    ],
)
def test_the_parameter_is_named(call: Callable[[], Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words) as caught:
        call()
    assert isinstance(caught.value.__cause__, PUZZLES)


def test_storage_names_it_too(storage: StorageManager) -> None:
    with pytest.raises(TypeError, match="pet must be DigiPal, not None"):
        storage.save_pet(None)  # type: ignore[arg-type]
    ring: dict[str, Any] = {}
    ring["ring"] = ring
    with pytest.raises((ValueError, StorageError), match="session"):
        storage.update_user_session("u", ring)


def test_an_error_that_no_argument_explains_stays_as_it_is(storage: StorageManager) -> None:
    voice = Mock(spec=AICommunication)
    voice.process_interaction.side_effect = AttributeError("the AI's own")
    engine = DigiPalCore(storage, voice)
    engine.create_new_pet(EggType.RED, "u")
    with pytest.raises(AttributeError, match="the AI's own"):
        engine.process_interaction("u", "hello")


class TestLongTexts:
    """65,536 characters are the limit, of whatever is text."""

    longest, longer = "x" * LONGEST_TEXT, "x" * (LONGEST_TEXT + 1)

    def test_the_limit_itself_is_kept(self, storage: StorageManager) -> None:
        engine = DigiPalCore(storage, SimulatedAI(latency_ms=0))
        assert storage.create_user(self.longest, self.longest, self.longest)
        engine.create_new_pet(EggType.RED, self.longest, self.longest)
        assert engine.process_interaction(self.longest, self.longest)[1].user_input == self.longest
        pet = storage.load_pet(self.longest)
        assert pet is not None
        assert pet.conversation_history[-1].user_input == pet.name == self.longest

    @pytest.mark.parametrize(
        ("name", "call"),
        [
            ("text", lambda engine, text: engine.process_interaction("u", text)),
            ("name", lambda engine, text: engine.create_new_pet(EggType.RED, "v", text)),
            ("user_id", lambda engine, text: engine.create_new_pet(EggType.RED, text)),
            ("action_name", lambda engine, text: engine.apply_care_action("u", text)),
            ("username", lambda engine, text: engine.storage_manager.create_user("v", text)),
            (
                "a text of an interaction",
                lambda engine, text: engine.storage_manager.save_pet(
                    DigiPal(user_id="v", conversation_history=[Interaction(pet_response=text)])
                ),
            ),
            (
                "pet.image_generation_prompt",
                lambda engine, text: engine.storage_manager.save_pet(
                    DigiPal(user_id="v", image_generation_prompt=text)
                ),
            ),
            (
                "a text of an interaction",
                lambda engine, text: engine.storage_manager.save_interaction_history([Interaction(user_input=text)]),
            ),
        ],
    )
    def test_one_more_is_refused(
        self, storage: StorageManager, name: str, call: Callable[[DigiPalCore, str], object]
    ) -> None:
        engine = DigiPalCore(storage, SimulatedAI(latency_ms=0))
        pet = engine.create_new_pet(EggType.RED, "u")
        before = pet.to_dict()
        with pytest.raises(TextTooLongError, match=f"{name} has 65,537 characters; the limit is 65,536") as caught:
            call(engine, self.longer)
        assert isinstance(caught.value, ValueError)
        assert pet.to_dict() == before
        assert storage.load_pet("v") is None
