"""What became of the load when something went wrong: the outage, and the time until it was well again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from perfcli.figures.registry import Better, Group, Metric, Needs, Scope
from perfcli.units import Unit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from perfcli.figures.registry import View
    from perfcli.results import FaultResult


def _faults(view: View) -> Sequence[FaultResult]:
    """Those of a name, or all."""
    return [fault for fault in view.run.faults if view.label in ("", fault.name)]


def _recovery(view: View) -> float | None:
    """The longest; None if the load did not recover from one of them."""
    longest = 0
    for fault in (faults := _faults(view)):
        if fault.recovery_ns is None:
            return None
        longest = max(longest, fault.recovery_ns)
    return longest if faults else None


def _outage(view: View) -> float | None:
    return max((fault.outage_ns for fault in _faults(view) if fault.outage_ns is not None), default=None)


def _why_no_recovery(view: View) -> str:
    if not (faults := _faults(view)):
        return "there was no fault"
    lasting = [fault.name for fault in faults if fault.recovery_ns is None]
    return f"not steady again after {lasting[0]}, or it ended within 1 s of the next fault or the end of the load"


_of_fault = partial(
    Metric,
    unit=Unit.DURATION,
    scope=Scope.RUN,
    better=Better.LESS,
    group=Group.FAULTS,
    needs=Needs.ANSWERS,
    section="faults",
    depends_on_time="yes",
    at_end=True,
    per_fault=True,
)

METRICS = (
    _of_fault(
        name="recovery",
        of=_recovery,
        meaning="time from the end of a fault until the load is steady again",
        computed="ends at the first second (sliding by 100 ms) after which every second is steady, until the next "
        "fault or the end of the load. For a kill it includes the time until the next process works. With several "
        "faults, the longest",
        example="recovery < 1s",
        label="recovery",
        why_none=_why_no_recovery,
    ),
    _of_fault(
        name="outage",
        of=_outage,
        meaning="longest time without a success around a fault",
        computed="from the first operation due or in flight after a success to the end of the next success, to the "
        "millisecond; the longest such stretch that overlaps the fault",
        example="outage < 2s",
        label="outage",
        why_none="there was no fault",
    ),
)
