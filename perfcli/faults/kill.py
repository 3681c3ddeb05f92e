"""The fault `kill`: an engine process dies, and the next one goes on with what it left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from signal import Signals
from typing import ClassVar, Literal

from pydantic import Field

from perfcli.executors.fields import DurationText
from perfcli.faults.base import Lift, Place, ProcessFault, Seen
from perfcli.units import parse_duration_ns

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
        return _nothing_to_lift

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


def _nothing_to_lift() -> None:
    """The next process comes by itself."""
