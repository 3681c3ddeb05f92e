"""What metrics are read from: a run's result, one of its phases, or one operation of either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from perfcli.metrics.named_statistics import percentile_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from perfcli.results import Integrity, LatencySummary, OperationResult, PhaseResult, UnjudgedRun


@dataclass(frozen=True, slots=True)
class Spread:
    """A distribution of samples: its statistics, and its histogram if the result holds one."""

    summary: LatencySummary
    count: int
    histogram_ns: Mapping[int, int]

    def statistic(self, name: str) -> float | None:
        """A statistic in ns; a percentile that the result does not hold is read off the histogram, right to 0.1 %."""
        held = self.summary.statistic(name)
        quantile = percentile_of(name)
        if held is not None or quantile is None or not self.histogram_ns:
            return held
        from perfcli.metrics.histogram import Histogram

        return Histogram.from_counts(dict(self.histogram_ns)).percentile(quantile)


@dataclass(frozen=True, slots=True)
class View:
    """A part of a result.

    Args:
        run: the result, judged or not.
        phase: only this phase of it.
        label: only this operation; all of them together if it is empty.
    """

    run: UnjudgedRun
    phase: PhaseResult | None = None
    label: str = ""

    @property
    def part(self) -> UnjudgedRun | PhaseResult:
        """The phase, or the whole run."""
        return self.run if self.phase is None else self.phase

    @property
    def operation(self) -> OperationResult | None:
        """The operation, or all of the part; None if it has none of that name."""
        if not self.label:
            return self.part.total
        return next((each for each in self.part.operations if each.name == self.label), None)

    @property
    def integrity(self) -> Integrity | None:
        """What the database showed of the whole run; None if it was not checked."""
        return self.run.integrity

    @property
    def began(self) -> bool:
        """Whether measuring began in this part."""
        return self.part.duration_ns is not None

    def spread(self, summary: LatencySummary | None, histogram_ns: Mapping[int, int] | None = None) -> Spread | None:
        """A distribution of this part."""
        if summary is None:
            return None
        operation = self.operation
        # results of the first version do not count their samples
        return Spread(summary, summary.count or (operation.ok if operation else 0), histogram_ns or {})


def views(run: UnjudgedRun) -> Iterator[View]:
    """The run, its operations, and the same of each phase if there are several."""
    for phase in (None, *(run.phases if len(run.phases) > 1 else ())):
        yield View(run, phase)
        yield from (View(run, phase, each.name) for each in (run if phase is None else phase).operations)
