"""Those who follow a command, beside its panel: each is told the same, and one that fails costs itself alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Protocol, Self

from rich.text import Text

from perfcli.observer import Progress
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.report.panel import LiveProgress
from perfcli.report.reported import Reported

_INTERVAL_S: Final = 0.5


class Follower(Protocol):
    """Is told about a command from its own thread; must return at once."""

    @property
    def wants_snapshots(self) -> bool:
        """Whether it shows what takes some computing."""

    def begin(self, plan: ExecutionPlan, engine: EngineSource, number: int, of: int) -> None:
        """A scenario is about to run on an engine: which of how many."""

    def note(self, text: str) -> None:
        """Say what a command does that runs no scenario by itself."""

    def update(self, progress: Progress) -> None:
        """The run has moved on."""

    def end(self, result: Reported) -> None:
        """A scenario is over."""


class Watched:
    """A panel on the console and all followers, as if they were one.

    Args:
        panel: takes its place for as long as the block lasts.
    """

    def __init__(self, panel: LiveProgress, followers: Sequence[Follower]) -> None:
        self._panel = panel
        self._followers = followers
        self._next_note_s = 0.0

    @property
    def wants_snapshots(self) -> bool:
        """Whether anybody shows what takes some computing."""
        return self._panel.wants_snapshots or any(each.wants_snapshots for each in self._followers)

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
        for each in self._followers:
            each.update(progress)

    def begin(self, line: Text) -> None:
        """Say at once what is about to be done."""
        self._panel.begin(line)
        self._note(line)

    def tell(self, line: Callable[[], Text]) -> None:
        """Show a line in the panel's place; it is only made if it is shown."""
        self._panel.tell(line)
        if self._followers and time.monotonic() >= self._next_note_s:
            self._next_note_s = time.monotonic() + _INTERVAL_S
            self._note(line())

    def _note(self, line: Text) -> None:
        for each in self._followers:
            each.note(line.plain)
