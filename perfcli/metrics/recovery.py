"""How long an outage lasts, and when a load is steady again: pure functions of what succeeded when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from perfcli.metrics.timeline import Timeline
from perfcli.metrics.windows import Limit, value_of
from perfcli.units import NS_PER_S

_TICK_NS: Final = 1_000_000


class Activity:
    """In which milliseconds operations were due or in flight, and in which any succeeded.

    Two bytes for each millisecond: 7 MB an hour.
    """

    def __init__(self) -> None:
        self._busy = bytearray()
        self._succeeded = bytearray()

    def add(self, due_ns: int, end_ns: int, *, ok: bool) -> None:
        """Take in an operation, by the time since measuring began."""
        first, last = max(0, due_ns // _TICK_NS), max(0, end_ns // _TICK_NS)
        missing = last + 1 - len(self._busy)
        if missing > 0:
            self._busy.extend(bytes(missing))
            self._succeeded.extend(bytes(missing))
        self._busy[first : last + 1] = b"\1" * (last + 1 - first)
        if ok:
            self._succeeded[last] = 1

    def outage_ns(self, from_ns: int, until_ns: int) -> int:
        """The longest stretch without a success that touches a span.

        It begins with the first operation that is due or in flight after a success.
        """
        first, last = max(0, from_ns // _TICK_NS), max(0, until_ns // _TICK_NS)
        # a success within the millisecond of the end is behind the gap that touches the span
        before = self._succeeded.rfind(1, 0, first)
        longest = 0
        while before <= last and before < len(self._succeeded):
            after = self._succeeded.find(1, before + 1)
            after = len(self._succeeded) if after < 0 else after
            begins = self._busy.find(1, before + 1, after)
            longest = max(longest, after - begins if begins >= 0 else 0)
            before = after
        return longest * _TICK_NS

    def has_succeeded(self, from_ns: int, until_ns: int) -> bool:
        """Whether an operation succeeded."""
        return self._succeeded.find(1, max(0, from_ns // _TICK_NS), max(0, until_ns // _TICK_NS)) >= 0

    def stood_still(self, from_ns: int, until_ns: int) -> bool:
        """Whether operations were due or in flight, and none succeeded."""
        first, last = max(0, from_ns // _TICK_NS), max(0, until_ns // _TICK_NS)
        return self._busy.find(1, first, last) >= 0 and self._succeeded.find(1, first, last) < 0


class SteadyLimit(NamedTuple):
    """A limit that a steady load keeps, and what it limits."""

    limit: Limit
    timeline: Timeline


class SteadyState:
    """What "well" means: judged in each window of a second, which slides by an interval of the time line."""

    def __init__(self, limits: Sequence[SteadyLimit], activity: Activity) -> None:
        self._limits = limits
        self._activity = activity
        self._step_ns = max((each.timeline.interval_ns for each in limits), default=NS_PER_S // 10)
        self._length_ns = -(-NS_PER_S // self._step_ns) * self._step_ns

    def recovery_ns(self, ended_ns: int, until_ns: int) -> int | None:
        """From the end of a fault to the first window from which on all are steady; None if there is none.

        Args:
            until_ns: when the next fault or the end comes: windows end by then.
        """
        begins_ns = None
        for start_ns in reversed([*self._starts(ended_ns // self._step_ns * self._step_ns, until_ns)]):
            if self._breach(start_ns):
                break
            begins_ns = start_ns
        return None if begins_ns is None else max(0, begins_ns - ended_ns)

    def breach_before(self, fault_ns: int, longest_ns: int) -> str:
        """Why the load was not steady just before a fault; "" if it was.

        Args:
            longest_ns: how long before; less if the load began later.
        """
        until_ns = fault_ns // self._step_ns * self._step_ns
        starts = [*self._starts(max(0, until_ns - longest_ns), until_ns)]
        if not starts:
            return "the load had not run for 1 s"
        return next(filter(None, map(self._breach, starts)), "")

    def _starts(self, from_ns: int, until_ns: int) -> Iterator[int]:
        return iter(range(from_ns, until_ns - self._length_ns + 1, self._step_ns))

    def _breach(self, start_ns: int) -> str:
        end_ns = start_ns + self._length_ns
        if self._activity.stood_still(start_ns, end_ns):
            return "no operation succeeded"
        for limit, timeline in self._limits:
            value = value_of(limit, timeline.window(start_ns, end_ns), self._length_ns)
            if value is not None and not limit.holds(value):
                return str(limit)
        return ""
