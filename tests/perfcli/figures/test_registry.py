"""The registry of metrics: complete entries, and no number of a result that no metric reads."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any

import pytest

from perfcli.figures import METRICS, STATISTICS, Better, Scope, View, counter_metrics, counters_of, views
from perfcli.judgement import Rule, judge_thresholds
from perfcli.results import Inspection, LatencySummary, MemoryResult, ResourceResult, RunResult, SaveCounts
from perfcli.scenario.models import ThresholdRule
from perfcli.thresholds import parse_threshold

NOT_METRICS = {
    "schema_version": "says how to read the file",
    "seed": "an input",
    "processes": "a setting",
    "environment": "the machine's, not the engine's",
    "machines": "the machines of a cluster, not the engine",
    "reference_ns": "the machine's pace, not the engine's",
    "slices": "a course over time, from which baselines and trends compute",
    "monitor": "a course over time, from which memory, CPU and I/O figures compute",
    "seconds": "a course over time",
    "seconds_by_operation": "a course over time",
    "vus": "what each vu did, to see that the seed was followed",
    "restarts": "when the plan's kills took effect, and what nobody knows of them",
    "faults.at_ns": "when it was inflicted, by the plan",
    "faults.lasted_ns": "how long it was inflicted, by the plan",
    "faults.in_flight": "what an outage cut into, beside it in the report",
    "faults.operations": "how many operations thresholds with `during` judge",
    "faults.failed": "error_rate during a fault is judged by thresholds with `during`",
    "faults.late": "whether operations waited for a free vu, which the report doubts",
    "faults.longest_ns": "whether the fault had an effect",
    "faults.hits": "whether the fault had an effect",
    "thresholds": "figures that a metric names, judged",
    "baseline": "figures of another run",
    "earlier_tries": "figures of other runs",
    "phases.vus": "a setting",
    "phases.planned_iterations": "a setting",
    "phases.began_ns": "when it began, by the plan",
    "phases.offered_line": "the plan's course over time",
    "phases.broke": "where a ramp was when it was stopped, which fails it",
    "phases.vus_line": "the vus that the plan asks for over time",
    "windows": "read by thresholds with a window alone",
    "errors": "failures by their text; failed is their sum",
    "count": "the samples beneath a statistic: ok counts them",
    "histogram_ns": "read for percentiles that no statistic holds",
    "growth.points": "what growth.ratio and growth.exponent are computed of",
    "integrity.torn": "torn_reads, and those of pets that nobody marks",
    "memory.cleanup_rss": "memory.after_cleanup + memory.baseline",
    "memory.leak.second_half_slope": "a condition of memory.leak",
    "exact.seed": "an input",
    "exact.operations.status.done": "how many were counted",
    "exact.operations.status.failed": "failures while counting, which fail a run that only counts",
    "exact.failures": "the same by their text",
}
"""Numbers of a result that are no metric, and why; by the end, or the beginning, of their path."""


def numbers_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from numbers_in(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from numbers_in(inner, (*path, index))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield path


def figures_of(fields: dict[str, Any]) -> list[float | None]:
    run = RunResult.model_validate(fields)
    metrics = [*METRICS.values(), *counter_metrics(counters_of(run)).values()]
    return [
        metric.value(view, statistic)
        for view in views(run)
        for metric in metrics
        for statistic in ([*STATISTICS, "p75"] if metric.needs_statistic else [""])
    ]


def is_listed(path: tuple[Any, ...]) -> bool:
    names = ".".join(key for key in path if isinstance(key, str)).removesuffix(".status")
    return any(f"{names}.".startswith(f"{each}.") or names.endswith(f".{each}") for each in NOT_METRICS)


@pytest.mark.slow
def test_every_number_of_a_result_is_read_by_a_metric_or_listed_with_a_reason(full_document: dict[str, Any]) -> None:
    fields = full_document
    before, unread = figures_of(fields), []
    for path in numbers_in(fields):
        if is_listed(path):
            continue
        parent = reduce(getitem, path[:-1], fields)
        parent[path[-1]] += 7
        if figures_of(fields) == before:
            unread.append(path)
        parent[path[-1]] -= 7
    assert unread == []


def test_the_list_names_only_what_there_is(full_document: dict[str, Any]) -> None:
    paths = {".".join(key for key in path if isinstance(key, str)) for path in numbers_in(full_document)}
    unused = [each for each in NOT_METRICS if not any(f".{each}." in f".{path}." for path in paths)]
    assert unused == []


def test_a_full_result_has_every_metric(full_document: dict[str, Any]) -> None:
    run = RunResult.model_validate(full_document)
    missing = [
        metric.name
        for metric in METRICS.values()
        if metric.value(View(run), "p99" if metric.needs_statistic else "") is None
    ]
    assert missing == []


@pytest.mark.parametrize("name", METRICS)
def test_each_gates_what_it_is_known_of(name: str, full_document: dict[str, Any]) -> None:
    run, metric = RunResult.model_validate(full_document | {"starved": ""}), METRICS[name]
    for view in filter(metric.is_known_of, views(run)):
        example = f"{view.label}.{metric.example}" if view.label else metric.example
        rule = Rule(view.phase.name if view.phase else "", ThresholdRule(expr=example, allow_thin=True))
        (judged,) = judge_thresholds(run, [rule])
        assert judged.observed == metric.value(view, rule.threshold.statistic)
        assert judged.judged
        assert judged.passed is rule.threshold.holds(judged.observed or 0)


@pytest.mark.parametrize("name", METRICS)
def test_an_entry_is_complete(name: str) -> None:
    metric = METRICS[name]
    assert name == metric.name
    assert all((metric.meaning, metric.computed, metric.section, metric.label))
    assert parse_threshold(metric.example).metric is metric
    assert isinstance(metric.better, Better)
    assert metric.per_phase or metric.scope is Scope.RUN


def test_the_statistics_are_those_that_a_result_holds() -> None:
    fields = set(LatencySummary.model_fields) - {"count", "exact", "percentiles"}
    assert set(STATISTICS.values()) == fields


@pytest.mark.parametrize("name", METRICS)
def test_an_empty_result_says_of_each_why_it_is_missing(name: str, full_document: dict[str, Any]) -> None:
    fields = {
        **full_document,
        "duration_ns": None,
        "phases": [],
        "operations": [],
        "schedule_lag": None,
        "torn_reads": None,
        "offered_per_s": None,
        "achieved_per_s": None,
        "integrity": None,
        "memory": {},
        "resources": {},
        "inspection": {},
        "faults": [],
        "exact": None,
        "total": {"name": "all operations", "ok": 0, "failed": 0},
    }
    view, metric = View(RunResult.model_validate(fields)), METRICS[name]
    assert metric.value(view, "p99" if metric.needs_statistic else "") is None
    assert metric.reason_missing(view)


@pytest.mark.parametrize("name", ["timeouts", "db_errors", "busy_errors", "stale_errors"])
def test_a_result_without_categories_tells_that_nothing_failed(name: str, full_document: dict[str, Any]) -> None:
    total = {"name": "all operations", "ok": 5, "failures": None}
    clean = RunResult.model_validate({**full_document, "total": {**total, "failed": 0}})
    failing = RunResult.model_validate({**full_document, "total": {**total, "failed": 2}})
    assert METRICS[name].value(View(clean)) == 0
    assert METRICS[name].value(View(failing)) is None


def test_a_reason_is_the_one_that_applies(full_document: dict[str, Any]) -> None:
    run = RunResult.model_validate(full_document)

    def reason(name: str, **update: Any) -> str:
        return METRICS[name].reason_missing(View(run.model_copy(update=update)))

    bytes_read = ResourceResult(threads_max=3, read_bytes=10, written_bytes=10)
    assert reason("io.read_per_op", resources=bytes_read) == "no operation succeeded"
    assert "system does not report" in reason("io.written", resources=ResourceResult(threads_max=3))
    assert "was not read" in reason("io.written_per_op", resources=ResourceResult())
    nothing = run.total.model_copy(update={"ok": 0})
    for name in ("cpu.mean", "cpu.max", "cpu.per_op"):
        assert "less than 100 ms" in reason(name, resources=bytes_read)
        assert "was not read" in reason(name, resources=ResourceResult())
    assert reason("cpu.per_op", total=nothing) == "no operation succeeded"
    not_counted = run.exact and run.exact.model_copy(update={"not_counted": {"statements_per_op": "out of sight"}})
    assert reason("statements_per_op", exact=not_counted) == "out of sight"
    assert reason("statements_per_op", exact=None) == "nothing was counted"
    assert reason("io.fsyncs_per_op", inspection=Inspection(fsyncs_not_told="no strace")) == "no strace"
    assert "ended before" in reason("memory.uss_growth", memory=MemoryResult())
    assert "USS" in reason("memory.uss_growth", memory=MemoryResult(baseline_rss=1, end_rss=2))
    (one,) = run.phases[:1]
    arrivals = one.model_copy(update={"offered_line": [(0, 50.0)]})
    assert reason("delivery", phases=[arrivals]) == "the load was cut short"
    steady = one.model_copy(update={"began_ns": 0, "duration_ns": 10, "vus_line": [(0, 2)]})
    ramp = steady.model_copy(update={"vus_line": [(0, 1), (5, 2)]})
    later, beside = (steady.model_copy(update={"began_ns": ns, "duration_ns": 9, "name": "b"}) for ns in (10, 9))
    assert "too few readings" in reason("memory.leak", phases=[steady, later])
    assert "vus come and go" in reason("memory.leak", phases=[ramp, later])
    assert "vus come and go" in reason("memory.leak_bound", phases=[steady, beside])
    assert reason("growth.exponent") == "the size barely changed"


def test_a_metric_that_was_not_measured_says_why(full_document: dict[str, Any]) -> None:
    run = RunResult.model_validate(full_document)
    closed = run.model_copy(update={"phases": []})
    assert METRICS["delivery"].reason_missing(View(closed)) == "the load has no arrival rate"
    shared = run.integrity and run.integrity.model_copy(update={"saves": SaveCounts(acknowledged=3, unchecked=3)})
    unchecked = run.model_copy(update={"integrity": shared})
    assert METRICS["lost_writes"].reason_missing(View(unchecked)).startswith("3 saves are unchecked: other vus may")
