"""What a comparison comes to: its metrics, and whether both engines did their work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from perfcli.regression.result import Change, EngineSide, MetricComparison

_GRAVEST_FIRST: Final = (Change.REGRESSION, Change.INCONCLUSIVE, Change.IMPROVEMENT, Change.NO_CHANGE)


class Conclusion(NamedTuple):
    """What to say of a comparison."""

    change: Change
    reasons: list[str]
    invalid: str
    """Why nothing can be said; "" where something can."""


def conclusion(
    base: EngineSide, candidate: EngineSide, metrics: Sequence[MetricComparison], *, alike: bool
) -> Conclusion:
    """Errors and lost writes of the candidate alone are a regression, whatever the times.

    Args:
        alike: whether both did the same operations.
    """
    faults = _faults(candidate)
    if base.problem:
        return Conclusion(Change.INCONCLUSIVE, [], f"the base {base.name} could not go on: {base.problem}")
    if faults and base.is_sound:
        return Conclusion(Change.REGRESSION, [f"only the candidate {fault}" for fault in faults], "")
    if not metrics:
        return Conclusion(Change.INCONCLUSIVE, ["no pair was whole"], "")
    if not alike and base.is_sound:
        return Conclusion(Change.INCONCLUSIVE, [], "the engines did not do the same operations")
    reasons = [f"the base {fault}" for fault in _faults(base)] + [f"the candidate {fault}" for fault in faults]
    gravest = min((metric.change for metric in metrics), key=_GRAVEST_FIRST.index)
    lost = candidate.lost_writes > 0 and base.lost_writes == 0
    return Conclusion(Change.REGRESSION if lost or candidate.problem else gravest, reasons, "")


def _faults(side: EngineSide) -> list[str]:
    """What an engine did wrong, in words that follow its name."""
    faults = [f"could not go on: {side.problem}"] if side.problem else []
    if side.failed:
        kind, count = next(iter(side.errors.items()))
        faults.append(f"failed in {side.failed:,} of {side.operations:,} operations, {count:,} times by {kind}")
    if side.lost_writes:
        faults.append(f"lost {side.lost_writes:,} acknowledged writes: {'; '.join(side.lost_examples)}")
    return faults
