"""Backups of the whole database."""

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from digipal.core import DigiPal
from digipal.errors import StorageError
from digipal.storage import StorageManager, backup_manager
from digipal.storage.backup_manager import BackupManager

pytestmark = pytest.mark.slow


def files(storage: StorageManager) -> list[Path]:
    folder = storage.backup_manager.folder
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_backup_is_a_database_of_its_own(storage: StorageManager) -> None:
    storage.save_pet(DigiPal(user_id="u", name="Then"))
    path = storage.backup_manager.backup_database()
    assert path.parent == storage.assets_path / "backups"
    assert path.stat().st_mode & 0o077 == 0
    assert files(storage) == [path] == storage.backup_manager.get_database_backups()
    pet = storage.load_pet("u")
    assert pet is not None
    pet.name = "Now"
    storage.save_pet(pet)
    copy = StorageManager(path)
    assert copy.load_pet("u").name == "Then"  # type: ignore[union-attr]
    copy.close()


def test_so_many_are_kept_and_other_files_stay(storage: StorageManager) -> None:
    manager = BackupManager(storage.db, storage.assets_path / "backups", keep=3)
    storage.create_user("u", "u")
    storage.create_backup("u")
    others = [manager.folder / name for name in ("notes.db", "20200101-000000-000000-other.db")]
    for other in others:
        other.write_text("mine")
    made = [manager.backup_database() for _ in range(5)]
    assert manager.get_database_backups() == made[:1:-1]
    assert all(other.exists() for other in others)
    assert len(files(storage)) == 3 + 2 + 1
    with pytest.raises(ValueError, match="at least one"):
        BackupManager(storage.db, manager.folder, keep=0)


@pytest.mark.slow
def test_a_backup_beside_a_writer_is_one_moment(storage: StorageManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_manager, "_PAGES_A_STEP", 1)
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            pair = [("INSERT INTO users (id, username) VALUES (?, ?)", (f"{number}/{half}",) * 2) for half in "ab"]
            storage.db.execute_transaction(pair)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        paths = [storage.backup_manager.backup_database() for _ in range(5)]
    finally:
        done.set()
        writer.join()
    counts = []
    for path in paths:
        connection = sqlite3.connect(path)
        counts.append(connection.execute("SELECT COUNT(*) FROM users").fetchone()[0])
        connection.close()
    assert all(count % 2 == 0 for count in counts)
    assert counts == sorted(counts)


def test_a_copy_that_is_not_sound_is_not_kept(storage: StorageManager, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = storage.backup_manager.backup_database()

    def fail(*_: Any) -> None:
        raise StorageError("the copy is damaged")

    with monkeypatch.context() as patch:
        patch.setattr(backup_manager, "_verify", fail)
        with pytest.raises(StorageError, match="damaged"):
            storage.backup_manager.backup_database()
    assert files(storage) == [kept]
    connection = sqlite3.connect(kept)
    with pytest.raises(StorageError, match="rows"):
        backup_manager._verify(connection, (1, 2, 3, 4, 5, 6), "backup")
    connection.close()


def test_a_disk_that_fails_is_an_error_and_leaves_what_was(storage: StorageManager) -> None:
    kept = storage.backup_manager.backup_database()
    storage.backup_manager.folder.rename(storage.assets_path / "elsewhere")
    storage.backup_manager.folder.write_text("in the way")
    with pytest.raises(StorageError):
        storage.backup_manager.backup_database()
    assert [path.name for path in (storage.assets_path / "elsewhere").iterdir()] == [kept.name]


def test_a_schedule(storage: StorageManager, caplog: pytest.LogCaptureFixture) -> None:
    manager = storage.backup_manager
    manager.start_schedule(0.005)
    manager.start_schedule(0.005)
    assert [thread.name for thread in threading.enumerate()].count("digipal-backups") == 1
    while len(manager.get_database_backups()) < 3:
        time.sleep(0.001)
    manager.stop_schedule()
    assert "digipal-backups" not in [thread.name for thread in threading.enumerate()]
    assert not caplog.records
    with pytest.raises(ValueError, match="interval_s"):
        manager.start_schedule(0)


def test_a_scheduled_backup_that_fails_is_logged_and_the_next_one_tried(
    storage: StorageManager, caplog: pytest.LogCaptureFixture
) -> None:
    storage.assets_path.write_text("in the way")
    storage.backup_manager.start_schedule(0.005)
    while len(caplog.records) < 2:
        time.sleep(0.001)
    storage.assets_path.unlink()
    while not storage.backup_manager.get_database_backups():
        time.sleep(0.001)
    assert "scheduled backup failed" in caplog.text


def test_close_ends_the_schedule_in_the_midst_of_a_backup(
    storage: StorageManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.db.execute_transaction(
        [("INSERT INTO users (id, username, session_data) VALUES (?, ?, ?)", (n, n, "x" * 4000)) for n in range(500)]
    )
    under_way, copy = threading.Event(), BackupManager._copy

    def slow_copy(self: BackupManager, path: Path, stop: threading.Event, doing: str) -> None:
        under_way.set()
        stop.wait(60)
        copy(self, path, stop, doing)

    monkeypatch.setattr(BackupManager, "_copy", slow_copy)
    storage.backup_manager.start_schedule(0.001)
    assert under_way.wait(60)
    began = time.monotonic()
    storage.close()
    assert time.monotonic() - began < 1
    assert "digipal-backups" not in [thread.name for thread in threading.enumerate()]
    assert files(storage) == []


INTERRUPTED = """if True:
    import os, signal, sys, time
    from pathlib import Path
    from digipal.storage.files import replacing
    writers = []
    for number in range(5):
        writers.append(os.fork())
        if writers[-1] == 0:
            with replacing(Path(sys.argv[1]) / "20260101-000000-000000-pets.db") as temporary:
                temporary.write_bytes(bytes(1000))
                Path(f"{temporary}-journal").write_bytes(bytes(1000))
                os.write(1, b".")
                time.sleep(60)
    for killed in (writers[1:], writers[:1]):
        sys.stdin.buffer.raw.read(1)
        for writer in killed:
            os.kill(writer, signal.SIGKILL)
            os.waitpid(writer, 0)  # until then it may hold its lock
        os.write(1, b"!")
    time.sleep(60)
"""


def test_what_killed_processes_left_is_removed_and_what_a_live_one_writes_stays(db_path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "assets" / "backups"
    folder.mkdir(parents=True)
    command = [sys.executable, "-c", INTERRUPTED, str(folder)]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as nursery:
        try:
            assert nursery.stdin
            assert nursery.stdout
            assert nursery.stdout.read(5) == b"....."
            (folder / f".{'0' * 32}.unfinished").mkdir()  # killed before it wrote anything
            assert len(list(folder.iterdir())) == 6
            nursery.stdin.write(b"k")
            nursery.stdin.flush()
            assert nursery.stdout.read(1) == b"!"
            storage = StorageManager(db_path, tmp_path / "assets")
            (live,) = folder.iterdir()
            assert (live / "file").stat().st_size == 1000
            storage.backup_manager.backup_database()
            assert live.exists()
            nursery.stdin.write(b"k")
            nursery.stdin.flush()
            assert nursery.stdout.read(1) == b"!"
        finally:
            os.killpg(nursery.pid, signal.SIGKILL)
    storage.close()
    StorageManager(db_path, tmp_path / "assets").close()
    assert [path.name[:1] for path in folder.iterdir()] == ["2"]


def test_a_folder_without_locks_still_takes_backups(storage: StorageManager, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError("no locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert storage.backup_manager.backup_database().exists()
    assert len(files(storage)) == 1
