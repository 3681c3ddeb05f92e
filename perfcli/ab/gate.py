"""The gate: which metrics got worse, as pairs of engines tell, and when there are pairs enough to say so.

docs/regression.md has the figures of its simulations; tests/perfcli/ab/test_gate.py repeats them.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final, Literal, NamedTuple

from perfcli.ab.result import Change, EngineSide, MetricComparison, ratio_above
from perfcli.figures.count_changes import most_severe
from perfcli.inference.estimates import Estimate, one_sample
from perfcli.inference.rank_tests import adjusted, signed_rank_p
from perfcli.results import CounterChange

ALPHA: Final = 0.01
"""The probability that any metric of two equal engines is called a regression is at most this, over all scenarios."""
_LEAST_ALLOWED: Final = 0.10
_PRECISION: Final = 0.3  # of the margin
_PRECISION_OF_ROUGH: Final = 0.55
_MOST_FOR_ROUGH: Final = 20  # pairs
_WILD: Final = 4  # times the median |d|
_SHIFTED: Final = 2.5  # spreads; the median of a normal |d| whose centre is two deviations from 0
_OF_NORMAL: Final = 0.798  # mean absolute deviation from the median, in standard deviations: √(2/π)
_OF_HALF_NORMAL: Final = 0.473
_RESAMPLES: Final = 200
_POWER: Final = 0.95
_SLOWDOWNS: Final = tuple(percent / 100 for percent in range(1, 51))
_SEED: Final = 5


class PairLimits(NamedTuple):
    """How many pairs are made: at least, in further steps of, and at most."""

    least: int
    step: int
    most: int

    def looks(self) -> Iterator[int]:
        """The numbers of pairs after which `enough` is asked."""
        yield from range(self.least, self.most, self.step)
        yield self.most


PINNED: Final = PairLimits(15, 5, 40)
UNPINNED: Final = PairLimits(30, 10, 80)
"""Where the system cannot pin a process to a CPU, pairs are noisier."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One metric in each pair, lower is better: what the base engine has, and how far the candidate differs.

    `differences` are of ln((candidate + floor) / (base + floor)), finite, and not always of the values of the pair:
    of a time each is the median over slices. A rough metric rests on few samples of each pair, as a p99 does.
    """

    name: str
    unit: Literal["ns", "bytes", "errors"]
    margin: float
    base_values: Sequence[float]
    differences: Sequence[float]
    is_rough: bool = False
    floor: float = 0.0
    """Differences are of figures above 0 to which this was added; 0 for a metric that is never 0."""


def judge(metrics: Sequence[Compared], alpha: float = ALPHA) -> list[MetricComparison]:
    """What became of each metric, in the same order.

    A regression is sure (Wilcoxon's signed-rank p, Holm-adjusted over the metrics, is at most 0.01) and large (the
    Hodges–Lehmann estimate reaches the margin); an improvement likewise. What is neither is inconclusive while the
    upper 95 % bound still allows a change of 10 %, or of twice the margin if that is more; else there is no change.

    A metric that is equal in both engines of every pair has no p below 1, so it does not count in the adjustment of the
    others (R. E. Tarone, "A modified Bonferroni method for discrete data", Biometrics 46, 1990).

    Args:
        alpha: the probability that any metric of two equal engines is called a regression is at most this.

    Raises:
        ValueError: a metric has no pair.
    """
    worse, better = _adjusted_p(metrics, sign=1), _adjusted_p(metrics, sign=-1)
    return [_compared(*each, alpha) for each in zip(metrics, worse, better, strict=True)]


def enough(metrics: Sequence[Compared], alpha: float = ALPHA) -> bool:
    """Whether more pairs would change little: the error of each metric's estimate is at most 30 % of its margin.

    It looks at |d| alone, never at a sign. If the engines are equal, each d is as likely to be positive as negative
    whatever the sizes are, and it stays so when sizes alone decide how many pairs there are: the signed-rank test
    remains exact although it may stop early.

    Rough metrics are content with 55 %, or with 20 pairs, or a few moments in which others had the CPU would double the
    pairs of most gates. But where only such ones speak of a regression, they have to do so of all the pairs there can
    be. That looks at a sign, and can only take a regression back: it makes false alarms rarer, never more frequent.
    """
    if not all(_is_precise(metric) for metric in metrics):
        return False
    verdicts = zip(metrics, judge(metrics, alpha), strict=True)
    found = [metric.is_rough for metric, judged in verdicts if judged.change is Change.REGRESSION]
    return not found or not all(found)


def _is_precise(metric: Compared) -> bool:
    if metric.is_rough and len(metric.differences) >= _MOST_FOR_ROUGH:
        return True
    precision = _PRECISION_OF_ROUGH if metric.is_rough else _PRECISION
    return _error(metric.differences) <= math.log1p(metric.margin) * precision


def smallest_found(
    differences: Sequence[float], margin: float, *, limits: PairLimits = PINNED, metrics: int = 1
) -> float | None:
    """The smallest slowdown, in whole percent up to 50, that gates on this machine find in 95 of 100.

    Gates are played with pairs drawn from those of two equal engines, each with a random sign and slowed down; the
    seed is fixed.

    Args:
        differences: of the pairs of two equal engines: ln(candidate / base).
        margin: of the metric.
        limits: how many pairs a gate may have.
        metrics: how many metrics share the gate, which makes each of them harder to prove.

    Returns:
        0.07 for 7 %; None where not even 50 % is found so often, or there are no pairs.
    """
    if not differences:
        return None
    rng = random.Random(_SEED)
    played = [[rng.choice((-1, 1)) * d for d in rng.choices(differences, k=limits.most)] for _ in range(_RESAMPLES)]

    def is_found(slowdown: float) -> bool:
        shift = math.log1p(slowdown)
        found = sum(_finds([noise + shift for noise in pairs], margin, limits, metrics) for pairs in played)
        return found >= _POWER * _RESAMPLES

    smallest = bisect_left(_SLOWDOWNS, True, key=is_found)
    return _SLOWDOWNS[smallest] if smallest < len(_SLOWDOWNS) else None


def _adjusted_p(metrics: Sequence[Compared], sign: int) -> list[float]:
    tested = [signed_rank_p([sign * d for d in metric.differences]) for metric in metrics if any(metric.differences)]
    p_values = iter(adjusted(tested))
    return [next(p_values) if any(metric.differences) else 1.0 for metric in metrics]


def _compared(metric: Compared, p_worse: float, p_better: float, alpha: float) -> MetricComparison:
    estimate = one_sample(metric.differences)
    # less than nothing is nothing: what an engine freed was not its own
    base = median(metric.base_values)
    base = max(0.0, base) if metric.floor else base

    def ratio(difference: float) -> float:
        return ratio_above(metric.floor, base, difference)

    return MetricComparison(
        name=metric.name,
        unit=metric.unit,
        margin=metric.margin,
        base=base,
        candidate=_candidate(metric, base, estimate.value),
        ratio=ratio(estimate.value),
        lower=ratio(estimate.lower) if math.isfinite(estimate.lower) else None,
        upper=ratio(estimate.upper) if math.isfinite(estimate.upper) else None,
        p_worse=p_worse,
        p_better=p_better,
        change=_change(metric, estimate, p_worse, p_better, alpha),
        differences=list(metric.differences),
        floor=metric.floor,
    )


def _candidate(metric: Compared, base: float, difference: float) -> float:
    """What a paired difference makes of the base: the change that is reported follows from the two figures."""
    if not difference:
        return base
    return max(0.0, (base + metric.floor) * math.exp(difference) - metric.floor)


def _change(metric: Compared, estimate: Estimate, p_worse: float, p_better: float, alpha: float) -> Change:
    margin, allowed = math.log1p(metric.margin), math.log1p(max(_LEAST_ALLOWED, 2 * metric.margin))

    if p_worse <= alpha and estimate.value >= margin:
        return Change.REGRESSION
    if p_better <= alpha and -estimate.value >= margin:
        return Change.IMPROVEMENT
    return Change.INCONCLUSIVE if estimate.upper > allowed else Change.NO_CHANGE


def _error(differences: Sequence[float]) -> float:
    """About the standard error of the estimate, from the mean absolute deviation of |d|; inf of less than two pairs.

    A shift does not widen that spread much: without one |d| is half-normal, and where its median is far above the
    spread, signs hardly mix and |d| is normal. A wild pair counts as four times the median |d|: some of them need more
    pairs, as they weigh in the test, but a single one does not need all there may be.
    """
    if len(differences) < 2:
        return math.inf
    sizes = [abs(d) for d in differences]
    centre = median(sizes)
    spread = fmean(abs(min(size, _WILD * centre) - centre) for size in sizes)
    deviation = spread / (_OF_NORMAL if centre > _SHIFTED * spread else _OF_HALF_NORMAL)
    return deviation / math.sqrt(len(differences))


def _finds(differences: Sequence[float], margin: float, limits: PairLimits, metrics: int) -> bool:
    """Whether a gate with these pairs at hand ends in a regression."""
    target = math.log1p(margin) * _PRECISION
    pairs = next((look for look in limits.looks() if _error(differences[:look]) <= target), limits.most)
    made = differences[:pairs]
    return one_sample(made).value >= math.log1p(margin) and signed_rank_p(made) * metrics <= ALPHA


_GRAVEST_FIRST: Final = (Change.REGRESSION, Change.INCONCLUSIVE, Change.IMPROVEMENT, Change.NO_CHANGE)


class Conclusion(NamedTuple):
    """What to say of a comparison."""

    change: Change
    reasons: list[str]
    invalid: str
    """Why nothing can be said; "" where something can."""


def conclusion(
    base: EngineSide,
    candidate: EngineSide,
    metrics: Sequence[MetricComparison],
    spoilt: str,
    labels: Sequence[str],
    counters: Sequence[CounterChange] = (),
) -> Conclusion:
    """Errors and lost writes of the candidate alone are a regression, whatever the times; so is an exact counter.

    Args:
        spoilt: why the pairs cannot be compared; "" where they can.
        labels: of the operations that were to be compared.
        counters: what became of each exact counter.
    """
    by_pairs = _by_pairs(base, candidate, metrics, spoilt, labels)
    counted = most_severe(counters)
    if by_pairs.invalid or counted == "incomparable":
        return by_pairs
    return by_pairs._replace(change=min((by_pairs.change, Change(counted)), key=_GRAVEST_FIRST.index))


def _by_pairs(
    base: EngineSide, candidate: EngineSide, metrics: Sequence[MetricComparison], spoilt: str, labels: Sequence[str]
) -> Conclusion:
    if invalid := _nothing_to_hold_against(base):
        return Conclusion(Change.INCONCLUSIVE, [], invalid)
    faults = _faults(candidate)
    if faults and base.is_sound:
        return Conclusion(Change.REGRESSION, [f"only the candidate {fault}" for fault in faults], "")
    reasons = [f"the base {fault}" for fault in _faults(base)] + [f"the candidate {fault}" for fault in faults]
    if candidate.problem or (candidate.lost_writes and not base.lost_writes):
        return Conclusion(Change.REGRESSION, reasons, "")
    if not metrics:
        return Conclusion(Change.INCONCLUSIVE, ["no pair was completed"], "")
    if spoilt:
        return Conclusion(Change.INCONCLUSIVE, [], spoilt)
    gravest = min((metric.change for metric in metrics), key=_GRAVEST_FIRST.index)
    missing = _not_compared(metrics, labels)
    if missing == list(labels) and gravest is not Change.REGRESSION:
        nothing = [*reasons, "too few operations succeeded for a comparison"]
        # a candidate that does what the base cannot is no reason to fail
        return Conclusion(Change.INCONCLUSIVE, [] if faults else nothing, "; ".join(nothing) if faults else "")
    if missing:
        reasons.append(f"not compared, because too few succeeded in some pair: {', '.join(missing)}")
    return Conclusion(gravest, reasons, "")


def _nothing_to_hold_against(base: EngineSide) -> str:
    if base.problem:
        return f"the base {base.name} stopped: {base.problem}"
    if base.operations and base.failed == base.operations:
        return f"the base {base.name} {_faults(base)[0]}"
    return ""


def _not_compared(metrics: Sequence[MetricComparison], labels: Sequence[str]) -> list[str]:
    """Operations without a metric of their own, which must not look as if they were found unchanged."""
    compared = {metric.name for metric in metrics}
    return [label for label in labels if f"{label}.p50" not in compared]


def _faults(side: EngineSide) -> list[str]:
    """What an engine did wrong, in words that follow its name."""
    faults = [f"stopped: {side.problem}"] if side.problem else []
    if side.failed:
        kind, count = next(iter(side.errors.items()))
        times = "once" if count == 1 else f"{count:,} times"
        faults.append(f"failed in {side.failed:,} of {side.operations:,} operations, {times} by {kind}")
    if side.lost_writes:
        faults.append(f"lost {side.lost_writes:,} acknowledged writes: {'; '.join(side.lost_examples)}")
    return faults
