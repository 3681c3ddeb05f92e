"""What the thresholds say, and the verdict with its reasons."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.errors import Verdict
from perfcli.report.figures import (
    BAD,
    GOOD,
    QUIET,
    counted,
    figure,
    name,
    name_as_is,
    one_line,
    share,
    signed,
    verdict_word,
)
from perfcli.report.layout import INDENT, PROSE_WIDTH, Column, FittingTable, Hanging, labelled, listed
from perfcli.report.operations import slowest_first
from perfcli.results import RunResult, ThresholdResult
from perfcli.thresholds import ThresholdError, parse_threshold

NO_SAMPLES: Final = "no samples"
_COLUMNS: Final = (Column("", "word"), Column("threshold", "prose"), *map(Column, ("observed", "limit", "margin")))
_UPPER_LIMITS: Final = ("<", "<=")


def render_thresholds(result: RunResult) -> Iterator[RenderableType]:
    """Every threshold with what was observed, the failed ones first; or how to have one."""
    if not result.thresholds:
        yield from _invitation(result)
        return
    failed_first = sorted(result.thresholds, key=lambda threshold: threshold.passed)
    yield FittingTable(_COLUMNS, [_row(threshold) for threshold in failed_first], first_to_go=("margin",))
    remarks = [(threshold.expr, threshold.reason) for threshold in failed_first if _needs_remark(threshold)]
    yield from listed([Text.assemble(name(expr), ": ", name(reason)) for expr, reason in remarks])


def render_verdict(result: RunResult) -> Iterator[RenderableType]:
    """The verdict, and each of its reasons on a line of its own."""
    several = len(result.reasons) > 1
    text = outcome(result) if several else _with_reasons(result)
    yield _verdict(result, text)
    if several:
        yield from listed([name(reason) for reason in result.reasons])
    for line in result.details.splitlines():
        yield Text(INDENT * 2, QUIET).append_text(name_as_is(line))


def verdict_line(result: RunResult) -> RenderableType:
    """The verdict with its reasons, on one line where the console has room for it."""
    return _verdict(result, _with_reasons(result), widest=sys.maxsize)


def limit_used(threshold: ThresholdResult) -> float | None:
    """The share of an upper limit that was used; None for lower limits, of which a perfect run uses nearly all."""
    _, op = _sides(threshold)
    return 1 - threshold.margin if op in _UPPER_LIMITS and threshold.margin is not None else None


def outcome(result: RunResult) -> str:
    """What the verdict rests on, in a few words."""
    if result.verdict in (Verdict.INTERRUPTED, Verdict.ERROR):
        return "nothing was measured" if result.duration_ns is None else "partial report"
    if result.verdict is Verdict.INVALID:
        return "cannot be judged"
    failed, total = len(result.failed_thresholds), len(result.thresholds)
    if failed:
        return f"{units.format_count(failed)} of {counted(total, 'threshold')} failed"
    if total == 0:
        return "no thresholds: measured, not judged"
    return "the threshold holds" if total == 1 else f"all {units.format_count(total)} thresholds hold"


def _verdict(result: RunResult, text: str, *, widest: int = PROSE_WIDTH) -> Hanging:
    lead = verdict_word(result.verdict).append(INDENT)
    return Hanging(lead, Text.assemble(name(result.name, "bold"), f"  {text}"), widest=widest)


def _with_reasons(result: RunResult) -> str:
    reasons = "; ".join(map(one_line, result.reasons))
    return f"{outcome(result)}: {reasons}" if reasons else outcome(result)


def _row(threshold: ThresholdResult) -> list[Text]:
    subject, op = _sides(threshold)
    limit = units.format_quantity(threshold.unit, threshold.limit)
    style = "" if threshold.passed else BAD
    return [
        Text("pass", GOOD) if threshold.passed else Text("FAIL", f"bold {BAD}"),
        name(subject),
        Text(_observed(threshold, limit), style),
        Text(f"{op} {limit}".strip()),
        figure(threshold.margin, signed(share), style),
    ]


def _sides(threshold: ThresholdResult) -> tuple[str, str]:
    """The subject and the operator; all of an expression that this version cannot read, and no operator."""
    try:
        parsed = parse_threshold(threshold.expr)
    except ThresholdError:
        return threshold.expr, ""
    return parsed.subject, parsed.op


def _observed(threshold: ThresholdResult, limit: str) -> str:
    if threshold.observed is None:
        return NO_SAMPLES
    written = units.format_quantity(threshold.unit, threshold.observed)
    if written != limit or threshold.observed == threshold.limit:
        return written
    # three digits do not tell 100.02 ms from 100 ms, but the verdict does
    return f"just {'over' if threshold.observed > threshold.limit else 'under'} {limit}"


def _needs_remark(threshold: ThresholdResult) -> bool:
    return threshold.reason not in ("", NO_SAMPLES)


def _invitation(result: RunResult) -> Iterator[RenderableType]:
    if result.scenario.get("thresholds"):
        yield from labelled([("thresholds", Text("not judged: the run did not get that far", QUIET))])
        return
    yield from labelled([("thresholds", Text("none, so nothing is judged; to have one, add to the file:"))])
    yield Text(f"{INDENT * 2}thresholds:")
    yield Text.assemble(INDENT * 2, "  - ", example_threshold(result))


def example_threshold(result: RunResult) -> str:
    """A threshold that this run would have kept with room to spare, ready to be pasted."""
    for operation in slowest_first(result.operations):
        if operation.latency is not None:
            return f"{one_line(operation.name)}.latency.p95 < {_roomy_limit(operation.latency.p95_ns)}"
    return "success_rate >= 95%"


def _roomy_limit(observed_ns: float) -> str:
    """The next 1, 2 or 5 times a power of ten above twice the value."""
    wanted = max(1.0, 2 * observed_ns)
    limit_ns = next(n * 10**power for power in range(20) for n in (1, 2, 5) if n * 10**power >= wanted)
    for unit, factor in (("s", 10**9), ("ms", 10**6), ("us", 10**3)):
        if limit_ns >= factor:
            return f"{limit_ns // factor}{unit}"
    return f"{limit_ns}ns"
