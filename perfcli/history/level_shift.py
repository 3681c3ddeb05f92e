"""Did an operation's level shift from one run to another? The rule for baselines, on plain values.

An operation is slower where all of this holds; faster likewise:

- the two-sample Hodges-Lehmann estimate is at least 15 %;
- it is surely more than 5 %: the one-sided Mann-Whitney test, adjusted by Holm's method over all operations, gives
  p < 0.01 for what is left of the shift beyond 5 %;
- it is at least half of what the level went up and down within either run, from stretch to stretch: neighbours in time
  share what else the machine did, which the test takes for independent proofs;
- the times themselves moved the same way. An engine also waits for what does not follow the reference kernel (a disk,
  another vu), so what is slower in its units but took no more time than before is either the machine's doing or not;
- where several vus share the interpreter, the CPU time of an operation moved the same way, by 10 % at least: how long
  they wait for one another can be several times as long in one run as in the next, of the same engine.

What reaches the 15 % and fails another part is inconclusive: said, never a pass by silence and never a false alarm. So
are fewer than five values on a side.

Two runs are two processes, and processes of the same code differ by some percent from their start to their end. The
test does not see what all values of a run share; the margin of 15 % stands for it. Smaller changes are for
`digipal-perf ab`, which starts many processes of both engines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import exp, log
from statistics import median
from typing import Final, Literal

from perfcli.inference.estimates import two_sample
from perfcli.inference.rank_tests import adjusted, mann_whitney_p
from perfcli.results import OperationChange

MARGIN: Final = 0.15
SURELY: Final = 0.05
"""What a shift must be more than, beyond doubt."""

LEAST_CPU: Final = 0.10
ALPHA: Final = 0.01
LEAST_VALUES: Final = 5
_STRETCHES: Final = 8
_AB: Final = "digipal-perf ab compares on one machine at one time"

Change = Literal["regression", "improvement", "inconclusive", "no change"]


@dataclass(frozen=True, slots=True)
class Sides:
    """One operation then and now, as logarithms of times in their order."""

    name: str
    base: Sequence[float]
    now: Sequence[float]
    in_time: bool = False
    as_timed: float = 1.0
    """The ratio of the times themselves, whatever the machine's pace was."""
    cpu: float | None = None
    """Where several vus wait for one another: the ratio of CPU time by operation, in units of the machine's pace."""

    @property
    def lacks(self) -> str:
        """Why the two cannot be told apart; "" where they can."""
        what = "slices" if self.in_time else "readings of the machine's pace beside it"
        for values, when in ((self.base, "in the baseline"), (self.now, "now")):
            if len(values) < LEAST_VALUES:
                return f"{len(values)} {what} {when}, {LEAST_VALUES} are needed: measure for longer, as --duration 10s"
        return ""


def judge(operations: Sequence[Sides]) -> list[OperationChange]:
    """The change of each operation, by Holm's method over those that can be told at all."""
    told = [each for each in operations if not each.lacks]
    slower = adjusted([mann_whitney_p(_moved(each.base), each.now) for each in told])
    faster = adjusted([mann_whitney_p(_moved(each.now), each.base) for each in told])
    judged = {each.name: _judged(each, *p) for each, *p in zip(told, slower, faster, strict=True)}
    return [judged.get(each.name) or _untold(each) for each in operations]


def wander(values: Sequence[float]) -> float:
    """How far the level went up and down within a run: of the medians of eight stretches, all but the two outermost."""
    stretches = min(_STRETCHES, len(values))
    bounds = [place * len(values) // stretches for place in range(stretches + 1)]
    levels = sorted(median(values[begin:end]) for begin, end in pairwise(bounds))
    return levels[-2] - levels[1]


def _moved(values: Iterable[float]) -> list[float]:
    return [value + log(1 + SURELY) for value in values]


def _judged(sides: Sides, p_slower: float, p_faster: float) -> OperationChange:
    shift = two_sample(sides.base, sides.now)
    change: Change = "no change"
    reason = ""
    if abs(shift) >= log(1 + MARGIN):
        reason = _doubt(sides, shift, p_slower if shift > 0 else p_faster)
        change = "inconclusive" if reason else "regression" if shift > 0 else "improvement"
    return OperationChange(
        name=sides.name,
        in_time=sides.in_time,
        ratio=exp(shift),
        p_slower=p_slower,
        p_faster=p_faster,
        change=change,
        reason=reason,
    )


def _doubt(sides: Sides, shift: float, p: float) -> str:
    """Why a shift beyond the margin may be none; "" where it is sure."""
    told = f"{exp(shift):.2f} times as long"
    if log(sides.as_timed) * shift <= 0:
        pace = f"the machine's pace changed too much to tell; {_AB}"
        return f"{told} in units of the reference kernel, but {sides.as_timed:.2f} times as timed: {pace}"
    if p >= ALPHA:
        return f"{told}, but that this is more than {SURELY:.0%} is not sure (p {p:.2g}): measure for longer; {_AB}"
    if sides.cpu is not None and log(sides.cpu) * (1 if shift > 0 else -1) < log(1 + LEAST_CPU):
        waits = "its vus wait for one another, and that differs from run to run"
        return f"{told}, but {sides.cpu:.2f} times the CPU time by operation: {waits}; {_AB}"
    went = max(wander(sides.base), wander(sides.now))
    if abs(shift) < went / 2:
        return f"{told}, but within one run it changed by {exp(went):.2f} times: measure on a quieter machine; {_AB}"
    return ""


def _untold(sides: Sides) -> OperationChange:
    return OperationChange(name=sides.name, in_time=sides.in_time, change="inconclusive", reason=sides.lacks)
