"""What an engine leaves behind: threads, connections and files of its own, and nothing of anybody else's."""

from __future__ import annotations

import _thread
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event, Thread

import pytest

from perfcli.agent.inspection import shutdown
from perfcli.agent.inspection.shutdown import ShutdownCheck

pytestmark = pytest.mark.slow


def nothing() -> None:
    """An engine that has nothing to close."""


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database of a run directory, which the working directory is in, as the pool makes it."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    (tmp_path / "plan.json").touch()
    return tmp_path / "digipal.db"


@pytest.fixture
def start() -> Iterator[Callable[..., Thread]]:
    """Starts threads that wait for the end of the test, or for an event."""
    over = Event()
    started: list[Thread] = []

    def start(name: str, until: Event = over, *, daemon: bool = False) -> Thread:
        thread = Thread(target=until.wait, name=name, daemon=daemon)
        thread.start()
        started.append(thread)
        return thread

    yield start
    over.set()
    for thread in started:
        thread.join()


def test_an_engine_that_clears_up_leaves_nothing(database: Path) -> None:
    premises = ShutdownCheck(database, given=[database.parent / "assets"])
    stop = Event()
    thread = Thread(target=stop.wait)
    thread.start()
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE pets (name)")
    (database.parent / "assets" / "backups").mkdir(parents=True)
    (database.parent / "assets" / "backups" / "user.json").touch()

    def shut_down() -> None:
        stop.set()
        connection.close()

    left = premises.leave(shut_down)
    assert (left.threads_left, left.connections_left, left.files_left) == ([], 0, [])
    assert left.shutdown_ns > 0


def test_what_sqlite_keeps_beside_the_database_is_no_stray(database: Path) -> None:
    premises = ShutdownCheck(database)
    for suffix in ("", "-wal", "-shm", "-journal"):
        database.with_name(database.name + suffix).touch()
    assert premises.leave(nothing).files_left == []


def test_strays_are_named_from_the_run_directory(database: Path) -> None:
    premises = ShutdownCheck(database)
    Path("notes").mkdir()
    for stray in (Path("debug.log"), Path("notes/today.txt"), database.with_name("digipal.db.backup")):
        stray.touch()
    assert premises.leave(nothing).files_left == ["cwd/debug.log", "cwd/notes/today.txt", "digipal.db.backup"]


def test_a_working_directory_elsewhere_is_searched_too(
    database: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    premises = ShutdownCheck(database)
    Path("debug.log").touch()
    assert premises.leave(nothing).files_left == ["debug.log"]


def test_a_long_list_of_strays_is_cut(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutdown, "MOST_FILES_NAMED", 2)
    premises = ShutdownCheck(database)
    for name in "cab":
        Path(name).touch()
    assert premises.leave(nothing).files_left == ["cwd/a", "cwd/b"]


def test_connections_that_stay_open_are_counted(database: Path) -> None:
    premises = ShutdownCheck(database)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE pets (name)")
        assert premises.leave(nothing).connections_left == 1


def test_threads_are_named_daemons_too(database: Path, start: Callable[..., Thread]) -> None:
    start("harness")
    premises = ShutdownCheck(database)
    late_harness = start("late harness")
    start("updates", daemon=True)
    start("cleanup")
    assert premises.leave(nothing, [late_harness], grace_s=0).threads_left == ["cleanup", "updates"]


def test_idle_workers_of_an_executor_are_threads_left(database: Path) -> None:
    premises = ShutdownCheck(database)
    with ThreadPoolExecutor(1, "engine") as executor:
        executor.submit(nothing).result()
        assert premises.leave(nothing, grace_s=0).threads_left == ["engine_0"]


def test_threads_have_a_moment_to_end(database: Path, start: Callable[..., Thread]) -> None:
    premises = ShutdownCheck(database)
    stop = Event()
    start("slow to end", stop)
    assert premises.leave(stop.set).threads_left == []


def test_a_thread_that_the_threading_module_does_not_know_counts(database: Path) -> None:
    premises = ShutdownCheck(database)
    running, over = Event(), Event()

    def work() -> None:
        running.set()
        over.wait()

    _thread.start_new_thread(work, ())
    running.wait()
    try:
        assert premises.leave(nothing, grace_s=0).threads_left == ["without a name"]
    finally:
        over.set()


def test_a_failing_shut_down_is_not_hidden(database: Path) -> None:
    def shut_down() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        ShutdownCheck(database).leave(shut_down)
