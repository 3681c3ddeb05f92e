"""What a run tells while it goes on, for whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from perfcli.results import UnjudgedRun


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
class AtRisk:
    """A threshold that would fail now, or nearly."""

    threshold: str  # as the scenario has it, behind its phase; "" if no time is judged now
    text: str  # the threshold with what is observed


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What takes some computing to tell."""

    operations: Sequence[OperationSoFar] = ()
    at_risk: Sequence[AtRisk] = ()

    p95_ns: float | None = None
    """Of all operations so far; None until one has succeeded."""


@dataclass(frozen=True, slots=True)
class Second:
    """All operations that began within one second, as far as they are known."""

    rate_per_s: float  # of those that succeeded
    p95_ns: float | None  # None if none succeeded


@dataclass(frozen=True, slots=True)
class Recent:
    """The newest whole seconds of a load that goes on."""

    length_ns: int = 1_000_000_000  # of each: a load of many minutes is recorded in longer ones
    seconds: Sequence[Second] = ()  # oldest first


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is now."""

    scenario: str
    stage: str  # "starting", "open", "operations", "set-up", "warm-up", "measuring", "clean-up" or "close"
    elapsed_ns: int  # since the stage began; while measuring, since the phases began that run now
    phase: str = ""  # the names of those phases; "" if the scenario names none
    planned_ns: int | None = None  # how long they last; None if iterations decide
    iterations: int = 0  # that they have completed
    planned_iterations: int | None = None  # None if time decides
    vus: int = 0  # that their executors have at work now
    planned_vus: int = 0  # the most of them at any time; 0 before the load
    share_done: float | None = None  # of the whole load, 0..1; None before it
    ok: int = 0
    failed: int = 0
    rate_per_s: float = 0.0  # successful operations per second so far
    rss_bytes: int = 0  # of the engine process
    cpu: float | None = None  # what it uses just now, 1.0 for one core; None if that is not known
    phases: Sequence[str] = ()  # the named phases that run now
    faults: Sequence[str] = ()  # that are on now
    snapshot: Snapshot = Snapshot()
    recent: Recent = Recent()
    run: Callable[[], UnjudgedRun] | None = None  # all that is known of the load, which takes the most computing


class Observer(Protocol):
    """Is told about a run from its own thread, a few times a second at most; must return at once."""

    @property
    def wants_snapshots(self) -> bool:
        """Whether it shows what takes some computing."""

    def update(self, progress: Progress) -> None:
        """The run has moved on."""


class SilentObserver:
    """Shows nothing."""

    wants_snapshots = False

    def update(self, progress: Progress) -> None:
        """Look away."""
