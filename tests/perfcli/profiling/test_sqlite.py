"""Statements as they are followed: counts, rows, waits for the write lock, plans, and what is wrong with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from perfcli.agent.profiling.activity import Activity
from perfcli.agent.profiling.sqlite_hooks import SqliteHooks
from perfcli.agent.profiling.statements import MOST_STATEMENTS, OTHERS, QueryPlans, Statements, figures, normalised
from perfcli.results.findings import FullScan, StatementFigures


class Followed:
    """sqlite3 with its statements followed, within an operation."""

    def __init__(self) -> None:
        self.activity = Activity()
        self.statements = Statements(self.activity)
        self.waits: list[int] = []
        self.hooks = SqliteHooks(self.activity, self.statements, self.waits.append)
        self.activity.here.label = "load_pet"

    def figures(self) -> dict[str, StatementFigures]:
        self.statements.operation_is_over("load_pet")
        return {key: figures(key, entry) for key, entry in self.statements.merged().items()}


@pytest.fixture
def followed() -> Iterator[Followed]:
    followed = Followed()
    followed.hooks.install()
    yield followed
    followed.hooks.remove()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "some.db"


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT  *\n FROM a  WHERE b = 12", "SELECT * FROM a WHERE b = ?"),
        ("SELECT 'it''s', 1.5e3, x1 FROM t2", "SELECT ?, ?, x1 FROM t2"),
        ("DELETE FROM a WHERE b IN (1, 2,3)", "DELETE FROM a WHERE b IN (?, ...)"),
        ("SELECT :p1, ?2, @v3", "SELECT :p1, ?2, @v3"),
    ],
)
def test_values_make_no_difference(sql: str, kind: str) -> None:
    assert normalised(sql) == kind


class TestFollowing:
    """What engines do with sqlite3 is done, and counted."""

    def test_rows_and_runs(self, followed: Followed, database: Path) -> None:
        connection = sqlite3.connect(database, isolation_level=None)
        connection.execute("CREATE TABLE pets (id INTEGER)")
        connection.executemany("INSERT INTO pets VALUES (?)", ((number,) for number in range(5)))
        assert connection.execute("SELECT id FROM pets").fetchall() == [(number,) for number in range(5)]
        assert [row[0] for row in connection.execute("SELECT id FROM pets")] == [0, 1, 2, 3, 4]
        assert connection.execute("SELECT id FROM pets").fetchone() == (0,)
        assert connection.cursor().execute("SELECT id FROM pets").fetchmany(2) == [(0,), (1,)]
        connection.executescript("DELETE FROM pets; DELETE FROM pets;")
        connection.close()
        found = followed.figures()
        read = found["SELECT id FROM pets"]
        assert (read.count, read.rows, read.operations) == (4, 5 + 5 + 1 + 2, {"load_pet": 4})
        assert found["INSERT INTO pets VALUES (?)"].rows == 5
        assert read.total_ns > 0
        assert read.p99_ns >= read.mean_ns * 0.99

    def test_the_rows_of_a_cursor_belong_to_the_statement_it_ran_then(self, followed: Followed) -> None:
        with closing(sqlite3.connect(":memory:")) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("SELECT 1 UNION SELECT 2").fetchone()
            cursor.execute("SELECT 3").fetchone()
        found = followed.figures()
        assert [(found[sql].count, found[sql].rows) for sql in ("SELECT ? UNION SELECT ?", "SELECT ?")] == [(1, 1)] * 2

    def test_subclasses_of_an_engine_are_followed(self, followed: Followed, database: Path) -> None:
        class Cursor(sqlite3.Cursor):
            pass

        class Connection(sqlite3.Connection):
            def cursor(self, factory: type[sqlite3.Cursor] = Cursor) -> sqlite3.Cursor:
                return super().cursor(factory)

        connection = sqlite3.connect(database, factory=Connection)
        with connection:
            connection.cursor().execute("CREATE TABLE pets (id INTEGER)")
            connection.execute("INSERT INTO pets VALUES (1)")
        connection.close()
        found = followed.figures()
        assert found["COMMIT"].count == 1
        assert found["CREATE TABLE pets (id INTEGER)"].count == 1

    @pytest.mark.filterwarnings("ignore:Passing more than 1 positional:DeprecationWarning")
    def test_positional_arguments_of_an_engine(self, followed: Followed, database: Path) -> None:
        class Connection(sqlite3.Connection):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)

        uri = database.as_uri()
        with (
            closing(sqlite3.connect(uri, 7.5, 0, None, True, Connection, 10, True)) as own,
            closing(sqlite3.connect(uri, 7.5, 0, None, True, sqlite3.Connection, 10, True)) as plain,
        ):
            for connection in (own, plain):
                assert connection.isolation_level is None
                assert connection.patience_ms == 7500
        assert database.exists()

    def test_one_position_is_not_deprecated(self, followed: Followed) -> None:
        """Python 3.13 warns of any other; warnings are errors here."""
        with closing(sqlite3.connect(":memory:", timeout=2)) as connection:
            assert connection.patience_ms == 2000

    @pytest.mark.filterwarnings("ignore:Passing more than 1 positional:DeprecationWarning")
    @pytest.mark.parametrize(
        ("arguments", "settings"), [((":memory:", 1), {"timeout": 1}), (range(9), {}), ((), {}), ((), {"nonsense": 1})]
    )
    def test_wrong_arguments_are_refused(
        self, followed: Followed, arguments: tuple[Any, ...], settings: dict[str, Any]
    ) -> None:
        with pytest.raises(TypeError):
            sqlite3.connect(*arguments, **settings)

    def test_an_error_is_the_engines(self, followed: Followed) -> None:
        connection = sqlite3.connect(":memory:")
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            connection.execute("SELECT * FROM gone")
        connection.close()
        assert followed.figures()["SELECT * FROM gone"].count == 1

    def test_outside_of_operations_nothing_is_counted(self, followed: Followed) -> None:
        followed.activity.here.label = ""
        connection = sqlite3.connect(":memory:")
        assert connection.execute("SELECT 1").fetchone() == (1,)
        connection.close()
        assert followed.figures() == {}

    def test_threads_add_up(self, followed: Followed, database: Path) -> None:
        def work() -> None:
            followed.activity.here.label = "load_pet"
            connection = sqlite3.connect(database)
            connection.execute("SELECT 1").fetchall()
            connection.close()

        threads = [Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = followed.figures()["SELECT ?"]
        assert (found.count, found.rows) == (3, 3)

    def test_kinds_of_statements_are_limited(self, followed: Followed) -> None:
        connection = sqlite3.connect(":memory:")
        for number in range(MOST_STATEMENTS + 3):
            connection.execute(f"SELECT 1 AS a{number}")
        connection.close()
        assert followed.figures()[OTHERS].count == 3


class TestWriteLock:
    """Waiting for another writer is told, and takes as long as the engine wants."""

    @pytest.fixture
    def held(self, database: Path) -> Iterator[tuple[Event, Thread]]:
        """A write lock that another connection holds, until it is let go."""
        taken, let_go = Event(), Event()

        def hold() -> None:
            connection = sqlite3.connect(database, isolation_level=None)
            connection.execute("CREATE TABLE IF NOT EXISTS pets (id INTEGER)")
            connection.execute("BEGIN IMMEDIATE")
            taken.set()
            let_go.wait(5)
            connection.execute("COMMIT")
            connection.close()

        thread = Thread(target=hold)
        thread.start()
        assert taken.wait(5)
        yield let_go, thread
        let_go.set()
        thread.join()

    def test_a_wait_is_told_and_is_no_time_of_the_statement(
        self, held: tuple[Event, Thread], followed: Followed, database: Path
    ) -> None:
        connection = sqlite3.connect(database, timeout=5, isolation_level=None)
        Thread(target=lambda: (Event().wait(0.05), held[0].set())).start()
        connection.execute("INSERT INTO pets VALUES (1)")
        connection.close()
        found = followed.figures()["INSERT INTO pets VALUES (?)"]
        assert followed.waits == [found.lock_wait_ns]
        assert found.lock_wait_ns > found.total_ns

    def test_no_patience_no_wait(self, held: tuple[Event, Thread], followed: Followed, database: Path) -> None:
        connection = sqlite3.connect(database, timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connection.execute("INSERT INTO pets VALUES (1)")
        connection.close()
        assert followed.waits == []

    def test_a_pragma_sets_the_patience(self, held: tuple[Event, Thread], followed: Followed, database: Path) -> None:
        connection = sqlite3.connect(database, timeout=5, isolation_level=None)
        connection.execute("PRAGMA busy_timeout = 1")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            connection.execute("INSERT INTO pets VALUES (1)")
        connection.close()
        assert len(followed.waits) == 1


class TestPlans:
    """Full scans are flagged where they cost; N+1 where one operation asks again and again."""

    @pytest.fixture
    def plans(self) -> Iterator[QueryPlans]:
        connection = sqlite3.connect(":memory:")
        connection.execute("CREATE TABLE said (id INTEGER PRIMARY KEY, words TEXT)")
        connection.execute("CREATE TABLE kinds (id INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO said (words) VALUES (?)", [("no",)] * 50)
        connection.execute("INSERT INTO kinds VALUES (1, 'a')")
        yield QueryPlans(connection)
        connection.close()

    @pytest.mark.parametrize(
        ("sql", "tables"),
        [
            ("SELECT * FROM said WHERE words = ?", ["said"]),
            ("SELECT * FROM said AS s WHERE s.words = ?", ["said"]),
            ("SELECT ? FROM said AS a, said AS b WHERE a.words = b.words", ["said"]),
            ("SELECT ? FROM kinds, said WHERE said.words = kinds.name", ["said"]),
            ("SELECT id FROM said ORDER BY id LIMIT ?", ["said"]),
            ("SELECT * FROM said WHERE id = ?", []),
            ("SELECT * FROM kinds WHERE name = ?", []),
            ("UPDATE said SET words = 'x' WHERE words = ?", ["said"]),
            ("SELECT ?", []),
        ],
    )
    def test_full_scans(self, plans: QueryPlans, sql: str, tables: list[str]) -> None:
        assert plans.of(sql, ("no",))["full_scans"] == [FullScan(table=table, rows=50) for table in tables]

    def test_parameters_that_are_gone_are_made_up(self, plans: QueryPlans) -> None:
        assert plans.of("SELECT * FROM said WHERE id = ? AND words = ?", ())["plan"]

    def test_what_cannot_be_planned_says_why(self, plans: QueryPlans) -> None:
        assert "no such table" in plans.of("SELECT * FROM temporary", ())["no_plan"]

    @pytest.mark.parametrize(("times", "flagged"), [(4, ""), (8, "load_pet")])
    def test_n_plus_one(self, followed: Followed, times: int, flagged: str) -> None:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        for _ in range(2):
            connection.execute("BEGIN")
            for number in range(times):
                connection.execute("SELECT 1 WHERE ?", (number,))
            connection.execute("COMMIT")
            followed.statements.operation_is_over("load_pet")
        connection.close()
        found = followed.figures()
        assert found["SELECT ? WHERE ?"].repeated_in == flagged
        assert found["SELECT ? WHERE ?"].most_in_one_operation == times
        assert found["BEGIN"].repeated_in == ""
