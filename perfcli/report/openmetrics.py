"""OpenMetrics text (version 1.0.0) that readers of Prometheus' older text format (0.0.4) take as well.

GitLab's metrics report and Prometheus read OpenMetrics. node_exporter's textfile collector and the Pushgateway read the
older format: it has no info, no stateset and no escaped quotes in HELP, and takes the lines UNIT and EOF as comments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal

from perfcli.ab.result import AbResult, Change, MetricComparison
from perfcli.errors import Verdict
from perfcli.figures import (
    METRICS,
    PER_OPERATION,
    STATISTICS,
    Metric,
    Spread,
    View,
    counter_metrics,
    counters_of,
    percentile_of,
    views,
)
from perfcli.report.reported import Reported
from perfcli.report.wording import without_surrogates
from perfcli.results import RunResult, ThresholdResult, UnjudgedRun, variation_text
from perfcli.units import NS_PER_S, Unit

Labels = Mapping[str, str]

_BASE_UNITS: Final = {
    Unit.DURATION: "seconds",
    Unit.SIZE: "bytes",
    Unit.SIZE_PER_OPERATION: "bytes_per_operation",
    Unit.RATE: "per_second",
    Unit.PERCENTAGE: "ratio",
    Unit.COUNT: "",
    Unit.NUMBER: "",
}
"""What the name of a metric's family ends in."""

_EXTREMES: Final = {"min": 0.0, "max": 1.0}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a family."""

    value: float
    labels: Labels = field(default_factory=dict)
    suffix: str = ""


Samples = Iterator[Sample]


def _nothing(_: object) -> Samples:
    yield from ()


@dataclass(frozen=True, slots=True)
class Family:
    """A metric family: what it is called and means, and its samples of a run and of a comparison."""

    name: str
    help: str
    of_run: Callable[[RunResult], Samples] = _nothing
    of_comparison: Callable[[AbResult], Samples] = _nothing
    unit: str = ""
    kind: Literal["counter", "gauge", "summary"] = "gauge"  # that Prometheus' text format has too

    def samples(self, result: Reported) -> Samples:
        """What a result says of it."""
        return self.of_comparison(result) if isinstance(result, AbResult) else self.of_run(result)


def _known(value: float | None, measured_in: Unit = Unit.NUMBER, /, **labels: str) -> Samples:
    if value is not None:
        yield Sample(in_base_unit(measured_in, value), labels)


def _run_info(result: RunResult) -> Samples:
    where = result.environment
    told = {
        "seed": str(result.seed),
        "commit": result.commit,
        "engine": result.engine,
        "engine_version": where.engine_version,
        "engine_modified": "yes" if result.engine_modified else "",
        "tool_version": where.tool_version,
        "python": where.python,
        "sqlite": where.sqlite,
    }
    yield Sample(1, {name: value for name, value in told.items() if value})


def _verdict(result: RunResult) -> Samples:
    for verdict in Verdict:
        yield Sample(int(result.verdict is verdict), {"verdict": verdict.value})


def _outcomes(result: RunResult) -> Samples:
    for operation in result.operations:
        for outcome, count in (("ok", operation.ok), ("failed", operation.failed)):
            yield Sample(count, {"operation": operation.name, "outcome": outcome}, "_total")


def _by_counter(suffix: str) -> Callable[[RunResult], Samples]:
    """The sums of counters, or with a suffix their means, of the run and of each phase."""

    def samples(result: RunResult) -> Samples:
        counters = counters_of(result)
        metrics = counter_metrics(counters)
        for name, unit in counters.items():
            metric = metrics[name + suffix]
            for view, labels in known_views(metric, result):
                yield from _known(metric.value(view), metric.unit, **labels, counter=name, unit=unit)

    return samples


def known_views(metric: Metric, result: UnjudgedRun) -> Iterator[tuple[View, Labels]]:
    """What the metric is known of, with the labels that say so: no phase is the whole run, no operation all of them."""
    for view in views(result):
        if metric.is_known_of(view):
            labels = {"phase": view.phase.name if view.phase else "", "operation": view.label}
            yield view, {name: value for name, value in labels.items() if value}


def _values(metric: Metric, statistic: str, result: RunResult) -> Samples:
    for view, labels in known_views(metric, result):
        yield from _known(metric.value(view, statistic), metric.unit, **labels)


def _summaries(metric: Metric, result: RunResult) -> Samples:
    for view, labels in known_views(metric, result):
        if isinstance(spread := metric.of(view), Spread):
            yield from _summary(metric, spread, labels)


def _summary(metric: Metric, spread: Spread, labels: Labels) -> Samples:
    """All quantiles that the result holds, the least and the largest value among them."""
    statistics = (*STATISTICS, *spread.summary.percentiles)
    held = {_EXTREMES.get(name, percentile_of(name)): spread.statistic(name) for name in statistics}
    for quantile, value in sorted((q, value) for q, value in held.items() if q is not None and value is not None):
        yield Sample(in_base_unit(metric.unit, value), {**labels, "quantile": f"{quantile:g}"})
    yield Sample(spread.count, labels, "_count")
    yield Sample(in_base_unit(metric.unit, spread.summary.mean_ns * spread.count), labels, "_sum")


def in_base_unit(unit: Unit, value: float) -> float:
    """A value in the unit that collectors expect: seconds, not ns."""
    return value / NS_PER_S if unit is Unit.DURATION else value


def families_of(metric: Metric) -> Iterator[Family]:
    """The family of a metric; of a distribution the one statistic beside it that no summary can hold."""
    unit = _BASE_UNITS[metric.unit]
    name = metric.name.replace(".", "_")
    in_full = f"{name}_{unit}" if unit else name
    meaning = metric.meaning[0].upper() + metric.meaning[1:]
    if metric.needs_statistic:
        yield Family(in_full, meaning, partial(_summaries, metric), unit=unit, kind="summary")
        spread = f"Standard deviation of {metric.name}"
        yield Family(f"{name}_stddev_{unit}", spread, partial(_values, metric, "stddev"), unit=unit)
    else:
        yield Family(in_full, meaning, partial(_values, metric, ""), unit=unit)


def _by_threshold(of: Callable[[ThresholdResult], tuple[float | None, Unit]]) -> Callable[[RunResult], Samples]:
    def samples(result: RunResult) -> Samples:
        for threshold in result.thresholds:
            soft = {} if threshold.strict else {"strict": "false"}
            phase = {"phase": threshold.phase} if threshold.phase else {}
            yield from _known(*of(threshold), threshold=threshold.expr, unit=threshold.unit.value, **phase, **soft)

    return samples


def _baseline(result: RunResult) -> Samples:
    if result.baseline is not None:
        for operation in result.baseline.operations:
            yield from _known(operation.ratio, operation=operation.name, baseline=result.baseline.name)


def _change(result: AbResult) -> Samples:
    for change in Change:
        yield Sample(int(result.change is change), {"change": change.value})


def _by_metric(of: Callable[[MetricComparison], float | None]) -> Callable[[AbResult], Samples]:
    def samples(result: AbResult) -> Samples:
        for metric in result.metrics:
            yield from _known(of(metric), metric=metric.name)

    return samples


def _pairs(result: AbResult) -> Samples:
    yield Sample(result.pairing.pairs)


PREFIX: Final = "digipal_perf_"
FAMILIES: Final = (
    Family("run_info", "What ran", _run_info),
    Family("verdict", "1 for the verdict of the run, 0 for the others", _verdict),
    Family(
        "tries",
        "Runs of the scenario; other processes starved all but the last",
        lambda run: _known(len(run.earlier_tries) + 1),
    ),
    Family("exit_code", "Exit code of the run", lambda run: _known(run.exit_code)),
    Family("operations", "Operations by their outcome", _outcomes, kind="counter"),
    *(family for metric in METRICS.values() for family in families_of(metric)),
    Family("own_counter", "Totals counted by own operations, times in seconds", _by_counter("")),
    Family(
        "own_counter_per_operation",
        "Counts of own operations per successful operation, times in seconds",
        _by_counter(PER_OPERATION),
    ),
    Family(
        "threshold_passed",
        "1 if a threshold holds, 0 if it fails; no sample if it was not judged",
        _by_threshold(lambda threshold: (int(threshold.passed) if threshold.judged else None, Unit.COUNT)),
    ),
    Family(
        "threshold_observed",
        "Observed value of a threshold, times in seconds",
        _by_threshold(lambda threshold: (threshold.observed, threshold.unit)),
    ),
    Family(
        "threshold_limit",
        "The limit of a threshold, times in seconds",
        _by_threshold(lambda threshold: (threshold.limit, threshold.unit)),
    ),
    Family("baseline_ratio", "Latency now over that of the baseline", _baseline, unit="ratio"),
    Family("ab_change", "1 for the verdict of the comparison, 0 for the others", of_comparison=_change),
    Family("ab_pairs", "Pairs that were completed", of_comparison=_pairs),
    *(
        Family(name, help_, of_comparison=_by_metric(of), unit="ratio")
        for name, help_, of in (
            ("ab_ratio", "Candidate over base", lambda metric: metric.ratio),
            ("ab_lower_ratio", "Lower 95% bound of candidate over base", lambda metric: metric.lower),
            ("ab_upper_ratio", "Upper 95% bound of candidate over base", lambda metric: metric.upper),
        )
    ),
)
"""In the order they are written; each name is that in the text without its prefix."""


def render_openmetrics(results: Sequence[Reported]) -> str:
    """All families that any of the results has something of, each once, and the line that ends the text."""
    labelled = list(zip(results, _labels(results), strict=True))
    lines = [line for family in FAMILIES for line in _family(family, labelled)]
    return without_surrogates("\n".join([*lines, "# EOF"]) + "\n")


def _labels(results: Sequence[Reported]) -> Iterator[Labels]:
    """Those that tell the results apart: the scenario, its variation, and if several have both, their number."""
    named = [tuple(_names(result).items()) for result in results]
    total = Counter(named)
    for number, names in enumerate(named):
        run = {"run": str(named[: number + 1].count(names))} if total[names] > 1 else {}
        yield {**dict(names), **run}


def _names(result: Reported) -> Labels:
    if isinstance(result, AbResult):
        return {"scenario": result.scenario}
    variation = variation_text(result.variation)
    return {"scenario": result.name, **({"variation": variation} if variation else {})}


def _family(family: Family, labelled: Sequence[tuple[Reported, Labels]]) -> Iterator[str]:
    name = PREFIX + family.name
    samples = [
        f"{name}{sample.suffix}{_braced({**common, **sample.labels})} {_number(sample.value)}"
        for result, common in labelled
        for sample in family.samples(result)
    ]
    if samples:
        yield f"# TYPE {name} {family.kind}"
        if family.unit:
            yield f"# UNIT {name} {family.unit}"
        yield f"# HELP {name} {family.help}"
        yield from samples


def _braced(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return repr(float(value)).replace("inf", "Inf").replace("nan", "NaN")
