"""What the charts of the HTML report draw: each in plotly's own terms, with the figures of the result."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from plotly.graph_objects import Figure

from perfcli.metrics.histogram import Histogram
from perfcli.regression.result import AbResult
from perfcli.report.html.chart import Chart, duration_axis, label, line
from perfcli.report.html.latency import latency_charts, percentile_chart
from perfcli.report.html.over_time import load_charts
from perfcli.report.html.pairs import pairs_chart
from perfcli.report.html.process import process_charts
from perfcli.report.pairs import worth_a_picture
from perfcli.results import RunResult


def charts_of(result: RunResult) -> dict[str, Chart]:
    return {chart.title: chart for chart in (*latency_charts(result), *load_charts(result), *process_charts(result))}


def named(chart: Chart, name: str) -> dict[str, Any]:
    return next(trace for trace in chart.traces if trace["name"] == label(name))


@pytest.mark.slow
def test_plotly_knows_every_word_of_every_chart(
    full_result: Callable[..., RunResult], comparison: Callable[..., AbResult]
) -> None:
    charts = [*charts_of(full_result()).values(), pairs_chart(comparison().metrics)]
    assert [len(Figure(chart.figure).data) for chart in charts] == [2, 5, 6, 4, 3, 1, 2, 3]


def test_any_result_can_be_drawn(any_result: RunResult) -> None:
    for chart in charts_of(any_result).values():
        assert all(len(trace["x"]) == len(trace["y"]) == len(trace["text"]) for trace in chart.figure["data"])


def test_the_shares_of_a_distribution_add_up(full_result: Callable[..., RunResult]) -> None:
    shares = named(charts_of(full_result())["Latency distribution"], "save_pet")
    assert sum(shares["y"]) == pytest.approx(1)
    assert shares["x"][0] <= 60e-6 <= shares["x"][1]


def test_a_percentile_curve_is_that_of_the_histogram(histogram_of: Callable[[int], Histogram]) -> None:
    histogram = histogram_of(7_000)
    firm, thin = percentile_chart("", [("load_pet", histogram.to_counts())]).traces
    assert firm["y"] == pytest.approx([histogram.percentile(1 - 10**-nines) / 1e9 for nines in firm["x"]])
    assert firm["x"][0] == 0
    assert 10 ** -firm["x"][-1] * histogram.count == pytest.approx(10)
    assert (firm["line"]["dash"], thin["line"]["dash"]) == ("solid", "dot")


def test_a_threshold_is_a_line_as_long_as_its_phase(full_result: Callable[..., RunResult]) -> None:
    charts = charts_of(full_result())
    rate = named(charts["Throughput over time"], "calm: throughput > 50/s")
    assert (rate["x"], rate["y"]) == ([0.0, 5.0], [50, 50])
    latency = named(charts["Latency over time"], "load_pet.latency.p95 < 1us")
    assert (latency["x"], latency["y"]) == ([0.0, 10.0], [1e-6, 1e-6])
    mark = named(charts["Percentiles"], "load_pet.latency.p95 < 1us")
    assert mark["x"] == [pytest.approx(-math.log10(0.05))]


def test_a_threshold_of_one_phase_is_not_held_against_the_percentiles_of_all(
    full_result: Callable[..., RunResult],
) -> None:
    marks = {trace["name"] for trace in charts_of(full_result())["Percentiles"].traces}
    assert label("load_pet.latency.p95 < 1us") in marks
    assert label("load_pet: latency.p99 < 10ms") not in marks
    alone = full_result(phases=full_result().phases[1:])
    assert label("load_pet: latency.p99 < 10ms") in {t["name"] for t in charts_of(alone)["Percentiles"].traces}


def test_the_offered_rate_of_a_ramp_is_a_slope(full_result: Callable[..., RunResult]) -> None:
    offered = named(charts_of(full_result())["Throughput over time"], "calm: offered")
    assert (offered["x"], offered["y"]) == ([0.0, 5.0], [0.0, 180.0])


def test_the_offered_rate_ends_where_a_load_was_cut_short(full_result: Callable[..., RunResult]) -> None:
    calm = full_result().phases[0].model_copy(update={"duration_ns": 10**9})
    offered = named(charts_of(full_result(phases=[calm]))["Throughput over time"], "calm: offered")
    assert (offered["x"], offered["y"]) == ([0.0, 1.0], [0.0, 36.0])


def test_a_rest_of_a_second_is_drawn_neither_as_collapse_nor_as_leap(full_result: Callable[..., RunResult]) -> None:
    whole = full_result().seconds
    rest = whole[-1].model_copy(update={"second": 10, "ok": 1, "failed": 1, "length_ns": 20_000_000})
    for count, last in ((1, 109), (90, 109)):
        result = full_result(seconds=[*whole, rest.model_copy(update={"ok": count})], duration_ns=10_020_000_000)
        chart = charts_of(result)["Throughput over time"]
        assert (named(chart, "ok")["x"][-1], named(chart, "ok")["y"][-1]) == (10.02, last)
        assert max(named(chart, "failed")["y"]) == 1


def test_a_threshold_that_failed_is_red(full_result: Callable[..., RunResult]) -> None:
    chart = charts_of(full_result())["Latency over time"]
    failed, passed = named(chart, "load_pet.latency.p95 < 1us"), named(chart, "load_pet: latency.p99 < 10ms")
    assert failed["line"]["color"] != passed["line"]["color"]


def test_phases_are_shaded_where_they_ran(full_result: Callable[..., RunResult]) -> None:
    layout = charts_of(full_result())["CPU over time"].layout
    assert [(shape["x0"], shape["x1"]) for shape in layout["shapes"]] == [(0.0, 5.0), (5.0, 10.0)]
    assert [each["text"] for each in layout["annotations"]] == ["calm", "load_pet"]


def test_the_fitted_slope_runs_through_the_readings_it_was_fitted_to(full_result: Callable[..., RunResult]) -> None:
    result = full_result(phases=[])
    rss, fit, _ = charts_of(result)["Memory growth over time"].traces
    assert fit["name"] == "slope +1.00 kB/op, at least 900 B/op"
    assert fit["x"][0] == 3.0
    assert fit["y"] == pytest.approx(rss["y"][30:])


def test_a_load_of_few_seconds_is_told_by_its_slices(full_result: Callable[..., RunResult]) -> None:
    result = full_result(seconds=full_result().seconds[:1], seconds_by_operation={})
    charts = charts_of(result)
    assert len(named(charts["Latency over time"], "load_pet")["x"]) == 40
    rates = named(charts["Throughput over time"], "ok")
    assert rates["y"][:-1] == pytest.approx([200.0] * 20)


def test_failures_have_a_line_of_their_own(full_result: Callable[..., RunResult]) -> None:
    failed = named(charts_of(full_result())["Throughput over time"], "failed")
    assert failed["y"] == [0, 1] * 5


def test_pairs_are_told_as_changes(comparison: Callable[..., AbResult]) -> None:
    interval, pairs, estimate = pairs_chart(comparison().metrics).traces
    assert pairs["x"][0] == pytest.approx(math.expm1(0.2))
    assert interval["x"] == [pytest.approx(math.expm1(0.22)), pytest.approx(math.expm1(0.29))]
    assert estimate["x"] == [pytest.approx(math.expm1(0.255))]


def test_one_wild_pair_does_not_blow_up_the_axis(comparison: Callable[..., AbResult]) -> None:
    (metric,) = worth_a_picture(comparison().metrics)
    wild = metric.model_copy(update={"differences": [0.2, 0.25, 0.24, 0.26, 0.22, 0.27, 0.23, math.log(51)]})
    chart = pairs_chart([wild])
    low, high = chart.layout["xaxis"]["range"]
    assert -0.2 < low < 0
    assert 0.3 < high < 0.6
    _, pairs, _ = chart.traces
    assert pairs["x"][-1] == high
    assert pairs["marker"]["symbol"] == ["circle"] * 7 + ["triangle-right"]
    assert "pair 8: 51x" in pairs["text"][-1]


@pytest.mark.parametrize(
    ("low_s", "high_s", "shown"),
    [
        (3e-5, 0.1, {"100 µs", "1 ms", "10 ms", "100 ms"}),
        (2e-4, 4e-3, {"300 µs", "1 ms", "3 ms"}),
        (0.0106, 0.0122, {"11 ms", "12 ms"}),
        (0.5, 120.0, {"1 s", "10 s", "100 s"}),
        (1e-9, 3e-8, {"1 ns", "10 ns"}),
    ],
)
def test_an_axis_of_durations_has_round_marks(low_s: float, high_s: float, shown: set[str]) -> None:
    axis = duration_axis("latency", [line("", [(0, low_s, ""), (1, high_s, "")])])
    marks = dict(zip(axis["ticktext"], axis["tickvals"], strict=True))
    assert shown <= {text for text, at in marks.items() if low_s <= at <= high_s}


def test_a_name_of_several_lines_is_one_for_plotly() -> None:
    assert label('<a href="x">\n👩‍💻 & co') == '&lt;a href="x"&gt; 👩‍💻 &amp; co'
    assert label("x" * 50, 40) == "x" * 39 + "…"
