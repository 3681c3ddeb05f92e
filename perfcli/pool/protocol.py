"""What a run needs of the place where its engine lives; nothing beyond it sees a path, a pid or a clock of there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from perfcli.line import Line
from perfcli.operations.stored import Readable
from perfcli.plan import ExecutionPlan
from perfcli.pool.engine_clock import EngineClock
from perfcli.readings import Reading


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

    def make_database(self) -> AbstractContextManager[D]:
        """A place for the database of a run, and for what its processes need; removed at the end."""

    def start(self, plan: ExecutionPlan, database: D, process: int = 0) -> EngineHandle:
        """Start the engine process of this number on the database of all of them."""
