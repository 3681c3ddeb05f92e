"""Instruments of exact counters: each counts what it says, adds nothing of its own, and gives no value it cannot."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from perfcli.agent.inspection.instruments import (
    CallCounter,
    ForeignHooks,
    PageCounter,
    StatementCounter,
    StepCounter,
)

pytestmark = pytest.mark.slow

ROWS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT sum(i) FROM n"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "pets.db"


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; CREATE TABLE pets (name)")
        yield connection


def called() -> None:
    len("")


def call_often(times: int) -> None:
    for _ in range(times):
        called()


def generated() -> Iterator[int]:
    yield 1
    yield 2


class TestCalls:
    """Python functions entered or resumed, and C functions called."""

    @pytest.mark.parametrize(
        ("work", "calls"),
        [
            (lambda: None, 1),
            (called, 2),
            (lambda: call_often(10), 22),
            (lambda: list(generated()), 4),
        ],
    )
    def test_each_is_counted_each_time_alike(self, work: Callable[[], object], calls: int) -> None:
        counter = CallCounter(ForeignHooks())
        counts = []
        for _ in range(3):
            counter.begin()
            work()
            counts.append(counter.end())
        assert counts == [calls] * 3
        assert sys.getprofile() is None

    def test_other_threads_are_not(self) -> None:
        counter = CallCounter(ForeignHooks())
        counter.begin()
        in_a_thread(lambda: call_often(1_000))
        assert counter.end() < 1_000


class TestSteps:
    """Instructions of SQLite's virtual machine."""

    def count(self, counter: StepCounter, work: Callable[[], object]) -> int:
        counter.begin()
        work()
        return counter.end()

    def test_they_grow_with_what_a_statement_does(self, connection: sqlite3.Connection) -> None:
        with StepCounter(ForeignHooks()) as counter:
            few, more, most = (
                self.count(counter, lambda rows=rows: connection.execute(ROWS, (rows,)).fetchall())  # type: ignore[misc]
                for rows in (10, 20, 30)
            )
            assert self.count(counter, lambda: connection.execute(ROWS, (10,)).fetchall()) == few
        assert most - more == more - few >= 10

    def test_a_connection_made_meanwhile_is_counted(self, database: Path, connection: sqlite3.Connection) -> None:
        def anew() -> None:
            with closing(sqlite3.connect(database)) as other:
                other.execute(ROWS, (1_000,)).fetchall()

        with StepCounter(ForeignHooks()) as counter:
            assert self.count(counter, anew) > 1_000

    def test_other_threads_are_not(self, database: Path) -> None:
        with closing(sqlite3.connect(database, check_same_thread=False)) as shared, StepCounter(ForeignHooks()) as it:
            assert self.count(it, lambda: in_a_thread(lambda: shared.execute(ROWS, (1_000,)).fetchall())) == 0


class TestPages:
    """Frames added to the write-ahead log."""

    def test_each_commit_adds_its_pages_also_to_a_log_begun_anew(
        self, database: Path, connection: sqlite3.Connection
    ) -> None:
        counter = PageCounter(database)
        counts = []
        for _ in range(3):
            counter.begin()
            connection.execute("INSERT INTO pets VALUES ('Tai')")
            counts.append(counter.end())
            connection.execute("PRAGMA wal_checkpoint(RESTART)")
        assert counts == [1, 1, 1]
        counter.begin()
        connection.execute("SELECT * FROM pets").fetchall()
        assert counter.end() == 0
        assert counter.why_not == ""

    def test_without_a_log_there_is_no_value(self, database: Path, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = DELETE")
        counter = PageCounter(database)
        counter.begin()
        connection.execute("INSERT INTO pets VALUES ('Tai')")
        counter.end()
        assert "no write-ahead log" in counter.why_not


class TestForeignHooks:
    """An engine with hooks of its own takes the place of an instrument's."""

    @pytest.mark.parametrize(
        ("hook", "instrument"),
        [
            (lambda connection: connection.set_progress_handler(None, 0), StepCounter),
            (lambda connection: sqlite3.Connection.set_progress_handler(connection, None, 0), StepCounter),
            (lambda connection: connection.set_trace_callback(None), StatementCounter),
            (lambda connection: sys.setprofile(None), CallCounter),
        ],
    )
    def test_it_is_named_by_the_instrument_that_it_replaces(
        self, hook: Callable[[sqlite3.Connection], None], instrument: type, connection: sqlite3.Connection
    ) -> None:
        hooks = ForeignHooks()
        with hooks.watched():
            hook(connection)
        for kind in (CallCounter, StepCounter, StatementCounter):
            reason = kind(hooks).why_not
            assert (Path(__file__).name in reason) == (kind is instrument), reason

    def test_the_instruments_own_are_none(self, connection: sqlite3.Connection) -> None:
        hooks = ForeignHooks()
        with hooks.watched():
            pass
        counter = CallCounter(hooks)
        counter.begin()
        connection.execute("SELECT 1").fetchall()
        counter.end()
        assert [kind(hooks).why_not for kind in (CallCounter, StepCounter, StatementCounter)] == [""] * 3


def in_a_thread(work: Callable[[], object]) -> None:
    thread = Thread(target=work)
    thread.start()
    thread.join()
