"""Which metric of a saved run `--metric` names."""

from __future__ import annotations

from dataclasses import dataclass

from perfcli.errors import UsageError
from perfcli.figures import STATISTICS, Metric, View, percentile_of
from perfcli.results import RunResult
from perfcli.thresholds import ThresholdError, did_you_mean, parse_subject


@dataclass(frozen=True, slots=True)
class Subject:
    """A metric as thresholds name it: of one operation, or of all of them together if `operation` is empty.

    Args:
        phase: only in this phase; in the whole run if it is empty.
    """

    metric: Metric
    operation: str = ""
    statistic: str = ""
    phase: str = ""

    def __str__(self) -> str:
        name = ".".join(filter(None, (self.operation, self.metric.name, self.statistic)))
        return f"{name} in {self.phase}" if self.phase else name


def needs_histogram(text: str) -> bool:
    """Whether a metric is a percentile that not every result holds, e.g. latency.p75."""
    try:
        statistic = parse_subject(text.strip())[2]
    except ThresholdError:
        return False  # whoever looks for it says what is wrong
    return percentile_of(statistic) is not None and statistic not in STATISTICS


def subject_of(text: str, run: RunResult, phase: str = "") -> Subject:
    """The metric that `text` names, as in a threshold, known of a run like this one.

    Raises:
        UsageError: there is no such metric, operation or phase; the hint lists what there is.
    """
    try:
        operation, metric, statistic = parse_subject(text.strip())
    except ThresholdError as error:
        raise UsageError(f"--metric {text}: {error}", hint="digipal-perf explain lists all metrics") from error
    operations, phases = ([each.name for each in parts] for parts in (run.operations, run.phases))
    _check("operation", operation, operations, text, run)
    _check("phase", phase, phases, text, run)
    if phase and not metric.per_phase:
        raise UsageError(f"--metric {text}: {metric.name} belongs to the whole run: leave out --phase")
    return Subject(metric, operation, statistic, phase)


def _check(noun: str, name: str, known: list[str], text: str, run: RunResult) -> None:
    if name and name not in known:
        near = did_you_mean([name], known)
        raise UsageError(f"--metric {text}: {run.name} has no {noun} {name}{near}", hint=f"it has {', '.join(known)}")


def observed(run: RunResult, subject: Subject) -> float | None:
    """The value of a metric in its base unit (ns, bytes, a fraction, per second); None if it was not measured."""
    phase = next((each for each in run.phases if each.name == subject.phase), None)
    if subject.phase and phase is None:
        return None
    return subject.metric.value(View(run, phase, subject.operation), subject.statistic)
