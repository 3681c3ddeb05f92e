"""What a threshold says of a part of the time: of every 30 s, of 10 s on end, of the time before and after a fault.

`within 30s` holds if every window of 30 s keeps the limit, wherever it begins (windows slide by one interval of the
timeline; the last may reach beyond the end of the load). `for 10s` fails only if the limit is broken for 10 s on end;
each second is judged by itself, and one second that keeps the limit ends the stretch. A load shorter than its window is
one window.

A load is steady if each second, sliding by one interval, keeps the limits that say so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from perfcli.metrics.timeline import Interval, Timeline
from perfcli.thresholds import Threshold
from perfcli.units import NS_PER_S

_TICK_NS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, and from when on it counts."""

    value: float
    start_ns: int


def worst_window(timeline: Timeline, limit: Threshold, duration_ns: int, since_ns: int | None = None) -> float | None:
    """The value that decides whether a threshold with a window holds; None where nothing was measured.

    Args:
        timeline: of latencies or of service times, as the metric asks.
        limit: a threshold with a window.
        duration_ns: how long the phase was measured; while it goes on, up to when all samples are known.
        since_ns: given while the load goes on: only whole windows that end after it, and by `duration_ns`, count (of
            seconds in which nothing began, a stretch then bridges no more than its own length).
    """
    if limit.window is None:
        raise ValueError("the threshold has no window")
    cut = _Cut(timeline, limit, duration_ns, since_ns)
    figures = [*(_slide if limit.window.kind == "within" else _stretches)(cut, limit, limit.window.length_ns)]
    return _deciding(limit, figures, best=False).value if figures else None


class _Cut:
    """A timeline in pieces of equal length, those in which nothing began included, up to the end of the phase."""

    def __init__(self, timeline: Timeline, limit: Threshold, duration_ns: int, since_ns: int | None) -> None:
        self.timeline = timeline
        plain = not limit.metric.needs_statistic
        self.intervals = {at: _counted(each) if plain else each for at, each in timeline.intervals()}
        self.interval_ns = timeline.interval_ns
        self.second_ns = timeline.second_ns
        self.is_over = since_ns is None
        self.since_ns = since_ns or 0
        self.end_ns = max(duration_ns, max(self.intervals, default=0) + 1) if self.is_over else duration_ns

    def width_ns(self, length_ns: int, step_ns: int, steps: int) -> int:
        """The length of a window in whole steps; of all of them where a load that is over has no more."""
        needed = -(-length_ns // step_ns)
        return (min(needed, steps) if self.is_over else needed) * step_ns

    def counted_until_ns(self, limit: Threshold, start_ns: int, end_ns: int) -> int:
        """Where a window ends that a rate is counted over; no later than `start_ns` if it says nothing of the rate.

        The last window reaches beyond the load: what began in it is too little for a whole one. So it can break an
        upper limit and no other. A load that is shorter than its window is counted over its own length.
        """
        if end_ns <= self.end_ns or start_ns == 0:
            return min(end_ns, self.end_ns)
        return end_ns if limit.op in ("<", "<=") else start_ns


def _counted(interval: Interval) -> Interval:
    """The same interval without its latencies: quicker to merge."""
    counted = Interval(interval.failed)
    counted.histogram.count = interval.ok
    return counted


def _slide(cut: _Cut, limit: Threshold, length_ns: int) -> Iterator[Figure]:
    """The value of every window of that length."""
    step = cut.interval_ns
    steps = -(-cut.end_ns // step) if cut.is_over else cut.end_ns // step
    width = cut.width_ns(length_ns, step, steps)
    first = max(0, cut.since_ns // step * step - width)
    whole = Interval()
    for end in range(first + step, steps * step + 1, step):
        start = end - width
        if end - step in cut.intervals:
            whole.merge(cut.intervals[end - step])
        if start > first and start - step in cut.intervals:
            whole.remove(cut.intervals[start - step])
        if start >= first:
            _know_extremes(whole, [cut.intervals[at] for at in range(start, end, step) if at in cut.intervals])
            yield from _figure(limit, whole, start, cut.counted_until_ns(limit, start, end))


def _know_extremes(whole: Interval, parts: Sequence[Interval]) -> None:
    histograms = [part.histogram for part in parts if part.ok]
    whole.histogram.min = min((each.min for each in histograms), default=0)
    whole.histogram.max = max((each.max for each in histograms), default=0)


def _stretches(cut: _Cut, limit: Threshold, length_ns: int) -> Iterator[Figure]:
    """The best second of every stretch of that length, which begins and ends with a second of known value.

    A second in which nothing began neither breaks a limit nor keeps it. A last second that is not whole is left out.
    """
    step = cut.second_ns
    whole_seconds = max(1, cut.end_ns // step) if cut.is_over else cut.end_ns // step
    width = cut.width_ns(length_ns, step, whole_seconds)
    first_second = max(0, cut.since_ns - 2 * width) // step
    known = [figure for at in range(first_second, whole_seconds) for figure in _second(cut, limit, at * step)]
    stretches = list(_stretch_ends(known, width, step))
    for first, end in stretches:
        if known[end - 1].start_ns >= cut.since_ns:
            yield _deciding(limit, known[first:end], best=True)
    if known and cut.is_over and not stretches:
        yield _deciding(limit, known, best=True)


def _stretch_ends(known: Sequence[Figure], length_ns: int, step_ns: int) -> Iterator[tuple[int, int]]:
    """For each figure, its place and the one after the first figure that makes the stretch long enough."""
    end = 0
    for first, figure in enumerate(known):
        while end < len(known) and known[end].start_ns + step_ns < figure.start_ns + length_ns:
            end += 1
        if end == len(known):
            return
        yield first, end + 1


def _second(cut: _Cut, limit: Threshold, start_ns: int) -> Iterator[Figure]:
    end_ns = start_ns + cut.second_ns
    return _figure(limit, cut.timeline.window(start_ns, end_ns), start_ns, min(end_ns, cut.end_ns))


def _figure(limit: Threshold, interval: Interval, start_ns: int, end_ns: int) -> Iterator[Figure]:
    value = value_of(limit, interval, end_ns - start_ns)
    if value is not None:
        yield Figure(value, start_ns)


def value_of(limit: Threshold, interval: Interval, elapsed_ns: int) -> float | None:
    """What a limit limits, of operations that began within a time; None if they say nothing of it."""
    tried = interval.ok + interval.failed
    match limit.metric.name:
        case "throughput":
            return interval.ok * NS_PER_S / elapsed_ns if elapsed_ns > 0 else None
        case "success_rate":
            return interval.ok / tried if tried else None
        case "error_rate":
            return interval.failed / tried if tried else None
        case "latency" | "service_time":
            return interval.histogram.statistic(limit.statistic) if interval.ok else None
    raise ValueError(f"a timeline knows nothing of {limit.metric.name}")


def _deciding(limit: Threshold, figures: Sequence[Figure], *, best: bool) -> Figure:
    """The figure that keeps the limit best, or worst."""
    if limit.op in ("==", "!="):
        return next((figure for figure in figures if limit.holds(figure.value) is best), figures[0 if best else -1])
    is_smallest = (limit.op in ("<", "<=")) is best
    return (min if is_smallest else max)(figures, key=lambda figure: figure.value)


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


class SteadyState:
    """What "well" means: judged in each window of a second, which slides by an interval of the time line.

    Args:
        limits: what a steady load keeps, each with the time line that it limits.
    """

    def __init__(self, limits: Sequence[tuple[Threshold, Timeline]], activity: Activity) -> None:
        self._limits = limits
        self._activity = activity
        self._step_ns = max((timeline.interval_ns for _, timeline in limits), default=NS_PER_S // 10)
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
