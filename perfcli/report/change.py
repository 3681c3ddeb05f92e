"""How a change from one engine to another is written: its word, its percentage, its interval, a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.ab.result import Change, MetricComparison
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD
from perfcli.report.wording import UNKNOWN, one_line, signed

GRAVEST_FIRST: Final = (Change.REGRESSION, Change.INCONCLUSIVE, Change.IMPROVEMENT, Change.NO_CHANGE)

_STYLES: Final = {
    Change.REGRESSION: f"bold {BAD}",
    Change.INCONCLUSIVE: f"bold {DOUBTFUL}",
    Change.IMPROVEMENT: f"bold {GOOD}",
    Change.NO_CHANGE: GOOD,
}
_ALOUD: Final = (Change.REGRESSION, Change.INCONCLUSIVE)
_BYTES: Final = signed(units.format_size)
_COUNTED: Final = ("statements", "errors")
_A_FACTOR: Final = 11.0
_FROM_ZERO: Final = "from 0"


def change_style(change: Change) -> str:
    """The colour of a change, which never says more than its word does."""
    return _STYLES[change]


def change_word(change: Change) -> Text:
    """What holds up a merge, or may, is said aloud."""
    return Text(change.value.upper() if change in _ALOUD else change.value, change_style(change))


def worst_first(metrics: Iterable[MetricComparison]) -> list[MetricComparison]:
    """By what became of them; otherwise in the order they are given."""
    return sorted(metrics, key=lambda metric: GRAVEST_FIRST.index(metric.change))


def surest_first(metrics: Iterable[MetricComparison]) -> list[MetricComparison]:
    """Exact counts, then by how far a change lies beyond its margin, in lengths of its own interval."""
    return sorted(metrics, key=_sureness, reverse=True)


def _sureness(metric: MetricComparison) -> tuple[bool, float]:
    is_better = metric.change is Change.IMPROVEMENT
    bound = metric.upper if is_better else metric.lower
    if bound is None:
        return False, -math.inf
    is_exact = len(set(metric.differences)) == 1 or metric.unit in _COUNTED
    beyond = (1 - metric.ratio if is_better else metric.ratio - 1) - metric.margin
    length = abs(metric.ratio - bound)
    return is_exact, beyond / length if length and math.isfinite(length) else math.inf


def is_same(metric: MetricComparison) -> bool:
    """Whether both engines gave the same value in every pair."""
    return metric.base == metric.candidate and not any(metric.differences)


def value(metric: MetricComparison, measured: float) -> str:
    """A measured value of a metric with its unit."""
    if not math.isfinite(measured):
        return UNKNOWN
    if metric.unit == "ns":
        return units.format_duration(measured)
    if metric.unit == "errors":
        return units.format_percentage(measured)
    return units.format_size(measured) if metric.unit == "bytes" else units.format_number(measured)


def percent(ratio: float) -> str:
    """ "+12.3%" for a ratio of 1.123; from eleven times on a factor, as nobody reads +308129.0%."""
    if math.isnan(ratio):
        return UNKNOWN
    if ratio == math.inf:
        return _FROM_ZERO
    if ratio >= _A_FACTOR:
        return f"{units.format_number(ratio)}x"
    written = f"{100 * (ratio - 1):+.1f}%"
    return "0.0%" if written in ("+0.0%", "-0.0%") else written


def amount(metric: MetricComparison) -> str:
    """By how much the candidate differs: a percentage, where the base is no 0."""
    if is_same(metric):
        return "same"
    if _is_about_zero(metric):
        return _BYTES(metric.candidate - metric.base)
    return _FROM_ZERO if _is_from_zero(metric) else percent(metric.ratio)


def interval(metric: MetricComparison) -> str:
    """ "+10.1 to +14.0%"; one bound where the other is not known."""
    if not metric.base:
        return UNKNOWN
    if _is_about_zero(metric):
        ends = ["" if bound is None else _BYTES((bound - 1) * metric.base) for bound in (metric.lower, metric.upper)]
        return " to ".join(ends) if all(ends) else UNKNOWN
    lower, upper = ("" if bound is None else percent(bound) for bound in (metric.lower, metric.upper))
    if lower and upper:
        if metric.lower == metric.upper:
            return "in every pair"
        return f"{lower.removesuffix('%') if upper.endswith('%') else lower} to {upper}"
    if lower or upper:
        return f"over {lower}" if lower else f"under {upper}"
    return UNKNOWN


def sentence(metric: MetricComparison) -> str:
    """What became of a metric, with how sure that is: "load_pet.p50 is 12.3% slower (+10.1 to +14.0%)"."""
    who = one_line(metric.name)
    if is_same(metric):
        return f"{who} is the same"
    how_sure = f" ({known})" if (known := interval(metric)) != UNKNOWN else ""
    if metric.change is Change.INCONCLUSIVE:
        return f"{who} {_what_it_may_be(metric)}{how_sure}"
    if metric.change is Change.NO_CHANGE:
        return f"{who} {amount(metric)}{how_sure}"
    if _is_from_zero(metric) or _is_about_zero(metric) or not metric.ratio < _A_FACTOR:
        return f"{who} is {value(metric, metric.candidate)}, in the base {value(metric, metric.base)}{how_sure}"
    return f"{who} is {_compared(metric, metric.ratio)}{how_sure}"


def _what_it_may_be(metric: MetricComparison) -> str:
    if metric.upper is None:
        return "may have changed or not: too few pairs to bound it"
    if not metric.base:
        return f"may be more than the {value(metric, 0.0)} of the base"
    if metric.upper >= _A_FACTOR:
        return f"may be {percent(metric.upper)} as {_worse_and_better(metric)[2]}"
    return f"may be up to {_compared(metric, metric.upper)}"


def _is_about_zero(metric: MetricComparison) -> bool:
    """Whether bytes are so few that a percentage of them would say nothing."""
    return metric.unit == "bytes" and min(metric.base, metric.candidate) < metric.floor


def _is_from_zero(metric: MetricComparison) -> bool:
    return metric.base == 0 != metric.candidate


def _compared(metric: MetricComparison, ratio: float) -> str:
    worse, better, _ = _worse_and_better(metric)
    return f"{percent(ratio).lstrip('+-')} {better if ratio < 1 else worse}"


def _worse_and_better(metric: MetricComparison) -> tuple[str, str, str]:
    return ("slower", "faster", "slow") if metric.unit == "ns" else ("higher", "lower", "high")
