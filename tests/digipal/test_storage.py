"""What is saved is what is loaded, and nothing is lost on the way."""

import copy
import math
import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from digipal.core import AttributeEngine, DigiPal, EggType, Interaction, LifeStage
from digipal.errors import LivePetError, PetConflictError, StalePetError, StorageError
from digipal.storage import StorageManager

pytestmark = pytest.mark.slow


def say(pet: DigiPal, *texts: str) -> DigiPal:
    pet.conversation_history.extend(Interaction(user_input=text) for text in texts)
    return pet


def said(storage: StorageManager, pet: DigiPal) -> list[str]:
    """Everything stored that was said to the pet, oldest first."""
    rows = storage.db.execute_query("SELECT user_input FROM interactions WHERE digipal_id = ? ORDER BY id", (pet.id,))
    return [row["user_input"] for row in rows]


def load(storage: StorageManager, user_id: str = "u") -> DigiPal:
    pet = storage.load_pet(user_id)
    assert pet is not None
    return pet


@pytest.mark.parametrize("stage", LifeStage)
def test_any_pet_comes_back_as_it_was(storage: StorageManager, stage: LifeStage) -> None:
    pet = DigiPal(user_id="u", egg_type=EggType.GREEN, life_stage=stage, name="Zoë 🥚 \0 '; DROP TABLE users;--")
    pet.hp, pet.offense, pet.energy = 321, 77, 3
    pet.learned_commands = {"dance"}
    pet.personality_traits = {"curiosity": 0.52, "inherited": True, "parent_care_quality": "good", "odd": 1e-9}
    pet.last_interaction = datetime.now() - timedelta(days=3)
    AttributeEngine().apply_care_action(pet, "strength_training")
    say(pet, "hello", "")
    assert storage.save_pet(pet) is True
    assert load(storage) == pet
    assert storage.get_pet(pet.id) == pet


def test_a_stored_baby_may_know_nothing(storage: StorageManager) -> None:
    pet = DigiPal(user_id="u", life_stage=LifeStage.BABY)
    pet.learned_commands.clear()
    storage.save_pet(pet)
    assert load(storage).learned_commands == set()


def test_every_interaction_is_stored_once(storage: StorageManager) -> None:
    pet = say(DigiPal(user_id="u"), "a", "b")
    storage.save_pet(pet)
    storage.save_pet(pet)
    say(pet, "c")
    storage.save_pet(pet)
    storage.save_pet(load(storage))
    assert said(storage, pet) == ["a", "b", "c"]


def test_a_save_writes_only_what_is_new(storage: StorageManager) -> None:
    pet = say(DigiPal(user_id="u"), *map(str, range(500)))
    storage.save_pet(pet)
    connection = storage.db.get_connection()
    before = connection.total_changes
    say(pet, "new")
    storage.save_pet(pet)
    assert connection.total_changes - before == 2


def test_loading_brings_the_last_hundred_oldest_first(storage: StorageManager) -> None:
    pet = say(DigiPal(user_id="u"), *map(str, range(150)))
    storage.save_pet(pet)
    loaded = load(storage)
    assert [entry.user_input for entry in loaded.conversation_history] == [str(n) for n in range(50, 150)]
    storage.save_pet(say(loaded, "150"))
    assert said(storage, pet) == [str(n) for n in range(151)]


def test_a_pet_listed_without_its_history_keeps_it(storage: StorageManager) -> None:
    storage.save_pet(say(DigiPal(user_id="u"), "a", "b"))
    (listed,) = storage.get_user_pets("u")
    assert listed.conversation_history == []
    listed.name = "Renamed"
    storage.save_pet(say(listed, "c"))
    assert load(storage).name == "Renamed"
    assert said(storage, listed) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "copied",
    [
        lambda pet: DigiPal.from_dict(pet.to_dict()),
        copy.deepcopy,
        lambda pet: pickle.loads(pickle.dumps(pet)),
    ],
    ids=["dict", "deepcopy", "pickle"],
)
def test_a_copy_of_a_stored_pet_doubles_nothing(storage: StorageManager, copied: Any) -> None:
    pet = say(DigiPal(user_id="u"), "a", "a", "b")
    storage.save_pet(pet)
    storage.save_pet(say(copied(pet), "c"))
    assert said(storage, pet) == ["a", "a", "b", "c"]


def test_a_copy_under_a_new_id_brings_its_whole_history(storage: StorageManager) -> None:
    pet = say(DigiPal(user_id="u"), "a", "b")
    storage.save_pet(pet)
    twin = copy.deepcopy(pet)
    twin.id, twin.user_id = "twin", "v"
    storage.save_pet(twin)
    assert said(storage, twin) == said(storage, pet) == ["a", "b"]


def test_a_pet_moves_to_another_file_with_its_history(storage: StorageManager, tmp_path: Path) -> None:
    pet = say(DigiPal(user_id="u"), "a")
    storage.save_pet(pet)
    other = StorageManager(tmp_path / "other.db")
    other.save_pet(pet)
    assert said(other, pet) == ["a"]
    other.close()


def test_interactions_that_left_the_history_unsaved_are_stored_in_order(storage: StorageManager) -> None:
    pet = say(DigiPal(user_id="u"), *map(str, range(5)))
    pet.trim_history(2)
    storage.save_pet(pet)
    storage.save_pet(pet)
    assert said(storage, pet) == ["0", "1", "2", "3", "4"]


def test_a_failed_save_changes_nothing_and_can_be_repeated(storage: StorageManager) -> None:
    pet = say(DigiPal(user_id="u"), "a")
    storage.save_pet(pet)
    say(pet, "b")
    pet.conversation_history.append(Interaction(user_input="\ud800"))
    pet.name = "New"
    with pytest.raises(StorageError) as failure:
        storage.save_pet(pet)
    assert isinstance(failure.value.__cause__, UnicodeEncodeError)
    assert load(storage).name == "DigiPal"
    pet.conversation_history[-1].user_input = "c"
    storage.save_pet(pet)
    assert load(storage).name == "New"
    assert said(storage, pet) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "\ud800"),
        ("hp", 2**70),
        ("personality_traits", {"x": object()}),
        ("birth_time", "now"),
        ("mp", []),
        ("evolution_timer", math.nan),
        ("name", None),
        ("conversation_history", [Interaction(user_input=b"bytes")]),
    ],
)
def test_what_cannot_be_stored_is_a_clear_error(storage: StorageManager, field: str, value: object) -> None:
    pet = DigiPal(user_id="u")
    setattr(pet, field, value)
    with pytest.raises(StorageError):
        storage.save_pet(pet)
    assert storage.load_pet("u") is None
    assert storage.save_pet(DigiPal(user_id="u"))


def test_a_stale_pet_is_not_saved(storage: StorageManager) -> None:
    storage.save_pet(DigiPal(user_id="u"))
    mine, theirs = load(storage), load(storage)
    theirs.name = "Theirs"
    storage.save_pet(theirs)
    mine.name = "Mine"
    with pytest.raises(StalePetError, match="load it again"):
        storage.save_pet(say(mine, "lost?"))
    assert load(storage).name == "Theirs"
    assert said(storage, mine) == []


def test_a_user_has_one_live_pet(storage: StorageManager) -> None:
    first, second = DigiPal(user_id="u"), DigiPal(user_id="u")
    storage.save_pet(first)
    with pytest.raises(LivePetError):
        storage.save_pet(second)
    assert storage.delete_pet(first.id)
    assert storage.load_pet("u") is None
    assert storage.save_pet(second)
    assert [pet.id for pet in storage.get_user_pets("u")] == [second.id]
    assert {pet.id for pet in storage.get_user_pets("u", include_inactive=True)} == {first.id, second.id}
    assert storage.get_pet(first.id) == first


def test_a_deleted_pet_is_not_brought_back_by_an_old_copy(storage: StorageManager) -> None:
    pet = DigiPal(user_id="u")
    storage.save_pet(pet)
    storage.delete_pet(pet.id)
    with pytest.raises(PetConflictError):
        storage.save_pet(pet)
    assert storage.load_pet("u") is None
    assert storage.delete_pet("nobody") is False


def test_a_pet_may_change_hands_but_not_to_a_user_who_has_one(storage: StorageManager) -> None:
    pet = DigiPal(user_id="u")
    storage.save_pet(pet)
    pet.user_id = "v"
    storage.save_pet(pet)
    assert storage.load_pet("u") is None
    assert load(storage, "v") == pet
    storage.save_pet(DigiPal(user_id="w"))
    pet.user_id = "w"
    with pytest.raises(LivePetError):
        storage.save_pet(pet)
    assert load(storage, "v").id == pet.id


def test_users(storage: StorageManager) -> None:
    assert storage.create_user("u", "Ada", "token") is True
    assert storage.create_user("u", "Bob") is False
    assert storage.create_user("v", "Ada") is False
    user = storage.get_user("u")
    assert user is not None
    assert (user["id"], user["username"], user["huggingface_token"], user["session_data"]) == ("u", "Ada", "token", {})
    assert storage.update_user_session("u", {"theme": "dark"}) is True
    assert storage.update_user_session("u", {"n": 1}) is True
    assert storage.get_user("u")["session_data"] == {"n": 1}  # type: ignore[index]
    assert storage.update_user_session("nobody", {}) is False
    assert storage.get_user("nobody") is None


def test_a_user_that_is_no_duplicate_but_impossible_is_an_error(storage: StorageManager) -> None:
    with pytest.raises(StorageError):
        storage.create_user(None, "Ada")  # type: ignore[arg-type]


def test_interaction_history_is_newest_first(storage: StorageManager) -> None:
    pet, other = say(DigiPal(user_id="u"), "a", "b"), say(DigiPal(user_id="u"), "x")
    pet.conversation_history[1].attribute_changes = {"hp": 1}
    storage.save_pet(pet)
    storage.delete_pet(pet.id)
    storage.save_pet(other)
    history = storage.get_interaction_history("u")
    assert [entry["user_input"] for entry in history] == ["x", "b", "a"]
    entry = storage.get_interaction_history("u", pet.id, limit=1)[0]
    assert entry["digipal_id"] == pet.id
    assert entry["attribute_changes"] == {"hp": 1}
    assert entry["success"] is True
    assert entry["result"] == "success"
    assert datetime.fromisoformat(entry["timestamp"]) == pet.conversation_history[1].timestamp
    assert storage.get_interaction_history("nobody") == []


def test_loose_interactions_and_clearing(storage: StorageManager) -> None:
    pet = say(DigiPal(user_id="u"), "a")
    storage.save_pet(pet)
    entry = storage.get_interaction_history("u")[0]
    assert storage.save_interaction_history([entry, Interaction(user_input="loose")]) is True
    assert said(storage, pet) == ["a", "a"]
    storage.clear_interaction_history(pet.id)
    assert said(storage, pet) == []


def test_care_history(storage: StorageManager) -> None:
    meat = AttributeEngine().care_actions["meat"]
    assert storage.save_care_action("p", "u", meat, {"hp": 1})
    assert storage.save_care_action("p", "u", meat, {}, success=False)
    newest, oldest = storage.get_care_history("p")
    assert (newest["success"], oldest["success"]) == (False, True)
    assert (oldest["action_type"], oldest["action_name"], oldest["attribute_changes"]) == ("feed", "Meat", {"hp": 1})
    assert len(storage.get_care_history("p", limit=1)) == 1


def test_statistics_and_vacuum(storage: StorageManager) -> None:
    storage.create_user("u", "Ada")
    storage.save_pet(say(DigiPal(user_id="u"), "a"))
    assert storage.vacuum_database() is True
    stats = storage.get_database_stats()
    assert (stats["users_count"], stats["digipals_count"], stats["interactions_count"]) == (1, 1, 1)
    assert (stats["care_actions_count"], stats["backups_count"], stats["assets_size_bytes"]) == (0, 0, 0)
    assert stats["database_size_mb"] == stats["database_size_bytes"] / 2**20 > 0


@pytest.mark.parametrize(
    ("column", "value"),
    [("egg_type", "purple"), ("life_stage", "cyborg"), ("learned_commands", "{broken"), ("birth_time", "yesterday")],
)
def test_an_unreadable_pet_is_an_error_and_not_no_pet(storage: StorageManager, column: str, value: str) -> None:
    storage.save_pet(DigiPal(user_id="u"))
    storage.db.execute_update(f"UPDATE digipals SET {column} = ?", (value,))
    with pytest.raises(StorageError, match="cannot read"):
        storage.load_pet("u")


def test_nothing_is_written_beside_the_database(storage: StorageManager, db_path: Path) -> None:
    storage.save_pet(DigiPal(user_id="u"))
    storage.close()
    assert [path.name for path in db_path.parent.iterdir()] == [db_path.name]


def test_a_copy_by_way_of_a_dict_is_as_stale_as_the_pet_it_is_of(storage: StorageManager) -> None:
    pet = say(DigiPal(user_id="u"), "a")
    storage.save_pet(pet)
    fresh, stale = DigiPal.from_dict(pet.to_dict()), DigiPal.from_dict(copy.deepcopy(pet.to_dict()))
    storage.save_pet(say(fresh, "b"))
    assert said(storage, pet) == ["a", "b"]
    with pytest.raises(StalePetError):
        storage.save_pet(stale)
    storage.save_pet(DigiPal.from_dict(dict(pet.to_dict())))  # plain values from elsewhere are nobody's copy


def test_what_was_put_in_before_stored_words_is_stored_too(storage: StorageManager) -> None:
    pet = say(DigiPal(user_id="u"), "b", "d")
    storage.save_pet(pet)
    pet.conversation_history.insert(1, Interaction(user_input="c"))
    pet.conversation_history.insert(0, Interaction(user_input="a"))
    storage.save_pet(pet)
    storage.save_pet(pet)
    assert sorted(said(storage, pet)) == ["a", "b", "c", "d"]


def test_whether_a_pet_is_current(storage: StorageManager) -> None:
    pet = DigiPal(user_id="u")
    assert storage.is_current(pet)
    storage.save_pet(pet)
    other = storage.load_pet("u")
    assert other is not None
    assert storage.is_current(other)
    storage.save_pet(other)
    assert storage.is_current(other)
    assert not storage.is_current(pet)
    storage.delete_pet(pet.id)
    assert not storage.is_current(other)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("personality_traits", {1: 0.5}),
        ("personality_traits", {"a": (1, 2)}),
        ("learned_commands", {("a",)}),
        ("birth_time", datetime(2020, 1, 1, tzinfo=UTC)),
        ("last_interaction", datetime(2020, 1, 1, tzinfo=UTC)),
        ("conversation_history", [Interaction(timestamp=datetime(2020, 1, 1, tzinfo=UTC))]),
        ("conversation_history", [Interaction(attribute_changes={1: 2})]),  # type: ignore[dict-item]
    ],
)
def test_what_would_come_back_as_something_else_is_refused(storage: StorageManager, name: str, value: Any) -> None:
    pet = DigiPal(user_id="u")
    setattr(pet, name, value)
    with pytest.raises(StorageError, match="cannot be stored"):
        storage.save_pet(pet)
    assert storage.load_pet("u") is None


def test_session_data_that_json_cannot_hold(storage: StorageManager) -> None:
    storage.create_user("u", "u")
    with pytest.raises(StorageError, match="session data of user 'u'"):
        storage.update_user_session("u", {"when": datetime(2020, 1, 1)})
