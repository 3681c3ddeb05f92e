"""What a run needs of the place where its engine lives; nothing beyond it sees a path, a pid or a clock of there."""

from __future__ import annotations

import signal
import time
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from perfcli.line import Line
from perfcli.monitor import Reading
from perfcli.operations.stored import Readable
from perfcli.plan import ExecutionPlan
from perfcli.recorder import Begun, Frame
from perfcli.results import Environment
from perfcli.results.observed import MachineResult
from perfcli.wire import Message

M = TypeVar("M", bound=Message)

LEAD_NS: Final = 20_000_000
"""For processes to receive the message that they may go on; a line that takes longer shows in the clock's bound."""


class EngineClock:
    """What a time of one clock is by the other.

    Args:
        is_shared: both processes read the same clock, as all processes of one machine do.
        now_ns: reads the clock of the tool.
    """

    def __init__(self, *, is_shared: bool, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self.is_shared = is_shared
        self.now_ns = now_ns
        self._is_known = is_shared
        self.needs_messages = not is_shared
        """Whether it is compared by messages, at each checkpoint."""
        self.offset_ns = 0
        """How far the engine process's clock is ahead of the tool's."""
        self.bound_ns = 0
        """How far off the offset may be, at most."""

    def compare(self, readings: list[tuple[int, int, int]]) -> None:
        """Take the offset from readings of both clocks: that of the shortest round trip is the surest (Cristian).

        Args:
            readings: of the tool's clock when it asked, of the engine's, of the tool's when the answer had come; ns.
        """
        asked_ns, read_ns, answered_ns = min(readings, key=lambda reading: reading[2] - reading[0])
        self.hold(read_ns - (asked_ns + answered_ns) // 2, -(-(answered_ns - asked_ns) // 2))

    def hold(self, offset_ns: int, bound_ns: int) -> None:
        """Go by this offset from now on, which is off by the bound at most."""
        self.offset_ns, self.bound_ns = offset_ns, bound_ns
        self._is_known = True

    @property
    def lead_ns(self) -> int:
        """How far ahead a common start must be, so that the message to start is there in time."""
        return LEAD_NS + self.bound_ns

    def look_soon(self) -> None:
        """Compare it again soon, if nothing else does: a checkpoint is reached."""

    def there(self, at_ns: int) -> int:
        """A time of the tool, by the engine process's clock."""
        return at_ns + self.offset_ns

    def here(self, message: M) -> M:
        """A message whose times are the tool's."""
        if not self.offset_ns:
            return message
        if isinstance(message, Frame):
            starts = array("q", [start_ns - self.offset_ns for start_ns in message.starts])
            return replace(message, starts=starts)
        times = [each.name for each in fields(message) if each.type == "EngineTime"]
        return replace(message, **{name: getattr(message, name) - self.offset_ns for name in times})

    def reading_here(self, reading: Reading | None) -> Reading | None:
        """A reading whose times are the tool's; None as long as the offset is not known."""
        if reading is None or not self._is_known:
            return None
        return reading.earlier(self.offset_ns) if self.offset_ns else reading


class Fidelity(NamedTuple):
    """What a new process found in a database."""

    compared: int
    """Pets whose answers were compared."""
    differences: int
    """Fields that differ; every pet counts one if the process came to no result."""
    examples: Sequence[str]
    left: Sequence[str] = ()
    """Processes that this one left running."""


class Database(Readable, Protocol):
    """The database of a run, where its engine processes live."""

    def used_bytes(self) -> int:
        """What its pages hold, those that are free left out; 0 if it cannot be read."""

    def keep(self, directory: Path, name: str) -> tuple[str, str]:
        """Bring it into a directory of this machine, where nothing is overwritten.

        Returns:
            The path it is kept at, and "" or why it could not be kept.
        """

    def hold_transaction(self, *, writes: bool) -> Callable[[], None] | None:
        """Hold a transaction on it, which ends with the tool, however that ends.

        Returns:
            What ends it; None while an engine process holds the write lock that it needs.

        Raises:
            sqlite3.Error: the database is not there, or cannot be used.
        """

    def removed(self) -> str:
        """What an engine has removed of its surroundings, in words; "" for nothing."""

    def compare(self, answers: Iterable[str], asked: int) -> Fidelity:
        """Have a new process hold what is stored against what engines answered before they were shut down.

        Args:
            answers: texts of whole lines, one for each of the `asked` pets.
        """


class EngineHandle(Protocol):
    """A started engine process, and the one that replaces it."""

    @property
    def line(self) -> Line:
        """Brings its messages, and takes those of the tool."""

    @property
    def database(self) -> Database:
        """What it works on, with the other processes of the run."""

    @property
    def clock(self) -> EngineClock:
        """What its times are by the tool's clock."""

    @property
    def lost(self) -> str:
        """Why nothing more can be known of it, though it may run: its machine is lost; "" if it is not."""

    @property
    def incarnation(self) -> int:
        """How many processes it has replaced."""

    def readings(self, *, whole: bool = False) -> Reading | None:
        """What it holds and uses now, by its own clock, with USS if `whole`; None if it is gone or out of sight."""

    def lives_in(self, process: int | None) -> None:
        """The engine lives in a process that this one started, which is read from now on, and stands still and ends
        with it; None: out of sight.
        """

    def note_children(self) -> None:
        """Remember the processes it has started, so that they end with it on systems that do not lead to orphans."""

    def pin(self, cpus: Sequence[int]) -> None:
        """Have it and all below it run on these CPUs alone; nothing happens to one that is gone."""

    def halt(self) -> None:
        """Have it stand still, with all its threads and what it started, until `resume`; no harm where it has ended."""

    def resume(self) -> None:
        """Let it go on."""

    def end_by_signal(self, number: signal.Signals) -> None:
        """Send a signal to it and what it started, which may end them; what they leave running is then not their fault.

        No harm where it has ended.
        """

    def begun_calls(self) -> Sequence[Begun]:
        """The calls that each vu of the plan had begun in its last load; empty unless it is to be killed."""

    def is_stopped(self) -> bool:
        """Whether somebody else has it, or what it started, stand still."""

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code (negative: the signal that ended it); None where it still runs after that time."""

    def bound_output(self) -> None:
        """Keep what it prints from filling the disk."""

    def printed_bytes(self) -> int:
        """How much it printed, with those it replaced."""

    def output(self) -> str:
        """The end of what it printed."""

    def end(self) -> None:
        """End it now, with everything it started; no harm where it has ended."""

    def leftovers(self) -> Sequence[str]:
        """The processes that it, and those it replaced, left running."""

    def replace(self) -> None:
        """End it, and start the next incarnation on the same database, with a line of its own.

        That one finds the set-up in the database. Its vus have numbers of their own (`plan.INCARNATION`), and so do
        the pets that they create, and their saves.
        """


D = TypeVar("D", bound=Database)


class WorkerPool(Protocol[D]):
    """Starts engine processes."""

    @property
    def machines(self) -> Sequence[MachineResult]:
        """Those of a cluster that processes were started on, in the order of their first ones."""

    @property
    def environment(self) -> Environment | None:
        """Where the engine runs; None for this machine."""

    def for_counting(self) -> WorkerPool[D]:
        """In the same place, starts processes that count what operations cost, and time none."""

    def make_database(self) -> AbstractContextManager[D]:
        """A place for the database of a run, and for what its processes need; removed at the end."""

    def start(self, plan: ExecutionPlan, database: D, process: int = 0) -> EngineHandle:
        """Start the engine process of this number on the database of all of them."""
