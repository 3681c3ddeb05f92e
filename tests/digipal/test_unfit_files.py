"""Files the engine refuses, and leaves as they are; files of earlier engines, which it opens."""

import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from digipal.ai import AICommunication
from digipal.core import DigiPal, Interaction, LifeStage
from digipal.core.digipal_core import DigiPalCore
from digipal.errors import LivePetError, SchemaVersionError, StorageError
from digipal.storage import DatabaseSchema, StorageManager, schema
from digipal.storage.connections import ThreadConnection
from digipal.storage.faults import one_moment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

PLAIN_TABLES = """
CREATE TABLE users (id TEXT PRIMARY KEY, huggingface_token TEXT, username TEXT UNIQUE, created_at TIMESTAMP,
    last_login TIMESTAMP, session_data TEXT);
CREATE TABLE digipals (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, name TEXT, egg_type TEXT, life_stage TEXT,
    generation INTEGER, hp INTEGER, mp INTEGER, offense INTEGER, defense INTEGER, speed INTEGER, brains INTEGER,
    discipline INTEGER, happiness INTEGER, weight INTEGER, care_mistakes INTEGER, energy INTEGER,
    birth_time TIMESTAMP, last_interaction TIMESTAMP, evolution_timer REAL, learned_commands TEXT,
    personality_traits TEXT, current_image_path TEXT, image_generation_prompt TEXT,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP, is_active BOOLEAN DEFAULT 1,
    FOREIGN KEY (user_id) REFERENCES users (id));
CREATE TABLE interactions (id INTEGER PRIMARY KEY AUTOINCREMENT, digipal_id TEXT, user_id TEXT, timestamp TIMESTAMP,
    user_input TEXT NOT NULL, interpreted_command TEXT, pet_response TEXT, attribute_changes TEXT, success BOOLEAN,
    result TEXT);
CREATE TABLE care_actions (id INTEGER PRIMARY KEY AUTOINCREMENT, digipal_id TEXT, user_id TEXT, action_type TEXT,
    action_name TEXT, timestamp TIMESTAMP, energy_cost INTEGER, happiness_change INTEGER, attribute_changes TEXT,
    success BOOLEAN);
CREATE TABLE backups (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT, digipal_id TEXT, backup_type TEXT,
    backup_data TEXT, created_at TIMESTAMP, file_path TEXT);
CREATE TABLE schema_migrations (version INTEGER PRIMARY KEY, applied_at TIMESTAMP, description TEXT);
INSERT INTO users (id, username) VALUES ('u', 'Ada');
INSERT INTO digipals (id, user_id, name, egg_type, life_stage, generation, hp, mp, offense, defense, speed, brains,
    discipline, happiness, weight, care_mistakes, energy, birth_time, last_interaction, evolution_timer, created_at)
    VALUES ('old', 'u', 'Old', 'blue', 'teen', 2, 150, 60, 30, 31, 32, 33, 50, 60, 25, 1, 80,
    '2024-01-01 10:00:00', '2024-01-02T11:30:00.250', 4.5, '2024-01-01 10:00:00');
INSERT INTO digipals (id, user_id, egg_type, created_at) VALUES ('newer', 'u', 'green', '2024-02-01T10:00:00+00:00');
INSERT INTO digipals (id, user_id) VALUES ('bare', 'v');
INSERT INTO interactions (digipal_id, user_id, user_input) VALUES ('newer', 'u', 'hi');
INSERT INTO care_actions (digipal_id, user_id, action_type, action_name) VALUES ('newer', 'u', 'feed', 'Meat');
"""


@pytest.fixture
def filled(db_path: Path) -> Path:
    """A file with a hundred pets and something to say about each."""
    storage = StorageManager(db_path)
    for number in range(100):
        said = [Interaction(user_input="x" * 300) for _ in range(5)]
        storage.save_pet(DigiPal(user_id=str(number), conversation_history=said))
    storage.close()
    return db_path


def contents(folder: Path) -> dict[str, bytes | None]:
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


def assert_refused(path: Path, kind: type[StorageError] = StorageError) -> None:
    before = contents(path.parent)
    for open_it in (StorageManager, DatabaseSchema.migrate_database):
        with pytest.raises(kind, match=path.name):
            open_it(path)
    assert contents(path.parent) == before


NO_DATABASES = {
    "one zero byte": b"\0",
    "one byte": b"S",
    "two bytes": b"SQ",
    "a bare header": b"SQLite format 3\0",
    "511 zeros": bytes(511),
    "short text": b"hello",
    "text": b"this is not a database\n" * 100,
    "zeros": bytes(8192),
    "noise": random.Random(1).randbytes(10000),
}


@pytest.mark.parametrize("content", NO_DATABASES.values(), ids=NO_DATABASES)
def test_a_file_that_is_no_database(db_path: Path, content: bytes) -> None:
    db_path.write_bytes(content)
    assert_refused(db_path)


@pytest.mark.slow
@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
@pytest.mark.parametrize(("start", "end"), [(0, 100), (16, 100), (100, 4096), (0.5, 0.6)])
def test_noise_in_a_file(filled: Path, journal_mode: str, start: float, end: float) -> None:
    connection = sqlite3.connect(filled)
    connection.execute(f"PRAGMA journal_mode = {journal_mode}")
    connection.close()
    content = bytearray(filled.read_bytes())
    low, high = (int(edge * len(content)) if edge < 1 and edge else int(edge) for edge in (start, end))
    content[low:high] = random.Random(2).randbytes(high - low)
    filled.write_bytes(content)
    assert_refused(filled)


@pytest.mark.slow
@pytest.mark.parametrize("kept", [50, 3000, 0.5, -1000])
def test_a_file_that_was_cut_off(filled: Path, kept: float) -> None:
    content = filled.read_bytes()
    filled.write_bytes(content[: int(kept * len(content)) if kept == 0.5 else int(kept)])
    assert_refused(filled)


def test_damage_in_a_large_file_is_met_by_the_call_that_reads_it(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "_CHECKED_BYTES", 0)
    content = bytearray(filled.read_bytes())
    content[3 * 4096 :] = random.Random(3).randbytes(len(content) - 3 * 4096)
    filled.write_bytes(content)
    with pytest.raises(StorageError):
        StorageManager(filled).get_database_stats()


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE users (id INTEGER, email TEXT); CREATE TABLE posts (id INTEGER)",
        "CREATE TABLE people (id, username); CREATE VIEW users AS SELECT * FROM people",
    ],
    ids=["table", "view"],
)
def test_a_table_of_our_name_in_another_programs_file(db_path: Path, made: str) -> None:
    connection = sqlite3.connect(db_path)
    connection.executescript(made)
    connection.close()
    assert_refused(db_path)


def test_a_file_of_a_newer_engine(filled: Path) -> None:
    connection = sqlite3.connect(filled)
    connection.execute("INSERT INTO schema_migrations (version) VALUES (99)")
    connection.commit()
    connection.close()
    assert_refused(filled, SchemaVersionError)


@pytest.mark.parametrize("tables", [["bookmarks"], ["users", "digipals"]])
def test_a_database_of_another_program(db_path: Path, tables: list[str]) -> None:
    connection = sqlite3.connect(db_path)
    for table in tables:
        connection.execute(f"CREATE TABLE {table} (something)")
    connection.close()
    assert_refused(db_path)


def test_an_empty_file_whose_log_is_not(filled: Path) -> None:
    """SQLite would take it for a new database and delete the log, with all that is only in there."""
    log = filled.with_name("pets.db-wal")
    log.write_bytes(filled.read_bytes())
    os.truncate(filled, 0)
    assert_refused(filled)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/null")], ids=["pipe", "device"])
def test_what_is_no_regular_file(db_path: Path, make: Callable[[Path], None]) -> None:
    make(db_path)
    for open_it in (StorageManager, DatabaseSchema.migrate_database):
        with pytest.raises(StorageError, match=r"pets\.db is not a regular file"):
            open_it(db_path)


class TestTheCauseIsTold:
    """A rollback that fails, or that SQLite has done already, hides nothing."""

    @pytest.mark.slow
    @pytest.mark.parametrize("folder", ["new", "old"])
    def test_a_full_disk_at_opening(self, tmp_path: Path, folder: str) -> None:
        """A limit on the size of files stands in for the full disk; it holds for a process of its own."""
        database = tmp_path / "pets.db"
        if folder == "old":
            with closing(sqlite3.connect(database)) as connection:
                connection.executescript(PLAIN_TABLES)
        script = """if True:
            import resource, signal, sys
            from digipal.errors import StorageError
            from digipal.storage import StorageManager
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
            try:
                StorageManager(sys.argv[1])
            except StorageError as error:
                print(type(error.__cause__).__name__, error)
            """
        limit = "4096" if folder == "new" else str(database.stat().st_size)
        ran = subprocess.run(
            [sys.executable, "-c", script, str(database), limit],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "OperationalError" in ran.stdout
        assert "pets.db: cannot open the database: " in ran.stdout
        assert any(cause in ran.stdout for cause in ("disk I/O error", "disk is full"))
        assert "rollback" not in ran.stdout

    def test_a_migration_that_sqlite_has_undone(self, db_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(connection: sqlite3.Connection) -> None:
            connection.execute("ROLLBACK")  # as SQLite does when the disk is full
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(schema, "_MIGRATIONS", ((1, "fails", fail),))
        with pytest.raises(StorageError, match=r"cannot open the database: database or disk is full$"):
            StorageManager(db_path)

    @pytest.mark.parametrize("use", ["write", "commit", "transaction", "with block", "moment"])
    def test_a_rollback_that_fails(self, storage: StorageManager, monkeypatch: pytest.MonkeyPatch, use: str) -> None:
        connection, execute = storage.db.get_connection(), ThreadConnection.execute

        def failing(self: ThreadConnection, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
            if sql in ("ROLLBACK", "COMMIT") or "INTO nowhere" in sql:
                raise sqlite3.OperationalError("the cause" if sql != "ROLLBACK" else "cannot rollback")
            return execute(self, sql, parameters)

        def write() -> None:
            with storage.db.writing("write") as writing:
                writing.begin()
                if use == "write":
                    writing.connection.execute("INSERT INTO nowhere VALUES (1)")

        def with_block() -> None:
            with connection:
                connection.execute("DELETE FROM users")
                raise sqlite3.OperationalError("the cause")

        def moment() -> None:
            with storage.db.reading("read") as reading, one_moment(reading):
                raise sqlite3.OperationalError("the cause")

        uses = {
            "write": write,
            "commit": write,
            "transaction": lambda: storage.db.execute_transaction([("INSERT INTO nowhere VALUES (1)", ())]),
            "with block": with_block,
            "moment": moment,
        }
        with monkeypatch.context() as patch:
            patch.setattr(ThreadConnection, "execute", failing)
            with pytest.raises((StorageError, sqlite3.OperationalError), match="the cause") as caught:
                uses[use]()
        cause = caught.value.__cause__ or caught.value
        assert any("the rollback failed too: cannot rollback" in note for note in getattr(cause, "__notes__", []))
        assert storage.create_user("after", "after"), "a new connection, without the transaction of the old one"

    def test_a_backup_file_that_cannot_be_removed(
        self, storage: StorageManager, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        storage.create_user("u", "u")
        storage.db.execute_update("DROP TABLE backups")

        def unlink(self: Path, missing_ok: bool = False) -> None:
            raise PermissionError("no")

        monkeypatch.setattr(Path, "unlink", unlink)
        with pytest.raises(StorageError, match="no such table: backups"):
            storage.create_backup("u")


class TestModes:
    """What the engine makes is its owner's alone, whatever the umask; what was there keeps its mode."""

    @pytest.mark.parametrize("umask", [0, 0o022, 0o277])
    def test_new_files(self, tmp_path: Path, umask: int) -> None:
        before = os.umask(umask)
        try:
            storage = StorageManager(tmp_path / "pets.db", tmp_path)
            DatabaseSchema.create_database(tmp_path / "made.db")
            storage.create_user("u", "u")
            storage.create_backup("u")
            storage.backup_manager.backup_database()
            files = [path for path in tmp_path.rglob("*") if path.is_file()]
            assert len(files) == 6
            assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
            storage.close()
        finally:
            os.umask(before)

    def test_a_new_file_at_the_end_of_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "link.db").symlink_to("pets.db")
        StorageManager(tmp_path / "link.db").close()
        assert (tmp_path / "pets.db").stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("mode", [0o644, 0o660])
    def test_files_that_were_there(self, filled: Path, mode: int) -> None:
        filled.chmod(mode)
        storage = StorageManager(filled)
        storage.create_user("u", "u")
        assert {path.stat().st_mode & 0o777 for path in filled.parent.glob("pets.db*")} == {mode}
        storage.close()


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    assert_refused(tmp_path / "folder.db")


@pytest.mark.parametrize("name", ["in the way/x.db", "a\0b.db", "x" * 300])
def test_a_path_that_cannot_be(tmp_path: Path, name: str) -> None:
    (tmp_path / "in the way").write_text("")
    with pytest.raises(StorageError):
        StorageManager(tmp_path / name)


def test_an_empty_file_becomes_a_database(db_path: Path) -> None:
    db_path.touch()
    storage = StorageManager(db_path)
    assert storage.save_pet(DigiPal(user_id="u"))
    storage.close()


@pytest.fixture
def plain(db_path: Path) -> Path:
    """The published tables and no more, as another program would write them."""
    connection = sqlite3.connect(db_path)
    connection.executescript(PLAIN_TABLES)
    connection.close()
    return db_path


def test_a_file_with_the_plain_tables_opens(plain: Path) -> None:
    assert DatabaseSchema.get_schema_version(plain) == 0
    storage = StorageManager(plain)
    assert DatabaseSchema.get_schema_version(plain) == DatabaseSchema.CURRENT_VERSION
    old = storage.get_pet("old")
    assert old is not None
    assert (old.name, old.life_stage, old.hp, old.brains, old.evolution_timer) == ("Old", LifeStage.TEEN, 150, 33, 4.5)
    assert (old.learned_commands, old.personality_traits, old.image_generation_prompt) == (set(), {}, "")
    assert old.last_interaction.microsecond == 250_000
    assert [entry.user_input for entry in storage.get_pet("newer").conversation_history] == ["hi"]  # type: ignore[union-attr]
    assert storage.get_user("u")["session_data"] == {}  # type: ignore[index]
    (said,) = storage.get_interaction_history("u")
    assert (said["attribute_changes"], said["pet_response"]) == ({}, None)
    assert storage.get_care_history("newer")[0]["attribute_changes"] == {}
    storage.close()


def test_a_row_that_says_little_is_a_pet_like_a_new_one(plain: Path) -> None:
    storage = StorageManager(plain)
    core = DigiPalCore(storage, AICommunication())
    for user_id in "uv":
        assert core.update_pet_state(user_id, force_save=True)
        assert core.process_interaction(user_id, "hello")[0]
        assert core.trigger_evolution(user_id, force=True)[0]
        assert core.get_pet_statistics(user_id)["attributes"]["weight"] == 20
        assert storage.load_pet(user_id) == core.active_pets[user_id]
    core.shutdown()
    storage.close()


def test_times_of_any_zone_become_local_ones(plain: Path) -> None:
    storage = StorageManager(plain)
    storage.db.execute_update("UPDATE digipals SET birth_time = '2024-01-01T10:00:00Z' WHERE id = 'old'")
    pet = storage.get_pet("old")
    assert pet is not None
    assert pet.birth_time.tzinfo is None
    assert pet.birth_time.astimezone(UTC) == datetime(2024, 1, 1, 10, tzinfo=UTC)
    assert pet.get_age_hours() > 0
    storage.close()


def test_both_live_pets_of_a_user_in_such_a_file_stay_and_can_be_saved(plain: Path) -> None:
    storage = StorageManager(plain)
    assert storage.load_pet("u").id == "newer"  # type: ignore[union-attr]
    for pet in storage.get_user_pets("u"):
        pet.name += "!"
        pet.conversation_history.append(Interaction(user_input="hello again"))
        assert storage.save_pet(pet)
    assert sorted(pet.name for pet in storage.get_user_pets("u")) == ["DigiPal!", "Old!"]
    with pytest.raises(LivePetError):
        storage.save_pet(DigiPal(user_id="u"))
    assert storage.create_backup("u")
    assert storage.restore_backup("u")
    assert [pet.name for pet in storage.get_user_pets("u")] == ["DigiPal!"]
    assert {pet.name for pet in storage.get_user_pets("u", include_inactive=True)} == {"DigiPal!", "Old!"}
    storage.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda run: run("DROP TABLE backups"),
        lambda run: run("DROP TABLE schema_migrations"),
        lambda run: run("ALTER TABLE digipals ADD COLUMN revision INTEGER NOT NULL DEFAULT 0"),
        lambda run: run("PRAGMA journal_mode = WAL"),
        lambda run: run("INSERT INTO schema_migrations (version, description) VALUES (1, 'initial')"),
        lambda run: run("INSERT INTO schema_migrations (version, description) VALUES (2, 'something else')"),
    ],
    ids=["no backups", "no migrations", "a column of ours", "wal", "version 1", "version 2 of another engine"],
)
def test_its_many_kinds_open_too(plain: Path, change: Callable[[Callable[[str], object]], object]) -> None:
    connection = sqlite3.connect(plain)
    change(connection.execute)
    connection.commit()
    connection.close()
    storage = StorageManager(plain)
    pet = storage.load_pet("u")
    assert pet is not None
    assert storage.save_pet(pet)
    assert storage.create_backup("u")
    storage.close()
    StorageManager(plain).close()
