"""What the agent needs of a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol


class Call(NamedTuple):
    """One step, bound to one vu: only `invoke` is timed."""

    arguments: Callable[[int, int], tuple[Any, ...]]
    """(user index, choice) → the arguments of `invoke`; may raise `StepImpossible`."""

    invoke: Callable[..., Any]
    """The engine's own function."""

    check: Callable[[tuple[Any, ...], Any], str]
    """(arguments, answer) → "" where the answer is right, else the kind of failure."""


class Failure(NamedTuple):
    """What an exception of the engine means."""

    kind: str
    category: str  # "timeout", "busy", "database" or ""


class StepImpossible(Exception):  # noqa: N818 not an error of the engine: the step had nothing to act on
    """A step cannot be tried, because one it builds upon failed; the text is the kind of failure."""


class Target(Protocol):
    """An engine to drive. Called from the agent's main thread, but for what `calls` returns."""

    def open(self) -> str:
        """Import and open the engine; return its version."""

    def set_up(self) -> None:
        """Make what the scenario's `setup` asks for."""

    def calls(self, vu: int) -> Sequence[Call | None]:
        """The scenario's steps bound to one vu, each used by that vu's thread alone; None for a pause."""

    def classify(self, error: Exception) -> Failure:
        """The kind and category of an exception that a call raised."""

    def active_pets(self) -> int:
        """Pets in the engine's active cache."""

    def clean_up(self) -> None:
        """Clear the engine's cache, as an engine under memory pressure would."""

    def close(self) -> None:
        """Shut the engine down in good order."""
