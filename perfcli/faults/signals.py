"""The faults `pause` and `kill`: engine processes stand still, or die and are replaced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from signal import Signals
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from perfcli.executors.fields import DurationText
from perfcli.faults.base import FaultSettings, LastingFault, Lift, Place, Seen
from perfcli.operations.base import StepSettings
from perfcli.units import parse_duration_ns


class ProcessFault(FaultSettings):
    """A fault of engine processes: all of them, or one."""

    process: int | None = Field(default=None, ge=0, description="number of the engine process, from 0; all by default")

    @field_validator("process", mode="before")
    @classmethod
    def _all_by_default(cls, process: object) -> object:
        if process == "all":
            raise ValueError("is the number of one engine process: remove it for all")
        return process

    @property
    def process_number(self) -> int | None:
        """By the setting `process`."""
        return self.process

    def of_process(self, places: Sequence[Place]) -> Sequence[Place]:
        """Those that it is meant for."""
        return [place for place in places if self.process in (None, place.number)]

    def places(self, places: Sequence[Place]) -> Sequence[Place]:
        """Those of them that are there."""
        return super().places(self.of_process(places))

    @property
    def details(self) -> str:
        """Which one."""
        return ("" if self.process is None else f" of process {self.process}") + super().details


class Pause(ProcessFault, LastingFault):
    """All engine processes, or one, are stopped (SIGSTOP), with all that they started, and then go on (SIGCONT).

    It is inflicted from outside, by the tool; if the tool is gone, the supervisor ends the processes. An operation must
    wait for half of it, or none may succeed in half of it.
    """

    fault: Literal["pause"] = "pause"

    def blocks(self, step: StepSettings) -> bool:
        """All of them."""
        return True

    def inflict(self, places: Sequence[Place]) -> Lift | None:
        """Stop them."""
        lifts = [place.halt() for place in places]

        def resume() -> None:
            for lift in lifts:
                lift()

        return resume

    def why_unseen(self, seen: Seen) -> str:
        """Only operations that are due or in flight show it."""
        if 2 * max(seen.longest_ns, seen.outage_ns) >= seen.lasted_ns:
            return ""
        return "operations continued, or none was due: give it more load"


Signal = Literal["KILL", "TERM", "INT", "HUP", "QUIT", "ABRT", "SEGV"]


class Kill(ProcessFault):
    """All engine processes, or one, get a signal that ends them, and are started again on the same database.

    The next process opens what the last one left, and the load goes on in it. What was in flight is unknown: it counts
    as neither failed, lost nor stored twice. The fault lasts until the next process works; its recovery counts from the
    kill. A process that does not end within 5 s of the signal makes the run invalid.

    A server that other processes load (`pool`) is started again at the same address: their calls fail meanwhile.
    """

    replaces_processes: ClassVar[bool] = True
    example: ClassVar[str] = "{at: 3s}"
    lasts_by: ClassVar[str] = "restart_after"
    no_keys: ClassVar[Mapping[str, str]] = {
        "for": "a kill lasts until the next process works: replace for by restart_after",
    }
    why_not_yet: ClassVar[str] = "its engine process was replaced, or warmed up, until the load was over"

    fault: Literal["kill"] = "kill"
    signal: Signal = Field(default="KILL", description="signal to send")
    restart_after: DurationText = Field(default="0ms", description="pause before the next process starts")

    @property
    def lasts_ns(self) -> int:
        """How long it is gone at least, in nanoseconds."""
        return parse_duration_ns(self.restart_after)

    @property
    def waits_ns(self) -> int | None:
        """One that is due while its process is replaced, or warms up, waits for it."""
        return None

    def places(self, places: Sequence[Place]) -> Sequence[Place]:
        """All that it is meant for, once all of them work."""
        meant = self.of_process(places)
        return meant if all(place.is_at_work for place in meant) else ()

    def inflict(self, places: Sequence[Place]) -> Lift | None:
        """Send the signal to all of them."""
        for place in places:
            place.end_and_replace(Signals[f"SIG{self.signal}"], self.lasts_ns)
        return lambda: None  # the next process comes by itself

    def ended_ns(self, places: Sequence[Place], now_ns: int) -> int | None:
        """When the last of the processes that replace them began to work."""
        replaced_ns = [place.replaced_ns for place in places]
        return None if None in replaced_ns else max(filter(None, replaced_ns))

    def why_unseen(self, seen: Seen) -> str:
        """Its death is seen."""
        return ""

    @property
    def details(self) -> str:
        """By what, and for how long, unless as usual."""
        by = "" if self.signal == "KILL" else f" by {self.signal}"
        after = f", restarted after {self.restart_after}" if self.lasts_ns else ""
        return f"{super().details}{by}{after}"
