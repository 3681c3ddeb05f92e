"""A database file that is deleted, replaced or cut while it is open: no write is acknowledged, no answer stale."""

import multiprocessing
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from digipal.core import DigiPal, EggType
from digipal.core.digipal_core import DigiPalCore
from digipal.errors import StorageError
from digipal.storage import StorageManager

pytestmark = pytest.mark.slow

LOOK_EVERY_S = 0.011


@pytest.fixture
def filled(storage: StorageManager) -> StorageManager:
    """A storage that has more than SQLite keeps in memory, in its file and in its log."""
    storage.db.execute_transaction(
        [
            (
                "INSERT INTO users (id, username, session_data) VALUES (?, ?, json_object('x', ?))",
                (str(n), str(n), "x" * 4000),
            )
            for n in range(300)
        ]
    )
    storage.db.execute_query("PRAGMA wal_checkpoint(PASSIVE)")
    storage.save_pet(DigiPal(user_id="7"))
    time.sleep(LOOK_EVERY_S)
    return storage


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another database of the same engine, smaller."""
    path = tmp_path / "other.db"
    storage = StorageManager(path)
    storage.save_pet(DigiPal(user_id="u", name="Other"))
    storage.close()
    return path


def replaced_by_link(path: Path, other: Path, make: Callable[[Path, Path], None]) -> None:
    path.unlink()
    make(other, path)


LOSSES: dict[str, Callable[[Path, Path], object]] = {
    "deleted": lambda path, other: path.unlink(),
    "deleted with its log": lambda path, other: [file.unlink() for file in path.parent.glob(f"{path.name}*")],
    "moved": lambda path, other: path.rename(path.with_name("elsewhere.db")),
    "replaced": lambda path, other: shutil.move(other, path),
    "replaced by a symbolic link": lambda path, other: replaced_by_link(path, other, lambda a, b: b.symlink_to(a)),
    "replaced by a hard link": lambda path, other: replaced_by_link(path, other, lambda a, b: b.hardlink_to(a)),
    "replaced by a folder": lambda path, other: replaced_by_link(path, other, lambda a, b: b.mkdir()),
    "overwritten in place": lambda path, other: shutil.copyfile(other, path),
    "cut to nothing": lambda path, other: os.truncate(path, 0),
    "cut to one byte": lambda path, other: os.truncate(path, 1),
    "cut by half": lambda path, other: os.truncate(path, path.stat().st_size // 2),
    "cut by a page": lambda path, other: os.truncate(path, path.stat().st_size - 4096),
}


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_no_write_to_a_lost_file_is_acknowledged(
    filled: StorageManager, other: Path, loss: Callable[..., None]
) -> None:
    path = Path(filled.db_path)
    pet = filled.load_pet("7")
    assert pet is not None
    loss(path, other)
    for attempt in (
        lambda: filled.save_pet(pet),
        lambda: filled.create_user("new", "new"),
        lambda: filled.db.execute_transaction([("DELETE FROM users WHERE id = '1'", ())]),
        lambda: filled.backup_manager.backup_database(),
    ):
        with pytest.raises(StorageError, match=f"{path.name} was (deleted|replaced|cut)"):
            attempt()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deleted", "replaced", "cut to nothing", "overwritten in place"])
def test_no_answer_of_a_lost_file_is_given(filled: StorageManager, other: Path, name: str) -> None:
    LOSSES[name](Path(filled.db_path), other)
    time.sleep(LOOK_EVERY_S)
    with pytest.raises(StorageError, match=r"pets\.db was (deleted|replaced|cut)"):
        filled.load_pet("7")


def test_a_pet_in_memory_is_as_it_was(core: DigiPalCore, db_path: Path) -> None:
    pet = core.create_new_pet(EggType.RED, "u")
    before = pet.to_dict()
    db_path.rename(db_path.with_name("elsewhere.db"))
    with pytest.raises(StorageError, match=r"save_pet: .*was deleted or moved while it was open"):
        core.process_interaction("u", "hello")
    assert pet.to_dict() == before
    db_path.with_name("elsewhere.db").rename(db_path)
    assert core.process_interaction("u", "hello")[0]


def test_another_thread_opens_no_other_file(filled: StorageManager, other: Path) -> None:
    """A connection of its own must not go to the file that is in the place now, nor make a new one."""
    path, failures = Path(filled.db_path), list[BaseException]()

    def work() -> None:
        try:
            filled.create_user("new", "new")
        except BaseException as error:
            failures.append(error)

    for loss in ("deleted", "replaced"):
        if loss == "replaced":
            shutil.copyfile(other, path)
        else:
            path.unlink()
        thread = Thread(target=work)
        thread.start()
        thread.join()
        assert isinstance(failures.pop(), StorageError)
        assert path.exists() == (loss == "replaced")


def test_a_folder_that_was_renamed(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    storage = StorageManager(folder / "pets.db")
    folder.rename(tmp_path / "renamed")
    with pytest.raises(StorageError, match="was deleted or moved"):
        storage.create_user("u", "u")
    (tmp_path / "renamed").rename(folder)
    assert storage.create_user("v", "v")
    storage.close()


def test_what_changes_no_file_is_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another working directory, a name by way of links, a second link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "link.db").symlink_to("link/pets.db")
    monkeypatch.chdir(tmp_path)
    for path in ("link/../real/pets.db", "link.db", "real/pets.db"):
        storage = StorageManager(path)
        monkeypatch.chdir("/")
        storage.create_user(path, path)
        monkeypatch.chdir(tmp_path)
        os.link("real/pets.db", f"real/{len(path)}.db")
        assert storage.get_user(path)
        storage.close()


LOG_LOSSES: dict[str, Callable[[Path], object]] = {
    "deleted": lambda log: log.unlink(),
    "moved": lambda log: log.rename(log.with_name("elsewhere")),
    "replaced": lambda log: shutil.move(shutil.copyfile(log, log.with_name("copy")), log),
    "cut to nothing": lambda log: os.truncate(log, 0),
    "cut by half": lambda log: os.truncate(log, log.stat().st_size // 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOG_LOSSES.values(), ids=LOG_LOSSES)
def test_a_log_that_is_lost(filled: StorageManager, loss: Callable[[Path], object]) -> None:
    filled.db.execute_query("PRAGMA wal_checkpoint(TRUNCATE)")
    for number in range(4):
        filled.create_user(f"last {number}", f"last {number}")
        time.sleep(LOOK_EVERY_S)
    loss(Path(f"{filled.db_path}-wal"))
    for _ in range(2):
        with pytest.raises(StorageError, match=r"pets\.db-wal was (deleted|replaced|cut)"):
            filled.create_user("new", "new")
        time.sleep(LOOK_EVERY_S)


class TestOurOwn:
    """What SQLite and the engine do themselves is no loss, whichever process does it."""

    @pytest.mark.slow
    @pytest.mark.parametrize("command", ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM; checkpoint", "grown"])
    def test_another_process_tidies_up(self, filled: StorageManager, command: str) -> None:
        filled.db.execute_update("DELETE FROM users WHERE id > '2'")
        filled.create_user("before", "before")
        commands = {
            "VACUUM; checkpoint": ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"],
            "grown": ["VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)", "INSERT INTO users (id) VALUES (zeroblob(90000))"],
        }.get(command, [command])
        script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        script += "for command in sys.argv[2:]: c.execute(command).fetchall()"
        before = Path(filled.db_path).stat().st_size
        subprocess.run([sys.executable, "-c", script, filled.db_path, *commands], check=True)
        time.sleep(LOOK_EVERY_S)
        assert (Path(filled.db_path).stat().st_size < before) == (len(commands) > 1)
        for number in range(3):
            assert filled.create_user(f"after {number}", f"after {number}")
            assert filled.get_user("before")
            time.sleep(LOOK_EVERY_S)

    def test_our_own_vacuum_and_backups(self, filled: StorageManager) -> None:
        filled.db.execute_update("DELETE FROM users WHERE id <> '7'")
        for number in range(3):
            assert filled.vacuum_database()
            filled.db.execute_query("PRAGMA wal_checkpoint(TRUNCATE)")
            assert filled.create_backup("7")
            assert filled.backup_manager.backup_database()
            assert filled.restore_backup("7")
            assert filled.create_user(f"after {number}", f"after {number}")
            time.sleep(LOOK_EVERY_S)

    def test_a_file_that_gives_space_back_by_itself(self, db_path: Path) -> None:
        with closing(sqlite3.connect(db_path)) as connection:
            connection.execute("PRAGMA auto_vacuum = FULL")
            connection.execute("CREATE TABLE users (id TEXT PRIMARY KEY)")
            connection.execute("DROP TABLE users")
        storage = StorageManager(db_path)
        for round_ in range(2):
            storage.db.execute_transaction(
                [("INSERT INTO users (id, session_data) VALUES (?, zeroblob(9000))", (str(n),)) for n in range(200)]
            )
            storage.db.execute_query("PRAGMA wal_checkpoint(TRUNCATE)")
            storage.db.execute_update("DELETE FROM users")
            storage.db.execute_query("PRAGMA wal_checkpoint(TRUNCATE)")
            assert storage.create_user(f"after {round_}", "after")
        storage.close()

    def test_threads_that_come_and_go(self, storage: StorageManager) -> None:
        """The last connection to close removes the log, and the next one makes another."""
        storage.db.get_connection().close()
        for number in range(3):
            thread = Thread(target=storage.create_user, args=(str(number), str(number)))
            thread.start()
            thread.join()
        assert storage.create_user("main", "main")
        assert len(storage.db.execute_query("SELECT * FROM users")) == 4


def _save(path: str, number: int) -> None:
    storage = StorageManager(path)
    for save in range(50):
        storage.create_user(f"{number}/{save}", f"{number}/{save}")
        if save % 10 == number:
            storage.vacuum_database()
            storage.db.execute_query("PRAGMA wal_checkpoint(TRUNCATE)")
    storage.close()


@pytest.mark.slow
def test_processes_that_tidy_up_beside_one_another(db_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    StorageManager(db_path).close()
    processes = [context.Process(target=_save, args=(str(db_path), number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
