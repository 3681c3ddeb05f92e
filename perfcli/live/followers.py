"""Followers of a command, beside its panel: all hear the same, and a failure of one does not reach the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self, TypeVar

from rich.text import Text

from perfcli.observer import Observer, Progress
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.report.panel import LiveProgress

if TYPE_CHECKING:
    from perfcli.report.reported import Reported

_INTERVAL_S: Final = 0.5


class Follower(Observer, Protocol):
    """Hears about a command, its runs included, from the thread that runs it; must return at once."""

    def begin(self, plan: ExecutionPlan, engine: EngineSource, number: int, of: int) -> None:
        """A scenario is about to run on an engine: which of how many."""

    def note(self, text: str) -> None:
        """Say what a command does that runs no scenario by itself."""

    def end(self, result: Reported) -> None:
        """A scenario is over."""


F = TypeVar("F", bound=Follower)


class Audience:
    """All followers, as if they were one."""

    def __init__(self) -> None:
        self._followers: list[Follower] = []
        self._next_note_s = 0.0

    def add(self, follower: F) -> F:
        """Tell this one too, from now on."""
        self._followers.append(follower)
        return follower

    @property
    def wants_snapshots(self) -> bool:
        """Whether anybody shows what takes some computing."""
        return any(each.wants_snapshots for each in self._followers)

    def begin(self, plan: ExecutionPlan, engine: EngineSource, number: int = 1, of: int = 1) -> None:
        """A scenario is about to run on an engine: which of how many."""
        for each in self._followers:
            each.begin(plan, engine, number, of)

    def note(self, text: str) -> None:
        """Say what a command does that runs no scenario by itself."""
        for each in self._followers:
            each.note(text)

    def note_now_and_then(self, line: Callable[[], Text]) -> None:
        """Say it twice a second at most; it is only made then."""
        if self._followers and time.monotonic() >= self._next_note_s:
            self._next_note_s = time.monotonic() + _INTERVAL_S
            self.note(line().plain)

    def update(self, progress: Progress) -> None:
        """The run has moved on."""
        for each in self._followers:
            each.update(progress)

    def end(self, result: Reported) -> None:
        """A scenario is over."""
        for each in self._followers:
            each.end(result)


class Watched:
    """A panel on the console and an audience, as if they were one.

    Args:
        panel: takes its place for as long as the block lasts.
    """

    def __init__(self, panel: LiveProgress, audience: Audience) -> None:
        self._panel = panel
        self._audience = audience

    @property
    def wants_snapshots(self) -> bool:
        """Whether anybody shows what takes some computing."""
        return self._panel.wants_snapshots or self._audience.wants_snapshots

    def __enter__(self) -> Self:
        """Take the panel's place."""
        self._panel.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give it back."""
        self._panel.__exit__(kind, error, traceback)

    def update(self, progress: Progress) -> None:
        """The run has moved on."""
        self._panel.update(progress)
        self._audience.update(progress)

    def begin(self, line: Text) -> None:
        """Say at once what is about to be done."""
        self._panel.begin(line)
        self._audience.note(line.plain)

    def tell(self, line: Callable[[], Text]) -> None:
        """Show a line in the panel's place; it is only made if it is shown."""
        self._panel.tell(line)
        self._audience.note_now_and_then(line)
