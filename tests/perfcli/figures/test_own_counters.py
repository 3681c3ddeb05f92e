"""Counters of own operations as metrics: in thresholds, of operations, phases and runs."""

from __future__ import annotations

import pytest

from perfcli.figures import METRICS, View, counter_metrics, counters_of
from perfcli.results import CounterResult, OperationResult
from perfcli.thresholds import ThresholdError, parse_subject, parse_threshold
from perfcli.units import Unit
from tests.perfcli.report.conftest import run_result

COUNTERS = {"letters": "count", "sent": "size", "waited": "duration"}


def test_each_counter_is_two_metrics() -> None:
    units = {name: metric.unit for name, metric in counter_metrics(COUNTERS).items()}
    assert units == {
        "letters": Unit.COUNT,
        "letters_per_op": Unit.NUMBER,
        "sent": Unit.SIZE,
        "sent_per_op": Unit.SIZE_PER_OPERATION,
        "waited": Unit.DURATION,
        "waited_per_op": Unit.DURATION,
    }


@pytest.mark.parametrize(
    ("text", "operation", "metric", "limit"),
    [
        ("rename.letters > 100", "rename", "letters", 100),
        ("letters > 100", "", "letters", 100),
        ("rename.letters_per_op <= 8.5", "rename", "letters_per_op", 8.5),
        ("sent < 3kB", "", "sent", 3_000),
        ("rename.waited_per_op < 2ms", "rename", "waited_per_op", 2e6),
        ("rename.latency.p99 < 2ms", "rename", "latency", 2e6),
    ],
)
def test_a_threshold_names_it(text: str, operation: str, metric: str, limit: float) -> None:
    parsed = parse_threshold(text, COUNTERS)
    assert (parsed.operation, parsed.metric.name, parsed.limit) == (operation, metric, limit)
    assert parsed.subject == ".".join(filter(None, (operation, parsed.metric.name, parsed.statistic)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rename.letter > 1", r"unknown metric 'rename\.letter' \(did you mean 'letters'\?\)"),
        ("rename.letters.p99 > 1", r"unknown metric 'rename\.letters\.p99' \(did you mean 'letters'\?\)"),
        ("rename.letters > 3ms", "letters: "),
        ("rename.letters > 3 for 2s", "letters is known only for the whole load"),
    ],
)
def test_a_misspelt_one_is_refused(text: str, message: str) -> None:
    with pytest.raises(ThresholdError, match=message):
        parse_threshold(text, COUNTERS)


def test_without_counters_there_are_none() -> None:
    with pytest.raises(ThresholdError, match="unknown metric"):
        parse_subject("rename.letters")


def test_no_counter_takes_the_place_of_a_metric() -> None:
    assert parse_subject("latency.p99", {"latency": "count"})[1] is METRICS["latency"]


def test_values_are_read_from_the_operation() -> None:
    operation = OperationResult(
        name="rename", ok=4, failed=0, counters={"letters": CounterResult(unit="count", sum=32, per_op=8)}
    )
    run = run_result(operations=[operation], total=operation.model_copy(update={"name": "all operations"}))
    assert counters_of(run) == {"letters": "count"}
    metrics = counter_metrics(counters_of(run))
    for label in ("", "rename"):
        assert metrics["letters"].value(View(run, None, label)) == 32
        assert metrics["letters_per_op"].value(View(run, None, label)) == 8
    assert metrics["letters"].value(View(run, None, "other")) is None


def test_a_run_that_never_began_has_no_value() -> None:
    operation = OperationResult(name="rename", ok=0, failed=0, counters={"letters": CounterResult(unit="count")})
    run = run_result(operations=[operation], total=operation, duration_ns=None)
    metric = counter_metrics(counters_of(run))["letters"]
    assert (metric.value(View(run)), metric.reason_missing(View(run))) == (None, "the run ended before measuring began")
