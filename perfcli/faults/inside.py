"""Faults inside an engine process: its agent inflicts them on order, and reports when they began and ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import ClassVar, NamedTuple, Protocol

from perfcli.faults.base import FaultSettings, Lift


class Hits:
    """Counts what a fault hits, in any thread: the engine's calls, or connections."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self._counting = Lock()

    def add(self) -> None:
        """One more."""
        with self._counting:
            self.number += 1


class Inflicted(NamedTuple):
    """A fault that is there."""

    lift: Lift
    hits: Hits | None
    """None if nothing is counted."""


class WriteFault(NamedTuple):
    """What happens to writes of SQLite."""

    share: float
    """Of all writes, from 0 to 1."""
    error: int
    """The errno that a write fails with; 0 to have it done."""
    delay_ns: int
    """How long it waits before."""


class Inside(Protocol):
    """An engine process from inside, as far as faults reach."""

    def hit_writes(self, fault: WriteFault, draw: Callable[[], float]) -> Inflicted:
        """Have it happen to writes of SQLite from now on.

        Raises:
            PerfError: there is no way to do that here.
        """

    def change_ai(self, changes: Mapping[str, str], on_call: Callable[[], None]) -> Lift:
        """Have the engine's AI behave otherwise, and call `on_call` at each of its calls.

        Args:
            changes: settings of `engine.ai`; the others stay as they are.
        """

    def move_clock(self, by_ns: int) -> Lift:
        """Have the wall clock jump."""

    def cut_connections(self) -> tuple[Lift, int]:
        """Reset all connections to the server, and refuse others; also return how many there were."""


class InsideFault(FaultSettings):
    """A fault that only code in the engine process can inflict. It ends with that process."""

    is_inside: ClassVar[bool] = True
    is_in_engine: ClassVar[bool] = True
    """Whether it acts where the engine lives; if not, in the process of the vus."""

    @property
    def stays(self) -> bool:
        """Whether its span is a moment, and its effect lasts until the load is over."""
        return False

    def inflict_inside(self, engine: Inside, draw: Callable[[], float]) -> Inflicted:
        """Begin.

        Args:
            draw: gives numbers from 0 to 1, from the seed.

        Raises:
            PerfError: it is not possible here.
        """
        raise NotImplementedError
