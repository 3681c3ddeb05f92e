"""What the page shows of a command: its state after each event, as blocks and charts of the HTML report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.text import Text

from perfcli import units
from perfcli.observer import Progress
from perfcli.plan import ExecutionPlan
from perfcli.report.ab import verdict_block as ab_verdict
from perfcli.report.blocks import BAD, DOUBTFUL, Block, Column, Facts, Notes, Section, Table, Verdict
from perfcli.report.html.backdrop import shade
from perfcli.report.html.chart import QUIET_COLOUR, Drawing, axis, duration_axis, label, line, size_axis
from perfcli.report.html.markup import Markup, element, to_html
from perfcli.report.reported import Reported
from perfcli.report.run import verdict_block
from perfcli.report.wording import figure, name
from perfcli.results import RunResult
from perfcli.units import NS_PER_S

_OPERATIONS: Final = (Column("operation", "word"), *map(Column, ("ok", "failed", "p50", "p95", "p99")))
_DONE: Final = (Column("scenario", "word"), Column("verdict", "word"), Column("result", "prose"))
_INTERVAL_S: Final = 0.5
MOST_POINTS: Final = 480
_FAULT_SHADE: Final = "rgba(224,45,60,0.18)"
_MOST_SPANS: Final = 100
"""The newest phases and faults that are drawn."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a stretch of time showed. None is unknown."""

    at_s: float  # when it ended, since measuring began
    rate_per_s: float  # successful operations
    failed_per_s: float
    p95_ns: float | None
    vus: float
    rss_bytes: float
    cpu: float | None  # 1.0 for one core


class Series:
    """Points one after another. When there are too many, each two become one, which shows the worse of their times."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._most = most
        self._each = 1
        self._waiting: list[Point] = []
        self.points: list[Point] = []

    def add(self, point: Point) -> None:
        """Take in the next stretch; all are of about one length."""
        self._waiting.append(point)
        if len(self._waiting) < self._each:
            return
        self.points.append(_one_of(self._waiting))
        self._waiting = []
        if len(self.points) >= self._most:
            self.points = [_one_of(self.points[start : start + 2]) for start in range(0, len(self.points), 2)]
            self._each *= 2


def _one_of(points: Sequence[Point]) -> Point:
    return Point(
        points[-1].at_s,
        _mean([each.rate_per_s for each in points]),
        _mean([each.failed_per_s for each in points]),
        max((each.p95_ns for each in points if each.p95_ns is not None), default=None),
        max(each.vus for each in points),
        max(each.rss_bytes for each in points),
        max((each.cpu for each in points if each.cpu is not None), default=None),
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@dataclass(slots=True)
class _Span:
    """When a phase or fault began and ended, in seconds since measuring began."""

    name: str
    is_fault: bool
    begins_s: float
    ends_s: float | None = None


@dataclass(slots=True)
class Picture:
    """A command as far as it has come. It is drawn from another thread: each update replaces what it holds.

    Args:
        clock_s: what time it is, in seconds.
    """

    clock_s: Callable[[], float]
    plan: ExecutionPlan | None = None
    number: int = 1
    of: int = 1
    note: str = ""
    progress: Progress | None = None
    done: list[Reported] = field(default_factory=list)
    ended: bool = False
    series: Series = field(default_factory=Series)
    spans: list[_Span] = field(default_factory=list)
    _began_s: float | None = None
    _last: tuple[float, int, int] = (0.0, 0, 0)

    def begin(self, plan: ExecutionPlan, number: int, of: int) -> None:
        """A scenario is about to run."""
        self.plan, self.number, self.of = plan, number, of
        self.series, self.spans, self._began_s, self._last = Series(), [], None, (0.0, 0, 0)
        self.progress, self.note = None, ""

    def update(self, progress: Progress) -> None:
        """The run has moved on."""
        self.progress = progress
        if progress.stage != "measuring":
            return
        now_s = self.clock_s()
        if self._began_s is None:
            self._began_s = now_s
        at_s = now_s - self._began_s
        self._follow_spans(progress, at_s)
        before_s, ok, failed = self._last
        if (took_s := at_s - before_s) < _INTERVAL_S:
            return
        self._last = at_s, progress.ok, progress.failed
        newest = progress.recent.seconds
        self.series.add(
            Point(
                at_s,
                (progress.ok - ok) / took_s,
                (progress.failed - failed) / took_s,
                newest[-1].p95_ns if newest else None,
                progress.vus,
                progress.rss_bytes,
                progress.cpu,
            )
        )

    def end(self, result: Reported) -> None:
        """A scenario is over."""
        self.done.append(result)
        self.plan = None

    def _follow_spans(self, progress: Progress, at_s: float) -> None:
        for is_fault, names in ((False, progress.phases), (True, progress.faults)):
            on = [span for span in self.spans if span.is_fault == is_fault and span.ends_s is None]
            for span in on:
                if span.name not in names:
                    span.ends_s = at_s
            known = {span.name for span in on if span.ends_s is None}
            self.spans += [_Span(each, is_fault, at_s) for each in names if each not in known]
        del self.spans[:-_MOST_SPANS]

    def article(self) -> Markup:
        """Everything but the charts."""
        return to_html(self._document(), "now")

    def charts(self) -> dict[str, dict[str, Any]]:
        """The charts by their names, in plotly's own terms; those without a point are left out."""
        drawn = {name: drawing(self) for name, drawing in DRAWINGS.items()}
        return {name: each.figure for name, each in drawn.items() if each.figure["data"]}

    def shapes(self) -> list[dict[str, Any]]:
        """Where phases begin, and how long faults last."""
        now_s = self.series.points[-1].at_s if self.series.points else 0.0
        return [_shape(span, now_s) for span in self.spans]

    def _document(self) -> Iterator[Section]:
        yield Section("now", list(self._head()))
        if risks := self.progress.snapshot.at_risk if self.progress else ():
            yield Section("thresholds at risk", [Notes([Text(each.text, DOUBTFUL) for each in risks])])
        if self.progress and self.progress.snapshot.operations:
            rows = [
                [
                    name(each.name),
                    Text(units.format_count(each.ok)),
                    Text(units.format_count(each.failed), BAD if each.failed else ""),
                    *(figure(ns, units.format_duration) for ns in (each.p50_ns, each.p95_ns, each.p99_ns)),
                ]
                for each in self.progress.snapshot.operations
            ]
            yield Section("operations", [Table(_OPERATIONS, rows, "operations")])
        if self.done:
            yield Section("done", [Table(_DONE, list(map(_row, self.done)), "finished scenarios")])

    def _head(self) -> Iterator[Block]:
        if self.plan is None and self.done:
            newest = self.done[-1]
            yield _verdict(newest)
            if isinstance(newest, RunResult):
                yield Facts(list(_totals(newest)))
            return
        title = self.plan.title if self.plan else "digipal-perf"
        several = f", {self.number} of {self.of}" if self.of > 1 else ""
        stage = self.progress.stage if self.progress else "starting"
        phase = f", {', '.join(self.progress.phases)}" if self.progress and self.progress.phases else ""
        yield Verdict(Text(f"{stage}{phase}"), name(title), Text(self.note or f"is running{several}"))
        if self.progress:
            yield Facts(list(_facts(self.progress)))


def _facts(progress: Progress) -> Iterator[tuple[str, Text]]:
    yield "done", Text(f"{progress.share_done:.0%}") if progress.share_done is not None else Text()
    yield "operations", Text(f"{units.format_count(progress.ok)} ok, {units.format_count(progress.failed)} failed")
    yield "rate so far", Text(units.format_rate(progress.rate_per_s)) if progress.ok else Text()
    p95_ns = progress.snapshot.p95_ns
    yield "p95 so far", Text() if p95_ns is None else Text(units.format_duration(p95_ns))
    yield "vus", Text(f"{progress.vus} of {progress.planned_vus}") if progress.planned_vus else Text()
    yield "memory", Text(f"RSS {units.format_size(progress.rss_bytes)}") if progress.rss_bytes else Text()
    yield "CPU", Text() if progress.cpu is None else Text(f"{progress.cpu:.0%} of one core")
    yield "faults", Text(", ".join(progress.faults), BAD)


def _totals(result: RunResult) -> Iterator[tuple[str, Text]]:
    total = result.total
    yield "operations", Text(f"{units.format_count(total.ok)} ok, {units.format_count(total.failed)} failed")
    yield "rate", Text(units.format_rate(total.throughput_per_s)) if total.attempts else Text()
    for statistic in ("p50", "p95", "p99"):
        yield statistic, figure(total.latency.statistic(statistic) if total.latency else None, units.format_duration)


def _row(result: Reported) -> list[Text]:
    verdict = _verdict(result)
    why = Text(" ").join([verdict.text, *verdict.reasons[:1]])
    return [verdict.name, verdict.word, why]


def _verdict(result: Reported) -> Verdict:
    return verdict_block(result) if isinstance(result, RunResult) else ab_verdict(result)


def _points(
    picture: Picture, value: Callable[[Point], float | None], write: Callable[[Point], str]
) -> list[tuple[float, float | None, str]]:
    return [(each.at_s, value(each), f"{write(each)} at {each.at_s:.0f} s") for each in picture.series.points]


def _rate(picture: Picture) -> Drawing:
    ok = _points(picture, lambda each: each.rate_per_s, lambda each: units.format_rate(each.rate_per_s))
    failed = _points(
        picture, lambda each: each.failed_per_s, lambda each: f"{units.format_rate(each.failed_per_s)} failed"
    )
    traces = [line("ok", ok)]
    if any(per_s for _, per_s, _ in failed):
        traces.append(line("failed", failed, 4))
    return _drawing("Rate", "Operations per second.", traces, axis("per second", rangemode="tozero"), picture)


def _latency(picture: Picture) -> Drawing:
    def written(each: Point) -> str:
        return f"p95 {'unknown' if each.p95_ns is None else units.format_duration(each.p95_ns)}"

    points = _points(picture, lambda each: None if each.p95_ns is None else each.p95_ns / NS_PER_S, written)
    traces = [line("p95", points if any(y is not None for _, y, _ in points) else [])]
    return _drawing("Latency", "p95 of the operations of each second.", traces, duration_axis("", traces), picture)


def _memory(picture: Picture) -> Drawing:
    points = _points(picture, lambda each: each.rss_bytes, lambda each: units.format_size(each.rss_bytes))
    return _drawing("Memory", "RSS of the engine.", [line("RSS", points)], size_axis(""), picture)


def _cpu(picture: Picture) -> Drawing:
    points = _points(picture, lambda each: each.cpu, lambda each: f"{each.cpu or 0.0:.0%}")
    y = axis("of one core", tickformat=".0%", rangemode="tozero")
    return _drawing("CPU", "What the engine uses.", [line("CPU", points)], y, picture)


def _vus(picture: Picture) -> Drawing:
    points = _points(picture, lambda each: each.vus, lambda each: f"{each.vus:.0f}")
    return _drawing("Virtual users", "At work now.", [line("vus", points)], axis("", rangemode="tozero"), picture)


DRAWINGS: Final[dict[str, Callable[[Picture], Drawing]]] = {
    "rate": _rate,
    "latency": _latency,
    "memory": _memory,
    "cpu": _cpu,
    "vus": _vus,
}
"""The charts of the page, in their order."""


def _drawing(title: str, note: str, traces: Sequence[dict[str, Any]], y: dict[str, Any], picture: Picture) -> Drawing:
    layout = {"xaxis": axis("seconds since measuring began"), "yaxis": y, "shapes": picture.shapes()}
    return Drawing(title, note, traces, {**layout, "showlegend": len(traces) > 1, "height": 260})


def _shape(span: _Span, now_s: float) -> dict[str, Any]:
    text = {"text": label(span.name, 22), "textposition": "top left", "font": {"size": 11}}
    if span.is_fault:
        ends_s = now_s if span.ends_s is None else span.ends_s
        return shade(span.begins_s, max(ends_s, span.begins_s), _FAULT_SHADE) | {"label": text}
    at = {"type": "line", "x0": span.begins_s, "x1": span.begins_s, "yref": "paper", "y0": 0, "y1": 1}
    return {**at, "line": {"width": 1, "dash": "dot", "color": QUIET_COLOUR}, "label": text}


def empty_charts() -> Markup:
    """The places that the charts are drawn in."""
    places = [
        element(
            "figure",
            element("figcaption", element("h4", drawing.title), element("p", drawing.note)),
            element("div", class_="plot"),
            class_="chart",
            id=f"chart-{name}",
        )
        for name, make in DRAWINGS.items()
        for drawing in [make(Picture(lambda: 0.0))]
    ]
    return element("div", *places, class_="charts")
