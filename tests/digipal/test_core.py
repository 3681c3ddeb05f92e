"""The engine end to end, on a real file."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from digipal.ai import AICommunication, SimulatedAI, SimulatedAIError
from digipal.core import DigiPal, EggType, Interaction, InteractionResult, LifeStage
from digipal.core.digipal_core import DigiPalCore, PetState
from digipal.errors import StorageError
from digipal.storage import StorageManager


def rows(storage: StorageManager, table: str = "interactions") -> int:
    count: int = storage.db.execute_query(f"SELECT COUNT(*) FROM {table}")[0][0]
    return count


def hatched(core: DigiPalCore, user_id: str = "u") -> DigiPal:
    core.create_new_pet(EggType.BLUE, user_id)
    core.process_interaction(user_id, "hello")
    return core.active_pets[user_id]


def assert_stored(core: DigiPalCore, user_id: str = "u") -> None:
    """What is in memory is what is in the database."""
    assert core.storage_manager.load_pet(user_id) == core.active_pets[user_id]


def test_a_new_pet_is_stored_and_active(core: DigiPalCore, storage: StorageManager) -> None:
    pet = core.create_new_pet(EggType.GREEN, "u", "Bob")
    assert (pet.name, pet.egg_type, pet.life_stage) == ("Bob", EggType.GREEN, LifeStage.EGG)
    assert core.active_pets["u"] is pet
    assert storage.load_pet("u") == pet


def test_a_second_pet_is_refused_and_the_first_stays(core: DigiPalCore) -> None:
    pet = core.create_new_pet(EggType.RED, "u")
    with pytest.raises(RuntimeError, match=r"Failed to save new DigiPal.*already has a DigiPal"):
        core.create_new_pet(EggType.BLUE, "u")
    assert core.active_pets["u"] is pet


def test_an_egg_hatches_at_the_first_words(core: DigiPalCore, storage: StorageManager) -> None:
    pet = core.create_new_pet(EggType.RED, "u")
    assert core.process_interaction("u", "  ")[0] is False
    assert pet.life_stage is LifeStage.EGG
    success, interaction = core.process_interaction("u", "hello")
    assert success
    assert interaction.result is InteractionResult.SUCCESS
    assert "hatched" in interaction.pet_response
    assert pet.life_stage is LifeStage.BABY
    assert interaction.attribute_changes == {"hp": 20, "mp": 10, "happiness": 10}
    assert rows(storage) == 2
    assert_stored(core)


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("eat", {"happiness": 5, "weight": 2, "hp": 1, "offense": 1}),
        ("sleep", {"energy": 30, "happiness": 3}),
        ("good", {"happiness": 10, "discipline": -2}),
        ("bad", {"happiness": -8, "discipline": 5}),
        ("play", {"energy": -8, "happiness": 8, "weight": -1}),
        ("train", {"energy": -15, "happiness": -5, "offense": 3, "hp": 2, "weight": -1}),
    ],
)
def test_words_have_effects(core: DigiPalCore, storage: StorageManager, text: str, changes: dict[str, int]) -> None:
    pet = hatched(core)
    pet.life_stage = LifeStage.CHILD
    before = rows(storage)
    success, interaction = core.process_interaction("u", text)
    assert success
    assert interaction.attribute_changes == changes
    assert pet.conversation_history[-1] is interaction
    assert rows(storage) == before + 1
    assert_stored(core)


def test_words_above_the_stage_have_none(core: DigiPalCore) -> None:
    pet = hatched(core)
    before = pet.energy
    success, interaction = core.process_interaction("u", "let us play")
    assert not success
    assert interaction.result is InteractionResult.STAGE_INAPPROPRIATE
    assert interaction.attribute_changes == {}
    assert pet.energy == before
    assert_stored(core)


def test_without_a_pet(core: DigiPalCore) -> None:
    for success, interaction in (
        core.process_interaction("u", "hi"),
        core.apply_care_action("u", "meat"),
        core.process_speech_interaction("u", b""),
        core.process_audio_interaction("u", (16000, b"")),
    ):
        assert not success
        assert "No DigiPal found" in interaction.pet_response
    grown, result = core.trigger_evolution("u")
    assert not grown
    assert "No DigiPal found" in result.message
    assert core.get_pet_state("u") is None
    assert core.load_existing_pet("u") is None
    assert core.update_pet_state("u") is False
    assert core.clear_conversation_history("u") is False
    assert core.get_care_actions("u") == []
    assert core.get_pet_statistics("u") == {}
    assert core.get_memory_statistics("u") == {}
    assert len(core.active_pets) == 0


def test_care(core: DigiPalCore, storage: StorageManager) -> None:
    pet = hatched(core)
    assert core.apply_care_action("u", "meat")[0]
    assert_stored(core)
    pet.energy = 1
    before = rows(storage)
    done, interaction = core.apply_care_action("u", "play")
    assert not done
    assert interaction.result is InteractionResult.INSUFFICIENT_ENERGY
    assert rows(storage) == before + 1
    assert_stored(core)
    assert core.apply_care_action("u", "fly")[1].result is InteractionResult.INVALID_COMMAND
    assert rows(storage) == before + 1


def test_a_pet_is_loaded_when_it_is_not_active(core: DigiPalCore) -> None:
    pet = hatched(core)
    core.active_pets.clear()
    again = core.load_existing_pet("u")
    assert again == pet
    assert again is not pet
    assert core.load_existing_pet("u") is again


def test_evolution(core: DigiPalCore) -> None:
    hatched(core)
    assert core.trigger_evolution("u")[0] is False
    grown, result = core.trigger_evolution("u", force=True)
    assert grown
    assert result.new_stage is LifeStage.CHILD
    assert_stored(core)


def test_state_and_statistics(core: DigiPalCore) -> None:
    hatched(core)
    state = core.get_pet_state("u")
    assert state is not None
    assert state.status_summary == "Doing well"
    assert not state.needs_attention
    assert set(state.to_dict()["attributes"]) >= {"hp", "energy", "care_mistakes"}
    statistics = core.get_pet_statistics("u")
    assert statistics["basic_info"]["life_stage"] == "baby"
    assert statistics["interaction_summary"]["total_interactions"] == 1
    assert statistics["evolution_status"]["next_stage"] == "child"
    assert len(statistics["attributes"]) == 11
    assert core.get_memory_statistics("u")["total_memories"] == 1
    assert core.get_performance_statistics()["active_pets"] == 1
    assert core.optimize_performance()["memories_removed"] == 0
    assert "meat" in core.get_care_actions("u")


@pytest.mark.parametrize(
    ("fields", "summary", "attention"),
    [
        ({"energy": 19}, "Very tired", True),
        ({"happiness": 29}, "Unhappy", True),
        ({"energy": 39}, "Getting tired", True),
        ({"happiness": 81}, "Very happy", False),
        ({"weight": 81}, "Doing well", True),
        ({"last_interaction": datetime(2024, 1, 1)}, "Doing well", True),
    ],
)
def test_conditions(fields: dict[str, int], summary: str, attention: bool) -> None:
    state = PetState(DigiPal(**fields))  # type: ignore[arg-type]
    assert state.status_summary == summary
    assert state.needs_attention is attention


def test_clearing_the_conversation_lasts(core: DigiPalCore, storage: StorageManager) -> None:
    pet = hatched(core)
    assert core.clear_conversation_history("u") is True
    assert pet.conversation_history == []
    assert rows(storage) == 0
    core.process_interaction("u", "eat")
    assert rows(storage) == 1


def test_a_failing_ai_is_heard_of_and_leaves_the_pet_alone(storage: StorageManager) -> None:
    core = DigiPalCore(storage, SimulatedAI(latency_ms=0, error_rate=1))
    pet = core.create_new_pet(EggType.RED, "u")
    before = pet.to_dict()
    with pytest.raises(SimulatedAIError):
        core.process_interaction("u", "hello")
    assert core.active_pets["u"] is pet
    assert pet.to_dict() == before
    assert rows(storage) == 0


def test_an_ai_that_fails_half_way_leaves_the_pet_as_it_was(storage: StorageManager) -> None:
    class Careless(AICommunication):
        def process_interaction(self, text: str, pet: DigiPal) -> Interaction:
            super().process_interaction(text, pet)
            pet.hp = 1
            raise OSError("model crashed")

    core = DigiPalCore(storage, Careless())
    pet = core.create_new_pet(EggType.RED, "u")
    before = pet.to_dict()
    with pytest.raises(OSError, match="crashed"):
        core.process_interaction("u", "hello")
    assert pet.to_dict() == before


def test_an_engine_that_cannot_store_says_so(core: DigiPalCore, storage: StorageManager) -> None:
    pet = hatched(core)
    before = pet.to_dict()
    storage.close()
    with pytest.raises(StorageError):
        core.process_interaction("u", "eat")
    with pytest.raises(StorageError):
        core.apply_care_action("u", "meat")
    with pytest.raises(StorageError):
        core.load_existing_pet("someone else")
    assert pet.to_dict() == before


def test_history_in_memory_is_bounded_and_complete_in_storage(core: DigiPalCore, storage: StorageManager) -> None:
    pet = hatched(core)
    for _ in range(130):
        core.process_interaction("u", "sleep")
    for _ in range(30):
        core.apply_care_action("u", "rest")
    assert len(pet.conversation_history) == 100
    assert not pet.unsaved
    assert rows(storage) == 161
    assert_stored(core)


def test_threads_on_one_pet_lose_no_update(core: DigiPalCore, storage: StorageManager) -> None:
    pet = hatched(core)
    pet.happiness, pet.discipline, weight = 0, 0, pet.weight

    def work() -> None:
        for _ in range(4):
            core.process_interaction("u", "bad")
            core.apply_care_action("u", "fish")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (pet.discipline, pet.weight) == (5 * 16, weight + 16)
    assert rows(storage) == 33
    assert_stored(core)


def test_pets_do_not_wait_for_each_other(storage: StorageManager) -> None:
    answering, go_on = threading.Event(), threading.Event()

    def think(seconds: float) -> None:
        answering.set()
        assert go_on.wait(30)

    slow = SimulatedAI(latency_ms=1, sleep=think)
    core = DigiPalCore(storage, slow)
    core.create_new_pet(EggType.RED, "slow")
    core.create_new_pet(EggType.RED, "quick")
    thread = threading.Thread(target=core.process_interaction, args=("slow", "hello"))
    thread.start()
    assert answering.wait(30)
    assert core.apply_care_action("quick", "meat")[0]
    go_on.set()
    thread.join()
    assert core.active_pets["slow"].life_stage is LifeStage.BABY


def test_two_engines_on_one_file_lose_no_update(core: DigiPalCore, db_path: Path) -> None:
    pet = hatched(core)
    asked: list[float] = []
    other_storage = StorageManager(db_path)
    other = DigiPalCore(other_storage, SimulatedAI(latency_ms=1, sleep=asked.append))
    start = pet.weight
    for _ in range(5):
        core.process_interaction("u", "eat")
        success, interaction = other.process_interaction("u", "eat")
        assert success
        assert interaction.attribute_changes["weight"] == 2
        core.apply_care_action("u", "fish")
        other.apply_care_action("u", "fish")
    assert len(asked) == 5
    assert other.active_pets["u"].weight == start + 5 * 6
    assert rows(other_storage) == 21
    assert_stored(other)
    other.shutdown()
    core.shutdown()
    assert other_storage.load_pet("u").weight == start + 5 * 6  # type: ignore[union-attr]
    other_storage.close()


def test_a_pet_deleted_elsewhere_is_gone_at_the_next_change(core: DigiPalCore, storage: StorageManager) -> None:
    pet = hatched(core)
    storage.delete_pet(pet.id)
    assert "No DigiPal found" in core.process_interaction("u", "eat")[1].pet_response
    assert core.create_new_pet(EggType.RED, "u").id != pet.id


@pytest.mark.parametrize("minutes", [5, 31, 60, 24 * 60])
def test_decay_depends_on_time_alone(core: DigiPalCore, minutes: int) -> None:
    pet = core.create_new_pet(EggType.RED, "u")
    steps, rest = divmod(24 * 60, minutes)
    for step in [minutes] * steps + [rest]:
        pet.last_interaction -= timedelta(minutes=step)
        core.update_pet_state("u")
    assert (pet.energy, pet.happiness) == (52, 26)
    assert_stored(core)


def test_decay_is_not_repeated_after_a_reload_nor_lost_by_talking(core: DigiPalCore) -> None:
    pet = hatched(core)
    pet.energy = 100
    pet.last_interaction -= timedelta(hours=2, minutes=40)
    assert core.update_pet_state("u", force_save=True)
    core.active_pets.clear()
    assert core.update_pet_state("u")
    pet = core.active_pets["u"]
    assert pet.energy == 95
    core.process_interaction("u", "blah")
    pet.last_interaction -= timedelta(minutes=21)
    core.update_pet_state("u")
    assert pet.energy == 94


def test_a_pet_neglected_for_ages_is_at_its_floor(core: DigiPalCore) -> None:
    pet = hatched(core)
    pet.last_interaction = datetime(1990, 1, 1)
    core.update_pet_state("u")
    assert (pet.energy, pet.happiness, pet.weight) == (0, 0, 1)


def test_shutdown_saves_everyone(core: DigiPalCore, storage: StorageManager) -> None:
    hatched(core, "u").name = "Renamed"
    hatched(core, "v")
    core.start_background_updates()
    core.shutdown()
    assert len(core.active_pets) == 0
    assert storage.load_pet("u").name == "Renamed"  # type: ignore[union-attr]
    assert core._update_thread is not None
    assert not core._update_thread.is_alive()


def test_shutdown_without_storage_keeps_what_it_could_not_save(core: DigiPalCore, storage: StorageManager) -> None:
    hatched(core)
    storage.close()
    with pytest.raises(StorageError):
        core.shutdown()
    assert "u" in core.active_pets


def test_background_updates_start_and_stop(core: DigiPalCore) -> None:
    assert core._update_thread is None
    core.start_background_updates()
    thread = core._update_thread
    assert thread is not None
    assert thread.daemon
    assert not core._stop_updates
    core.start_background_updates()
    assert core._update_thread is thread
    core.stop_background_updates()
    assert core._stop_updates
    assert not thread.is_alive()


class OneAnswerAI(SimulatedAI):
    """Gives one and the same Interaction every time, as mocks do."""

    def __init__(self, answer: Interaction) -> None:
        super().__init__(latency_ms=0)
        self.answer = answer

    def process_speech(self, audio: bytes, sample_rate: int | None = None) -> str:
        return "hello"

    def process_interaction(self, text: str, pet: DigiPal) -> Interaction:
        return self.answer


def test_an_answer_given_twice_is_two_interactions(storage: StorageManager) -> None:
    core = DigiPalCore(storage, OneAnswerAI(Interaction(user_input="x", pet_response="Hi")))
    core.create_new_pet(EggType.RED, "u")
    for _ in range(5):
        core.process_interaction("u", "x")
        core.apply_care_action("u", "meat")
    assert len(storage.get_interaction_history("u", limit=100)) == 10
    assert len(core.active_pets["u"].conversation_history) == 10


def test_a_spoken_word_hatches_whatever_the_answer_says_of_it(storage: StorageManager) -> None:
    core = DigiPalCore(storage, OneAnswerAI(Interaction(pet_response="Hi")))
    core.create_new_pet(EggType.RED, "u")
    success, interaction = core.process_speech_interaction("u", b"sound")
    assert success
    assert "hatched" in interaction.pet_response
    assert core.active_pets["u"].life_stage is LifeStage.BABY
    assert [row["user_input"] for row in storage.get_interaction_history("u")] == ["hello"]


def test_care_answers_with_what_the_attribute_engine_said(core: DigiPalCore, monkeypatch: pytest.MonkeyPatch) -> None:
    core.create_new_pet(EggType.RED, "u")
    refused = (False, Interaction(pet_response="no"))
    monkeypatch.setattr(core.attribute_engine, "apply_care_action", lambda pet, name: refused)
    assert core.apply_care_action("u", "meat") == refused
    assert core.apply_care_action("nobody", "meat")[0] is False


def test_a_pet_deleted_or_restored_while_it_is_active(core: DigiPalCore, storage: StorageManager) -> None:
    pet = core.create_new_pet(EggType.RED, "u")
    storage.create_backup("u")
    core.process_interaction("u", "hello")
    storage.restore_backup("u")
    restored = core.load_existing_pet("u")
    assert restored is not None
    assert restored.life_stage is LifeStage.EGG
    assert restored is not pet
    storage.delete_pet(pet.id)
    assert core.get_pet_state("u") is None
    assert core.load_existing_pet("u") is None


def test_an_egg_by_its_name(core: DigiPalCore) -> None:
    assert core.create_new_pet("blue", "u").egg_type is EggType.BLUE
    with pytest.raises(
        ValueError, match="'BLUE' is not a type of egg: use an EggType, or one of 'red', 'blue', 'green'"
    ):
        core.create_new_pet("BLUE", "v")


def test_performance_of_everyone_or_of_one(core: DigiPalCore) -> None:
    for user in "uv":
        core.create_new_pet(EggType.RED, user)
        memories = core.enhanced_memory_manager.pet_memories
        core.enhanced_memory_manager.add_memory(core.active_pets[user].id, "old", "note")
    for remembered in memories.values():
        remembered[0].timestamp = datetime(2020, 1, 1)
    assert core.get_performance_statistics("u")["pet_is_active"] is True
    assert core.get_performance_statistics("w")["pet_is_active"] is False
    assert "pet_is_active" not in core.get_performance_statistics()
    assert core.optimize_performance("u")["memories_removed"] == 1
    assert core.optimize_performance()["memories_removed"] == 1


def test_the_flag_compares_as_the_truth_it_is(core: DigiPalCore) -> None:
    flag = core._stop_updates
    assert (flag == False, flag == True, bool(flag)) == (True, False, False)  # noqa: E712
    flag.set()
    assert (flag == False, flag == True, bool(flag)) == (False, True, True)  # noqa: E712
    assert flag in {flag}
    assert flag != 1
