"""Thresholds: the grammar, the judgement at and beside the limit, and mistakes that say what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli import units
from perfcli.metrics.catalog import METRICS, STATISTICS
from perfcli.thresholds import OPERATORS, Threshold, ThresholdError, did_you_mean, parse_threshold
from perfcli.units import Unit

LIMITS = {
    Unit.DURATION: ("100ms", 100_000_000),
    Unit.SIZE: ("50MB", 50_000_000),
    Unit.SIZE_PER_OPERATION: ("16B/op", 16),
    Unit.RATE: ("10/s", 10),
    Unit.PERCENTAGE: ("95%", 0.95),
    Unit.COUNT: ("300", 300),
}


@pytest.mark.parametrize(
    ("text", "operation", "metric", "statistic", "op", "limit"),
    [
        ("load_pet.latency.mean < 100ms", "load_pet", "latency", "mean", "<", 100_000_000),
        ("latency.p99.9<=1.5s", "", "latency", "p99.9", "<=", 1_500_000_000),
        ("  success_rate  >=  95 % ", "", "success_rate", "", ">=", 0.95),
        ("read-2.error_rate == 0%", "read-2", "error_rate", "", "==", 0),
        ("memory.growth < 50MB", "", "memory.growth", "", "<", 50_000_000),
        ("memory.slope < 16B/op", "", "memory.slope", "", "<", 16),
        ("memory.latency.max < 1s", "memory", "latency", "max", "<", 1_000_000_000),
        ("lost_writes == 0", "", "lost_writes", "", "==", 0),
        ("throughput != 10/s", "", "throughput", "", "!=", 10),
        ("duration < 1m30s", "", "duration", "", "<", 90_000_000_000),
        ("care.degradation < 50%", "care", "degradation", "", "<", 0.5),
        ("cpu.mean > 5%", "", "cpu.mean", "", ">", 0.05),
    ],
)
def test_thresholds_are_read(text: str, operation: str, metric: str, statistic: str, op: str, limit: float) -> None:
    assert parse_threshold(text) == Threshold(text.strip(), operation, METRICS[metric], statistic, op, limit)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latncy.mean < 5ms", "unknown metric 'latncy.mean' (did you mean 'latency'?)"),
        ("memory.grwth < 5MB", "unknown metric 'memory.grwth' (did you mean 'memory.growth'?)"),
        ("xyzzy < 5", "unknown metric 'xyzzy'"),
        ("latency < 5ms", "latency needs a statistic: write latency.mean, latency.p99 or latency.max"),
        (
            "latency.men < 5ms",
            "unknown statistic 'men' (did you mean 'mean'?): use min, mean, median, max, stddev or",
        ),
        ("latency.p101 < 5ms", "unknown statistic 'p101': use min, mean, median, max, stddev or a percentile such as"),
        ("latency.max < 500", "latency: '500' has no unit: write a duration (50ms, 2s, 1m30s)"),
        ("success_rate >= 0.95", "success_rate: '0.95' has no unit: write a percentage (95%)"),
        ("throughput > 10", "throughput: '10' has no unit: write a rate (10/s)"),
        ("lost_writes == 0%", "lost_writes: '0%' is not a count (300)"),
        ("care.lost_writes == 0", "lost_writes belongs to the whole run: write it without 'care.'"),
        ("latency.mean", "'latency.mean' is not a threshold: write [operation.]metric[.statistic] OP value, e.g. "),
        ("latency.mean =< 5ms", "'latency.mean =< 5ms' is not a threshold"),
        ("latency.mean = 5ms", "'latency.mean = 5ms' is not a threshold"),
        ("1ms < latency.mean < 5ms", "'1ms < latency.mean < 5ms' is not a threshold"),
        ("< 5ms", "'< 5ms' is not a threshold"),
        ("latency.mean < ", "'latency.mean < ' is not a threshold"),
        (" " * 100_000 + "<", "'    "),
        ("a." * 100_000 + " < 5ms", "'a.a."),
    ],
)
def test_mistakes_say_what_was_meant(text: str, message: str) -> None:
    with pytest.raises(ThresholdError) as caught:
        parse_threshold(text)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("op", "below", "at", "above"),
    [
        ("<", True, False, False),
        ("<=", True, True, False),
        (">", False, False, True),
        (">=", False, True, True),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
def test_operators_judge_at_and_beside_the_limit(op: str, below: bool, at: bool, above: bool) -> None:
    threshold = parse_threshold(f"latency.mean {op} 100ns")
    assert [threshold.holds(99), threshold.holds(100), threshold.holds(101)] == [below, at, above]


@pytest.mark.parametrize(
    ("text", "observed", "margin"),
    [
        ("latency.mean < 100ns", 75, 0.25),
        ("latency.mean < 100ns", 150, -0.5),
        ("throughput >= 10/s", 12.5, 0.25),
        ("throughput >= 10/s", 5, -0.5),
        ("memory.growth < -10B", -20, 1),
        ("lost_writes == 5", 5, None),
        ("lost_writes != 5", 4, None),
        ("lost_writes <= 0", 0, None),
    ],
)
def test_margin_is_the_share_of_the_limit_that_is_left(text: str, observed: float, margin: float | None) -> None:
    assert parse_threshold(text).margin(observed) == margin


@given(st.sampled_from(sorted(METRICS)), st.sampled_from(STATISTICS), st.sampled_from(sorted(OPERATORS)), st.data())
def test_what_is_written_reads_back(name: str, statistic: str, op: str, data: st.DataObject) -> None:
    metric = METRICS[name]
    operation = data.draw(st.sampled_from(["", "load_pet", "a-b"])) if metric.per_operation else ""
    subject = ".".join(filter(None, (operation, metric.name, statistic if metric.needs_statistic else "")))
    text, limit = LIMITS[metric.unit]
    threshold = parse_threshold(f"{subject} {op} {text}")
    assert (threshold.subject, threshold.op, threshold.limit) == (subject, op, limit)
    assert units.parse(metric.unit, units.format_quantity(metric.unit, limit)) == limit


@given(
    st.text()
    | st.lists(
        st.sampled_from(["latency", "memory", "growth", "p99", "mean", ".", "<", ">=", "=", " ", "5", "ms", "%", "x"])
    ).map("".join)
)
def test_nothing_but_a_threshold_or_its_error_comes_out(text: str) -> None:
    try:
        threshold = parse_threshold(text)
    except ThresholdError as error:
        assert str(error)  # noqa: PT017
    else:
        assert threshold.text == text.strip()


def test_suggestion_is_the_nearest_of_the_first_word_that_has_one() -> None:
    assert did_you_mean(["qqq", "lod_pet"], ["save_pet", "load_pet"]) == " (did you mean 'load_pet'?)"
    assert did_you_mean(["qqq"], ["save_pet"]) == ""
