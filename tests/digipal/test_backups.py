"""A user's backups: what they hold, what a restore brings back, and what it leaves alone."""

import json
from pathlib import Path

import pytest

from digipal.core import AttributeEngine, DigiPal, EggType, Interaction
from digipal.core.digipal_core import DigiPalCore
from digipal.errors import PetConflictError, StalePetError, StorageError
from digipal.storage import StorageManager

pytestmark = pytest.mark.slow

MEAT = AttributeEngine().care_actions["meat"]


def a_user(storage: StorageManager, user_id: str = "u") -> DigiPal:
    storage.create_user(user_id, f"name of {user_id}", "token")
    pet = DigiPal(user_id=user_id, name="Zoë 🥚", conversation_history=[Interaction(user_input="hello")])
    pet.personality_traits = {"curiosity": 0.5}
    storage.save_pet(pet)
    storage.save_care_action(pet.id, user_id, MEAT, {"hp": 1})
    return pet


def everything(storage: StorageManager, user_id: str = "u") -> list[object]:
    """All that is stored of a user, but for what counts the saves."""
    pets = storage.get_user_pets(user_id, include_inactive=True)
    return [
        storage.get_user(user_id),
        storage.load_pet(user_id),
        pets,
        storage.get_interaction_history(user_id, limit=1000),
        [storage.get_care_history(pet.id) for pet in pets],
    ]


def ruin(storage: StorageManager, pet: DigiPal) -> None:
    pet.name, pet.hp = "Ruined", 1
    pet.conversation_history.append(Interaction(user_input="later"))
    storage.save_pet(pet)
    storage.save_care_action(pet.id, pet.user_id, MEAT, {}, success=False)
    storage.update_user_session(pet.user_id, {"later": True})


def files(storage: StorageManager) -> list[str]:
    return sorted(str(path) for path in (storage.assets_path / "backups").iterdir())


def test_a_backup_is_in_the_database_and_in_a_file(storage: StorageManager) -> None:
    pet = a_user(storage)
    assert storage.create_backup("u") is True
    (backup,) = storage.get_backups("u")
    assert set(backup) == {"id", "user_id", "digipal_id", "backup_type", "created_at", "file_path"}
    assert (backup["user_id"], backup["digipal_id"], backup["backup_type"]) == ("u", None, "manual")
    assert Path(backup["file_path"]).stat().st_mode & 0o077 == 0
    data = json.loads(Path(backup["file_path"]).read_text())
    assert data["user"]["username"] == "name of u"
    assert [row["id"] for row in data["pets"]] == [pet.id]
    assert [row["user_input"] for row in data["interactions"]] == ["hello"]
    assert [row["action_name"] for row in data["care_actions"]] == ["Meat"]
    (stored,) = storage.db.execute_query("SELECT backup_data FROM backups")
    assert json.loads(stored[0]) == data
    assert storage.get_database_stats()["backups_count"] == 1


def test_a_restore_brings_everything_back_and_touches_nobody_else(storage: StorageManager) -> None:
    pet, other = a_user(storage), a_user(storage, "v")
    before = everything(storage)
    storage.create_backup("u")
    ruin(storage, pet)
    ruin(storage, other)
    others = everything(storage, "v")
    assert storage.restore_backup("u") is True
    assert everything(storage) == before
    assert everything(storage, "v") == others
    restored = storage.load_pet("u")
    assert restored is not None
    restored.conversation_history.append(Interaction(user_input="and on"))
    assert storage.save_pet(restored)


def test_the_newest_or_the_one_asked_for(storage: StorageManager) -> None:
    pet = a_user(storage)
    for name in ("first", "second", "third"):
        pet.name = name
        storage.save_pet(pet)
        storage.create_backup("u", backup_type=name)
    backups = storage.get_backups("u")
    assert [backup["backup_type"] for backup in backups] == ["third", "second", "first"]
    assert len(storage.get_backups("u", limit=2)) == 2
    for backup_id, name in ((backups[2]["id"], "first"), (None, "third"), (backups[1]["id"], "second")):
        assert storage.restore_backup("u", backup_id)
        assert storage.load_pet("u").name == name  # type: ignore[union-attr]


def test_who_is_unknown_has_no_backup(storage: StorageManager) -> None:
    pet = a_user(storage)
    storage.create_backup("u")
    (backup,) = storage.get_backups("u")
    assert storage.create_backup("nobody") is False
    assert storage.create_automatic_backup("nobody") is False
    assert storage.restore_backup("nobody") is False
    assert storage.restore_backup("nobody", backup["id"]) is False
    assert storage.restore_backup("u", 999) is False
    assert storage.get_backups("nobody") == []
    assert storage.create_backup("u", pet_id="no pet") is False
    storage.create_user("v", "v")
    assert storage.create_backup("v", pet_id=pet.id) is False
    assert len(files(storage)) == 1


def test_a_user_without_a_pet_and_a_pet_without_a_user(storage: StorageManager) -> None:
    storage.create_user("u", "Ada")
    storage.save_pet(DigiPal(user_id="v", name="Stray"))
    assert storage.create_backup("u")
    assert storage.create_backup("v")
    storage.db.execute_update("DELETE FROM users")
    storage.db.execute_update("DELETE FROM digipals")
    assert storage.restore_backup("u")
    assert storage.restore_backup("v")
    assert storage.get_user("u")["username"] == "Ada"  # type: ignore[index]
    assert storage.load_pet("v").name == "Stray"  # type: ignore[union-attr]
    assert storage.get_user("v") is None


def test_a_backup_of_one_pet_leaves_the_rest(storage: StorageManager) -> None:
    first = a_user(storage)
    storage.delete_pet(first.id)
    second = DigiPal(user_id="u")
    storage.save_pet(second)
    assert storage.create_backup("u", pet_id=second.id)
    assert storage.get_backups("u")[0]["digipal_id"] == second.id
    second.name = "Ruined"
    storage.save_pet(second)
    assert storage.restore_backup("u")
    assert storage.load_pet("u").name == "DigiPal"  # type: ignore[union-attr]
    assert storage.get_pet(first.id) == first


def test_one_live_pet_a_user_after_a_restore_too(storage: StorageManager) -> None:
    first = a_user(storage)
    storage.create_backup("u")
    storage.delete_pet(first.id)
    second = DigiPal(user_id="u")
    storage.save_pet(second)
    assert storage.restore_backup("u")
    assert [pet.id for pet in storage.get_user_pets("u")] == [first.id]
    assert storage.get_pet(second.id) == second
    with pytest.raises(PetConflictError):
        storage.save_pet(DigiPal(user_id="u"))


def test_a_pet_that_is_someone_elses_by_now_stays_theirs(storage: StorageManager) -> None:
    pet = a_user(storage)
    storage.create_backup("u")
    pet.user_id = "v"
    storage.save_pet(pet)
    with pytest.raises(PetConflictError, match="another user"):
        storage.restore_backup("u")
    assert storage.load_pet("v") == pet
    assert storage.load_pet("u") is None


def test_what_is_in_memory_does_not_overwrite_the_restored(core: DigiPalCore, storage: StorageManager) -> None:
    pet = core.create_new_pet(EggType.RED, "u", "Before")
    storage.create_backup("u")
    pet.name = "After"
    core.apply_care_action("u", "meat")
    held = storage.load_pet("u")
    assert held is not None
    storage.restore_backup("u")
    with pytest.raises(StalePetError):
        storage.save_pet(held)
    core.apply_care_action("u", "meat")
    assert core.active_pets["u"].name == "Before"
    stored = storage.load_pet("u")
    assert stored == core.active_pets["u"]
    assert [entry["user_input"] for entry in storage.get_interaction_history("u")] == ["meat"]


def test_a_restore_that_fails_changes_nothing(storage: StorageManager) -> None:
    pet = a_user(storage)
    storage.create_backup("u")
    ruin(storage, pet)
    before = everything(storage)
    storage.db.execute_update("CREATE TRIGGER refuse BEFORE INSERT ON care_actions BEGIN SELECT RAISE(FAIL, 'no'); END")
    with pytest.raises(StorageError):
        storage.restore_backup("u")
    assert everything(storage) == before


@pytest.mark.parametrize(("name", "value"), [("id", ["x"]), ("revision", "many"), ("energy", {}), ("name", None)])
def test_an_odd_value_in_a_backup_is_an_error_or_put_back(storage: StorageManager, name: str, value: object) -> None:
    a_user(storage)
    storage.create_backup("u")
    before = everything(storage)
    (text,) = storage.db.execute_query("SELECT backup_data FROM backups")[0]
    data = json.loads(text)
    data["pets"][0][name] = value
    storage.db.execute_update("UPDATE backups SET backup_data = ?", (json.dumps(data),))
    if name == "revision":
        assert storage.restore_backup("u")
    else:
        with pytest.raises(StorageError):
            storage.restore_backup("u")
    assert everything(storage) == before


@pytest.mark.parametrize("text", [None, "", "{broken", "[]", "{}", '{"pets": [1], "user": null}'])
def test_a_damaged_backup_is_an_error(storage: StorageManager, text: str | None) -> None:
    a_user(storage)
    storage.create_backup("u")
    before = everything(storage)
    storage.db.execute_update("UPDATE backups SET backup_data = ?", (text,))
    with pytest.raises(StorageError, match="damaged"):
        storage.restore_backup("u")
    assert everything(storage) == before


def test_automatic_backups_are_ten_and_leave_others_alone(storage: StorageManager) -> None:
    a_user(storage)
    storage.create_backup("u")
    for _ in range(12):
        assert storage.create_automatic_backup("u") is True
    kept = storage.get_backups("u", limit=100)
    assert [backup["backup_type"] for backup in kept] == ["automatic"] * 10 + ["manual"]
    assert files(storage) == sorted(backup["file_path"] for backup in kept)


def test_old_backups_are_dropped_with_their_files_and_no_other_file(storage: StorageManager, tmp_path: Path) -> None:
    for user_id in ("u", "v"):
        a_user(storage, user_id)
        for _ in range(4):
            storage.create_backup(user_id)
    precious = tmp_path / "precious.json"
    precious.write_text("mine")
    oldest = storage.get_backups("u")[-1]
    storage.db.execute_update("UPDATE backups SET file_path = ? WHERE id = ?", (str(precious), oldest["id"]))
    newest = storage.get_backups("u")[:2]
    assert storage.delete_old_backups("u", keep_count=2) is True
    assert storage.get_backups("u") == newest
    assert len(storage.get_backups("v")) == 4
    assert precious.read_text() == "mine"
    assert len(files(storage)) == 4 + 2 + 1
    assert storage.delete_old_backups("u") is True
    assert len(storage.get_backups("u")) == 2
    with pytest.raises(ValueError, match="keep_count"):
        storage.delete_old_backups("u", keep_count=-1)


def test_a_disk_that_fails_leaves_no_half_backup(storage: StorageManager) -> None:
    a_user(storage)
    storage.create_backup("u")
    before = files(storage)
    storage.db.execute_update("CREATE TRIGGER full BEFORE INSERT ON backups BEGIN SELECT RAISE(FAIL, 'full'); END")
    with pytest.raises(StorageError):
        storage.create_backup("u")
    assert files(storage) == before
    assert len(storage.get_backups("u")) == 1


def test_a_folder_that_cannot_be_made_is_an_error(storage: StorageManager) -> None:
    a_user(storage)
    storage.assets_path.write_text("in the way")
    with pytest.raises(StorageError, match="could not be written"):
        storage.create_backup("u")
    assert storage.get_backups("u") == []


@pytest.mark.parametrize("user_id", ["../../x", "a/b", "", ".", "Zoë 🥚", "x" * 5000])
def test_any_user_id_and_type_stays_in_the_folder(storage: StorageManager, user_id: str) -> None:
    a_user(storage, user_id)
    assert storage.create_backup(user_id, backup_type="../../" + user_id)
    assert files(storage) == [storage.get_backups(user_id)[0]["file_path"]]


def test_saving_a_pet_makes_no_backup(core: DigiPalCore, storage: StorageManager) -> None:
    core.create_new_pet(EggType.RED, "u")
    core.apply_care_action("u", "meat")
    core.shutdown()
    assert not storage.assets_path.exists()
    assert storage.get_database_stats()["backups_count"] == 0
