"""Where a series of figures changed its level, found by ranks and permutations.

The statistic is the largest |rank-sum z| over all places where the series can be split: Pettitt (1979), "A
non-parametric approach to the change-point problem", scaled as Wilcoxon's rank sum is, with midranks and the variance
that ties leave. Its p is taken from permutations of the series with a fixed seed, so nothing is assumed of how the
noise is distributed; only that, without a change, any order of the figures was as likely. Permutations stop once the
answer is certain: Besag & Clifford (1991), "Sequential Monte Carlo p-values".

More than one change is found by binary segmentation: Scott & Knott (1974); Vostrikova (1981). A spell that began and
ended hides from single splits, so where there is none, stretches within the series are held against the rest of it, as
in Olshen et al. (2004), "Circular binary segmentation", and more strictly, since it is a second question.

An outlier weighs as one rank, however far out it lies. A drift is told from a step (`Change.gradual`). What looks like
a change and is none: noise that is not independent, such as a machine that is slow for a week.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import ceil, copysign, inf, sqrt
from operator import mul, sub
from random import Random
from statistics import median
from typing import Final

from perfcli.inference.estimates import theil_sen_slope
from perfcli.inference.rank_tests import midranks

LEAST_SEGMENT: Final = 4
ALPHA: Final = 0.01
LEAST_SHIFT: Final = 0.05
_SPELL_SHARE: Final = 0.1
"""Of alpha, for the question about spells; single splits have the rest."""
_PERMUTATIONS: Final = 999
_SEED: Final = 19_790_228
_MOST_ENDS: Final = 60
"""Places at which a spell is taken to begin or end; their number to the power of two is the work it makes."""

_Statistic = Callable[[Sequence[int]], float]


@dataclass(frozen=True, slots=True)
class Change:
    """Two stretches of a series on different levels: `begin` to `index`, and `index` to `end`, as of a slice."""

    begin: int
    index: int
    end: int
    before: float
    """The median of the first stretch, in the series' own unit; `after` of the second."""
    after: float
    gradual: bool = False
    """Whether a straight line fits both stretches better than two levels: a drift, which has no place."""

    @property
    def shift(self) -> float:
        """The change as a share of the level before: 0.1 is 10 % up; infinite where that level is 0."""
        moved = self.after - self.before
        return moved / abs(self.before) if self.before else copysign(inf, moved) if moved else 0.0


def changes(values: Sequence[float], *, alpha: float = ALPHA, least_shift: float = LEAST_SHIFT) -> list[Change]:
    """The changes of level in a series, in their order; a drift over several stretches is one.

    Args:
        values: the series, oldest first, in any unit.
        alpha: how often a series without any change may show one.
        least_shift: the smallest shift of medians, as a share, that is worth a word.
    """
    rng = Random(_SEED)  # the same series always gets the same answer
    cuts = _refined(values, sorted(_cuts(values, 0, len(values), alpha, rng)))
    return _drifts_joined(_worth_a_word(values, cuts, least_shift))


def best_split(values: Sequence[float]) -> tuple[int, float]:
    """Where the rank sums of both sides differ the most, and their z; positive where the right side is larger.

    Raises:
        ValueError: fewer than 8 values, or no two that differ.
    """
    ranked = _centred(values)
    if len(ranked) < 2 * LEAST_SEGMENT or not any(ranked):
        raise ValueError("no split: fewer than 8 values, or all the same")
    scores = list(map(mul, _sums(ranked), _scales(ranked)))
    place = max(range(len(scores)), key=lambda k: abs(scores[k]))
    return place + LEAST_SEGMENT, -scores[place]


def _cuts(values: Sequence[float], begin: int, end: int, alpha: float, rng: Random) -> Iterator[int]:
    """The places where the level changes, by binary segmentation; in no order."""
    found = _found_in(values[begin:end], alpha, rng)
    edges = [begin, *(begin + place for place in found), end]
    if found:
        yield from edges[1:-1]
        for left, right in pairwise(edges):
            yield from _cuts(values, left, right, alpha, rng)


def _found_in(values: Sequence[float], alpha: float, rng: Random) -> list[int]:
    """The place of a change, the two of a spell, or none."""
    ranked = _centred(values)
    if len(ranked) < 2 * LEAST_SEGMENT or not any(ranked):
        return []
    if _is_rare(ranked, _largest_split(ranked), alpha * (1 - _SPELL_SHARE), rng):
        return [best_split(values)[0]]
    if len(ranked) < 3 * LEAST_SEGMENT or not _is_rare(ranked, _largest_spell(ranked), alpha * _SPELL_SHARE, rng):
        return []
    return list(_spell(ranked))


def _is_rare(ranked: Sequence[int], statistic: _Statistic, alpha: float, rng: Random) -> bool:
    """Whether at most a share `alpha` of the orders the figures could have come in is as extreme as theirs."""
    observed = statistic(ranked)
    permutations = max(_PERMUTATIONS, ceil(1 / alpha) - 1)
    tolerated = int(alpha * (permutations + 1) + 1e-9) - 1
    shuffled = list(ranked)
    for _ in range(permutations):
        rng.shuffle(shuffled)
        tolerated -= statistic(shuffled) >= observed
        if tolerated < 0:
            return False
    return True


def _centred(values: Sequence[float]) -> list[int]:
    """Midranks, doubled to be whole and less their mean: sums of them are exact in any order."""
    return [round(2 * rank) - len(values) - 1 for rank in midranks(values)]


def _sums(ranked: Sequence[int]) -> list[int]:
    """The sum left of each place where a split may be."""
    return list(accumulate(ranked))[LEAST_SEGMENT - 1 : len(ranked) - LEAST_SEGMENT]


def _scale(ranked: Sequence[int], size: int) -> float:
    """What makes a z of the rank sum of `size` figures, drawn without replacement from all."""
    n = len(ranked)
    squares: int = sum(rank * rank for rank in ranked)
    return sqrt(n * (n - 1) / (size * (n - size) * squares))


def _scales(ranked: Sequence[int]) -> list[float]:
    return [_scale(ranked, size) for size in range(LEAST_SEGMENT, len(ranked) - LEAST_SEGMENT + 1)]


def _largest_split(ranked: Sequence[int]) -> _Statistic:
    scales = _scales(ranked)
    return lambda order: max(map(abs, map(mul, _sums(order), scales)))


def _ends(count: int) -> range:
    """Where a spell may begin and end: everywhere in short series."""
    inner = count - 2 * LEAST_SEGMENT
    return range(LEAST_SEGMENT, count - LEAST_SEGMENT + 1, ceil(inner / _MOST_ENDS) or 1)


def _largest_spell(ranked: Sequence[int]) -> _Statistic:
    ends = _ends(len(ranked))
    apart = range(-(-LEAST_SEGMENT // ends.step), len(ends))
    scales: list[tuple[int, float]] = [(steps, _scale(ranked, steps * ends.step)) for steps in apart]

    def statistic(order: Sequence[int]) -> float:
        until = [0, *accumulate(order)][ends.start : ends.stop : ends.step]
        tallest: Iterator[float] = (max(map(abs, map(sub, until[steps:], until))) * scale for steps, scale in scales)
        return max(tallest)

    return statistic


def _spell(ranked: Sequence[int]) -> tuple[int, int]:
    """The stretch within the series that stands out the most."""
    until = [0, *accumulate(ranked)]
    ends = _ends(len(ranked))
    stretches = ((first, last) for first in ends for last in ends if last - first >= LEAST_SEGMENT)
    return max(stretches, key=lambda s: abs(until[s[1]] - until[s[0]]) * _scale(ranked, s[1] - s[0]))


def _refined(values: Sequence[float], cuts: Sequence[int]) -> list[int]:
    """Each cut where it is best between its neighbours: the first were found when the others were not known."""
    edges = [0, *cuts, len(values)]
    for at in range(1, len(edges) - 1):
        around = values[edges[at - 1] : edges[at + 1]]
        if any(_centred(around)):
            edges[at] = edges[at - 1] + best_split(around)[0]
    return edges[1:-1]


def _worth_a_word(values: Sequence[float], cuts: Sequence[int], least_shift: float) -> list[Change]:
    """The changes at these cuts; the smallest goes as long as it is too small, and its two stretches become one."""
    edges = [0, *cuts, len(values)]
    found = [_change(values, *edges[at : at + 3]) for at in range(len(cuts))]
    smallest = min(found, key=lambda change: abs(change.shift), default=None)
    if smallest is None or abs(smallest.shift) >= least_shift:
        return found
    return _worth_a_word(values, [cut for cut in cuts if cut != smallest.index], least_shift)


def _change(values: Sequence[float], begin: int, index: int, end: int) -> Change:
    left, right = values[begin:index], values[index:end]
    before, after = median(left), median(right)
    by_levels = sum(abs(value - before) for value in left) + sum(abs(value - after) for value in right)
    slope = theil_sen_slope(list(enumerate(values[begin:end]))) or 0.0
    level = [value - slope * at for at, value in enumerate(values[begin:end])]
    by_line = sum(abs(each - median(level)) for each in level)
    return Change(begin, index, end, before, after, gradual=by_line < by_levels)


def _drifts_joined(found: Sequence[Change]) -> list[Change]:
    joined: list[Change] = []
    for change in found:
        last = joined[-1] if joined else None
        if last and last.gradual and change.gradual and last.shift * change.shift > 0:
            joined[-1] = replace(last, end=change.end, after=change.after)
        else:
            joined.append(change)
    return joined
