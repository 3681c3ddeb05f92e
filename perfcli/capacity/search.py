"""Where thresholds stop to hold: a search that is fed one verdict at a time, and neither runs nor waits.

Verdicts of single runs are noisy near the edge, so bisection alone can end far off after one mistake. This search
doubles and bisects with short runs, then judges loads by 2 of 3 long ones, and tries both ends again in turns. Close
relatives are MLRsearch (RFC 2544's search with trials repeated until they agree; M. Konstantynowicz, V. Polák,
draft-ietf-bmwg-mlrsearch) and the search of MLPerf LoadGen.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from perfcli.inference.logistic import Drift, LogisticFit, Run, drift, fit_logistic, half_point_interval

MOST_RUNS: Final = 30
SAFE_SHARE: Final = 0.9
"""Of runs that hold at the load called safe."""

_COARSE: Final = 4
"""Short runs bisect down to this multiple of the precision."""
_BELOW: Final = 4.0
_STEPS_BELOW: Final = 3
"""How often the load is divided by _BELOW if thresholds fail at once."""
_BEYOND: Final = 2.0
"""One look at this multiple of the first load that fails shows thresholds that hold again."""
_TO_STOP: Final = 0.98
"""The confidence of the interval that ends a search when it is narrow: few runs agree by chance too often at 90%."""

_GRID: Final = 0.4
"""The ends lie this share of the precision apart: the lower end of a sharp edge is then as steady as MLRsearch's."""
_LEVEL: Final = 0.94
"""The nominal level of the interval that holds the half-point in 90% of searches: earlier verdicts choose the loads,
and an interval of 90% then holds it in 87% where the edge is a slope."""
_TRIES: Final = 3
"""Full runs of each end, at least."""


class Length(StrEnum):
    """How long a probe runs."""

    SHORT = "short"
    MEDIUM = "medium"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Probe:
    """A run to make."""

    load: float
    length: Length


class Outcome(StrEnum):
    """What a search found."""

    FOUND = "found"
    NEVER = "never"
    """The thresholds fail at every load that was tried."""
    ALWAYS = "always"
    """They hold at the highest load that is allowed."""
    UNFINISHED = "unfinished"


@dataclass(frozen=True, slots=True)
class End:
    """A load with its runs."""

    load: float
    held: int
    runs: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of the edge after some runs; loads in the unit of the search."""

    outcome: Outcome
    runs: int
    holds: End | None = None
    """The highest load that holds in most of its runs, with none below it that does not."""
    fails: End | None = None
    """The lowest load above it that fails in most of its runs."""
    fit: LogisticFit | None = None
    lower: float = 0.0
    upper: float = math.inf
    """The 90% interval of the load at which half of the runs hold, no narrower than from `holds` to `fails`."""
    safe: float | None = None
    """9 of 10 runs hold, by the curve through all runs; not above `holds`."""
    drift: Drift | None = None
    """Whether the edge moved while it was looked for."""
    holds_again: End | None = None
    """A load above one that fails."""


class Search:
    """A search for the load at which thresholds stop to hold.

    Args:
        start: first load to try.
        highest: no load beyond it is tried.
        precision: the relative distance of the ends, 0.05 for 5%, and half the width of the interval.
        whole: whether loads are whole numbers, such as vus.
    """

    def __init__(self, start: float, highest: float, *, precision: float = 0.05, whole: bool = False) -> None:
        self._start = start
        self._highest = highest
        self._precision = precision
        self._apart = _GRID * precision
        self._whole = whole
        self._digits = 3 if precision >= 0.02 else 4
        self._runs: list[Run] = []
        self._full: dict[float, list[bool]] = {}
        self._low: float | None = None
        self._high: float | None = None
        self._outcome = Outcome.UNFINISHED
        self._beyond: float | None = None
        self._steps = self._search()
        self._probe = next(self._steps)

    @property
    def next(self) -> Probe:
        """The run to make next."""
        return self._probe

    def observe(self, load: float, *, held: bool) -> Probe | Answer:
        """Take in the verdict of the run that was asked for; its load may have come out a little different."""
        self._runs.append(Run(load, held))
        try:
            self._probe = self._steps.send(held)
        except StopIteration:
            return self.answer()
        return self._probe if len(self._runs) < MOST_RUNS else self.answer()

    def answer(self) -> Answer:
        """What is known so far."""
        holds, fails, again = self._end_below(self._low), self._end_above(self._high), self._end(self._beyond)
        answer = Answer(self._outcome, len(self._runs), holds, fails, holds_again=again)
        runs = self._below_beyond
        if len({run.held for run in runs}) < 2:
            return answer
        fit = fit_logistic(runs)
        lower, upper = half_point_interval(runs, fit, _LEVEL)
        return replace(
            answer,
            fit=fit,
            lower=min(lower, holds.load if holds else lower),
            upper=max(upper, fails.load if fails else upper),
            safe=min(fit.load_at(SAFE_SHARE), holds.load if holds else lower),
            drift=drift(runs),
        )

    @property
    def _below_beyond(self) -> list[Run]:
        """The runs that the curve goes through: where thresholds hold again it does not go."""
        return [run for run in self._runs if self._beyond is None or run.load < self._beyond]

    def _end(self, load: float | None) -> End | None:
        held = [run.held for run in self._runs if run.load == load]
        return End(load, sum(held), len(held)) if load is not None else None

    def _end_below(self, low: float | None) -> End | None:
        """The lower end; until it is tried, the highest load below that holds."""
        ends = [self._end(load) for load in sorted({run.load for run in self._runs if low and run.load <= low})]
        return next((end for end in reversed(ends) if end and (end.load == low or 2 * end.held > end.runs)), None)

    def _end_above(self, high: float | None) -> End | None:
        """The upper end; until it is tried, the lowest load above that fails."""
        ends = [self._end(load) for load in sorted({run.load for run in self._runs if high and run.load >= high})]
        return next((end for end in ends if end and (end.load == high or 2 * end.held < end.runs)), None)

    def _search(self) -> Generator[Probe, bool, None]:
        yield from self._double()
        if self._outcome is not Outcome.UNFINISHED:
            return
        low, high = self._low or 0.0, self._high or math.inf
        yield from self._look_beyond(high)
        while not self._is_close(low, high, _COARSE * self._precision):
            middle = self._between(low, high)
            held = yield Probe(middle, Length.MEDIUM)
            low, high = (middle, high) if held else (low, middle)
            self._low, self._high = low, high
        yield from self._settle(self._between(low, high))

    def _double(self) -> Generator[Probe, bool, None]:
        """Find a load that holds and one above it that fails, or that there is none."""
        load = self._rounded(self._start)
        for _ in range(_STEPS_BELOW + 1):
            if (yield from self._judge_briefly(load)):
                self._low = load
                break
            self._high, load = load, self._rounded(load / _BELOW)
            if load == self._high:
                break
        if self._low is None:
            self._outcome = Outcome.NEVER
        while self._low is not None and self._high is None:
            if self._low < self._highest:
                load = min(self._rounded(2 * self._low), self._highest)
                holds = yield from self._judge_briefly(load)
            elif holds := (yield from self._judge(load)):
                self._outcome = Outcome.ALWAYS
                return
            else:
                self._low = self._rounded(load / 2)
            self._low, self._high = (load, None) if holds else (self._low, load)

    def _look_beyond(self, high: float) -> Generator[Probe, bool, None]:
        load = min(self._rounded(_BEYOND * high), self._highest)
        if load > high and (yield from self._majority(load, Length.SHORT, unless_first=False)):
            self._beyond = load

    def _settle(self, anchor: float) -> Generator[Probe, bool, None]:
        """Try the two loads around the half-point of the curve in turns, until both stand and its interval is narrow.

        They are of a grid, less than one precision apart, so that runs at a load add up. A mistake made early moves the
        half-point, and later runs move it back.
        """
        while self._outcome is Outcome.UNFINISHED:
            if len(self._runs) >= MOST_RUNS:
                # the last two loads that were tried, not those that would come next
                self._outcome = Outcome.FOUND
                return
            fit = fit_logistic(self._below_beyond)
            low, high = self._around(fit.half, anchor)
            self._low, self._high = low, high
            if low == high:
                self._outcome = Outcome.ALWAYS if low >= self._highest else Outcome.NEVER
                return
            of_low, of_high = self._full.setdefault(low, []), self._full.setdefault(high, [])
            stand = min(len(of_low), len(of_high)) >= _TRIES and _mostly(of_low) and not _mostly(of_high)
            if stand and self._is_narrow(fit, low, high):
                self._outcome = Outcome.FOUND
            else:
                yield from self._try(low if len(of_low) <= len(of_high) else high)

    def _around(self, half: float, anchor: float) -> tuple[float, float]:
        """The loads of the grid on both sides; the same one twice beyond the loads that are allowed."""
        if self._whole and half * self._apart < 1:
            low = float(math.floor(half))
            return max(1.0, low), min(low + 1, self._highest)
        step = math.floor(math.log(half / anchor) / math.log1p(self._apart))
        low, high = (self._rounded(anchor * (1 + self._apart) ** each) for each in (step, step + 1))
        return min(low, self._highest), min(high, self._highest)

    def _is_narrow(self, fit: LogisticFit, low: float, high: float) -> bool:
        lower, upper = half_point_interval(self._below_beyond, fit, _TO_STOP)
        is_between_neighbours = self._whole and high == low + 1 and lower > low - 0.5 and upper < high + 0.5
        return is_between_neighbours or upper <= lower * (1 + self._precision) ** 2

    def _judge_briefly(self, load: float) -> Generator[Probe, bool, bool]:
        return (yield from self._majority(load, Length.SHORT, unless_first=True))

    def _majority(self, load: float, length: Length, *, unless_first: bool) -> Generator[Probe, bool, bool]:
        """Whether a load holds in 2 of 3 runs; the first one is enough if it says `unless_first`."""
        verdicts = [(yield Probe(load, length))]
        if verdicts[0] is unless_first:
            return unless_first
        while max(verdicts.count(True), verdicts.count(False)) < 2:
            verdicts.append((yield Probe(load, length)))
        return verdicts.count(True) == 2

    def _judge(self, load: float) -> Generator[Probe, bool, bool]:
        """Whether a load holds in most of its full runs, of which there are at least two."""
        verdicts = self._full.setdefault(load, [])
        while len(verdicts) < 2 or 2 * verdicts.count(True) == len(verdicts):
            yield from self._try(load)
        return 2 * verdicts.count(True) > len(verdicts)

    def _try(self, load: float) -> Generator[Probe, bool, None]:
        held = yield Probe(load, Length.FULL)
        self._full[load].append(held)

    def _between(self, low: float, high: float) -> float:
        return self._rounded(math.sqrt(low * high))

    def _is_close(self, low: float, high: float, precision: float) -> bool:
        return high <= low * (1 + precision) * 1.01 or self._between(low, high) in (low, high)

    def _rounded(self, load: float) -> float:
        if self._whole:
            return float(max(1, round(load)))
        return float(f"{load:.{self._digits}g}")


def _mostly(verdicts: list[bool]) -> bool:
    return 2 * sum(verdicts) > len(verdicts)
