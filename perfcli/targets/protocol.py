"""What the agent needs of a target."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from perfcli.scenario.operation import StepSettings

Check = Callable[[tuple[Any, ...], Any], str]
"""(arguments, answer) → "" where the answer is right, else the kind of failure."""


class TimedBlock(Protocol):
    """The timed part of a call that times itself."""

    def reset(self) -> None:
        """Forget the times of the call before; called before each."""

    @property
    def start_ns(self) -> int:
        """The clock's reading when the block began; 0 if it did not: then all of `invoke` is timed."""

    @property
    def end_ns(self) -> int:
        """The clock's reading when the block ended; 0 if it did not: then the call's end counts."""


class Call(NamedTuple):
    """One step, bound to one vu: only `invoke` is timed."""

    arguments: Callable[[int, int], tuple[Any, ...]]
    """(user index, choice) → the arguments of `invoke`; may raise `StepImpossible`."""

    invoke: Callable[..., Any]
    """The engine's own function."""

    check: Check
    """Whether the answer is right."""

    timeout_ns: int = 0
    """How long `invoke` may take; 0 for as long as it likes."""

    timed: TimedBlock | None = None
    """The block of a call that times itself. What comes before it is no part of the operation; in an open model it
    makes the operation late."""

    @property
    def is_plain(self) -> bool:
        """Whether the times of a call are those around `invoke`, however long it takes."""
        return not self.timeout_ns and self.timed is None


def call_within(step: StepSettings, call: Call | None) -> Call | None:
    """The call of a step, with the step's timeout."""
    return None if call is None else call._replace(timeout_ns=step.timeout_ns or 0)


class Failure(NamedTuple):
    """What an exception of the engine means."""

    kind: str
    category: str  # "timeout", "busy", "stale", "database" or ""


class StepImpossible(Exception):  # noqa: N818 not an error of the engine: the step had nothing to act on
    """A step cannot be tried, because one it builds upon failed; the text is the kind of failure."""


class EngineGone(Exception):  # noqa: N818 not a failure of an operation: there is nothing left to operate on
    """The engine is no longer there, so the run is over; the text says how that was noticed."""


LivesIn = Callable[[int | None], None]
"""Told the process that an engine lives in; None where that is out of sight."""


class Target(Protocol):
    """An engine to drive. Called from the agent's main thread, but for what `calls` returns."""

    def open(self, lives_in: LivesIn) -> str:
        """Import and open the engine; return its version.

        Args:
            lives_in: to be called as soon as the engine has a process, unless that is the agent's own.
        """

    def set_up(self) -> None:
        """Make what the scenario's `setup` asks for."""

    def join(self) -> None:
        """Find what another process, which shares the database, has set up."""

    def calls(self, vu: int, shown: array[int]) -> Sequence[Call | None]:
        """The scenario's steps bound to one vu, each used by that vu's thread alone; None for a pause.

        Args:
            shown: the check of each of `telling_reads` that finds the answer right appends what the read saw: the key
                of a save, or of a pet that the load created the saves its name counts.
        """

    def answers(self, *, of_setup: bool) -> Iterator[str]:
        """Ask the engine for the pets this process acted on: a line for each answer.

        Args:
            of_setup: also for those of the setup.
        """

    def classify(self, error: BaseException) -> Failure:
        """The kind and category of an exception that a call raised."""

    def active_pets(self) -> int | None:
        """Pets in the engine's active cache; None where it does not tell."""

    def clean_up(self) -> bool:
        """Clear the engine's cache, as an engine under memory pressure would; False where that cannot be done."""

    def close(self) -> None:
        """Shut the engine down in good order."""
