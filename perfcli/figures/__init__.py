"""The registry of metrics: one entry each, in one file for each subject."""

from __future__ import annotations

from typing import Final

from perfcli.figures import answers, engine, faults, integrity, load, memory, process, time
from perfcli.figures.answers import PER_OPERATION, counter_metrics, counters_of
from perfcli.figures.registry import Better, Group, Metric, Needs, Scope, Spread, View, views
from perfcli.metrics.histogram import STATISTICS, is_statistic, percentile_of

_SUBJECTS: Final = (time, answers, load, memory, process, integrity, faults, engine)

METRICS: Final = {metric.name: metric for subject in _SUBJECTS for metric in subject.METRICS}
"""Every metric, by its name."""


def in_group(group: Group) -> list[Metric]:
    """The metrics of a group, in the order of their entries."""
    return [metric for metric in METRICS.values() if metric.group is group]


__all__ = [
    "METRICS",
    "PER_OPERATION",
    "STATISTICS",
    "Better",
    "Group",
    "Metric",
    "Needs",
    "Scope",
    "Spread",
    "View",
    "counter_metrics",
    "counters_of",
    "in_group",
    "is_statistic",
    "percentile_of",
    "views",
]
