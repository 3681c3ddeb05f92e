"""A step bound to one vu: what the loop calls, times and checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

Check = Callable[[tuple[Any, ...], Any], str]
"""(arguments, answer) → "" where the answer is right, else the kind of failure."""


class TimedBlock(Protocol):
    """The timed part of a call that times itself: always the newest call, never one that was given up and goes on."""

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
    """How long `invoke` may take, with what a call that times itself prepares; 0 for as long as it likes."""

    timed: TimedBlock | None = None
    """The block of a call that times itself. What comes before it is no part of the operation; in an open model it
    makes the operation late."""

    begin: Callable[[str], None] | None = None
    """Takes the stream of draws that begins: "warm-up", "load" or "counting"; None for a call that draws nothing."""

    @property
    def is_plain(self) -> bool:
        """Whether the times of a call are those around `invoke`, however long it takes."""
        return not self.timeout_ns and self.timed is None


def begin_stream(calls: Iterable[Call | None], stream: str) -> None:
    """Have calls that draw do so from the beginning of a stream."""
    for call in calls:
        if call is not None and call.begin is not None:
            call.begin(stream)


class StepImpossible(Exception):  # noqa: N818 not an error of the engine: the step had nothing to act on
    """A step cannot be tried, because one it builds upon failed; the text is the kind of failure."""
