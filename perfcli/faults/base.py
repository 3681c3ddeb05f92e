"""What every fault has: its settings, where it is inflicted, and the effect that must be seen of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from signal import Signals
from typing import Any, ClassVar, Final, Protocol, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from perfcli.executors.fields import DurationText, PositiveDurationText
from perfcli.figures import Needs
from perfcli.operations.base import Label, StepSettings
from perfcli.units import parse_duration_ns

MOST_TIMES: Final = 1_000
DEFAULT_STEADY_STATE: Final = "success_rate >= 99%"
LEAST_STEADY_NS: Final = 1_000_000_000
"""How long the load must have been steady before the first fault: one window."""

Lift = Callable[[], None]
"""Ends a fault."""


class Lockable(Protocol):
    """A database, as far as faults reach."""

    def hold_transaction(self, *, writes: bool) -> Lift | None:
        """Hold a transaction of the tool's own; None while others hold what it needs."""


class Place(Protocol):
    """An engine process, as far as faults reach; the one that replaces it is another place."""

    @property
    def number(self) -> int:
        """Its number among the engine processes of the run, from 0."""

    @property
    def is_there(self) -> bool:
        """Whether it is alive."""

    @property
    def is_at_work(self) -> bool:
        """Whether its vus are at work: not while it warms up, and not when it is gone."""

    @property
    def replaced_ns(self) -> int | None:
        """When the process that replaces it began to work, by the tool's clock; None as long as none did."""

    @property
    def database(self) -> Lockable:
        """The database of all engine processes."""

    def halt(self) -> Lift:
        """Have it stand still until that is lifted; several may, and it goes on when all are lifted."""

    def end_and_replace(self, number: Signals, restart_after_ns: int) -> None:
        """Send it a signal that ends it, and have it replaced that long after its death."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the samples show of one fault."""

    lasted_ns: int
    failed: int
    longest_ns: int
    """The longest operation that overlaps it."""
    outage_ns: int
    hits: int | None = None
    """How many of the engine's calls it hit; None if that is not known."""


class FaultSettings(BaseModel):
    """What any fault can be told.

    A fault is a subclass. It declares the key `fault`, its settings, how it is inflicted and what must be seen of it;
    nothing outside this room asks name of the fault.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True, populate_by_name=True)

    needs: ClassVar[Needs] = Needs.PROCESS
    """What a target must offer, so that it can be inflicted."""

    package: ClassVar[str] = ""
    """What it needs of the extra `faults`, by the name it is imported by; "" for nothing."""

    why_not_yet: ClassVar[str] = "an engine process was down all the time"
    """Why it was never possible, if it was not."""

    replaces_processes: ClassVar[bool] = False
    """Whether engine processes end by it. Its recovery counts from its beginning: its end is a part of the recovery."""

    at: DurationText = Field(description="start, counted from the start of its phase")
    name: Label = Field(default="", description="name in thresholds and tables; the kind of fault by default")
    phase: str = Field(default="", description="phase to inflict it in; the first by default")
    every: PositiveDurationText | None = Field(default=None, description="time from one to the next; needs times")
    times: int = Field(default=1, ge=1, le=MOST_TIMES, description="how often it is inflicted")
    jitter: DurationText = Field(default="0ms", description="random delay of up to this long, drawn from the seed")

    @model_validator(mode="after")
    def _one_after_another(self) -> Self:
        if self.times > 1 and self.every is None:
            raise ValueError("times needs every, the time from one to the next: every: 5s")
        if self.every is None:
            return self
        if self.times == 1:
            raise ValueError("every needs times, the number of repetitions: times: 3")
        if self.lasts_ns + parse_duration_ns(self.jitter) >= self.every_ns:
            raise ValueError(f"every: {self.every} must be longer than {self.lasts_by} plus jitter")
        return self

    @model_serializer(mode="wrap")
    def _as_written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """With the key `for`, as files have it; no attribute can be called so."""
        written: dict[str, Any] = handler(self)
        return {"for" if key == "for_" else key: value for key, value in written.items()}

    @property
    def label(self) -> str:
        """What thresholds and tables call it."""
        return self.name or self.kind

    @property
    def kind(self) -> str:
        """Which fault it is."""
        kind: str = self.fault  # type: ignore[attr-defined]
        return kind

    @property
    def at_ns(self) -> int:
        """When it is due first, in nanoseconds since its phase began."""
        return parse_duration_ns(self.at)

    @property
    def every_ns(self) -> int:
        """From one time to the next, in nanoseconds; 0 if it is inflicted once."""
        return parse_duration_ns(self.every) if self.every else 0

    @property
    def ends_ns(self) -> int:
        """When the last one is over by plan, in nanoseconds since its phase began."""
        return self.at_ns + (self.times - 1) * self.every_ns + parse_duration_ns(self.jitter) + self.lasts_ns

    example: ClassVar[str]
    """Settings that do."""

    no_keys: ClassVar[Mapping[str, str]] = {}
    """What to write instead of keys that it does not have, but others do."""

    lasts_by: ClassVar[str]
    """The setting that says how long it lasts by plan."""

    @property
    def lasts_ns(self) -> int:
        """What that says, in nanoseconds."""
        raise NotImplementedError

    @property
    def process_number(self) -> int | None:
        """The engine process that it is meant for, from 0; None for all."""
        return None

    @property
    def waits_ns(self) -> int | None:
        """How long it is tried again if it is not possible at once, in nanoseconds; None for as long as the load."""
        return self.lasts_ns

    def blocks(self, step: StepSettings) -> bool:
        """Whether a step may have to wait until it is over; a fault that fails calls at once blocks none."""
        return False

    @property
    def holds_up_ns(self) -> int:
        """How much longer an operation may take by it, even once it is lifted, in nanoseconds."""
        return 0

    def places(self, places: Sequence[Place]) -> Sequence[Place]:
        """Those of all engine processes that it can be inflicted on now."""
        return [place for place in places if place.is_there]

    def inflict(self, places: Sequence[Place]) -> Lift | None:
        """Begin, on these engine processes, at least one; None while that is not possible yet.

        Raises:
            OSError: it is not possible at all.
            sqlite3.Error: likewise, on the database.
        """
        raise NotImplementedError

    def ended_ns(self, places: Sequence[Place], now_ns: int) -> int | None:
        """When it ended by itself on these engine processes; None as long as it did not."""
        raise NotImplementedError

    def why_unseen(self, seen: Seen) -> str:
        """Why the experiment says nothing: the effect that must be seen is missing; "" if it is there."""
        raise NotImplementedError

    def describe(self) -> str:
        """E.g. "lock at 3s for 2s, 3 times"."""
        label = self.kind if self.label == self.kind else f"{self.label} ({self.kind})"
        often = f", {self.times} times" if self.times > 1 else ""
        of_phase = f" of {self.phase}" if self.phase else ""
        return f"{label} at {self.at}{of_phase}{self.details}{often}"

    @property
    def details(self) -> str:
        """What `describe` says of its own settings, with a space before."""
        return ""


class LastingFault(FaultSettings):
    """A fault that is lifted when its time is over."""

    example: ClassVar[str] = "{at: 3s, for: 1s}"
    lasts_by: ClassVar[str] = "for"
    ends_with_process: ClassVar[bool] = True
    """Whether it is over when all processes that it was inflicted on are gone."""

    for_: PositiveDurationText = Field(alias="for", description="how long it lasts")

    @property
    def lasts_ns(self) -> int:
        """How long it lasts, in nanoseconds."""
        return parse_duration_ns(self.for_)

    def ended_ns(self, places: Sequence[Place], now_ns: int) -> int | None:
        """Now, if nothing is left of what it was inflicted on."""
        return now_ns if self.ends_with_process and not any(place.is_there for place in places) else None

    @property
    def details(self) -> str:
        """How long."""
        return f" for {self.for_}"
