"""Every threshold with its observed value; and for a run without any, one to begin with."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.errors import Verdict
from perfcli.figures import PER_OPERATION
from perfcli.figures.engine import CALLS
from perfcli.metrics.distribution import is_thin
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Block, Code, Column, Facts, Notes, Section, Table
from perfcli.report.operations import slowest_first
from perfcli.report.wording import HINT, UNKNOWN, figure, name, one_line, outcome_word, share, signed
from perfcli.results import RunResult, ThresholdResult
from perfcli.thresholds import Threshold, ThresholdError, parse_threshold

NO_SAMPLES: Final = "no samples"
_COLUMNS: Final = (Column("", "word"), Column("threshold", "prose"), *map(Column, ("observed", "limit", "margin")))
_ORDER: Final = ("fail", "miss", "not judged", "pass")
_COUNTER_UNITS: Final = {
    units.Unit.COUNT: "count",
    units.Unit.NUMBER: "count",
    units.Unit.SIZE: "size",
    units.Unit.SIZE_PER_OPERATION: "size",
    units.Unit.DURATION: "duration",
}
_ROOM_FOR_COUNTS: Final = 1.1
_UPPER_LIMITS: Final = ("<", "<=")


def thresholds_section(result: RunResult) -> Section:
    """The thresholds of the run, then each phase's under its name, the failed ones first; or how to have one."""
    return Section("thresholds", list(_blocks(result)), brief=())


def thresholds_in_brief(result: RunResult) -> Iterator[tuple[str, Text]]:
    """How many hold, and the nearest, unless the verdict counts them; each soft one that was missed."""
    if not result.thresholds:
        yield "thresholds", _none(result)
        return
    counts = {word: [each for each in result.thresholds if each.outcome == word] for word in _ORDER}
    not_judged = "not judged (nothing was timed)" if result.only_counted else "not judged"
    words = {"fail": "failed", "miss": "missed", "not judged": not_judged}
    parts = [f"{units.format_count(len(counts[word]))} {verb}" for word, verb in words.items() if counts[word]]
    if passed := len(counts["pass"]):
        parts.append(f"{units.format_count(passed)} {'holds' if passed == 1 else 'hold'}")
    text = Text(", ".join(parts))
    if not counts["fail"] and (nearest := nearest_limit(result)):
        text.append_text(Text.assemble("; nearest ", subject(nearest), f" {_observed_of_limit(nearest)}"))
    if result.verdict is not Verdict.FAIL:
        yield "thresholds", text
    for missed in counts["miss"]:
        yield (
            "missed",
            Text.assemble(name(describe(missed)), f": {observed_in_words(missed)}", (" (strict: false)", QUIET)),
        )


def nearest_limit(result: RunResult) -> ThresholdResult | None:
    """The threshold that counts whose upper limit is used most."""
    holding = [each for each in result.thresholds if each.strict and each.outcome == "pass"]
    counting = [(used, each) for each in holding if (used := limit_used(each)) is not None]
    return max(counting, key=lambda each: each[0], default=(0.0, None))[1]


def failed_first(thresholds: Sequence[ThresholdResult]) -> list[ThresholdResult]:
    """Failed, missed, not judged, passed; otherwise in their order."""
    return sorted(thresholds, key=lambda threshold: _ORDER.index(threshold.outcome))


def describe(threshold: ThresholdResult) -> str:
    """The expression, after the name of the phase it judges."""
    return f"{threshold.phase}: {threshold.expr}" if threshold.phase else threshold.expr


def observed_in_words(threshold: ThresholdResult) -> str:
    """What was observed, with its unit; where that rounds to the limit, on which side of it."""
    limit = units.format_quantity(threshold.unit, threshold.limit)
    if threshold.observed is None:
        return NO_SAMPLES if threshold.judged else UNKNOWN
    written = units.format_quantity(threshold.unit, threshold.observed)
    if threshold.reason:
        # what was observed says too little to be judged
        return HINT + written
    if written != limit or threshold.observed == threshold.limit:
        return written
    # three digits do not tell 100.02 ms from 100 ms, but the verdict does
    return f"just {'over' if threshold.observed > threshold.limit else 'under'} {limit}"


def limit_in_words(threshold: ThresholdResult) -> str:
    """The limit with its operator, and its window where it has one."""
    limit, parsed = units.format_quantity(threshold.unit, threshold.limit), _parsed(threshold)
    if parsed is None:
        return limit
    window = parsed.window
    lasting = f" {window.kind} {units.format_duration(window.length_ns)}" if window else ""
    span = parsed.span
    where = f" {span.kind} {one_line(span.fault) or 'faults'}" if span else ""
    return f"{parsed.op} {limit}{lasting}{where}"


def limit_used(threshold: ThresholdResult) -> float | None:
    """The share of an upper limit that was used; None for lower limits, of which a perfect run uses nearly all."""
    parsed = _parsed(threshold)
    is_upper = parsed is not None and parsed.op in _UPPER_LIMITS
    return 1 - threshold.margin if is_upper and threshold.margin is not None else None


def example_threshold(result: RunResult) -> str:
    """A threshold that this run would have kept with room to spare, ready to be pasted."""
    for operation in slowest_first(result.operations):
        latency = operation.latency
        if latency is None:
            continue
        thin = is_thin("p95", latency.count or operation.ok)
        statistic, observed_ns = ("mean", latency.mean_ns) if thin else ("p95", latency.p95_ns)
        return f"{one_line(operation.name)}.latency.{statistic} < {_roomy_limit(observed_ns)}"
    for label, counts in result.exact.operations.items() if result.exact else ():
        if counts.calls:
            return f"{one_line(label)}.{CALLS} < {math.ceil(_ROOM_FOR_COUNTS * counts.calls)}"
    return "success_rate >= 95%"


def _blocks(result: RunResult) -> Iterator[Block]:
    if not result.thresholds:
        yield Facts([("thresholds", _none(result))])
        if not result.scenario.get("thresholds"):
            yield Code(f"thresholds:\n  - {example_threshold(result)}", "a threshold")
        return
    phases = dict.fromkeys(threshold.phase for threshold in result.thresholds)
    ordered = failed_first(result.thresholds)
    rows = [row for phase in phases for row in _group(phase, [each for each in ordered if each.phase == phase])]
    yield Table(_COLUMNS, rows, "thresholds", first_to_go=("margin",))
    remarks = [f"{describe(each)}: {each.reason}" for each in ordered if each.reason not in ("", NO_SAMPLES)]
    # the verdict lists its reasons by itself
    if told := [name(remark) for remark in remarks if remark not in result.reasons]:
        yield Notes(told)


def _none(result: RunResult) -> Text:
    if result.scenario.get("thresholds"):
        return Text("not judged: the run ended too early", QUIET)
    example = name(example_threshold(result))
    return Text.assemble(
        f"none: {'counted' if result.only_counted else 'measured'}, not judged", ("; add e.g. ", QUIET), example
    )


def _group(phase: str, thresholds: Sequence[ThresholdResult]) -> Iterator[list[Text]]:
    if phase:
        yield [Text(), Text.assemble(("phase ", QUIET), name(phase, "bold")), Text(), Text(), Text()]
    yield from map(_row, thresholds)


def _row(threshold: ThresholdResult) -> list[Text]:
    parsed = _parsed(threshold)
    style = {"fail": BAD, "miss": DOUBTFUL}.get(threshold.outcome, "")
    has_margin = threshold.margin is not None and threshold.limit and threshold.judged and not threshold.reason
    return [
        outcome_word(threshold),
        Text.assemble(name(parsed.subject if parsed else threshold.expr), (_conditions(threshold), QUIET)),
        Text(observed_in_words(threshold), style),
        Text(limit_in_words(threshold)),
        figure(threshold.margin, signed(share), style) if has_margin else Text(),
    ]


def subject(threshold: ThresholdResult) -> Text:
    """What it judges, after the name of the phase."""
    parsed = _parsed(threshold)
    judged = name(parsed.subject if parsed else threshold.expr)
    return Text.assemble(name(threshold.phase), ": ", judged) if threshold.phase else judged


def _observed_of_limit(threshold: ThresholdResult) -> str:
    return f"{observed_in_words(threshold)} of {units.format_quantity(threshold.unit, threshold.limit)}"


def _conditions(threshold: ThresholdResult) -> str:
    """That it is not counted, and the exit code of its own."""
    own_code = None if threshold.exit_code is None else f"exit code {threshold.exit_code}"
    words = ", ".join(filter(None, ("" if threshold.strict else "strict: false", own_code)))
    return f" ({words})" if words else ""


def _parsed(threshold: ThresholdResult) -> Threshold | None:
    """The threshold's parts; None for an expression that this version cannot read."""
    for counters in ({}, _counter_of(threshold)):
        try:
            return parse_threshold(threshold.expr, counters)
        except ThresholdError:
            continue
    return None


def _counter_of(threshold: ThresholdResult) -> dict[str, str]:
    """The counter of an own operation that it may judge, with its unit."""
    left = re.split(r"[<>=!]", threshold.expr, maxsplit=1)[0].strip()
    unit = _COUNTER_UNITS.get(threshold.unit)
    return {left.rpartition(".")[2].removesuffix(PER_OPERATION): unit} if unit else {}


def _roomy_limit(observed_ns: float) -> str:
    """The next 1, 2 or 5 times a power of ten above twice the value."""
    wanted = max(1.0, 2 * observed_ns)
    limit_ns = next(n * 10**power for power in range(20) for n in (1, 2, 5) if n * 10**power >= wanted)
    for unit, factor in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if limit_ns >= factor:
            return f"{limit_ns // factor}{unit}"
    return f"{limit_ns}ns"
