"""What a comparison comes to: its metrics, and whether both engines did their work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from perfcli.ab.result import Change, EngineSide, MetricComparison

_GRAVEST_FIRST: Final = (Change.REGRESSION, Change.INCONCLUSIVE, Change.IMPROVEMENT, Change.NO_CHANGE)


class Conclusion(NamedTuple):
    """What to say of a comparison."""

    change: Change
    reasons: list[str]
    invalid: str
    """Why nothing can be said; "" where something can."""


def conclusion(
    base: EngineSide, candidate: EngineSide, metrics: Sequence[MetricComparison], spoilt: str, labels: Sequence[str]
) -> Conclusion:
    """Errors and lost writes of the candidate alone are a regression, whatever the times.

    Args:
        spoilt: why the pairs cannot be compared; "" where they can.
        labels: of the operations that were to be compared.
    """
    if invalid := _nothing_to_hold_against(base):
        return Conclusion(Change.INCONCLUSIVE, [], invalid)
    faults = _faults(candidate)
    if faults and base.is_sound:
        return Conclusion(Change.REGRESSION, [f"only the candidate {fault}" for fault in faults], "")
    reasons = [f"the base {fault}" for fault in _faults(base)] + [f"the candidate {fault}" for fault in faults]
    if candidate.problem or (candidate.lost_writes and not base.lost_writes):
        return Conclusion(Change.REGRESSION, reasons, "")
    if not metrics:
        return Conclusion(Change.INCONCLUSIVE, ["no pair was whole"], "")
    if spoilt:
        return Conclusion(Change.INCONCLUSIVE, [], spoilt)
    gravest = min((metric.change for metric in metrics), key=_GRAVEST_FIRST.index)
    missing = _not_compared(metrics, labels)
    if missing == list(labels) and gravest is not Change.REGRESSION:
        nothing = [*reasons, "too few operations succeeded to be compared"]
        # a candidate that does what the base cannot is no reason to fail
        return Conclusion(Change.INCONCLUSIVE, [] if faults else nothing, "; ".join(nothing) if faults else "")
    if missing:
        reasons.append(f"not compared, as some pair had too few that succeeded: {', '.join(missing)}")
    return Conclusion(gravest, reasons, "")


def _nothing_to_hold_against(base: EngineSide) -> str:
    if base.problem:
        return f"the base {base.name} could not go on: {base.problem}"
    if base.operations and base.failed == base.operations:
        return f"the base {base.name} {_faults(base)[0]}"
    return ""


def _not_compared(metrics: Sequence[MetricComparison], labels: Sequence[str]) -> list[str]:
    """Operations without a metric of their own, which must not look as if they were found unchanged."""
    compared = {metric.name for metric in metrics}
    return [label for label in labels if f"{label}.p50" not in compared]


def _faults(side: EngineSide) -> list[str]:
    """What an engine did wrong, in words that follow its name."""
    faults = [f"could not go on: {side.problem}"] if side.problem else []
    if side.failed:
        kind, count = next(iter(side.errors.items()))
        times = "once" if count == 1 else f"{count:,} times"
        faults.append(f"failed in {side.failed:,} of {side.operations:,} operations, {times} by {kind}")
    if side.lost_writes:
        faults.append(f"lost {side.lost_writes:,} acknowledged writes: {'; '.join(side.lost_examples)}")
    return faults
