"""Thresholds: `[operation.]metric[.statistic] OP value [window | span]`, parsed, described and judged.

threshold  = left OP value [window | span]
left       = [operation "."] metric ["." statistic]
statistic  = "min" | "mean" | "median" | "max" | "stddev" | "p" number
OP         = "<" | "<=" | ">" | ">=" | "==" | "!="
value      = a quantity in the metric's unit: 100ms, 50MB, 95%, 10/s, 300, 1.5
window     = ("for" | "within") duration
span       = ("during" | "after") fault | "outside" "faults"

Before `recovery` and `outage` stands a fault. Windows: measurement/windows.py; spans: measurement/fault_spans.py.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from perfcli import units
from perfcli.errors import did_you_mean
from perfcli.figures import METRICS, STATISTICS, Metric, counter_metrics, is_statistic, percentile_of

OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
}
_LONGEST: Final = 250
_SIDES = re.compile(r"(?P<left>[^<>=!]*)(?P<op><=|>=|==|!=|<|>)(?P<value>[^<>=!]*)")
_NO_OPERATORS: Final = {"=": "==", "===": "==", "=<": "<=", "=>": ">=", "!": "!=", "!==": "!=", "<>": "!="}
_WINDOW = re.compile(r"(?:(?P<value>.*)\s)?\s*(?P<kind>for|within)\b\s*(?P<length>.*)", re.DOTALL)
_SPAN = re.compile(r"(?:(?P<value>.*)\s)?\s*(?P<kind>during|after|outside)\b\s*(?P<name>.*)", re.DOTALL)
_OTHER_WORD = re.compile(r"\S.*?\s(?P<word>[a-z]{2,})\s+(?P<length>\d[\w.]*)", re.DOTALL)
_SHORTEST_WINDOW_NS: Final = units.NS_PER_S
_NOTATION_OF_PERCENTILES = re.compile(
    r"\b[pP]\s*[(\[]\s*(\d+(?:\.\d+)?)\s*[)\]]"  # p(95), as k6 writes it
    r"|\b(\d+(?:\.\d+)?)(?:st|nd|rd|th|%)(?:[ _]?(?:percentile|perc|pct))?"  # 95th percentile, 95%
    r"|\b(?:percentile|perc|pct|pc|q|P)[ _]?(\d+(?:\.\d+)?)\b",  # percentile95, P95
    re.ASCII,
)
# max_latency, latency_p95
_JOINED = re.compile(r"\b(?:([a-zA-Z0-9]+)_(latency|service_time)|(latency|service_time)_([a-zA-Z0-9]+))\b")
_OF_A_RATE = re.compile(r"\b(checks|http_req_failed|http_reqs)\s*[.: ]\s*(?:rate|value)\b")  # as k6 writes it
_TAG = re.compile(r"([\w.]+)\{\s*(?:(?:op|operation|name|step)\s*[:=]\s*)?([\w-]+)\s*\}(.*)", re.DOTALL)
_MIRRORED: Final = str.maketrans("<>", "><")
_HAS_VALUE = re.compile(r"[<>=!]\s*\d")
_AS_SHARE: Final = {"ok": "success_rate", "failed": "error_rate", "timeouts": "error_rate"}
"""Counts, and the metric that says the like of all operations."""

STATISTICS_ELSEWHERE: Final = {
    **dict.fromkeys(("avg", "average"), "mean"),
    **dict.fromkeys(("med", "50%"), "median"),
    **dict.fromkeys(("std", "sd", "stdev", "std_dev"), "stddev"),
    **dict.fromkeys(("maximum", "highest", "worst"), "max"),
    **dict.fromkeys(("minimum", "lowest", "best"), "min"),
}
"""Statistics as other load testers call them, and what they are called here."""

METRICS_ELSEWHERE: Final = {
    **dict.fromkeys(
        ("http_req_duration", "iteration_duration", "response_time", "responsetime", "elapsed", "lat"), "latency"
    ),
    **dict.fromkeys(
        ("http_req_failed", "fail_ratio", "failure_rate", "failed", "failures", "errors", "error_rate", "error_ratio"),
        "error_rate",
    ),
    **dict.fromkeys(("checks", "success", "success_ratio", "passed"), "success_rate"),
    **dict.fromkeys(("rps", "tps", "qps", "ops", "http_reqs", "requests_per_second", "req_per_sec"), "throughput"),
    **dict.fromkeys(("rss", "memory"), "memory.peak"),
    **dict.fromkeys(("cpu", "cpu_usage"), "cpu.mean"),
    **dict.fromkeys(("requests", "operations"), "iterations"),
}
"""Metrics as other load testers call them, and the nearest one here."""


class ThresholdError(ValueError):
    """A threshold that cannot be understood; the message says what to write."""


@dataclass(frozen=True, slots=True)
class Window:
    """How long a limit may be broken (`for`), or over how much time it is judged (`within`)."""

    kind: Literal["for", "within"]
    length_ns: int


@dataclass(frozen=True, slots=True)
class Span:
    """The operations that overlap a fault, those behind it, or those that overlap none (`fault` is then empty)."""

    kind: Literal["during", "after", "outside"]
    fault: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """A limit on one metric of one operation, or of the whole run where `operation` is empty."""

    text: str
    operation: str
    metric: Metric
    statistic: str
    op: str
    limit: float
    window: Window | None = None
    span: Span | None = None

    def __str__(self) -> str:
        """As it was written."""
        return self.text

    @property
    def is_of_part(self) -> bool:
        """Whether it judges a part of the time alone."""
        return self.window is not None or self.span is not None

    @property
    def fault(self) -> str:
        """The fault that it names; "" for none."""
        return self.operation if self.metric.per_fault else self.span.fault if self.span else ""

    @property
    def subject(self) -> str:
        """What is judged, e.g. "load_pet.latency.p99"."""
        return ".".join(filter(None, (self.operation, self.metric.name, self.statistic)))

    @property
    def meaning(self) -> tuple[object, ...]:
        """What it asks, however that is written: equal for thresholds that always have the same outcome."""
        statistic = percentile_of(self.statistic) if self.statistic else None
        part = self.window or self.span
        return (self.operation, self.metric.name, statistic or self.statistic, self.op, self.limit, part)

    def holds(self, observed: float) -> bool:
        """Whether an observed value, in the metric's base unit, keeps the limit."""
        return OPERATORS[self.op](observed, self.limit)

    def margin(self, observed: float) -> float | None:
        """How far inside the limit the value is, as a share of the limit; negative outside.

        None where a share says nothing: a limit of 0, or the operators == and !=.
        """
        if self.limit == 0 or self.op in ("==", "!="):
            return None
        room = self.limit - observed if self.op in ("<", "<=") else observed - self.limit
        return room / abs(self.limit)


def parse_threshold(text: str, counters: Mapping[str, str] = {}) -> Threshold:
    """The threshold that `text` writes.

    Args:
        counters: those of own operations, by name, with their units; they are metrics too.

    Raises:
        ThresholdError: with the position's cause and, where one is near, the name that was meant.
    """
    sides = _SIDES.fullmatch(text) if len(text) <= _LONGEST else None
    if sides is None or not sides["left"].strip() or not sides["value"].strip():
        raise ThresholdError(_not_a_threshold(text[:_LONGEST]))
    left, value = sides["left"].strip(), sides["value"].strip()
    try:
        operation, metric, statistic = parse_subject(left, counters)
    except ThresholdError:
        ours = _in_our_words(left, sides["op"], value)
        if ours:
            raise ThresholdError(f"unknown name {left!r:.80}: write {ours:.120}") from None
        raise
    written, span = _split_span(value, metric)
    written, window = (written, None) if span else _split_window(written, metric)
    limit = _limit(metric, written)
    return Threshold(text.strip(), operation, metric, statistic, sides["op"], limit, window, span)


def _not_a_threshold(text: str) -> str:
    parts = re.split(r"\s(?:and|or|AND|OR)\s|&&|\|\||[;,]", text)
    if len(parts) > 1 and all(map(_SIDES.fullmatch, parts)) and all(map(_HAS_VALUE.search, parts)):
        return f"{text!r:.80} is {len(parts)} thresholds: write each as its own item"
    left, *rest = re.split(r"([<>=!]+)", text, maxsplit=1)
    if rest and left.strip() and rest[1].strip() and (operator := _NO_OPERATORS.get(rest[0])):
        return f"unknown operator {rest[0]!r}: write {left.strip():.80} {operator} {rest[1].strip():.40}"
    return (
        f"{text!r:.80} is not a threshold: write [operation.]metric[.statistic] OP value, "
        "e.g. load_pet.latency.p99 < 100ms"
    )


def _split_span(value: str, metric: Metric) -> tuple[str, Span | None]:
    match = _SPAN.fullmatch(value)
    if match is None:
        return value, None
    kind, name, limit = match["kind"], match["name"].strip(), _before(match, metric)
    if kind == "outside":
        if name != "faults":
            raise ThresholdError(f"write outside faults, not outside {name:.40}: it means the time without any fault")
        return limit, Span("outside", "")
    if not name:
        raise ThresholdError(f"{kind} needs the name of a fault after it")
    return limit, Span("during" if kind == "during" else "after", name)


def _before(match: re.Match[str], metric: Metric) -> str:
    """The limit before the word that asks for a part of the time."""
    word, limit = match["kind"], match["value"]
    if not metric.windowed:
        raise ThresholdError(
            f"{metric.name} is known only for the whole load: remove {word!r}, which works with "
            f"{', '.join(each.name for each in METRICS.values() if each.windowed)}"
        )
    if not limit:
        raise ThresholdError(f"the limit is missing before {word!r}: write {metric.unit.form}")
    return limit.strip()


def _split_window(value: str, metric: Metric) -> tuple[str, Window | None]:
    match = _WINDOW.fullmatch(value)
    if match is None:
        other = _OTHER_WORD.fullmatch(value)
        if other and other["word"] not in ("us", "ms", "ns"):
            raise ThresholdError(
                f"a window starts with 'for' or 'within', not with {other['word']!r:.40}: "
                f"write within {other['length']:.20}"
            )
        return value, None
    kind, length, limit = match["kind"], match["length"], _before(match, metric)
    try:
        length_ns = units.parse_duration_ns(length)
    except units.UnitError as error:
        raise ThresholdError(f"{kind}: {error}") from error
    if length_ns < _SHORTEST_WINDOW_NS:
        raise ThresholdError(f"{kind} {length:.40}: a window lasts 1s or more")
    return limit, Window("for" if kind == "for" else "within", length_ns)


def _limit(metric: Metric, written: str) -> float:
    try:
        limit = units.parse(metric.unit, written)
    except units.UnitError as error:
        share = _AS_SHARE.get(metric.name) if written.endswith("%") else None
        meant = f"; for a share of all operations write {share}" if share else ""
        raise ThresholdError(f"{metric.name}: {error}{meant}") from error
    if metric.most == 1 and not 0 <= limit <= 1:
        raise ThresholdError(f"{metric.name} is always between 0% and 100%, never near {written}")
    return limit


def parse_subject(left: str, counters: Mapping[str, str] = {}) -> tuple[str, Metric, str]:
    """The operation, or "", the metric and the statistic, or "", that "load_pet.latency.p99" names.

    Args:
        counters: as of `parse_threshold`.

    Raises:
        ThresholdError: there is no such metric or statistic, or they do not go together.
    """
    metrics = {**counter_metrics(counters), **METRICS} if counters else METRICS
    for operation, rest in _splits(left):
        if rest in metrics:
            return _complete(operation, metrics[rest], "")
        name, _, statistic = rest.partition(".")
        if name in metrics and metrics[name].needs_statistic:
            return _complete(operation, metrics[name], statistic)
    meant = did_you_mean(_metric_words(left), metrics)
    operation, _, statistic = left.rpartition(".")
    if is_statistic(statistic) and "." not in operation and not meant:
        whole = ".".join(filter(None, (operation, "latency", statistic)))
        raise ThresholdError(f"{left!r:.80} names a statistic but no metric: write {whole:.80}")
    raise ThresholdError(f"unknown metric {left!r:.80}{meant or ': digipal-perf explain lists them'}")


def _in_our_words(left: str, op: str, value: str) -> str:
    """The threshold that another load tester's words for it mean; "" if that is none either."""
    if left[:1].isdigit() and _is_subject(value):
        return f"{value} {op.translate(_MIRRORED)} {left}"
    plain = _TAG.sub(r"\2.\1\3", _OF_A_RATE.sub(r"\1", left))
    plain = _NOTATION_OF_PERCENTILES.sub(lambda match: f"p{match[1] or match[2] or match[3]}", plain)
    parts = re.split(r"\.|:\s*", plain)
    words = ".".join(METRICS_ELSEWHERE.get(part.lower(), _statistic(part)) for part in parts)
    operation, _, statistic = words.rpartition(".")
    joined = _JOINED.sub(lambda match: f"{match[2] or match[3]}.{_statistic(match[1] or match[4])}", words)
    first, *others = words.split(".")
    moved = ".".join([*others[:-1], first, *others[-1:]])  # latency.load_pet.p95
    spelt = [words, words.lower(), words.replace(" ", "."), f"latency.{words}", joined, moved]
    if words != left and not did_you_mean([operation], METRICS):
        spelt += [f"{operation}.latency.{statistic}", f"{words}.p95"]
    for ours in filter(_is_subject, spelt):
        return f"{ours} {op} {units.with_likely_unit(parse_subject(ours)[1].unit, value)}"
    return ""


def _statistic(word: str) -> str:
    return STATISTICS_ELSEWHERE.get(word.lower(), word)


def _is_subject(words: str) -> bool:
    try:
        parse_subject(words)
    except ThresholdError:
        return False
    return True


def _splits(left: str) -> Iterable[tuple[str, str]]:
    yield "", left
    operation, dot, rest = left.partition(".")
    if dot:
        yield operation, rest


def _metric_words(left: str) -> list[str]:
    """The parts of a misspelt left side that may have been meant as a metric, likeliest first."""
    parts = left.split(".")[:4]
    dotted = [".".join(parts[i : i + 2]) for i in range(len(parts) - 1)]
    return [left, *dotted, *reversed(parts)]


def _complete(operation: str, metric: Metric, statistic: str) -> tuple[str, Metric, str]:
    if operation and not (metric.per_operation or metric.per_fault):
        raise ThresholdError(f"{metric.name} belongs to the whole run: write it without {operation + '.'!r:.60}")
    if metric.needs_statistic and not statistic:
        raise ThresholdError(
            f"{metric.name} needs a statistic: write {metric.name}.mean, {metric.name}.p99 or {metric.name}.max"
        )
    if metric.needs_statistic and not is_statistic(statistic):
        raise ThresholdError(
            f"unknown statistic {statistic!r:.40}{did_you_mean([statistic], STATISTICS)}: "
            f"use {', '.join(STATISTICS)} or any percentile such as p99.5"
        )
    return operation, metric, statistic
