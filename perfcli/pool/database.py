"""The database of a run on this machine, in a scratch directory with the places of its engine processes."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Final

from perfcli.clock import RunningTime
from perfcli.line import Line, next_message, open_line
from perfcli.operations.stored import Rows
from perfcli.pool.cleanup import scratch_directory
from perfcli.pool.keep_database import keep_database
from perfcli.pool.protocol import Fidelity
from perfcli.pool.supervised import Output, SupervisedProcess, start_supervised
from perfcli.wire import Answers, Compared, NoMoreAnswers

_MODULE: Final = "perfcli.agent.fidelity"
_LIMIT_S: Final = 60.0
_PER_PET_S: Final = 0.01
_TO_LEAVE_S: Final = 2.0
_TICK_S: Final = 0.1


def compare_afresh(
    database: Path,
    answers: Iterable[str],
    asked: int,
    directory: Path,
    engine_path: Path,
    limit_s: float | None = None,
) -> Fidelity:
    """Have a new process hold what is stored against what was answered before the engine shut down.

    Args:
        answers: texts of whole lines, as `perfcli.operations.stored.answers` yields them.
        asked: how many pets that is.
        directory: for what the process prints, and to work in.
        engine_path: the directory with the `digipal` package that ran.
        limit_s: how long it may take; a minute, and 10 ms for each pet, by default.
    """
    limit_s = _LIMIT_S + asked * _PER_PET_S if limit_s is None else limit_s
    output = Output(directory / "fidelity.txt")
    line, theirs = open_line()
    with theirs:
        process = start_supervised(
            _MODULE,
            [str(theirs.fileno()), str(database), str(engine_path)],
            working_directory=directory,
            output=output.fileno(),
            line=theirs.fileno(),
        )
    feeder = Thread(target=_send, args=(line, answers), name="digipal-perf-answers")
    feeder.start()
    try:
        found = _found(line, process, limit_s)
    finally:
        left = tuple(process.end())
        line.close()
        feeder.join()
        output.close()
    if isinstance(found, str):
        printed = output.end().splitlines()
        last_words = printed[-1][:200] if printed else "it printed nothing"
        return Fidelity(asked, max(1, asked), [f"the new process {found}: {last_words}"], left)
    if found.error:
        return Fidelity(asked, max(1, asked), [f"a new process cannot read the database: {found.error}"], left)
    return Fidelity(found.compared, found.differences, found.examples, left)


def _send(line: Line, answers: Iterable[str]) -> None:
    # a process that ends early needs no more
    with suppress(OSError):
        for text in answers:
            line.send(Answers(text))
        line.send(NoMoreAnswers())


def _found(line: Line, process: SupervisedProcess, limit_s: float) -> Compared | str:
    """What the process found, or how it ended without a result."""
    running = RunningTime()
    while running.elapsed_s() < limit_s:
        if line.poll(_TICK_S):
            message = next_message(line)
            # it leaves at once: what runs after that was left by the engine
            code = process.wait(_TO_LEAVE_S)
            if isinstance(message, Compared):
                return message
            return "wrote garbage to the tool" if code is None else f"ended with code {code}"
        if (code := process.wait(0)) is not None:
            return f"ended with code {code}"
    return f"did not finish within {limit_s:.0f} s"


_DATABASE: Final = Path("database", "digipal.db")
_TIMEOUT_S: Final = 10.0
_PRIMARY_CODE: Final = 0xFF
"""Of SQLite's extended error codes, the part that names the error."""
_USED_BYTES: Final = (
    "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
)


class DatabaseFile:
    """A SQLite file of this machine."""

    lost = ""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """Open it to be read, beside an engine or after it.

        Raises:
            sqlite3.Error: it is not there, or cannot be read.
        """
        if not self.path.exists():
            raise sqlite3.OperationalError("the file does not exist")
        with closing(sqlite3.connect(self.path, timeout=_TIMEOUT_S)) as connection:
            connection.execute("PRAGMA query_only = ON")
            yield connection.execute

    def hold_transaction(self, *, writes: bool) -> Callable[[], None] | None:
        """Hold a transaction on it by a connection of this process, which ends with the process.

        Returns:
            What ends it; None while another process holds the write lock.

        Raises:
            sqlite3.Error: the database is not there, or cannot be used.
        """
        if not self.path.exists():
            raise sqlite3.OperationalError("the file does not exist")
        connection = sqlite3.connect(self.path, timeout=0, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            # a transaction that reads begins with its first read
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError as error:
            connection.close()
            if error.sqlite_errorcode & _PRIMARY_CODE != sqlite3.SQLITE_BUSY:
                raise
            return None
        return connection.close

    def used_bytes(self) -> int:
        """What its pages hold, those that are free left out; 0 if it cannot be read."""
        with suppress(sqlite3.Error), self.reading() as query:
            ((size,),) = query(_USED_BYTES)
            return int(size)
        return 0

    def keep(self, directory: Path, name: str) -> tuple[str, str]:
        """Move it into a directory, where nothing is overwritten: the path it is kept at, and "" or a complaint."""
        return keep_database(self.path, directory, name)


class LocalDatabase(DatabaseFile):
    """The database of a run, and a place for each of its engine processes.

    Args:
        directory: a scratch directory of its own.
        engine: the directory that the engine is imported from.
    """

    def __init__(self, directory: Path, engine: Path) -> None:
        super().__init__(directory / _DATABASE)
        self.path.parent.mkdir()
        self._directory = directory
        self._engine = engine
        self._given: list[Path] = [directory, self.path.parent]

    def make_place(self, name: str) -> Path:
        """A new directory for an engine process."""
        place = self._directory / name
        place.mkdir()
        self._given.append(place)
        return place

    def note_given(self, place: Path) -> None:
        """Remember what the pool has laid ready in a place."""
        self._given += place.iterdir()

    def removed(self) -> str:
        """What an engine has removed of all that, in words; "" for nothing."""
        missing = next((path for path in self._given if not path.exists()), None)
        if missing is None:
            return ""
        if missing == self._directory:
            return "the engine removed its scratch directory"
        return f"the engine removed {missing.relative_to(self._directory)} from its scratch directory"

    def compare(self, answers: Iterable[str], asked: int) -> Fidelity:
        """Have a new process hold what is stored against what engines answered before they were shut down.

        Args:
            answers: texts of whole lines, one for each of the `asked` pets.
        """
        return compare_afresh(self.path, answers, asked, self._directory, self._engine)


@contextmanager
def local_database(engine: Path) -> Iterator[LocalDatabase]:
    """A new one, removed at the end whatever happens."""
    with scratch_directory() as directory:
        yield LocalDatabase(directory, engine)
