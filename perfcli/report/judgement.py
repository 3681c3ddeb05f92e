"""The verdict with its reasons."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.errors import Verdict
from perfcli.report.blocks import QUIET
from perfcli.report.compared import comparison_word
from perfcli.report.figures import counted, name, name_as_is, one_line, verdict_word
from perfcli.report.layout import INDENT, PROSE_WIDTH, Hanging, listed
from perfcli.results import RunResult


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


def outcome(result: RunResult) -> str:
    """What the verdict rests on, in a few words."""
    return f"{_outcome(result)}, {_ordinal(result)} try" if result.earlier_tries else _outcome(result)


def earlier_tries(result: RunResult) -> str:
    """Which try this is, and what became of those before; "" for the first."""
    if not (earlier := result.earlier_tries):
        return ""
    before = "the first was starved" if len(earlier) == 1 else f"{len(earlier)} before were starved, the last"
    return f"{_ordinal(result)} try; {before}: {'; '.join(earlier[-1].reasons)}"


def _ordinal(result: RunResult) -> str:
    number = len(result.earlier_tries) + 1
    last = 0 if number % 100 in (11, 12, 13) else number % 10
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(last, 'th') }"


def _outcome(result: RunResult) -> str:
    if result.verdict in (Verdict.INTERRUPTED, Verdict.ERROR):
        return "nothing was measured" if result.duration_ns is None else "partial report"
    if result.verdict is Verdict.INVALID:
        return "cannot be judged"
    return f"{_of_thresholds(result)}{_of_soft_ones(result)}{_own_exit_code(result)}"


def _of_thresholds(result: RunResult) -> str:
    failed, total = len(result.failed_thresholds), sum(threshold.strict for threshold in result.thresholds)
    if failed:
        return f"{units.format_count(failed)} of {counted(total, 'threshold')} failed{_not_judged(result)}"
    if total == 0:
        return "no thresholds: measured, not judged" if not result.thresholds else "only soft thresholds: not judged"
    return "the threshold holds" if total == 1 else f"all {units.format_count(total)} thresholds hold"


def _not_judged(result: RunResult) -> str:
    count = sum(threshold.outcome == "not judged" for threshold in result.thresholds)
    return f", {units.format_count(count)} not judged" if count else ""


def _of_soft_ones(result: RunResult) -> str:
    missed = sum(threshold.outcome == "miss" for threshold in result.thresholds)
    return f", {counted(missed, 'soft one')} missed" if missed else ""


def _own_exit_code(result: RunResult) -> str:
    return f" (exit code {result.own_exit_code})" if result.own_exit_code != result.verdict.exit_code else ""


def _verdict(result: RunResult, text: str, *, widest: int = PROSE_WIDTH) -> Hanging:
    lead = verdict_word(result.verdict).append(INDENT)
    return Hanging(
        lead, Text.assemble(name(result.name, "bold"), f"  {text}", *_against_baseline(result)), widest=widest
    )


def _against_baseline(result: RunResult) -> list[Text | str]:
    """What the comparison with a baseline says, so that a verdict on thresholds alone is not taken for the whole."""
    if result.baseline is None:
        return []
    gives = f" (exit code {result.exit_code})" if result.exit_code != result.own_exit_code else ""
    return ["; ", comparison_word(result.baseline), gives]


def _with_reasons(result: RunResult) -> str:
    reasons = "; ".join(map(one_line, result.reasons))
    return f"{outcome(result)}: {reasons}" if reasons else outcome(result)
