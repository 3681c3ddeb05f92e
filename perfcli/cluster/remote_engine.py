"""An engine process on another machine, and its database, as a run sees them."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from perfcli.cluster.connection import Connection
from perfcli.cluster.packets import EngineState
from perfcli.line import Line
from perfcli.monitor import Reading
from perfcli.operations.stored import Rows
from perfcli.pool.cleanup import scratch_directory
from perfcli.pool.keep_database import NOT_KEPT, SUFFIXES, keep_database
from perfcli.pool.protocol import EngineClock, Fidelity
from perfcli.recorder import Begun

_LONG_S: Final = 600.0
"""For an answer about a whole database."""

_START_S: Final = 60.0
_FILE: Final = "digipal.db"


class RemoteDatabase:
    """The database of a run, on the machine of its engine: each query is answered there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def lost(self) -> str:
        """Why nothing more can be known of it; "" if it can."""
        return self._connection.lost

    @contextmanager
    def reading(self) -> Iterator[Rows]:
        """Open it to be read, beside an engine or after it.

        Raises:
            sqlite3.Error: it is not there, or cannot be read; or its machine is lost.
        """

        def query(sql: str) -> Iterable[tuple[Any, ...]]:
            return map(tuple, self._ask("query", sql=sql))

        query("SELECT 1")
        yield query

    def hold_transaction(self, *, writes: bool) -> Callable[[], None] | None:
        """Hold a transaction on it, which ends with the tool, however that ends.

        Returns:
            What ends it; None while an engine process holds the write lock that it needs.

        Raises:
            sqlite3.Error: the database is not there, or cannot be used.
        """
        number = self._ask("hold", writes=writes)
        if number is None:
            return None
        return lambda: self._connection.tell("release", held=number)

    def used_bytes(self) -> int:
        """What its pages hold, those that are free left out; 0 if it cannot be read."""
        with suppress(sqlite3.Error):
            return int(self._ask("used"))
        return 0

    def keep(self, directory: Path, name: str) -> tuple[str, str]:
        """Bring it into a directory of this machine: the path it is kept at, and "" or a complaint."""
        try:
            with scratch_directory() as scratch:
                for suffix in SUFFIXES:
                    self._fetch(suffix, scratch / (_FILE + suffix))
                return keep_database(scratch / _FILE, directory, name)
        except (OSError, sqlite3.Error) as error:
            return "", f"{NOT_KEPT} in {directory}: {error}"

    def removed(self) -> str:
        """What an engine has removed of its surroundings, in words; "" for nothing, or if it is not known."""
        with suppress(sqlite3.Error):
            return str(self._ask("removed"))
        return ""

    def compare(self, answers: Iterable[str], asked: int) -> Fidelity:
        """Have a new process there hold what is stored against what engines answered before they were shut down."""
        try:
            return Fidelity(*self._ask("compare", answers=list(answers), asked=asked))
        except sqlite3.Error as error:
            return Fidelity(asked, max(1, asked), [str(error)])

    def _fetch(self, suffix: str, to: Path) -> None:
        part = self._ask("fetch", suffix=suffix, position=0)
        if part is None:
            return
        with to.open("wb") as file:
            while part:
                file.write(part)
                part = self._ask("fetch", suffix=suffix, position=file.tell())

    def _ask(self, name: str, **arguments: Any) -> Any:
        try:
            return self._connection.ask(name, _LONG_S, **arguments)
        except OSError as error:
            raise sqlite3.OperationalError(str(error)) from error


class RemoteEngine:
    """An engine process on another machine, and the one that replaces it.

    Args:
        plan: as JSON.
        process: its number among those of the run.
        clock: of its machine.
        counts: whether it counts what operations cost, and times none.

    Raises:
        OSError: the machine is lost.
    """

    line: Line

    def __init__(
        self,
        connection: Connection,
        plan: str,
        process: int,
        database: RemoteDatabase,
        clock: EngineClock,
        *,
        counts: bool,
    ) -> None:
        self._connection = connection
        self._process = process
        self.database = database
        self.clock = clock
        self.incarnation = 0
        self._left: Sequence[str] = ()
        self._output = ""
        self._ended: EngineState | None = None
        self.line = connection.line(process, 0)
        connection.ask("start", _START_S, process=process, plan=plan, counts=counts)

    @property
    def lost(self) -> str:
        """Why nothing more can be known of it; "" if it can."""
        return self._connection.lost

    @property
    def _state(self) -> EngineState:
        return self._ended or self._connection.state(self._process, self.incarnation)

    def readings(self, *, whole: bool = False) -> Reading | None:
        """What it holds and uses now, or if not `whole`, at the last look there; None if it is gone or out of sight."""
        if not whole:
            return self._state.reading
        with suppress(OSError):
            return EngineState(reading=self._ask("read")).reading
        return None

    def lives_in(self, process: int | None) -> None:
        """The engine lives in a process that this one started."""
        self._tell("lives_in", pid=process)

    def note_children(self) -> None:
        """Remember the processes it has started."""
        self._tell("note_children")

    def pin(self, cpus: Sequence[int]) -> None:
        """Have it and all below it run on these CPUs of its machine alone."""
        self._tell("pin", cpus=list(cpus))

    def halt(self) -> None:
        """Have it stand still, with all its threads and what it started, until `resume`."""
        self._tell("halt")

    def resume(self) -> None:
        """Let it go on."""
        self._tell("resume")

    def end_by_signal(self, number: signal.Signals) -> None:
        """Send a signal to it and what it started, which may end them."""
        self._tell("signal", number=int(number))

    def begun_calls(self) -> Sequence[Begun]:
        """The calls that each vu of the plan had begun in its last load; empty if that is not known."""
        with suppress(OSError):
            return [Begun(*each) for each in self._ask("begun")]
        return []

    def is_stopped(self) -> bool:
        """Whether another program has stopped it, or what it started."""
        with suppress(OSError):
            return bool(self._ask("is_stopped"))
        return False

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code, or the signal that ended it; None where it still runs after that time.

        With 0 it says what is known here, and does not ask.
        """
        code = self._state.code
        if code is not None or not timeout_s or self._ended:
            return code
        with suppress(OSError):
            code = self._ask("wait", timeout_s=timeout_s)
        return code

    def bound_output(self) -> None:
        """Its pool keeps what it prints from filling the disk there."""

    def printed_bytes(self) -> int:
        """How much it printed, with those it replaced, as far as is known."""
        return self._state.printed_bytes

    def output(self) -> str:
        """The end of what it printed."""
        if not self._ended:
            with suppress(OSError):
                self._output = self._ask("output")
        return self._output

    def end(self) -> None:
        """End it now, with everything it started; one on a machine that is lost ends by itself."""
        if not self._ended:
            with suppress(OSError):
                code, printed, self._output, self._left = self._ask("end")
                self._ended = EngineState(code=code, printed_bytes=printed)
        self.line.close()

    def leftovers(self) -> Sequence[str]:
        """The processes that it, and those it replaced, left running."""
        return self._left

    def replace(self) -> None:
        """End it, and start the next incarnation on the same database, with a line of its own."""
        self.line.close()
        self.incarnation += 1
        self.line = self._connection.line(self._process, self.incarnation)
        self._ask("replace")

    def _ask(self, name: str, **arguments: Any) -> Any:
        return self._connection.ask(name, process=self._process, **arguments)

    def _tell(self, name: str, **arguments: Any) -> None:
        self._connection.tell(name, process=self._process, **arguments)
