"""Is a run slower than the baseline's run of the same scenario? Two results in, a comparison out, without files.

Times are compared in units of the reference kernel, which ran beside them: a machine that is slower today makes both
slower. What the kernel took is itself a reading with noise, so all slices that share a reading are one value; many
slices beside few readings must not look like many proofs. Operations that wait for the simulated AI are compared as
they were timed. What is then a change, and what is not sure, says `level_shift`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import exp, log
from statistics import fmean, median
from typing import Final, Literal

from pydantic import ValidationError

from perfcli.errors import UsageError, Verdict
from perfcli.figures.count_changes import count_changes, most_severe
from perfcli.history.kept_runs import Fingerprint, differences
from perfcli.inference.estimates import two_sample
from perfcli.inference.rank_tests import adjusted, mann_whitney_p
from perfcli.results import TOTAL, BaselineComparison, LoadSlice, OperationChange, RunResult
from perfcli.results.changes import Outcome
from perfcli.scenario.models import Scenario

MARGIN: Final = 0.15
SURELY: Final = 0.05
"""What a shift must be more than, beyond doubt."""

LEAST_CPU: Final = 0.10
ALPHA: Final = 0.01
LEAST_VALUES: Final = 5
_STRETCHES: Final = 8
_AB: Final = "digipal-perf ab compares two engines on one machine at the same time"

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
        what = "slices" if self.in_time else "readings of the machine's speed"
        for values, when in ((self.base, "in the baseline"), (self.now, "now")):
            if len(values) < LEAST_VALUES:
                return f"{len(values)} {what} {when}, {LEAST_VALUES} needed: run longer, e.g. --duration 10s"
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
    estimate = two_sample(sides.base, sides.now)
    shift = estimate.value
    change: Change = "no change"
    reason = ""
    if abs(shift) >= log(1 + MARGIN):
        reason = _doubt(sides, shift, p_slower if shift > 0 else p_faster)
        change = "inconclusive" if reason else "regression" if shift > 0 else "improvement"
    return OperationChange(
        name=sides.name,
        in_time=sides.in_time,
        ratio=exp(shift),
        lower=exp(estimate.lower),
        upper=exp(estimate.upper),
        p_slower=p_slower,
        p_faster=p_faster,
        change=change,
        reason=reason,
    )


def _doubt(sides: Sides, shift: float, p: float) -> str:
    """Why a shift beyond the margin may be none; "" where it is sure."""
    ratio = f"{exp(shift):.2f} times the base"
    if log(sides.as_timed) * shift <= 0:
        pace = f"the machine's speed changed too much for a verdict; {_AB}"
        return f"{ratio} in units of the reference kernel, but {sides.as_timed:.2f} times as timed: {pace}"
    if p >= ALPHA:
        return f"{ratio}, but not significantly more than {SURELY:.0%} (p {p:.2g}): run longer; {_AB}"
    if sides.cpu is not None and log(sides.cpu) * (1 if shift > 0 else -1) < log(1 + LEAST_CPU):
        waits = "its vus wait for one another, which varies from run to run"
        return f"{ratio}, but {sides.cpu:.2f} times the CPU time per operation: {waits}; {_AB}"
    went = max(wander(sides.base), wander(sides.now))
    if abs(shift) < went / 2:
        return f"{ratio}, but it changed {exp(went):.2f} times within one run: use a quieter machine; {_AB}"
    return ""


def _untold(sides: Sides) -> OperationChange:
    return OperationChange(name=sides.name, in_time=sides.in_time, change="inconclusive", reason=sides.lacks)


Slices = Mapping[str, Sequence[LoadSlice]]
MOST_SEVERE_FIRST: Final[tuple[Outcome, ...]] = (
    "regression",
    "inconclusive",
    "incomparable",
    "improvement",
    "no change",
)


def compare(base: RunResult, now: RunResult, *, name: str = "", strict: bool = False) -> BaselineComparison:
    """A run against an earlier one of the same scenario.

    Args:
        name: of the baseline.
        strict: whether what could not be told fails the run too.
    """
    comparison = BaselineComparison(
        name=name,
        commit=base.commit,
        engine_version=base.environment.engine_version,
        started_at=base.started_at,
        margin=MARGIN,
        change="incomparable",
        base_reference_ns=base.reference_ns,
        reference_ns=now.reference_ns,
        strict=strict,
    )
    return _with_counters(_with_times(comparison, base, now), base, now)


def _with_counters(comparison: BaselineComparison, base: RunResult, now: RunResult) -> BaselineComparison:
    """The comparison of times, joined by exact counters, which hold where times are incomparable."""
    if base.exact is None or now.exact is None:
        return comparison
    is_same = Fingerprint.of(base).scenario == Fingerprint.of(now).scenario
    counters = count_changes(base.exact, now.exact, "" if is_same else "the scenario does different work")
    counted = most_severe(counters)
    if counted == "incomparable":
        return comparison.model_copy(update={"counters": counters})
    timed = comparison.change != "incomparable"
    change = min((counted, comparison.change), key=MOST_SEVERE_FIRST.index) if timed else counted
    rests_on = "times and exact counters" if timed else "exact counters"
    return comparison.model_copy(update={"counters": counters, "change": change, "rests_on": rests_on})


def _with_times(comparison: BaselineComparison, base: RunResult, now: RunResult) -> BaselineComparison:
    if obstacles := _obstacles(base, now):
        return comparison.model_copy(update={"reasons": obstacles})
    operations = [_with_p50(change, base, now) for change in judge(_sides(base, now))]
    worst = min((each.change for each in operations), key=MOST_SEVERE_FIRST.index)
    caution = [] if base.verdict is Verdict.PASS else [f"the verdict on the baseline's run is {base.verdict}"]
    return comparison.model_copy(update={"change": worst, "operations": operations, "reasons": caution})


def _obstacles(base: RunResult, now: RunResult) -> list[str]:
    """Why a run and its baseline cannot be compared; empty where they can."""
    if now.starved:
        return ["other processes starved this run"]  # its own reasons, beside this one, say by what
    if now.unfit:
        return [f"the verdict on this run is {now.verdict}"]
    told = differences(base, now)
    if base.starved:
        told.append(f"other processes starved the baseline's run: {base.starved}")
    counted = [which for result, which in ((base, "the baseline"), (now, "this run")) if result.only_counted]
    if counted:
        told.append(f"{' and '.join(counted)} only counted")
    for result, which in ((base, "the baseline"), (now, "this run")):
        if which not in counted and not any(result.slices.values()):
            told.append(f"{which} has no slices: nothing was measured, or an older digipal-perf wrote it")
    return told


def _sides(base: RunResult, now: RunResult) -> list[Sides]:
    waiting = waits_for_ai(now)
    cpu = _cpu_ratio(base, now)
    names = [name for name in now.slices if base.slices.get(name) or now.slices[name]]
    sides = [_side(name, base.slices.get(name, ()), now.slices[name], cpu, in_time=name in waiting) for name in names]
    told = [each.name for each in sides if not each.lacks]
    if len(told) < 2:
        return sides
    in_time = bool(waiting.intersection(told))
    of_base, of_now = ({name: result.slices[name] for name in told} for result in (base, now))
    counts = {name: sum(each.count for each in of_base[name]) for name in told}
    then, today = (_mixed(slices, counts, in_time=in_time) for slices in (of_base, of_now))
    return [*sides, _side(TOTAL, then, today, cpu, in_time=in_time)]


def waits_for_ai(run: RunResult) -> frozenset[str]:
    """The operations that wait for the simulated AI.

    Raises:
        UsageError: another version wrote the run, and this one cannot read its scenario.
    """
    try:
        return Scenario.of_result(run).waits_for_ai
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"the run of {run.name} at {run.started_at} holds a scenario that this version cannot read: "
            f"{place}: {first['msg']}",
            hint=f"save a new one: digipal-perf run {run.name} --save",
        ) from error


def _side(name: str, base: Sequence[LoadSlice], now: Sequence[LoadSlice], cpu: float | None, *, in_time: bool) -> Sides:
    write = _times if in_time else _paced
    as_timed = exp(two_sample(_times(base), _times(now)).value) if base and now else 1.0
    return Sides(name, write(base), write(now), in_time, as_timed, None if in_time else cpu)


def _cpu_ratio(base: RunResult, now: RunResult) -> float | None:
    """CPU time by operation, now to then, in units of the reference kernel; None of one vu, or if it is not known."""
    costs = [_cpu_ns(result) for result in (base, now)]
    if all(phase.vus == 1 for phase in now.phases) or None in costs:
        return None
    before, after = (cost or 0.0 for cost in costs)
    return after / before if before and after else None


def _cpu_ns(result: RunResult) -> float | None:
    cpu, duration_ns, reference_ns = result.resources.cpu_mean, result.duration_ns, result.reference_ns
    if cpu is None or duration_ns is None or not reference_ns or not result.total.attempts:
        return None
    return cpu * duration_ns / result.total.attempts / reference_ns


def _times(slices: Sequence[LoadSlice]) -> list[float]:
    return [_log_ns(each) for each in slices]


def _paced(slices: Sequence[LoadSlice]) -> list[float]:
    """In units of the reference kernel: one value for each of its readings."""
    groups = groupby(slices, key=lambda each: each.reference_ns)
    return [median(map(_log_ns, group)) - log(took_ns) for took_ns, group in groups if took_ns]


def _log_ns(each: LoadSlice) -> float:
    # a clock with coarse ticks can give 0 ns: a median is never taken for less than one tick of 1 ns
    return log(max(1.0, each.median_ns))


def _mixed(slices: Slices, counts: Mapping[str, int], *, in_time: bool) -> list[LoadSlice]:
    """All operations as one: at each time the mean of their medians, weighted by their counts in the baseline.

    With fixed weights, so that a mix that merely shifts towards a slower operation does not look like a slowdown.
    """
    finest = max(slices.values(), key=len)
    mixed = []
    for place, leading in enumerate(finest):
        at_once = {name: own[place * len(own) // len(finest)] for name, own in slices.items()}
        medians_ns = [each.median_ns * (1.0 if in_time else _pace(leading, each)) for each in at_once.values()]
        mean_ns = fmean(medians_ns, weights=[counts[name] for name in at_once])
        mixed.append(leading.model_copy(update={"median_ns": mean_ns}))
    return mixed


def _pace(leading: LoadSlice, other: LoadSlice) -> float:
    """How much longer things took during one slice than during another."""
    return leading.reference_ns / other.reference_ns if leading.reference_ns and other.reference_ns else 1.0


def _with_p50(change: OperationChange, base: RunResult, now: RunResult) -> OperationChange:
    return change.model_copy(update={"base_p50_ns": _p50_ns(base, change.name), "p50_ns": _p50_ns(now, change.name)})


def _p50_ns(result: RunResult, name: str) -> float | None:
    found = result.total if name == TOTAL else next((each for each in result.operations if each.name == name), None)
    return found.latency.p50_ns if found and found.latency else None
