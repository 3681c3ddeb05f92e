"""The core on stand-ins for storage and AI, as callers' own tests use it."""

from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock, patch

import pytest

from digipal.ai import AICommunication
from digipal.core import DigiPal, EggType, Interaction, InteractionResult, LifeStage
from digipal.core.attribute_engine import AttributeEngine
from digipal.core.digipal_core import DigiPalCore, InteractionProcessor
from digipal.core.evolution_controller import EvolutionResult
from digipal.errors import StorageError
from digipal.storage import StorageManager
from digipal.storage.rows import interaction_values


@pytest.fixture
def mock_storage() -> Any:
    return Mock(spec=StorageManager)


@pytest.fixture
def mock_ai() -> Any:
    return Mock(spec=AICommunication)


@pytest.fixture
def mocked(mock_storage: Any, mock_ai: Any) -> DigiPalCore:
    return DigiPalCore(mock_storage, mock_ai)


def test_creating_saves_once(mocked: DigiPalCore, mock_storage: Any) -> None:
    pet = mocked.create_new_pet(EggType.RED, "u")
    mock_storage.save_pet.assert_called_once_with(pet)
    assert mocked.active_pets["u"] is pet
    assert mocked.create_new_pet(EggType.RED, "u") is not pet
    assert mocked.ai_communication.enhanced_memory_manager is not None


def test_a_storage_that_does_not_save(mocked: DigiPalCore, mock_storage: Any) -> None:
    mock_storage.save_pet.return_value = False
    with pytest.raises(RuntimeError, match="Failed to save new DigiPal"):
        mocked.create_new_pet(EggType.RED, "u")
    assert "u" not in mocked.active_pets
    pet = mocked.active_pets["u"] = DigiPal(user_id="u", life_stage=LifeStage.BABY)
    with pytest.raises(StorageError):
        mocked.apply_care_action("u", "meat")
    assert pet.conversation_history == []


def test_loading_asks_storage_once(mocked: DigiPalCore, mock_storage: Any) -> None:
    mock_storage.load_pet.return_value = DigiPal(user_id="u")
    assert mocked.load_existing_pet("u") is mocked.load_existing_pet("u")
    mock_storage.load_pet.assert_called_once_with("u")


def test_a_storage_that_answers_anything_has_no_pet(mocked: DigiPalCore) -> None:
    assert mocked.load_existing_pet("u") is None
    assert mocked.get_pet_state("u") is None


def test_an_answer_of_any_kind_is_made_fit_to_store(mocked: DigiPalCore, mock_storage: Any, mock_ai: Any) -> None:
    pet = mocked.active_pets["u"] = DigiPal(user_id="u", life_stage=LifeStage.BABY)
    mock_ai.process_interaction.return_value = Mock(pet_response="Hi!", success=True, attribute_changes={"hp": 1})
    success, interaction = mocked.process_interaction("u", "hello")
    mock_ai.process_interaction.assert_called_once_with("hello", pet)
    mock_storage.save_pet.assert_called_once_with(pet)
    assert success
    assert interaction.pet_response == "Hi!"
    assert interaction.attribute_changes == {"hp": 1}
    assert (interaction.user_input, interaction.interpreted_command) == ("hello", "")
    assert pet.conversation_history == [interaction]
    interaction_values(interaction)
    mocked.get_pet_statistics("u")


def test_a_bare_answer_is_still_an_interaction(mocked: DigiPalCore) -> None:
    pet = mocked.active_pets["u"] = DigiPal(user_id="u", life_stage=LifeStage.BABY)
    _, interaction = mocked.process_interaction("u", "hello")
    assert all(isinstance(value, str | int) for value in interaction_values(interaction))
    assert pet.conversation_history == [interaction]


def test_a_proper_answer_stays_itself(mocked: DigiPalCore, mock_ai: Any) -> None:
    answer = mock_ai.process_interaction.return_value = Interaction(pet_response="Hi!", interpreted_command="eat")
    pet = mocked.active_pets["u"] = DigiPal(user_id="u", life_stage=LifeStage.BABY)
    success, interaction = mocked.process_interaction("u", "food")
    assert success
    assert interaction is answer
    assert interaction.attribute_changes["weight"] == 2
    assert pet.weight == 22


def test_hatching_by_voice(mocked: DigiPalCore, mock_storage: Any, mock_ai: Any) -> None:
    pet = mocked.active_pets["u"] = DigiPal(user_id="u")
    mock_ai.process_speech.return_value = "hello"
    with patch.object(
        mocked.evolution_controller, "trigger_evolution", wraps=mocked.evolution_controller.trigger_evolution
    ) as trigger:
        success, interaction = mocked.process_speech_interaction("u", b"audio", 16000)
    trigger.assert_called_once_with(pet, force=True)
    mock_ai.process_speech.assert_called_once_with(b"audio", 16000)
    assert success
    assert "hatched" in interaction.pet_response
    assert "hatching" in interaction.attribute_changes
    assert pet.life_stage is LifeStage.BABY
    mock_storage.save_pet.assert_called_once_with(pet)


def test_speech_that_nobody_understands(mocked: DigiPalCore, mock_storage: Any, mock_ai: Any) -> None:
    mocked.active_pets["u"] = DigiPal(user_id="u")
    mock_ai.process_speech.return_value = ""
    success, interaction = mocked.process_audio_interaction("u", (8000, b"noise"))
    mock_ai.process_speech.assert_called_once_with(b"noise", 8000)
    assert not success
    assert interaction.result is InteractionResult.FAILURE
    assert "couldn't understand" in interaction.pet_response
    mock_storage.save_pet.assert_not_called()


def test_the_processor_hands_on(mock_ai: Any) -> None:
    processor, pet = InteractionProcessor(mock_ai, AttributeEngine()), DigiPal(life_stage=LifeStage.BABY)
    assert processor.process_text_interaction("hi", pet) is mock_ai.process_interaction.return_value
    mock_ai.process_interaction.assert_called_once_with("hi", pet)
    mock_ai.process_speech.return_value = "spoken"
    processor.process_speech_interaction(b"x", pet)
    mock_ai.process_speech.assert_called_once_with(b"x", None)
    mock_ai.process_interaction.assert_called_with("spoken", pet)


def test_updates_save_only_changes(mocked: DigiPalCore, mock_storage: Any) -> None:
    mocked.active_pets["u"] = DigiPal(user_id="u")
    assert mocked.update_pet_state("u") is True
    mock_storage.save_pet.assert_not_called()
    assert mocked.update_pet_state("u", force_save=True) is True
    mock_storage.save_pet.assert_called_once()


def test_shutdown_saves_each_pet_once(mocked: DigiPalCore, mock_storage: Any, mock_ai: Any) -> None:
    for user_id in ("u", "v"):
        mocked.active_pets[user_id] = DigiPal(user_id=user_id)
    mocked.shutdown()
    assert mock_storage.save_pet.call_count == 2
    mock_ai.unload_all_models.assert_called_once_with()
    assert len(mocked.active_pets) == 0


def test_a_failed_try_of_care_is_saved_and_an_unknown_one_is_not(mocked: DigiPalCore, mock_storage: Any) -> None:
    mocked.active_pets["u"] = DigiPal(user_id="u", energy=0)
    mocked.apply_care_action("u", "fly")
    mock_storage.save_pet.assert_not_called()
    mocked.apply_care_action("u", "play")
    mock_storage.save_pet.assert_called_once()


def test_a_stand_in_for_a_pet_is_handed_on(mocked: DigiPalCore, mock_storage: Any) -> None:
    pet = mock_storage.load_pet.return_value = Mock(spec=DigiPal)
    assert mocked.load_existing_pet("u") is pet
    assert mocked.load_existing_pet("u") is pet
    mock_storage.load_pet.assert_called_once_with("u")


def test_written_words_hatch_an_egg_and_leave_the_answer_alone(mocked: DigiPalCore, mock_ai: Any) -> None:
    mock_ai.process_interaction.return_value = Mock(pet_response="Hi!", success=True, attribute_changes={})
    pet = mocked.create_new_pet(EggType.RED, "u")
    assert mocked.process_interaction("u", "hello")[1].pet_response == "Hi!"
    assert pet.life_stage is LifeStage.BABY


def test_a_voice_hatches_whoever_makes_it_grow(mocked: DigiPalCore, mock_ai: Any) -> None:
    mocked.active_pets["u"] = DigiPal(user_id="u")
    mock_ai.process_speech.return_value = "hello"
    grown = EvolutionResult(True, LifeStage.EGG, LifeStage.BABY)
    with patch.object(mocked.evolution_controller, "trigger_evolution", return_value=grown):
        assert "hatched" in mocked.process_speech_interaction("u", b"audio")[1].pet_response


@pytest.mark.parametrize(("command", "mistakes"), [("train", 1), ("play", 1)])
def test_a_pet_too_tired_for_a_command(
    mocked: DigiPalCore, mock_storage: Any, mock_ai: Any, command: str, mistakes: int
) -> None:
    pet = mocked.active_pets["u"] = DigiPal(user_id="u", life_stage=LifeStage.CHILD, energy=3)
    mock_ai.process_interaction.return_value = Interaction(interpreted_command=command, pet_response="Yes!")
    success, interaction = mocked.process_interaction("u", command)
    assert success is interaction.success is False
    assert interaction.result is InteractionResult.INSUFFICIENT_ENERGY
    assert "too tired" in interaction.pet_response
    assert interaction.attribute_changes == {"care_mistakes": mistakes}
    assert (pet.care_mistakes, pet.energy, pet.conversation_history) == (mistakes, 3, [interaction])
    mock_storage.save_pet.assert_called_once_with(pet)


def test_clearing_the_conversation_saves(mocked: DigiPalCore, mock_storage: Any) -> None:
    pet = mocked.active_pets["u"] = DigiPal(user_id="u", conversation_history=[Interaction()])
    assert mocked.clear_conversation_history("u") is True
    assert pet.conversation_history == []
    mock_storage.save_pet.assert_called_once_with(pet)


def test_times_with_a_zone_never_reach_the_database(mocked: DigiPalCore, mock_ai: Any) -> None:
    mocked.active_pets["u"] = DigiPal(user_id="u", life_stage=LifeStage.BABY)
    mock_ai.process_interaction.return_value = Interaction(timestamp=datetime(2020, 1, 1, tzinfo=UTC))
    assert mocked.process_interaction("u", "hi")[1].timestamp.tzinfo is None
