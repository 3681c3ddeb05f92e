"""What a metric is: one entry holds every fact about it, and everything else walks the entries.

A threshold, a trend, a report, an export and a document's table ask an entry for what they need. So a metric is added
by writing its entry, the field of the result that it reads, and what measures that.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final, Literal

from perfcli.metrics.histogram import percentile_of
from perfcli.units import Unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from perfcli.results import LatencySummary, OperationResult, PhaseResult, UnjudgedRun


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


OnTime = Literal["no", "yes", "partly"]

NEVER_BEGAN: Final = "the run ended before measuring began"
"""Why any figure of a part may be missing."""


class Scope(IntEnum):
    """What a metric is known of; the later ones include those before."""

    RUN = 1
    PHASE = 2
    OPERATION = 3

    @property
    def parts(self) -> list[str]:
        """The parts of a run that have a value each: run, phase, operation."""
        return [scope.name.lower() for scope in Scope if scope <= self]


class Better(StrEnum):
    """Which direction is an improvement."""

    LESS = "less"
    MORE = "more"
    NEITHER = "neither"


class Group(StrEnum):
    """What a metric is about; reports have a section or a line for each."""

    TIME = "time"
    LOAD = "load"
    ANSWERS = "answers"
    MEMORY = "memory"
    PROCESS = "process"
    INTEGRITY = "integrity"
    FAULTS = "faults"
    ENGINE = "engine"


class Needs(StrEnum):
    """What a target must offer, so that the metric can be measured on it."""

    meaning: str

    def __new__(cls, name: str, meaning: str = "") -> Needs:
        """A need by its name, and what it is in words."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member

    ANSWERS = "answers", "the engine's answers only"
    PROCESS = "process", "a process that the run starts, and watches from outside"
    DATABASE = "database", "a database file that the run may read"
    CACHE = "cache", "the engine's cache: how full it is, and clearing it"
    FIELDS = "fields", "answers that can be compared field by field"
    ENGINE = "engine", "the engine within the agent's own process"
    CONNECTIONS = "connections", "connections to a server, which a relay may stand between"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured quantity.

    Args:
        name: as thresholds, `--metric` and exports spell it.
        unit: its base unit is that of every value: ns, bytes, a fraction, per second, or a plain number.
        of: reads it from a run, a phase or an operation of a result; None if it was not measured. The spread of many
            samples, of which a statistic is then asked, is a distribution.
        meaning: what it is, in one line of a table.
        computed: what the meaning leaves open.
        example: a threshold on it.
        section: the heading of docs/methodology.md that explains it.
        label: its name in a report's line of facts.
        why_none: why it may be missing, though the target could tell; a function if the result tells the cause.
        depends_on_time: whether other processes on the machine change it; partly: only its timeouts and busy errors do.
        windowed: whether the timeline answers it, so that `for` and `within` can be asked.
        at_end: whether it is known only once the load is over.
        counts_up: whether it begins at 0 and grows while the load goes on.
        needs_arrival_rate: whether only loads with an arrival rate have it.
        needs_growth: whether it is measured only if the scenario has `growth`.
        per_fault: whether it is known of each fault, and of the worst of all; a threshold names a fault before it.
        least_samples: with fewer operations it says nothing.
        is_change: whether it is a difference, and so written with its sign.
        least: no value is below it.
        most: no value is above it.
    """

    name: str
    unit: Unit
    scope: Scope
    better: Better
    group: Group
    of: Callable[[View], float | Spread | None]
    meaning: str
    computed: str
    example: str
    section: str
    label: str
    why_none: str | Callable[[View], str]
    needs: Needs = Needs.ANSWERS
    needs_statistic: bool = False
    depends_on_time: OnTime = "no"
    windowed: bool = False
    at_end: bool = False
    counts_up: bool = False
    needs_arrival_rate: bool = False
    needs_growth: bool = False
    per_fault: bool = False
    least_samples: int = 0
    is_change: bool = False
    least: float = 0.0
    most: float = math.inf

    @property
    def per_phase(self) -> bool:
        """Whether it is known of each phase."""
        return self.scope >= Scope.PHASE

    @property
    def per_operation(self) -> bool:
        """Whether it is known of each operation."""
        return self.scope is Scope.OPERATION

    def is_known_of(self, view: View) -> bool:
        """Whether its scope has values of that part of a run."""
        return self.scope >= (Scope.OPERATION if view.label else Scope.PHASE if view.phase else Scope.RUN)

    def value(self, view: View, statistic: str = "") -> float | None:
        """Its value in the base unit; None if it was not measured.

        Args:
            statistic: of a distribution, e.g. "p99"; else empty.
        """
        found = self.of(view)
        if found is None or isinstance(found, (int, float)):
            return found
        return found.statistic(statistic)

    def reason_missing(self, view: View) -> str:
        """Why a result does not have it."""
        return self.why_none if isinstance(self.why_none, str) else self.why_none(view)
