"""Bad input: a clear error or faithful storage, nothing else."""

import math
from pathlib import Path

import pytest

from digipal.core import DigiPal, EggType, Interaction
from digipal.core.arguments import LONGEST_TEXT
from digipal.core.digipal_core import DigiPalCore
from digipal.errors import StorageError
from digipal.storage import StorageManager

LONGEST = "x" * (LONGEST_TEXT - 20)  # so that what is made of it has room
ODD = ["", "a\0b", "'; DROP TABLE users; --", "🥚👨‍👩‍👧", "%s {} \\", "\u202e", "\r\n\t"]
ODD_IDS = [ascii(text) for text in ODD]


@pytest.mark.slow
@pytest.mark.parametrize("text", [*ODD, LONGEST], ids=[*ODD_IDS, "longest"])
def test_any_text_is_kept_as_it_is(core: DigiPalCore, storage: StorageManager, text: str) -> None:
    assert storage.create_user(text, text, text)
    assert storage.get_user(text)["username"] == text  # type: ignore[index]
    assert storage.update_user_session(text, {text: text})
    assert storage.get_user(text)["session_data"] == {text: text}  # type: ignore[index]
    pet = core.create_new_pet(EggType.RED, text, text)
    core.process_interaction(text, f"hello {text}")
    pet.learned_commands = {text}
    pet.personality_traits[text] = text  # type: ignore[assignment]
    core.update_pet_state(text, force_save=True)
    assert storage.load_pet(text) == pet
    assert storage.get_interaction_history(text)[0]["user_input"] == f"hello {text}"
    assert storage.create_user("someone else", "someone else")


@pytest.mark.parametrize("text", ["\ud800", b"bytes", 5.5, ["list"], {}])
def test_what_is_no_text_is_an_error(core: DigiPalCore, storage: StorageManager, text: object) -> None:
    pet = core.create_new_pet(EggType.RED, "u")
    before = pet.to_dict()
    pet.name = text  # type: ignore[assignment]
    with pytest.raises(StorageError):
        storage.save_pet(pet)
    pet.name = "DigiPal"
    assert storage.load_pet("u").to_dict() == before  # type: ignore[union-attr]


def test_half_a_character_in_what_is_said_leaves_the_pet_as_it_was(core: DigiPalCore) -> None:
    pet = core.create_new_pet(EggType.RED, "u")
    before = pet.to_dict()
    with pytest.raises(StorageError):
        core.process_interaction("u", "hello \ud800")
    assert pet.to_dict() == before
    with pytest.raises(StorageError):
        core.load_existing_pet("\ud800")
    with pytest.raises(StorageError):
        core.create_new_pet(EggType.RED, "\ud800")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hp", "generation", "energy", "evolution_timer"])
@pytest.mark.parametrize("value", [math.nan, math.inf, None, "7", b"7", [7], 2**70])
def test_a_number_that_is_none(storage: StorageManager, name: str, value: object) -> None:
    if value == 2**70 and name == "evolution_timer":
        value = 10**400
    pet = DigiPal(user_id="u")
    setattr(pet, name, value)
    with pytest.raises(StorageError):
        storage.save_pet(pet)
    assert storage.load_pet("u") is None


@pytest.mark.parametrize("value", [0.5, True, -(2**62)])
def test_an_odd_number_is_kept_as_it_is(storage: StorageManager, value: float) -> None:
    pet = DigiPal(user_id="u", evolution_timer=value)
    pet.hp = value  # type: ignore[assignment]
    storage.save_pet(pet)
    assert storage.load_pet("u") == pet


@pytest.mark.slow
@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("digipals", "egg_type", "purple"),
        ("digipals", "life_stage", "cyborg"),
        ("digipals", "hp", "many"),
        ("digipals", "hp", math.inf),
        ("digipals", "decay_spell_seconds", 1e300),
        ("digipals", "name", b"bytes"),
        ("digipals", "birth_time", "yesterday"),
        ("digipals", "learned_commands", "{broken"),
        ("digipals", "learned_commands", "7"),
        ("digipals", "learned_commands", '"abc"'),
        ("digipals", "learned_commands", "[[1]]"),
        ("digipals", "personality_traits", "[]"),
        ("interactions", "result", "shrug"),
        ("interactions", "timestamp", "noon"),
        ("interactions", "attribute_changes", "{broken"),
        ("interactions", "user_input", b"bytes"),
    ],
)
def test_what_another_hand_wrote_is_an_error_and_not_no_pet(
    core: DigiPalCore, storage: StorageManager, table: str, column: str, value: object
) -> None:
    storage.save_pet(DigiPal(user_id="u", conversation_history=[Interaction(user_input="hello")]))
    storage.db.execute_update(f"UPDATE {table} SET {column} = ?", (value,))
    with pytest.raises(StorageError):
        storage.load_pet("u")
    with pytest.raises(StorageError):
        core.process_interaction("u", "hello")
    with pytest.raises(StorageError):
        core.update_pet_state("u")
    assert "u" not in core.active_pets


def test_nothing_is_written_outside(core: DigiPalCore, storage: StorageManager, tmp_path: Path, db_path: Path) -> None:
    core.create_new_pet(EggType.RED, "../../u", "../../name")
    storage.save_asset("../../u", "a.png", b"x")
    storage.create_backup("../../u")
    storage.backup_manager.backup_database()
    core.shutdown()
    storage.close()
    assert {path.name for path in tmp_path.iterdir()} == {db_path.name, "assets"}
