"""OpenMetrics text, read back by parsers of Prometheus' own client, and by Prometheus' own where it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.parser import text_string_to_metric_families as read_text_format

from perfcli import figures
from perfcli.ab.result import AbResult, Change
from perfcli.figures import METRICS, Scope, Spread, View, views
from perfcli.report.openmetrics import FAMILIES, PREFIX, render_openmetrics
from perfcli.report.wording import without_surrogates
from perfcli.results import BaselineComparison, CounterResult, OperationChange, OperationResult, RunResult
from perfcli.units import Unit


def families(*results: RunResult | AbResult) -> dict[str, Metric]:
    text = render_openmetrics(results)
    assert text.endswith("# EOF\n")
    return {family.name.removeprefix(PREFIX): family for family in text_string_to_metric_families(text)}


def values(family: Metric, label: str) -> dict[str, float]:
    return {sample.labels.get(label, ""): sample.value for sample in family.samples}


def test_every_ending_can_be_read(any_reported: RunResult | AbResult) -> None:
    told = families(any_reported)
    described = {family.name: (family.kind, family.unit, family.help) for family in FAMILIES}
    assert told
    for name, family in told.items():
        assert (family.type, family.unit, family.documentation) == described[name]


def test_times_are_in_seconds(all_results: dict[str, RunResult]) -> None:
    told = families(all_results["failed"])
    assert values(told["duration_seconds"], "scenario") == {"database_load": 0.52}
    assert values(told["threshold_limit"], "threshold")["load_pet.latency.mean < 100ms"] == 0.1
    assert values(told["threshold_observed"], "threshold")["success_rate >= 95%"] == 0.9995
    latency = all_results["failed"].operations[0].latency
    assert latency is not None
    quantiles = {
        s.labels.get("quantile"): s.value
        for s in told["latency_seconds"].samples
        if s.labels.get("operation") == "load_pet"
    }
    assert quantiles["0.99"] == latency.p99_ns / 1e9
    assert (quantiles["0"], quantiles["1"]) == (latency.min_ns / 1e9, latency.max_ns / 1e9)


def test_names_are_unique() -> None:
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)


@pytest.fixture(scope="module")
def whole(whole_document: dict[str, Any]) -> tuple[RunResult, dict[str, Any]]:
    """A run in which everything was measured, and what is told of it."""
    run = RunResult.model_validate(whole_document)
    return run, families(run)


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_told_of_each_part_that_it_is_known_of(
    name: str, whole: tuple[RunResult, dict[str, Any]]
) -> None:
    (run, all_told), metric = whole, METRICS[name]
    statistic = "p99" if metric.needs_statistic else ""
    expected = {
        (view.phase.name if view.phase else "", view.label): metric.value(view, statistic)
        for view in views(run)
        if metric.is_known_of(view)
    }
    (family,) = (found for family, found in all_told.items() if re.fullmatch(family_of(metric), family))
    told = {
        (sample.labels.get("phase", ""), sample.labels.get("operation", "")): sample.value
        for sample in family.samples
        if sample.labels.get("quantile", "0.99") == "0.99" and not sample.name.endswith(("_count", "_sum"))
    }
    factor = 1e9 if metric.unit is Unit.DURATION else 1
    assert {part: value * factor for part, value in told.items()} == pytest.approx(expected)
    assert len(told) == {Scope.RUN: 1, Scope.PHASE: 3, Scope.OPERATION: 6}[metric.scope]


def family_of(metric: figures.Metric) -> str:
    unit = {Unit.DURATION: "_seconds", Unit.SIZE: "_bytes", Unit.PERCENTAGE: "_ratio", Unit.RATE: "_per_second"}
    return metric.name.replace(".", "_") + unit.get(metric.unit, "(_bytes_per_operation)?")


def test_a_summary_holds_every_percentile_of_the_result(full_document: dict[str, Any]) -> None:
    run = RunResult.model_validate(full_document)
    spread = METRICS["latency"].of(View(run))
    assert isinstance(spread, Spread)
    of_run = {"scenario", "variation", "quantile"}
    whole = [sample for sample in families(run)["latency_seconds"].samples if set(sample.labels) <= of_run]
    quantiles = {float(sample.labels["quantile"]) for sample in whole if "quantile" in sample.labels}
    assert quantiles == {0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1}
    count, total = (next(s.value for s in whole if s.name.endswith(end)) for end in ("_count", "_sum"))
    assert count == spread.count
    assert total == pytest.approx(spread.summary.mean_ns * spread.count / 1e9)


def test_what_was_not_measured_is_left_out(make_result: Callable[..., RunResult]) -> None:
    assert "delivery_ratio" not in families(make_result())


TYPES_OF_THE_TEXT_FORMAT = {"counter", "gauge", "summary", "histogram", "untyped"}


def test_readers_of_the_older_text_format_find_the_same_samples(any_reported: RunResult | AbResult) -> None:
    text = render_openmetrics([any_reported])
    types = [line.split()[3] for line in text.splitlines() if line.startswith("# TYPE")]
    assert set(types) <= TYPES_OF_THE_TEXT_FORMAT

    def samples(read: Any) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
        return {(s.name, tuple(sorted(s.labels.items())), s.value) for family in read(text) for s in family.samples}

    assert samples(read_text_format) == samples(text_string_to_metric_families)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_prometheus_own_parser_takes_it(all_results: dict[str, RunResult], make_ab: Any) -> None:
    text = render_openmetrics([*all_results.values(), make_ab()])
    read = subprocess.run(["promtool", "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert "error while linting" not in read.stderr, read.stderr
    assert read.returncode in (0, 3)  # 3: read, with remarks on names


def test_the_verdict_is_a_set_of_states(all_results: dict[str, RunResult]) -> None:
    states = values(families(all_results["failed"])["verdict"], "verdict")
    assert [state for state, is_set in states.items() if is_set] == ["fail"]
    assert len(states) == 5


def test_all_operations_have_no_label(all_results: dict[str, RunResult]) -> None:
    told = families(all_results["passed"])
    assert set(values(told["throughput_per_second"], "operation")) == {"", "load_pet", "save_pet"}
    counts = [sample.value for sample in told["operations"].samples]
    assert sum(counts) == all_results["passed"].total.attempts


def test_results_of_one_scenario_are_told_apart(all_results: dict[str, RunResult], make_ab: Any) -> None:
    told = families(*all_results.values(), make_ab(), make_ab(scenario="other"))
    assert list(values(told["exit_code"], "run")) == [str(n + 1) for n in range(len(all_results))]
    assert "run" not in told["ab_pairs"].samples[1].labels


def test_a_baseline_and_a_comparison_are_told(make_result: Callable[..., RunResult], make_ab: Any) -> None:
    slower = OperationChange(name="load_pet", change="regression", ratio=1.3)
    told = families(
        make_result(baseline=BaselineComparison(name="main", change="regression", operations=[slower])),
        make_ab(Change.REGRESSION),
    )
    assert values(told["baseline_ratio"], "operation") == {"load_pet": 1.3}
    assert values(told["ab_lower_ratio"], "metric") == {"load_pet.p50": 1.1}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.just('a\\n"b"\n\\{c="d"} # e, 👩‍👩‍👧'), st.text(max_size=20)))
def test_names_come_out_as_they_are(
    make_result: Callable[..., RunResult], make_operation: Any, judged: Any, text: str
) -> None:
    threshold = judged("lost_writes == 0", 0).model_copy(update={"expr": f"x{text}"})
    operation = make_operation(f"x{text}", 5_000, 10)
    told = families(make_result(name=f"x{text}", operations=[operation], thresholds=[threshold]))
    written = without_surrogates(f"x{text}")
    assert set(values(told["exit_code"], "scenario")) == {written}
    assert set(values(told["throughput_per_second"], "operation")) == {"", written}
    assert set(values(told["threshold_passed"], "threshold")) == {written}


def test_counters_of_own_operations_are_told_with_their_units(make_result: Callable[..., RunResult]) -> None:
    counters = {
        "letters": CounterResult(unit="count", sum=32, per_op=8),
        "waited": CounterResult(unit="duration", sum=4e9, per_op=1e9),
    }
    own = OperationResult(name="rename", ok=4, failed=0, counters=counters)
    told = families(make_result(operations=[own], total=own, phases=[]))
    labels = [
        (s.labels["operation"], s.labels["counter"], s.value)
        for s in told["own_counter"].samples
        if "operation" in s.labels
    ]
    assert labels == [("rename", "letters", 32), ("rename", "waited", 4)]
    assert values(told["own_counter_per_operation"], "counter") == {"letters": 8, "waited": 1}
    assert values(told["own_counter"], "unit") == {"count": 32, "duration": 4}
