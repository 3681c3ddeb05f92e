"""Thresholds with a window: what a limit says of every 30 s, or of 10 s on end.

`within 30s` holds if every window of 30 s keeps the limit, wherever it begins (windows slide by one interval of the
timeline; the last may reach beyond the end of the load). `for 10s` fails only if the limit is broken for 10 s on end;
each second is judged by itself, and one second that keeps the limit ends the stretch. A load shorter than its window is
one window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from perfcli.metrics.timeline import Interval, Timeline
from perfcli.units import NS_PER_S


class Stretch(Protocol):
    """The part of a window that is needed here."""

    @property
    def kind(self) -> Literal["for", "within"]:
        """Whether a limit may be broken for so long, or is judged over so much time."""

    @property
    def length_ns(self) -> int:
        """How long it is."""


class Timed(Protocol):
    """The part of a metric that is needed here."""

    @property
    def name(self) -> str:
        """One that a timeline can answer: a time, a rate of answers, or throughput."""

    @property
    def needs_statistic(self) -> bool:
        """Whether it is a distribution."""


class Limit(Protocol):
    """The part of a threshold that is needed here."""

    @property
    def metric(self) -> Timed:
        """What is limited."""

    @property
    def statistic(self) -> str:
        """Of a latency; else empty."""

    @property
    def op(self) -> str:
        """The operator."""

    @property
    def window(self) -> Stretch | None:
        """Its window."""

    def holds(self, observed: float) -> bool:
        """Whether a value keeps the limit."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A value, from when on it counts, and how many operations with the right answer it rests on."""

    value: float
    start_ns: int
    ok: int


def worst_window(timeline: Timeline, limit: Limit, duration_ns: int, since_ns: int | None = None) -> float | None:
    """The value that decides whether a threshold with a window holds; None where nothing was measured.

    Args:
        timeline: of latencies or of service times, as the metric asks.
        limit: a threshold with a window.
        duration_ns: how long the phase was measured; while it goes on, up to when all samples are known.
        since_ns: given while the load goes on: only whole windows that end after it, and by `duration_ns`, count (of
            seconds in which nothing began, a stretch then bridges no more than its own length).
    """
    figure = deciding_figure(timeline, limit, duration_ns, since_ns)
    return None if figure is None else figure.value


def deciding_figure(timeline: Timeline, limit: Limit, duration_ns: int, since_ns: int | None = None) -> Figure | None:
    """What `worst_window` gives, with the start of its window and the samples beneath it."""
    if limit.window is None:
        raise ValueError("the threshold has no window")
    figures = (_slide if limit.window.kind == "within" else _stretches)(
        _Cut(timeline, limit, duration_ns, since_ns), limit, limit.window.length_ns
    )
    return _worst(limit, list(figures))


class _Cut:
    """A timeline in pieces of equal length, those in which nothing began included, up to the end of the phase."""

    def __init__(self, timeline: Timeline, limit: Limit, duration_ns: int, since_ns: int | None) -> None:
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

    def counted_until_ns(self, limit: Limit, start_ns: int, end_ns: int) -> int:
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


def _slide(cut: _Cut, limit: Limit, length_ns: int) -> Iterator[Figure]:
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


def _stretches(cut: _Cut, limit: Limit, length_ns: int) -> Iterator[Figure]:
    """The best second of every stretch of that length, which begins and ends with a second of known value.

    A second in which nothing began neither breaks a limit nor keeps it. A last second that is not whole is left out.
    """
    step = cut.second_ns
    whole_seconds = max(1, cut.end_ns // step) if cut.is_over else cut.end_ns // step
    width = cut.width_ns(length_ns, step, whole_seconds)
    first_second = max(0, cut.since_ns - 2 * width) // step
    known = [figure for at in range(first_second, whole_seconds) for figure in _second(cut, limit, at * step)]
    stretches = list(_stretch_ends(known, width, step))
    yield from (_best(limit, known[first:end]) for first, end in stretches if known[end - 1].start_ns >= cut.since_ns)
    if known and cut.is_over and not stretches:
        yield _best(limit, known)


def _stretch_ends(known: Sequence[Figure], length_ns: int, step_ns: int) -> Iterator[tuple[int, int]]:
    """For each figure, its place and the one after the first figure that makes the stretch long enough."""
    end = 0
    for first, figure in enumerate(known):
        while end < len(known) and known[end].start_ns + step_ns < figure.start_ns + length_ns:
            end += 1
        if end == len(known):
            return
        yield first, end + 1


def _second(cut: _Cut, limit: Limit, start_ns: int) -> Iterator[Figure]:
    end_ns = start_ns + cut.second_ns
    return _figure(limit, cut.timeline.window(start_ns, end_ns), start_ns, min(end_ns, cut.end_ns))


def _figure(limit: Limit, interval: Interval, start_ns: int, end_ns: int) -> Iterator[Figure]:
    value = value_of(limit, interval, end_ns - start_ns)
    if value is not None:
        yield Figure(value, start_ns, interval.ok)


def value_of(limit: Limit, interval: Interval, elapsed_ns: int) -> float | None:
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


def _best(limit: Limit, figures: Sequence[Figure]) -> Figure:
    if limit.op in ("<", "<="):
        return min(figures, key=lambda figure: figure.value)
    if limit.op in (">", ">="):
        return max(figures, key=lambda figure: figure.value)
    return next((figure for figure in figures if limit.holds(figure.value)), figures[0])


def _worst(limit: Limit, figures: Sequence[Figure]) -> Figure | None:
    if not figures:
        return None
    if limit.op in ("<", "<="):
        return max(figures, key=lambda figure: figure.value)
    if limit.op in (">", ">="):
        return min(figures, key=lambda figure: figure.value)
    return next((figure for figure in figures if not limit.holds(figure.value)), figures[-1])
