"""SQL statements of an operation: every one counted, on whatever connection, and none missed for being new."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from perfcli.agent.inspection.instruments import ForeignHooks, StatementCounter

pytestmark = pytest.mark.slow


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "pets.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE pets (name UNIQUE); CREATE TABLE log (name)")
    return path


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        yield connection


def in_a_thread(work: Callable[[], object]) -> None:
    thread = Thread(target=work)
    thread.start()
    thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "statements"),
    [
        (lambda c: c.execute("SELECT * FROM pets").fetchall(), 1),
        (lambda c: [c.execute("SELECT * FROM pets").fetchall() for _ in range(7)], 7),
        (lambda c: c.executescript("BEGIN; INSERT INTO pets VALUES ('a'); COMMIT"), 3),
        (lambda c: c.executemany("INSERT INTO pets VALUES (?)", [("a",), ("b",)]), 2),
        (lambda c: None, 0),
    ],
)
def test_statements_are_counted(
    connection: sqlite3.Connection, operation: Callable[[sqlite3.Connection], object], statements: int
) -> None:
    with StatementCounter(ForeignHooks()) as counter:
        operation(connection)
        assert counter.end() == statements
        counter.begin()
        assert counter.end() == 0


def test_transactions_that_python_opens_are_counted(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection, StatementCounter(ForeignHooks()) as counter:
        with connection:
            connection.execute("INSERT INTO pets VALUES ('a')")
        assert counter.end() == 3


def test_a_trigger_counts_itself_and_its_statements(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TRIGGER noted AFTER INSERT ON pets BEGIN INSERT INTO log VALUES (new.name); DELETE FROM log; END"
    )
    with StatementCounter(ForeignHooks()) as counter:
        connection.execute("INSERT INTO pets VALUES ('a')")
        assert counter.end() == 1 + 1 + 2


def test_statements_that_fail_count_once_they_run(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO pets VALUES ('a')")
    with StatementCounter(ForeignHooks()) as counter:
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO pets VALUES ('a')")
        assert counter.end() == 1
        counter.begin()
        with pytest.raises(sqlite3.OperationalError):
            connection.execute("SELECT nothing FROM nowhere")
        assert counter.end() == 0


class OwnConnection(sqlite3.Connection):
    """A connection that uses itself before its maker has it."""

    def __init__(self, *arguments: object, **settings: object) -> None:
        super().__init__(*arguments, **settings)
        self.execute("PRAGMA user_version")


@pytest.mark.slow
@pytest.mark.parametrize(("factory", "statements"), [(sqlite3.Connection, 1), (OwnConnection, 2)])
def test_a_connection_opened_for_one_operation_is_watched(
    database: Path, factory: type[sqlite3.Connection], statements: int
) -> None:
    with StatementCounter(ForeignHooks()) as counter:
        for _ in range(3):
            counter.begin()
            with closing(sqlite3.connect(database, factory=factory)) as connection:
                connection.execute("SELECT * FROM pets").fetchall()
            assert counter.end() == statements
    assert sys.getprofile() is None


def test_a_connection_that_cannot_be_opened_is_no_trouble(tmp_path: Path, connection: sqlite3.Connection) -> None:
    with StatementCounter(ForeignHooks()) as counter:
        with pytest.raises(sqlite3.OperationalError):
            sqlite3.connect(tmp_path / "nowhere" / "pets.db")
        connection.execute("SELECT * FROM pets")
        assert counter.end() == 1


def test_a_thread_of_the_engine_that_opens_a_connection_is_watched(database: Path) -> None:
    def work() -> None:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("SELECT * FROM pets").fetchall()

    with StatementCounter(ForeignHooks()) as counter:
        in_a_thread(work)
        assert counter.end() == 1


def test_a_connection_that_any_thread_may_use_is_watched_in_all(database: Path) -> None:
    with (
        closing(sqlite3.connect(database, check_same_thread=False)) as connection,
        StatementCounter(ForeignHooks()) as counter,
    ):
        in_a_thread(lambda: connection.execute("SELECT * FROM pets").fetchall())
        assert counter.end() == 1


@pytest.mark.slow
def test_connections_out_of_reach_are_left_alone(database: Path) -> None:
    opened, over = Event(), Event()

    def work() -> None:
        with closing(sqlite3.connect(database)):
            opened.set()
            over.wait()

    thread = Thread(target=work)
    thread.start()
    opened.wait()
    try:
        with StatementCounter(ForeignHooks()) as counter:
            assert counter.end() == 0
    finally:
        over.set()
        thread.join()


def test_connections_made_afterwards_are_left_alone(database: Path) -> None:
    with StatementCounter(ForeignHooks()) as counter:
        pass
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("SELECT * FROM pets").fetchall()
    assert counter.end() == 0
