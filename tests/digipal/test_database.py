"""Files, versions, connections and threads."""

import gc
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digipal.core import DigiPal, Interaction
from digipal.errors import DatabaseBusyError, LivePetError, SchemaVersionError, StalePetError, StorageError
from digipal.storage import DatabaseConnection, DatabaseSchema, StorageManager

pytestmark = pytest.mark.slow


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run `work(n)` in threads that start together; the first exception of any is raised here."""
    together, failures = threading.Barrier(count), []

    def run(number: int) -> None:
        together.wait()
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def older_file(path: Path, *pets: tuple[str, str]) -> None:
    """A file with the tables of version 1, holding live pets (id, user)."""
    connection = sqlite3.connect(path)
    for sql in DatabaseSchema.get_schema_sql().values():
        connection.execute(sql)
    connection.execute("INSERT INTO schema_migrations (version, description) VALUES (1, 'initial')")
    for pet_id, user_id in pets:
        connection.execute(
            "INSERT INTO digipals (id, user_id, name, egg_type, life_stage, birth_time, last_interaction, created_at) "
            "VALUES (?, ?, 'Old', 'red', 'baby', '2024-01-01 10:00:00', '2024-01-01T10:00:00.5', "
            "(SELECT 1 + COUNT(*) FROM digipals))",
            (pet_id, user_id),
        )
    connection.commit()
    connection.close()


def test_schema(db_path: Path) -> None:
    assert DatabaseSchema.get_schema_version(db_path) == 0
    assert DatabaseSchema.create_database(str(db_path)) is True
    assert DatabaseSchema.get_schema_version(db_path) == DatabaseSchema.CURRENT_VERSION
    assert DatabaseSchema.migrate_database(db_path) is True
    assert set(DatabaseSchema.get_schema_sql()) == {
        "users",
        "digipals",
        "interactions",
        "care_actions",
        "backups",
        "schema_migrations",
    }
    assert all("INDEX" in sql for sql in DatabaseSchema.get_indexes_sql())


def test_an_older_file_opens_keeps_two_pets_of_a_user_and_is_guarded_from_then_on(db_path: Path) -> None:
    older_file(db_path, ("first", "u"), ("second", "u"), ("other", "v"))
    storage = StorageManager(db_path)
    assert DatabaseSchema.get_schema_version(db_path) == DatabaseSchema.CURRENT_VERSION
    pet = storage.load_pet("u")
    assert pet is not None
    assert pet.id == "second"
    assert (pet.name, pet.hp, pet.personality_traits, pet.current_image_path) == ("Old", 100, {}, "")
    assert len(storage.get_user_pets("u")) == 2
    pet.conversation_history.append(Interaction(user_input="hello again"))
    storage.save_pet(pet)
    first = storage.get_pet("first")
    assert first is not None
    storage.save_pet(DigiPal.from_dict(first.to_dict()))
    assert len(storage.get_user_pets("u")) == 2
    for user_id in ("u", "v"):
        with pytest.raises(LivePetError):
            storage.save_pet(DigiPal(user_id=user_id))
    storage.close()


def test_the_file_itself_guards_the_one_live_pet(storage: StorageManager) -> None:
    storage.save_pet(DigiPal(id="a", user_id="u"))
    storage.delete_pet("a")
    storage.save_pet(DigiPal(id="b", user_id="u"))
    with pytest.raises(StorageError):
        storage.db.execute_update("UPDATE digipals SET is_active = 1 WHERE id = 'a'")


def test_a_newer_file_is_refused_and_left_alone(db_path: Path) -> None:
    older_file(db_path)
    with sqlite3.connect(db_path) as connection:
        connection.execute("INSERT INTO schema_migrations (version) VALUES (99)")
    connection.close()
    before = db_path.read_bytes()
    with pytest.raises(SchemaVersionError, match="99"):
        StorageManager(db_path)
    assert db_path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(db_path: Path) -> None:
    db_path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StorageError) as failure:
        StorageManager(db_path)
    assert isinstance(failure.value.__cause__, sqlite3.DatabaseError)
    assert db_path.read_bytes() == b"this is not a database" * 100


def test_impossible_paths_and_settings(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        StorageManager(":memory:")
    with pytest.raises(StorageError):
        StorageManager(tmp_path)
    with pytest.raises(ValueError, match="synchronous"):
        StorageManager(tmp_path / "x.db", synchronous="SOMETIMES")


@pytest.mark.parametrize(("setting", "number"), [("NORMAL", 1), ("full", 2)])
def test_pragmas(db_path: Path, setting: str, number: int) -> None:
    database = DatabaseConnection(db_path, synchronous=setting)
    assert database.execute_query("PRAGMA journal_mode")[0][0] == "wal"
    assert database.execute_query("PRAGMA synchronous")[0][0] == number
    database.close()


def test_queries_updates_and_transactions(db_path: Path) -> None:
    database = DatabaseConnection(db_path)
    assert database.execute_update("INSERT INTO users (id, username) VALUES (?, ?)", ("u", "Ada")) == 1
    assert database.execute_query("SELECT username FROM users")[0]["username"] == "Ada"
    statements = [
        ("INSERT INTO users (id, username) VALUES (?, ?)", ("v", "Bob")),
        ("INSERT INTO users (id, username) VALUES (?, ?)", ("v", "Eve")),
    ]
    with pytest.raises(StorageError):
        database.execute_transaction(statements)
    assert len(database.execute_query("SELECT * FROM users")) == 1
    assert database.execute_transaction(statements[:1]) is True
    assert database.execute_update("UPDATE users SET last_login = 1") == 2
    with pytest.raises(StorageError) as failure:
        database.execute_query("SELECT nonsense")
    assert isinstance(failure.value.__cause__, sqlite3.Error)
    database.close()


def test_a_connection_belongs_to_its_thread_and_close_closes_all(db_path: Path) -> None:
    database, connections = DatabaseConnection(db_path), []
    go, done = threading.Barrier(4), threading.Event()

    def work() -> None:
        connections.append(database.get_connection())
        go.wait()
        done.wait()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    go.wait()
    assert len({id(connection) for connection in [*connections, database.get_connection()]}) == 4
    assert database.get_connection() is database.get_connection()
    database.close()
    database.close()
    done.set()
    for thread in threads:
        thread.join()
    for connection in connections:
        with pytest.raises(sqlite3.ProgrammingError):
            connection.execute("SELECT 1")
    with pytest.raises(StorageError, match="closed"):
        database.execute_query("SELECT 1")


@pytest.mark.slow
def test_a_thread_that_ends_leaves_no_connection(db_path: Path) -> None:
    database = DatabaseConnection(db_path)
    in_threads(5, lambda number: database.execute_query("SELECT 1"))
    gc.collect()
    assert len(database._leases) == 1
    database.close()


def test_a_connection_closed_by_its_user_is_replaced(db_path: Path) -> None:
    database = DatabaseConnection(db_path)
    database.get_connection().close()
    assert database.execute_query("SELECT 1")[0][0] == 1
    database.close()


@pytest.mark.slow
def test_a_storage_that_is_dropped_closes_its_connections(db_path: Path) -> None:
    StorageManager(db_path).save_pet(DigiPal(user_id="u"))
    gc.collect()
    assert not Path(f"{db_path}-wal").exists()


def test_a_lock_is_a_busy_error(storage: StorageManager, db_path: Path) -> None:
    storage.save_pet(DigiPal(user_id="u"))
    hasty = StorageManager(db_path, busy_timeout_s=0.01)
    with storage.db.writing("hold") as writing:
        writing.begin()
        assert hasty.load_pet("u") is not None
        with pytest.raises(DatabaseBusyError):
            hasty.create_user("v", "Bob")
        with pytest.raises(DatabaseBusyError):
            hasty.save_pet(DigiPal(user_id="v"))
    assert hasty.create_user("v", "Bob")
    hasty.close()


def test_another_thread_that_keeps_writing_is_a_busy_error(db_path: Path) -> None:
    storage = StorageManager(db_path, busy_timeout_s=0.01)

    def work(number: int) -> None:
        with pytest.raises(DatabaseBusyError):
            storage.create_user("v", "Bob")

    with storage.db.writing("hold") as writing:
        writing.begin()
        in_threads(1, work)
    storage.close()


def test_threads_that_wait_behind_one_another_wait_no_longer_than_one(db_path: Path) -> None:
    storage = StorageManager(db_path, busy_timeout_s=0.8)
    took_s = [0.0, 0.0]

    def work(number: int) -> None:
        begun = time.monotonic()
        with pytest.raises(DatabaseBusyError):
            storage.create_user(f"user-{number}", f"name-{number}")
        took_s[number] = time.monotonic() - begun

    with closing(sqlite3.connect(db_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first, second = (threading.Thread(target=work, args=(number,)) for number in range(2))
        first.start()
        time.sleep(0.2)
        second.start()
        first.join()
        second.join()
    storage.close()
    assert took_s[1] < 0.8 + 0.35


@pytest.mark.slow
def test_a_reader_beside_a_writer_sees_the_old_state_or_the_new(storage: StorageManager) -> None:
    storage.save_pet(DigiPal(user_id="u", generation=0))
    done = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            for generation in range(1, 150):
                pet = storage.load_pet("u")
                assert pet is not None
                pet.generation = generation
                pet.conversation_history.append(Interaction(user_input=str(generation)))
                storage.save_pet(pet)
            done.set()
        while not done.is_set():
            pet = storage.load_pet("u")
            assert pet is not None
            assert pet.generation == int(pet.conversation_history[-1].user_input if pet.conversation_history else 0)

    in_threads(3, work)


def test_threads_that_share_one_pet_do_not_conflict(storage: StorageManager) -> None:
    pet = DigiPal(user_id="u")
    storage.save_pet(pet)

    def work(number: int) -> None:
        for step in range(20):
            pet.conversation_history.append(Interaction(user_input=f"{number}/{step}"))
            storage.save_pet(pet)

    in_threads(8, work)
    stored = [entry["user_input"] for entry in storage.get_interaction_history("u", limit=1000)]
    assert sorted(stored) == sorted(f"{number}/{step}" for number in range(8) for step in range(20))


def test_threads_with_pets_of_their_own_lose_no_update(storage: StorageManager) -> None:
    storage.save_pet(DigiPal(user_id="u"))

    def work(number: int) -> None:
        for _ in range(20):
            while True:
                pet = storage.load_pet("u")
                assert pet is not None
                pet.generation += 1
                try:
                    storage.save_pet(pet)
                except StalePetError:
                    continue
                break

    in_threads(4, work)
    assert storage.load_pet("u").generation == 81  # type: ignore[union-attr]


def test_two_creations_at_once_end_with_one_pet(storage: StorageManager) -> None:
    refused = []

    def work(number: int) -> None:
        try:
            storage.save_pet(DigiPal(user_id="u"))
        except LivePetError:
            refused.append(number)

    in_threads(4, work)
    assert len(refused) == 3
    assert len(storage.get_user_pets("u")) == 1


def test_close_does_not_wait_for_ever_for_what_runs(db_path: Path) -> None:
    database = DatabaseConnection(db_path)
    with database.reading("hold") as connection:
        closing = threading.Thread(target=database.close)
        closing.start()
        closing.join()
        assert connection.execute("SELECT 1").fetchone()[0] == 1
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")


def test_a_with_block_of_a_connection_is_a_transaction(storage: StorageManager) -> None:
    connection, insert = storage.db.get_connection(), "INSERT INTO users (id) VALUES (?)"

    def fail_half_way() -> None:
        with connection:
            connection.execute(insert, ("a",))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    assert storage.get_user("a") is None
    with connection:
        connection.cursor().execute(insert, ("b",))
        assert connection.in_transaction
    connection.execute(insert, ("c",))
    assert not connection.in_transaction
    assert len(storage.db.execute_query("SELECT * FROM users")) == 2


@pytest.mark.parametrize("busy_timeout_s", [0.0, 0.25])
def test_how_long_to_wait_can_be_changed(storage: StorageManager, busy_timeout_s: float) -> None:
    assert storage.set_busy_timeout(busy_timeout_s) == 10.0
    delete = "DELETE FROM users"
    with closing(sqlite3.connect(storage.db_path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseBusyError):
            storage.db.execute_update(delete)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            storage.db.get_connection().cursor().execute(delete)
        assert storage.set_busy_timeout(30.0) == busy_timeout_s
        release = threading.Timer(0.3, other.execute, ["ROLLBACK"])
        release.start()
        assert storage.db.execute_update(delete) == 0
        release.join()


@pytest.mark.parametrize("wrong", [float("inf"), float("nan"), -1.0, "5", None])
def test_a_busy_timeout_that_nobody_can_wait_for_is_refused(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="busy_timeout_s must be"):
        DatabaseConnection(tmp_path / "a.db", busy_timeout_s=wrong)
    database = DatabaseConnection(tmp_path / "b.db")
    with pytest.raises((TypeError, ValueError), match="busy_timeout_s must be"):
        database.set_busy_timeout(wrong)
    database.close()
