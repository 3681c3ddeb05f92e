"""Open connections: found whatever thread they belong to, counted once each, and kept alive by nobody."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event, Thread

import pytest

from perfcli.agent.inspection.shutdown import count_left, open_connections, open_files

pytestmark = pytest.mark.slow


def connect(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS pets (name)")
    connection.execute("SELECT * FROM pets").fetchall()
    return connection


@pytest.fixture
def closed_later() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.slow
def test_connections_are_found_until_they_are_closed(tmp_path: Path) -> None:
    connection = connect(tmp_path / "pets.db")
    assert any(found is connection for found in open_connections())
    connection.close()
    assert not any(found is connection for found in open_connections())


def test_a_connection_that_only_its_thread_may_use_is_found(tmp_path: Path, closed_later: ExitStack) -> None:
    made: list[sqlite3.Connection] = []
    opened, looked_for = Event(), Event()

    def open_and_close() -> None:
        with closing(sqlite3.connect(tmp_path / "pets.db")) as connection:
            made.append(connection)
            opened.set()
            looked_for.wait()

    thread = Thread(target=open_and_close)
    thread.start()
    try:
        assert opened.wait(30)
        assert any(found is made[0] for found in open_connections())
    finally:
        looked_for.set()
        thread.join()


# what is dropped open is what this is about, and Python 3.13 warns of it
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
def test_a_connection_that_is_dropped_is_not_kept_alive(tmp_path: Path) -> None:
    before = open_files()
    connection = connect(tmp_path / "pets.db")
    open_connections()
    assert count_left(before) == 1
    del connection
    gc.collect()  # to the sqlite3 module's own circle, of a connection and its cached statements
    assert count_left(before) == 0


@pytest.mark.slow
def test_descriptors_that_sqlite_keeps_for_later_are_no_connections(tmp_path: Path) -> None:
    before = open_files()
    connections = [connect(tmp_path / "pets.db") for _ in range(4)]
    assert count_left(before) == 4
    for connection in connections[1:]:
        connection.close()
    assert count_left(before) == 1
    connections[0].close()
    assert count_left(before) == 0


def test_connections_to_any_database_file_count_and_none_in_memory(tmp_path: Path, closed_later: ExitStack) -> None:
    before = open_files()
    for database in (":memory:", tmp_path / "one.db", tmp_path / "another file"):
        connection = closed_later.enter_context(closing(sqlite3.connect(database)))
        connection.execute("CREATE TABLE pets (name)")
    assert count_left(before) == 2


def test_a_database_opened_without_the_sqlite3_module_counts(tmp_path: Path) -> None:
    connect(tmp_path / "pets.db").close()
    before = open_files()
    with (tmp_path / "pets.db").open("rb"):
        assert count_left(before) == 1


def test_other_files_and_what_was_open_before_do_not_count(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "pets.db")):
        before = open_files()
        with (tmp_path / "log.txt").open("w"):
            assert count_left(before) == 0
