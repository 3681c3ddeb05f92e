"""The verdict on a candidate with its reasons, and what would help where there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from perfcli.errors import Verdict
from perfcli.regression.result import AbResult, Change, MetricComparison, Pairing
from perfcli.report.change import amount, change_word, sentence, surest_first
from perfcli.report.figures import counted, name, one_line, verdict_word
from perfcli.report.layout import INDENT, PROSE_WIDTH, Hanging, listed

_MOST_NAMED: Final = 3
_MORE_PAIRS: Final = {"most pairs": "more pairs: --max-pairs", "time": "more pairs: --max-time"}


def render_change(result: AbResult, *, strict: bool) -> Iterator[RenderableType]:
    """What became of the candidate with each reason, and of an inconclusive comparison what would help."""
    alone = not result.invalid and not _told(result) and len(result.reasons) == 1
    yield _verdict_line(result, with_reasons=alone, widest=PROSE_WIDTH)
    if not alone:
        yield from listed([Text(_first_line(reason)) for reason in result.reasons])
    if result.change is Change.INCONCLUSIVE and not (result.invalid or result.interrupted):
        yield from listed(list(_what_would_help(result.pairing, strict=strict)))


def comparison_line(result: AbResult) -> RenderableType:
    """The verdict of one comparison, on one line where the console has room for it."""
    return _verdict_line(result, with_reasons=True, widest=sys.maxsize)


def _first_line(text: str) -> str:
    """What follows it stands among the troubles of its engine."""
    return one_line(next((line for line in text.splitlines() if line.strip()), ""))


def _verdict_line(result: AbResult, *, with_reasons: bool, widest: int) -> Hanging:
    text = Text.assemble(name(result.scenario, "bold"), INDENT, _outcome(result, with_reasons=with_reasons))
    return Hanging(word_of(result).append(INDENT), text, widest=widest)


def word_of(result: AbResult) -> Text:
    """What became of the candidate, in a word."""
    if result.interrupted:
        return verdict_word(Verdict.INTERRUPTED)
    return verdict_word(Verdict.INVALID) if result.invalid else change_word(result.change)


def _outcome(result: AbResult, *, with_reasons: bool) -> str:
    pairs = counted(result.pairing.pairs, "pair")
    if result.interrupted:
        so_far = f"; until then: {result.change.value}" if result.metrics else ""
        return f"partial report: {one_line(result.interrupted)} after {pairs}{so_far}"
    if result.invalid:
        return f"cannot be compared: {_first_line(result.invalid)}"
    told = [_of_metrics(_told(result))] if _told(result) else []
    reasons = list(map(_first_line, result.reasons)) if with_reasons else []
    unchanged = result.change is Change.NO_CHANGE and not (told or reasons)
    in_general = ["no metric differs by more than its margin"] if unchanged else []
    return "; ".join((*told, *reasons, *in_general, pairs))


def _told(result: AbResult) -> list[MetricComparison]:
    """The metrics that bear the verdict, the surest first; of no change, the time."""
    if result.change is Change.NO_CHANGE:
        return [metric for metric in result.metrics if metric.name == "time"]
    return surest_first(metric for metric in result.metrics if metric.change is result.change)


def _of_metrics(told: Sequence[MetricComparison]) -> str:
    first, *more = told
    if not more:
        return sentence(first)
    named = [f"{one_line(metric.name)} {amount(metric)}" for metric in more[:_MOST_NAMED]]
    rest = f" and {len(more) - _MOST_NAMED} more" if len(more) > _MOST_NAMED else ""
    return f"{sentence(first)}; likewise {', '.join(named)}{rest}"


def _what_would_help(pairing: Pairing, *, strict: bool) -> Iterator[Text]:
    if more_pairs := _MORE_PAIRS.get(pairing.stopped_by):
        yield Text(more_pairs)
    yield Text("a quieter machine: end what else runs; `digipal-perf selftest` tells what this one can resolve")
    yield Text("it fails, as --strict asks" if strict else "it does not fail; with --strict it would")
