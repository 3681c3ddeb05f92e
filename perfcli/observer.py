"""What a run tells while it goes on, for whoever wants to show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is now."""

    scenario: str
    phase: str  # "starting", "open", "set-up", "warm-up", "measuring", "clean-up" or "close"
    elapsed_ns: int  # since the phase began
    share_done: float | None  # of the measurement, 0..1; None where it cannot be known
    ok: int
    failed: int
    rate_per_s: float  # successful operations per second so far
    rss_bytes: int  # of the engine process


class Observer(Protocol):
    """Is told about a run from its own thread, a few times a second at most; must return at once."""

    def update(self, progress: Progress) -> None:
        """The run has moved on."""


class SilentObserver:
    """Shows nothing."""

    def update(self, progress: Progress) -> None:
        """Look away."""
