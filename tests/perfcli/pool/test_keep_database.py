"""Databases that are kept: whole, and beside nothing that an older one left."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from perfcli.pool.keep_database import keep_database

pytestmark = pytest.mark.slow


def database_at(path: Path, pets: int) -> Path:
    """A database with that many rows, all in its write-ahead log, as a killed engine leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = path.with_name(f"{path.name}.source")
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE pets (id INTEGER)")
        connection.executemany("INSERT INTO pets VALUES (?)", ((n,) for n in range(pets)))
        connection.commit()
        for suffix in ("", "-wal"):
            path.with_name(path.name + suffix).write_bytes(source.with_name(source.name + suffix).read_bytes())
    return path


def rows_of(kept: str) -> int:
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM pets").fetchone()[0])


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_name_under_which_an_older_database_left_something_is_not_taken(tmp_path: Path, suffix: str) -> None:
    kept = tmp_path / "kept"
    stale = database_at(tmp_path / "old" / "x.db", pets=500).with_name("x.db-wal").read_bytes()
    kept.mkdir()
    (kept / f"test.db{suffix}").write_bytes(stale)
    place, complaint = keep_database(database_at(tmp_path / "new" / "digipal.db", pets=7), kept, "test")
    assert (place, complaint) == (str(kept / "test-2.db"), "")
    assert rows_of(place) == 7
    assert (kept / f"test.db{suffix}").read_bytes() == stale
    assert not (kept / "test.db").exists()


def test_a_rollback_journal_goes_with_its_database(tmp_path: Path) -> None:
    database = tmp_path / "new" / "digipal.db"
    database.parent.mkdir()
    for suffix in ("", "-journal"):
        database.with_name(database.name + suffix).write_text(suffix)
    place, _ = keep_database(database, tmp_path / "kept", "test")
    assert Path(f"{place}-journal").read_text() == "-journal"


def test_a_link_of_that_name_is_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "test.db").symlink_to(tmp_path / "elsewhere.db")
    place, _ = keep_database(database_at(tmp_path / "new" / "digipal.db", pets=7), kept, "test")
    assert rows_of(place) == 7
    assert not (tmp_path / "elsewhere.db").exists()
