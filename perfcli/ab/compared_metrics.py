"""The metrics that `ab` compares: what each one is, and the change that counts."""

from __future__ import annotations

from typing import Final, NamedTuple

from perfcli.units import format_size

MARGIN: Final = 0.05
TAIL_MARGIN: Final = 0.20
"""Of p99, which rests on a hundredth of the samples."""

LEAST_FOR_TAIL: Final = 200
"""Samples of an operation in a pair, of each engine; with fewer, less than two would lie beyond p99."""

DATABASE_FLOOR: Final = 64.0
"""Bytes per operation. Figures that can be 0 are compared above a floor: ln((candidate + floor) / (base + floor))."""

ERRORS_FLOOR: Final = 0.001
"""A share of the operations."""


class ComparedMetric(NamedTuple):
    """A metric for documents; less of it is better."""

    meaning: str
    margin: str
    unseen: str
    """What it cannot show; "" if it shows all of it."""


_OF_ALL: Final = f"{MARGIN:.0%}"
COMPARED_METRICS: Final = {
    "time": ComparedMetric("time with at least one operation in progress, per operation", _OF_ALL, "concurrency"),
    "OPERATION.p50": ComparedMetric("median latency of a slice", _OF_ALL, ""),
    "OPERATION.p99": ComparedMetric(
        f"99th percentile of the latencies in a pair, from {LEAST_FOR_TAIL} samples on",
        f"{TAIL_MARGIN:.0%}",
        "events rarer than 1 in 100",
    ),
    "database": ComparedMetric(
        "growth of the database's pages in use, per operation",
        f"{_OF_ALL}, above {format_size(DATABASE_FLOOR)}",
        "less than one page of 4 KiB",
    ),
    "errors": ComparedMetric("share of the operations that failed", f"{_OF_ALL}, above {ERRORS_FLOOR:.1%}", ""),
}
