"""The clock of an engine process, held against the tool's: how far it is ahead, and how surely that is known."""

from __future__ import annotations

from array import array
from dataclasses import fields, replace
from typing import TypeVar

from perfcli.readings import Reading
from perfcli.recorder import Frame
from perfcli.wire import Message

M = TypeVar("M", bound=Message)


class EngineClock:
    """What a time of one clock is by the other.

    Args:
        is_shared: both processes read the same clock, as all processes of one machine do.
    """

    def __init__(self, *, is_shared: bool) -> None:
        self.is_shared = is_shared
        self._is_known = is_shared
        self.offset_ns = 0
        """How far the engine process's clock is ahead of the tool's."""
        self.bound_ns = 0
        """How far off the offset may be, at most."""

    def compare(self, readings: list[tuple[int, int, int]]) -> None:
        """Take the offset from readings of both clocks: that of the shortest round trip is the surest (Cristian).

        Args:
            readings: of the tool's clock when it asked, of the engine's, of the tool's when the answer had come; ns.
        """
        asked_ns, read_ns, answered_ns = min(readings, key=lambda reading: reading[2] - reading[0])
        self.bound_ns = -(-(answered_ns - asked_ns) // 2)
        self.offset_ns = read_ns - (asked_ns + answered_ns) // 2
        self._is_known = True

    def there(self, at_ns: int) -> int:
        """A time of the tool, by the engine process's clock."""
        return at_ns + self.offset_ns

    def here(self, message: M) -> M:
        """A message whose times are the tool's."""
        if not self.offset_ns:
            return message
        if isinstance(message, Frame):
            starts = array("q", [start_ns - self.offset_ns for start_ns in message.starts])
            return replace(message, starts=starts)
        times = [each.name for each in fields(message) if each.type == "EngineTime"]
        return replace(message, **{name: getattr(message, name) - self.offset_ns for name in times})

    def reading_here(self, reading: Reading | None) -> Reading | None:
        """A reading whose times are the tool's; None as long as the offset is not known."""
        if reading is None or not self._is_known:
            return None
        return reading.earlier(self.offset_ns) if self.offset_ns else reading
