"""What a run needs of the place where its engine lives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from perfcli.line import Line
from perfcli.plan import ExecutionPlan


class EngineHandle(Protocol):
    """A started engine process."""

    line: Line
    pid: int

    def adopt(self, pid: int) -> None:
        """Have another process, which this one started in a session of its own, end with it."""

    def note_children(self) -> None:
        """Remember the processes it has started, so that they end with it on systems that do not lead to orphans."""

    def halt(self) -> None:
        """Have it stand still, with all its threads and what it started, until `resume`; no harm where it has ended."""

    def resume(self) -> None:
        """Let it go on."""

    def is_stopped(self) -> bool:
        """Whether somebody else has it, or what it started, stand still."""

    def leftovers(self) -> Sequence[str]:
        """The processes it left running."""

    def kill(self) -> None:
        """End it now, with everything it started; no harm where it has ended."""

    def wait(self, timeout_s: float) -> int | None:
        """Its exit code (negative: the signal that ended it); None where it still runs after that time."""

    def bound_output(self) -> None:
        """Keep what it prints from filling the disk."""

    def printed_bytes(self) -> int:
        """How much it printed."""

    def output(self) -> str:
        """The end of what it printed."""


class WorkerPool(Protocol):
    """Starts engine processes."""

    def start(self, plan: ExecutionPlan, directory: Path, database: Path, process: int) -> EngineHandle:
        """Start the one of this number, with `directory` as its own and `database` as the database of all of them."""
