"""Metrics that no entry of the registry holds: the counters of own operations, as their files declare them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from perfcli.figures.registry import NEVER_BEGAN, Better, Group, Metric, Scope
from perfcli.units import Unit

if TYPE_CHECKING:
    from perfcli.figures.registry import View
    from perfcli.results import CounterResult, UnjudgedRun

PER_OPERATION: Final = "_per_op"
_UNITS: Final = {
    "count": (Unit.COUNT, Unit.NUMBER),
    "size": (Unit.SIZE, Unit.SIZE_PER_OPERATION),
    "duration": (Unit.DURATION, Unit.DURATION),
}
"""Of the sum and of the mean, by the unit that a file writes."""


def counter_metrics(counters: Mapping[str, str]) -> dict[str, Metric]:
    """The metrics of counters, by name: the sum of each, and its mean per operation.

    Args:
        counters: by name, "count", "size" or "duration".
    """
    metrics = (each for name, unit in counters.items() for each in _metrics(name, *_UNITS[unit]))
    return {metric.name: metric for metric in metrics}


def counters_of(run: UnjudgedRun) -> dict[str, str]:
    """The counters of a result's operations, by name, with their units."""
    return {name: counter.unit for each in run.operations for name, counter in each.counters.items()}


@lru_cache(maxsize=1024)
def _metrics(name: str, of_sum: Unit, of_mean: Unit) -> tuple[Metric, Metric]:
    def held(view: View) -> CounterResult | None:
        return view.operation.counters.get(name) if view.operation and view.part.duration_ns is not None else None

    def total(view: View) -> float | None:
        counter = held(view)
        return None if counter is None else counter.sum

    def mean(view: View) -> float | None:
        counter = held(view)
        return None if counter is None else counter.per_op

    sum_metric = Metric(
        name=name,
        unit=of_sum,
        scope=Scope.OPERATION,
        better=Better.NEITHER,
        group=Group.ANSWERS,
        of=total,
        meaning=f"the sum that the operation's function counted as {name}",
        computed="what successful operations passed to ctx.count, warm-up left out",
        example=f"{name} > 0",
        section="counters",
        label=name,
        why_none=NEVER_BEGAN,
        counts_up=True,
    )
    mean_metric = Metric(
        name=name + PER_OPERATION,
        unit=of_mean,
        scope=Scope.OPERATION,
        better=Better.NEITHER,
        group=Group.ANSWERS,
        of=mean,
        meaning=f"{name} per successful operation",
        computed="the sum over the successful operations that could count it",
        example=f"{name}{PER_OPERATION} > 0",
        section="counters",
        label=f"{name} per operation",
        why_none="no operation succeeded",
    )
    return sum_metric, mean_metric
