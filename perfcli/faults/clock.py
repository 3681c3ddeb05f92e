"""The fault `clock`: the engine's wall clock jumps."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from pydantic import Field

from perfcli.executors.fields import JumpText, PositiveDurationText, jump_ns
from perfcli.faults.base import Seen
from perfcli.faults.inside import Inflicted, Inside, InsideFault
from perfcli.units import parse_duration_ns


class Clock(InsideFault):
    """The wall clock of the engine processes jumps by `jump`, forwards or backwards, and back when the fault ends.

    Without `for` it stays there until the load is over. Several jumps add up. Only `datetime.now()`, `time.time()` and
    the like move: the clocks that measure do not, nor does SQLite's own. Nothing need be seen of it. It needs the extra
    `faults`.
    """

    example: ClassVar[str] = "{at: 3s, jump: 1h}"
    lasts_by: ClassVar[str] = "for"
    package: ClassVar[str] = "time_machine"
    fault: Literal["clock"] = "clock"
    jump: JumpText = Field(description="how far to move the clock, e.g. 1h or -5m")

    for_: PositiveDurationText | None = Field(
        default=None, alias="for", description="how long the clock stays there; to the end of the load by default"
    )

    @property
    def stays(self) -> bool:
        """Without `for`."""
        return self.for_ is None

    @property
    def lasts_ns(self) -> int:
        """How long it stays there; 0 if that is until the load is over."""
        return parse_duration_ns(self.for_) if self.for_ else 0

    @property
    def waits_ns(self) -> int | None:
        """As long as the load, as it need not last."""
        return None

    @property
    def details(self) -> str:
        """How far, and for how long."""
        return f" by {self.jump}" + (f" for {self.for_}" if self.for_ else "")

    def inflict_inside(self, engine: Inside, draw: Callable[[], float]) -> Inflicted:
        """Jump."""
        return Inflicted(engine.move_clock(jump_ns(self.jump)), None)

    def why_unseen(self, seen: Seen) -> str:
        """Nothing need be seen: an engine may never look at the time."""
        return ""
