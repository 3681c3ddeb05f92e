"""Thresholds: the grammar, the judgement at and beside the limit, and mistakes that say what was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli import units
from perfcli.errors import did_you_mean
from perfcli.figures import METRICS, STATISTICS
from perfcli.thresholds import OPERATORS, Threshold, ThresholdError, Window, parse_threshold
from perfcli.units import NS_PER_S, Unit

LIMITS = {
    Unit.DURATION: ("100ms", 100_000_000),
    Unit.SIZE: ("50MB", 50_000_000),
    Unit.SIZE_PER_OPERATION: ("16B/op", 16),
    Unit.RATE: ("10/s", 10),
    Unit.PERCENTAGE: ("95%", 0.95),
    Unit.COUNT: ("300", 300),
    Unit.NUMBER: ("1.5", 1.5),
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
        ("memory.leak < 16B/op", "", "memory.leak", "", "<", 16),
        ("load_pet.growth.exponent < 0.5", "load_pet", "growth.exponent", "", "<", 0.5),
        ("growth.ratio <= 2", "", "growth.ratio", "", "<=", 2),
        ("schedule_lag.p99 < 10ms", "", "schedule_lag", "p99", "<", 10_000_000),
        ("delivery >= 98%", "", "delivery", "", ">=", 0.98),
        ("engine.shutdown_time < 2s", "", "engine.shutdown_time", "", "<", 2_000_000_000),
        ("statements_per_op < 3", "", "statements_per_op", "", "<", 3),
    ],
)
def test_thresholds_are_read(text: str, operation: str, metric: str, statistic: str, op: str, limit: float) -> None:
    assert parse_threshold(text) == Threshold(text.strip(), operation, METRICS[metric], statistic, op, limit)


@pytest.mark.parametrize(
    ("text", "kind", "seconds"),
    [
        ("latency.p95 < 100ms within 30s", "within", 30),
        ("load_pet.error_rate < 5 % for 10s", "for", 10),
        ("throughput > 10/s  within  1m30s ", "within", 90),
        ("service_time.max<1s for 1s", "for", 1),
        ("success_rate >= 99% within 1h", "within", 3_600),
    ],
)
def test_windows_are_read(text: str, kind: str, seconds: int) -> None:
    threshold = parse_threshold(text)
    assert threshold.window == Window(kind, seconds * NS_PER_S)  # type: ignore[arg-type]
    assert (threshold.text, threshold.limit) == (text.strip(), parse_threshold(text.split(f" {kind}")[0]).limit)


def test_without_a_word_there_is_no_window() -> None:
    assert parse_threshold("latency.p95 < 1m 30s").window is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latency.p95 < 100ms over 30s", "a window starts with 'for' or 'within', not with 'over': write within 30s"),
        ("error_rate < 5% in 10s", "a window starts with 'for' or 'within', not with 'in': write within 10s"),
        ("latency.p95 < 100ms within 30", "within: '30' has no unit: write 30ms or 30s"),
        ("latency.p95 < 100ms for", "for: '' is not a duration (50ms, 2s, 1m30s)"),
        ("latency.p95 < 100ms for 500ms", "for 500ms: a window lasts 1s or more"),
        ("latency.p95 < 100 within 30s", "latency: '100' has no unit: write 100ms or 100s"),
        ("latency.p95 < for 30s", "the limit is missing before 'for': write a duration (50ms, 2s, 1m30s)"),
        (
            "memory.growth < 5MB within 30s",
            "memory.growth is known only for the whole load: remove 'within', which works with latency, service_time,",
        ),
        ("latency.p95 < 1s for 5s within 9s", "latency: '1s for 5s' is not a duration (50ms, 2s, 1m30s)"),
        ("growth.ratio < 2x", "growth.ratio: '2x' is not a number (1.5)"),
        ("load_pet.p95 < 5ms", "'load_pet.p95' names a statistic but no metric: write load_pet.latency.p95"),
        ("latncy.mean < 5ms", "unknown metric 'latncy.mean' (did you mean 'latency'?)"),
        ("memory.grwth < 5MB", "unknown metric 'memory.grwth' (did you mean 'memory.growth'?)"),
        ("xyzzy < 5", "unknown metric 'xyzzy': digipal-perf explain lists them"),
        ("latency < 5ms", "latency needs a statistic: write latency.mean, latency.p99 or latency.max"),
        (
            "latency.men < 5ms",
            "unknown statistic 'men' (did you mean 'mean'?): use min, mean, median, p50, p90,",
        ),
        (
            "latency.p101 < 5ms",
            "unknown statistic 'p101': use min, mean, median, p50, p90, p95, p99, p99.9, max, stddev or any",
        ),
        ("failed < 1%", "failed: '1%' is not a count (300); for a share of all operations write error_rate"),
        ("latency.max < 500", "latency: '500' has no unit: write 500ms or 500s"),
        ("success_rate >= 0.95", "success_rate: '0.95' has no unit: write 95%"),
        ("throughput > 10", "throughput: '10' has no unit: write 10/s"),
        ("lost_writes == 0%", "lost_writes: '0%' is not a count (300)"),
        ("care.lost_writes == 0", "lost_writes belongs to the whole run: write it without 'care.'"),
        ("latency.mean", "'latency.mean' is not a threshold: write [operation.]metric[.statistic] OP value, e.g. "),
        ("latency.mean =< 5ms", "unknown operator '=<': write latency.mean <= 5ms"),
        ("latency.mean = 5ms", "unknown operator '=': write latency.mean == 5ms"),
        ("1ms < latency.mean < 5ms", "'1ms < latency.mean < 5ms' is not a threshold"),
        ("latency.mean => 5ms", "unknown operator '=>': write latency.mean >= 5ms"),
        ("latency.mean = ", "'latency.mean = ' is not a threshold"),
        (
            "latency.p95 < 5ms and error_rate < 1%",
            "'latency.p95 < 5ms and error_rate < 1%' is 2 thresholds: write each as its own item",
        ),
        ("latency.p95 < 5ms, timeouts == 0", "'latency.p95 < 5ms, timeouts == 0' is 2 thresholds"),
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


@given(
    st.sampled_from([each.name for each in METRICS.values() if each.windowed]),
    st.sampled_from(["for", "within"]),
    st.integers(1_000, 10**9),
)
def test_a_window_reads_back(name: str, kind: str, length_ms: int) -> None:
    metric = METRICS[name]
    subject = f"{name}.p99" if metric.needs_statistic else name
    threshold = parse_threshold(f"{subject} < {LIMITS[metric.unit][0]} {kind} {length_ms}ms")
    assert (threshold.subject, threshold.limit) == (subject, LIMITS[metric.unit][1])
    assert threshold.window == Window("for" if kind == "for" else "within", length_ms * 1_000_000)


@given(
    st.sampled_from(sorted(METRICS)), st.sampled_from(sorted(STATISTICS)), st.sampled_from(sorted(OPERATORS)), st.data()
)
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
        st.sampled_from(
            [
                "latency.p99 < 5ms",
                "error_rate",
                "throughput",
                *("memory", "growth", "p99", "mean", ".", "<", ">=", "=", "5", "ms", "%", "x", "s"),
                " ",
                " for ",
                " within ",
            ]
        )
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


@pytest.mark.parametrize(
    ("text", "ours"),
    [
        ("latency.p(95) < 100ms", "latency.p95 < 100ms"),
        ("load_pet.latency.p(99.9) < 5", "load_pet.latency.p99.9 < 5ms"),
        ("p(90) < 10ms", "latency.p90 < 10ms"),
        ("latency.P95 < 1ms", "latency.p95 < 1ms"),
        ("latency.95th < 1ms", "latency.p95 < 1ms"),
        ("latency.99% < 1ms", "latency.p99 < 1ms"),
        ("latency.percentile95 < 1ms", "latency.p95 < 1ms"),
        ("latency p95 < 1ms", "latency.p95 < 1ms"),
        ("latency.avg < 1ms", "latency.mean < 1ms"),
        ("load_pet.average < 1ms", "load_pet.latency.mean < 1ms"),
        ("service_time.med < 1ms", "service_time.median < 1ms"),
        ("http_req_duration.p(95) < 200", "latency.p95 < 200ms"),
        ("http_req_failed < 0.01", "error_rate < 1%"),
        ("checks > 0.95", "success_rate > 95%"),
        ("rps >= 50", "throughput >= 50/s"),
        ("load_pet.failures == 0", "load_pet.error_rate == 0%"),
        ("http_req_duration < 500", "latency.p95 < 500ms"),
        ("load_pet.response_time < 5ms", "load_pet.latency.p95 < 5ms"),
        ("http_req_duration: p(95) < 500", "latency.p95 < 500ms"),
        ("checks: rate > 0.9", "success_rate > 90%"),
        ("http_req_failed.rate < 0.01", "error_rate < 1%"),
        ("max_latency < 3ms", "latency.max < 3ms"),
        ("load_pet.avg_latency < 3ms", "load_pet.latency.mean < 3ms"),
        ("latency_p99 < 3ms", "latency.p99 < 3ms"),
        ("latency{op:load_pet}.p95 < 1s", "load_pet.latency.p95 < 1s"),
        ("http_req_duration{name:load_pet} < 1s", "load_pet.latency.p95 < 1s"),
        ("100ms > latency.p95", "latency.p95 < 100ms"),
        ("99% <= success_rate", "success_rate >= 99%"),
    ],
)
def test_words_of_other_load_testers_are_met_with_ours(text: str, ours: str) -> None:
    with pytest.raises(ThresholdError) as caught:
        parse_threshold(text)
    assert str(caught.value).endswith(f": write {ours}")
    parse_threshold(ours)


@pytest.mark.parametrize(
    ("text", "ours"),
    [("error_rate < 0.01", "1%"), ("error_rate < 1", "100% or 1%"), ("success_rate > 99.5", "99.5%")],
)
def test_a_share_without_its_sign_is_met_with_the_percentage(text: str, ours: str) -> None:
    with pytest.raises(ThresholdError, match=f"has no unit: write {ours}$"):
        parse_threshold(text)
