"""What the charts of the HTML report draw: each in plotly's own terms, with the figures of the result."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from plotly.graph_objects import Figure

from perfcli.ab.result import AbResult
from perfcli.metrics.histogram import Histogram
from perfcli.report.change import worth_a_picture
from perfcli.report.html.chart import HEIGHT, Drawing, duration_axis, label, line
from perfcli.report.html.latency import latency_charts, percentile_chart
from perfcli.report.html.over_time import load_charts
from perfcli.report.html.page import pairs_chart
from perfcli.report.html.process import process_charts
from perfcli.results import FaultResult, PhaseResult, RunResult, ThresholdResult

S = 10**9


def charts_of(result: RunResult) -> dict[str, Drawing]:
    return {chart.title: chart for chart in (*latency_charts(result), *load_charts(result), *process_charts(result))}


def named(chart: Drawing, name: str) -> dict[str, Any]:
    return next(trace for trace in chart.traces if trace["name"] == label(name))


@pytest.mark.slow
def test_plotly_knows_every_word_of_every_chart(
    full_result: Callable[..., RunResult], comparison: Callable[..., AbResult]
) -> None:
    charts = [*charts_of(full_result()).values(), pairs_chart(comparison().metrics)]
    assert [len(Figure(chart.figure).data) for chart in charts] == [2, 5, 0, 8, 5, 2, 2, 3, 1, 2, 3]


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


def limits_in(chart: Drawing) -> list[str]:
    return [trace["name"] for trace in chart.traces if trace.get("meta") == "limit"]


def titles_with(result: RunResult, limit: str) -> set[str]:
    return {title for title, chart in charts_of(result).items() if label(limit) in limits_in(chart)}


def test_a_threshold_is_a_line_as_long_as_its_phase(full_result: Callable[..., RunResult]) -> None:
    charts = charts_of(full_result())
    rate = named(charts["Throughput over time"], "calm: throughput > 50/s")
    assert (rate["x"], rate["y"]) == ([0.0, 5.0], [50, 50])
    latency = named(charts["Latency over time"], "load_pet.latency.p95 < 1us")
    assert (latency["x"], latency["y"]) == ([0.0, 10.0], [1e-6, 1e-6])
    mark = named(charts["Percentiles"], "load_pet.latency.p95 < 1us")
    assert mark["x"] == [pytest.approx(-math.log10(0.05))]


@pytest.mark.parametrize(
    ("expr", "titles"),
    [
        ("latency.p95 < 1ms", {"Latency over time", "Percentiles"}),
        ("latency.p90 < 1ms", {"Percentiles"}),
        ("latency.mean < 1ms", {"Latency over time"}),
        ("latency.max < 1ms", {"Latency over time", "Percentiles"}),
        ("latency.p99 < 1ms for 2s", {"Latency over time"}),
        ("latency.p99 < 1ms within 2s", set()),
        ("latency.stddev < 1ms", set()),
        ("save_pet.service_time.p95 < 1ms", {"Percentiles"}),
        ("throughput > 50/s", {"Throughput over time"}),
        ("save_pet.throughput > 50/s within 2s", {"Throughput over time"}),
        ("success_rate > 90%", {"Errors over time"}),
        ("save_pet.error_rate < 2%", {"Errors over time"}),
        ("memory.growth < 1MB", {"Memory growth over time"}),
        ("memory.slope < 1kB/op", set()),
        ("cpu.mean < 100%", {"CPU over time"}),
        ("cpu.max < 100%", set()),
        ("database.size < 1MB", {"Database size over time"}),
        ("wal.max < 200kB", {"Database size over time"}),
        ("iterations > 5", set()),
    ],
)
def test_a_limit_stands_only_where_its_statistic_is_drawn(
    full_result: Callable[..., RunResult], judged: Callable[..., ThresholdResult], expr: str, titles: set[str]
) -> None:
    threshold = judged(expr, 1.0)
    assert titles_with(full_result(thresholds=[threshold]), expr) == titles
    unjudged = threshold.model_copy(update={"judged": False})
    assert titles_with(full_result(thresholds=[unjudged]), expr) == set()


def test_the_statistic_that_is_judged_is_drawn(
    full_result: Callable[..., RunResult], judged: Callable[..., ThresholdResult]
) -> None:
    chart = charts_of(full_result(thresholds=[judged("latency.p95 < 1ms", 1.0)]))["Latency over time"]
    assert named(chart, "all operations")["y"] == pytest.approx([5 * 20e-6] * 10)
    assert named(chart, "all operations")["line"]["dash"] == "dash"


def test_no_line_but_a_limit_looks_like_one(full_result: Callable[..., RunResult]) -> None:
    traces = [trace for chart in charts_of(full_result()).values() for trace in chart.traces]
    limits = [trace for trace in traces if trace.get("meta") == "limit"]
    others = [trace for trace in traces if trace.get("meta") != "limit"]
    assert not {trace["line"]["dash"] for trace in others} & {"longdashdot"}
    assert not {trace["line"]["color"] for trace in others} & {trace["marker"]["color"] for trace in limits}


def test_a_limit_far_above_the_data_is_told_and_not_drawn(
    full_result: Callable[..., RunResult], judged: Callable[..., ThresholdResult]
) -> None:
    result = full_result(thresholds=[judged("memory.peak < 900MB", 1.0), judged("latency.max < 100s", 1.0)])
    charts = charts_of(result)
    assert charts["Memory growth over time"].note.endswith(" Far above the chart: memory.peak < 900MB.")
    assert "latency.max < 100s" in charts["Latency over time"].note
    assert limits_in(charts["Memory growth over time"]) == limits_in(charts["Latency over time"]) == []


def test_a_limit_of_a_phase_is_not_held_against_what_runs_beside_it(full_result: Callable[..., RunResult]) -> None:
    calm, rush = full_result().phases
    beside = [calm, rush.model_copy(update={"began_ns": 2 * 10**9})]
    assert titles_with(full_result(), "calm: throughput > 50/s") == {"Throughput over time"}
    assert titles_with(full_result(phases=beside), "calm: throughput > 50/s") == set()


@pytest.mark.slow
def test_a_threshold_of_one_phase_is_not_held_against_the_percentiles_of_all(
    full_result: Callable[..., RunResult],
) -> None:
    phased = "load_pet: latency.p99 < 10ms"
    assert titles_with(full_result(), "load_pet.latency.p95 < 1us") == {"Latency over time", "Percentiles"}
    assert titles_with(full_result(), phased) == {"Latency over time"}
    assert titles_with(full_result(phases=steady(full_result())), phased) == {"Latency over time", "Latency over vus"}
    alone = full_result(phases=full_result().phases[1:])
    assert "Percentiles" in titles_with(alone, phased)


def steady(result: RunResult, *vus: int) -> list[PhaseResult]:
    """The phases of a result, as if so many vus worked all the time, as fast as they could."""
    closed = {"offered_per_s": None, "schedule_lag": None, "vus_line": []}
    pairs = zip(result.phases, vus or (2, 5), strict=True)
    return [phase.model_copy(update={**closed, "vus": number}) for phase, number in pairs]


def test_latency_over_vus_has_each_phase_and_its_limit(full_result: Callable[..., RunResult]) -> None:
    result = full_result(phases=steady(full_result()))
    chart = charts_of(result)["Latency over vus"]
    latency = result.phases[0].total.latency
    assert latency is not None
    assert [trace["name"] for trace in chart.traces[:3]] == ["p50", "p95", "p99"]
    assert (chart.traces[1]["x"], chart.traces[1]["y"][0]) == ([2, 5], pytest.approx(latency.p95_ns / 1e9))
    assert (chart.traces[3]["x"], chart.traces[3]["y"]) == ([5], [pytest.approx(0.01)])


def test_phases_that_differ_in_more_than_their_vus_are_not_laid_over_them(
    full_result: Callable[..., RunResult],
) -> None:
    for phases in (full_result().phases, steady(full_result(), 2, 2)):
        assert not charts_of(full_result(phases=phases))["Latency over vus"].figure["data"]


def test_vus_are_drawn_as_planned_and_at_work(full_result: Callable[..., RunResult]) -> None:
    planned, busy = charts_of(full_result())["Active vus"].traces
    assert list(zip(planned["x"], planned["y"], strict=True)) == [(0.0, 2), (5.0, 1), (7.0, 5), (10.0, 0)]
    assert busy["y"][0] == pytest.approx(100 * 20_000 / 1e9)
    older = [phase.model_copy(update={"vus_line": []}) for phase in full_result().phases]
    assert charts_of(full_result(phases=older))["Active vus"].traces[0]["x"] == []


def test_throughput_is_that_of_each_operation_and_of_all(full_result: Callable[..., RunResult]) -> None:
    chart = charts_of(full_result())["Throughput over time"]
    assert [trace["name"] for trace in chart.traces[:3]] == ["load_pet", "save_pet", "all operations"]
    assert named(chart, "save_pet")["y"][:3] == [100, 101, 102]


def test_a_second_in_which_nothing_began_is_a_pause(full_result: Callable[..., RunResult]) -> None:
    seconds = [each for each in full_result().seconds if each.second != 4]
    by_operation = {"load_pet": seconds, "save_pet": seconds}
    charts = charts_of(full_result(seconds=seconds, seconds_by_operation=by_operation))
    assert named(charts["Throughput over time"], "load_pet")["y"][4] == 0
    assert named(charts["Latency over time"], "load_pet")["y"][4] is None


def test_part_of_a_second_is_marked(full_result: Callable[..., RunResult]) -> None:
    *whole, last = full_result().seconds
    seconds = [*whole, last.model_copy(update={"length_ns": 700_000_000})]
    result = full_result(seconds=seconds, seconds_by_operation={"load_pet": seconds}, duration_ns=9_700_000_000)
    charts = charts_of(result)
    rate = named(charts["Throughput over time"], "throughput")
    assert (rate["marker"]["size"][8:], rate["y"][9]) == ([0, 8, 0], pytest.approx(109 / 0.7))
    assert rate["text"][9].endswith("second 9 (0.7 s of it)")
    latency = named(charts["Latency over time"], "load_pet")
    assert latency["marker"]["size"] == [0] * 9 + [8]


def test_cpu_is_the_mean_of_each_second(full_result: Callable[..., RunResult]) -> None:
    cpu = named(charts_of(full_result())["CPU over time"], "CPU")
    assert cpu["x"] == [*range(11)]
    first = [0.5 + 0.4 * math.sin(tenth) for tenth in range(1, 11)]
    assert cpu["y"][0] == pytest.approx(sum(first) / 10)


def test_the_highest_reading_is_drawn_however_many_there_are(full_result: Callable[..., RunResult]) -> None:
    usual = full_result().monitor[50]
    readings = [usual.model_copy(update={"at_ns": n * 10**6}) for n in range(10_000)]
    readings[7_777] = readings[7_777].model_copy(update={"rss": 99_000_000, "wal_bytes": 7_000_000})
    charts = charts_of(full_result(monitor=readings))
    wal = named(charts["Database size over time"], "WAL")
    assert max(wal["y"]) == 7_000_000
    assert len(wal["y"]) <= 2_000
    assert (wal["yaxis"], charts["Database size over time"].layout["yaxis2"]["domain"][0]) == ("y2", 0)


def test_the_offered_rate_of_a_ramp_is_a_slope(full_result: Callable[..., RunResult]) -> None:
    offered = named(charts_of(full_result())["Throughput over time"], "calm: offered")
    assert (offered["x"], offered["y"]) == ([0.0, 5.0], [0.0, 180.0])


def test_the_offered_rate_ends_where_a_load_was_cut_short(full_result: Callable[..., RunResult]) -> None:
    calm = full_result().phases[0].model_copy(update={"duration_ns": 10**9})
    offered = named(charts_of(full_result(phases=[calm]))["Throughput over time"], "calm: offered")
    assert (offered["x"], offered["y"]) == ([0.0, 1.0], [0.0, 36.0])


def test_a_rest_of_a_second_counts_with_the_second_before(full_result: Callable[..., RunResult]) -> None:
    whole = full_result().seconds
    for count in (1, 90):
        rest = whole[-1].model_copy(update={"second": 10, "ok": count, "failed": 1, "length_ns": 20_000_000})
        seconds = [*whole, rest]
        result = full_result(seconds=seconds, seconds_by_operation={"load_pet": seconds}, duration_ns=10_020_000_000)
        rate = named(charts_of(result)["Throughput over time"], "throughput")
        assert (rate["x"][-1], rate["y"][-1]) == (pytest.approx(10.02), pytest.approx((109 + count) / 1.02))
        assert rate["marker"]["size"][-2] > 0


def test_a_threshold_that_failed_has_a_colour_of_its_own(full_result: Callable[..., RunResult]) -> None:
    chart = charts_of(full_result())["Latency over time"]
    failed, passed = named(chart, "load_pet.latency.p95 < 1us"), named(chart, "load_pet: latency.p99 < 10ms")
    assert failed["line"]["color"] != passed["line"]["color"]


def test_phases_are_shaded_where_they_ran(full_result: Callable[..., RunResult]) -> None:
    layout = charts_of(full_result())["CPU over time"].layout
    assert [(shape["x0"], shape["x1"]) for shape in layout["shapes"]] == [(0.0, 5.0), (5.0, 10.0)]
    assert [each["text"] for each in layout["annotations"]] == ["calm", "load_pet"]


def faulty(
    full_result: Callable[..., RunResult], lasting_fault: Callable[..., FaultResult], *faults: tuple[str, float, float]
) -> dict[str, Any]:
    """The layout of a chart of ten seconds in one phase, with faults of name, begin and length in seconds."""
    spans = [lasting_fault(name, round(at * S), round(lasted * S)) for name, at, lasted in faults]
    phases = full_result().phases[:1]
    return charts_of(full_result(phases=phases, faults=spans))["Latency over time"].layout


def shades(layout: dict[str, Any]) -> list[tuple[float, float]]:
    return [(shape["x0"], shape["x1"]) for shape in layout["shapes"] if shape["layer"] == "below"]


def test_each_fault_is_shaded_and_named(
    full_result: Callable[..., RunResult], lasting_fault: Callable[..., FaultResult]
) -> None:
    layout = faulty(full_result, lasting_fault, ("lock", 2, 1), ("stall", 7, 0.5))
    assert shades(layout) == [(2, 3), (7, 7.5)]
    assert [(each["text"], each["x"], each["xanchor"]) for each in layout["annotations"]] == [
        ("lock", 2, "left"),
        ("stall", 7.5, "right"),
    ]
    assert layout["annotations"][0]["hovertext"] == "lock at 2.00 s for 1.00 s (outage 1.00 s, recovery 0 ns)"
    assert layout["height"] == HEIGHT + 18


def test_names_of_faults_never_meet(
    full_result: Callable[..., RunResult], lasting_fault: Callable[..., FaultResult]
) -> None:
    layout = faulty(full_result, lasting_fault, ("lock", 2, 2), ("disk_full", 3, 2), ("stall", 3.5, 0.1), ("ai", 9, 1))
    assert [(each["text"], each["yshift"]) for each in layout["annotations"]] == [
        *(("lock", 4), ("ai", 4), ("disk_full", 22), ("stall", 40)),
    ]
    assert layout["height"] == HEIGHT + 3 * 18


def test_a_fault_that_was_not_inflicted_is_not_drawn(
    full_result: Callable[..., RunResult], lasting_fault: Callable[..., FaultResult]
) -> None:
    layout = charts_of(full_result(phases=[], faults=[lasting_fault("lock", S, None)]))["CPU over time"].layout
    assert (layout["shapes"], layout["annotations"], "height" in layout) == ([], [], False)


def test_a_fault_that_was_never_lifted_lasts_to_the_end(
    full_result: Callable[..., RunResult], lasting_fault: Callable[..., FaultResult]
) -> None:
    layout = faulty(full_result, lasting_fault, ("lock", 8, 2.4))
    assert shades(layout) == [(8, 10)]


def test_many_times_of_a_fault_have_one_name_and_no_more_shades_than_can_be_told_apart(
    full_result: Callable[..., RunResult], lasting_fault: Callable[..., FaultResult]
) -> None:
    layout = faulty(full_result, lasting_fault, *(("kill", 1 + time / 125, 0.0) for time in range(1000)))
    assert shades(layout) == [(1, pytest.approx(8.992))]
    apart = faulty(full_result, lasting_fault, *(("kill", 1 + time / 5, 0.01) for time in range(40)))
    assert len(shades(apart)) == 40
    assert [each["text"] for each in apart["annotations"]] == ["kill"]


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
    rates = named(charts["Throughput over time"], "throughput")
    assert rates["y"][:-1] == pytest.approx([200.0] * 20)


def test_failures_have_a_chart_of_their_own(full_result: Callable[..., RunResult]) -> None:
    failed = named(charts_of(full_result())["Errors over time"], "save_pet")
    assert failed["y"][:10] == [0, 1] * 5
    calm = [each.model_copy(update={"failed": 0}) for each in full_result().seconds]
    assert not charts_of(full_result(seconds=calm))["Errors over time"].figure["data"]


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
    assert pairs["marker"]["size"][-1] > pairs["marker"]["size"][0]
    assert pairs["cliponaxis"] is False
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
