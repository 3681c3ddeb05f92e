"""What a run tells while it goes on, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OperationSoFar:
    """One operation as it stands; percentiles are None until one has succeeded."""

    name: str
    ok: int
    failed: int
    p50_ns: float | None
    p95_ns: float | None
    p99_ns: float | None


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What takes some computing to tell."""

    operations: Sequence[OperationSoFar] = ()
    at_risk: Sequence[str] = ()
    """Thresholds that would fail now, or nearly, each with what is observed."""


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
    glimpse: Glimpse = Glimpse()


class Observer(Protocol):
    """Is told about a run from its own thread, a few times a second at most; must return at once."""

    @property
    def wants_glimpses(self) -> bool:
        """Whether it shows what takes some computing."""

    def update(self, progress: Progress) -> None:
        """The run has moved on."""


class SilentObserver:
    """Shows nothing."""

    wants_glimpses = False

    def update(self, progress: Progress) -> None:
        """Look away."""
