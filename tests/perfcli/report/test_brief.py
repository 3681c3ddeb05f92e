"""The brief report of a run: the answer first, on few lines, and nothing that a reader must know left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from perfcli.errors import Verdict
from perfcli.figures.engine import COUNTERS
from perfcli.report.blocks import SPARK, Section
from perfcli.report.drawings import HEIGHTS
from perfcli.report.operations import brief_operations_table
from perfcli.report.phases import what_held
from perfcli.report.run import run_document
from perfcli.report.thresholds import example_threshold
from perfcli.results import (
    GrowthResult,
    Inspection,
    Integrity,
    LeakResult,
    OperationResult,
    PhaseResult,
    RunResult,
    SaveCounts,
    ThresholdResult,
)

MakeResult = Callable[..., RunResult]
MakeOperation = Callable[..., OperationResult]
MakePhase = Callable[..., PhaseResult]
Judged = Callable[..., ThresholdResult]
Printed = Callable[..., str]
Lines = Callable[..., list[str]]

MOST_LINES = 12
HISTOGRAM = {10_000: 900, 20_000: 90, 400_000: 10}


@pytest.fixture
def lines(printed: Printed) -> Lines:
    """The lines of a brief report."""

    def of(result: RunResult, width: int = 80) -> list[str]:
        return printed(run_document(result), width, brief=True).splitlines()

    return of


class TestLength:
    """How many lines a report takes."""

    @pytest.mark.parametrize("count", [1, 2, 4, 9])
    def test_a_pass_takes_twelve_lines_and_one_for_each_operation_beyond_four(
        self, count: int, make_result: MakeResult, make_operation: MakeOperation, lines: Lines
    ) -> None:
        operations = [
            make_operation(f"interaction_{number}", 10_000, 150, throughput_per_s=1e5, histogram_ns=HISTOGRAM)
            for number in range(count)
        ]
        result = make_result(
            name="a_scenario_of_some_length",
            operations=operations,
            engine="the working tree",
            commit="1a2b3c4d",
            integrity=Integrity(
                acknowledged=12_345,
                lost=0,
                duplicates=0,
                saves=SaveCounts(acknowledged=11_022, checked=1_050, superseded=9_972),
            ),
            inspection=Inspection(shutdown_ns=1_000, written_per_operation=846.0, fsyncs_per_operation=0.25),
        )
        assert len(lines(result)) <= MOST_LINES + max(0, count - 4)

    @pytest.mark.parametrize("count", [2, 4, 7])
    def test_so_does_one_of_several_phases(
        self, count: int, make_result: MakeResult, make_operation: MakeOperation, make_phase: MakePhase, lines: Lines
    ) -> None:
        load_pet = make_operation("load_pet", 10_000, 100)
        phases = [make_phase(f"phase_{number}", 5, load_pet) for number in range(count)]
        told = lines(make_result(phases=phases))
        assert len(told) <= MOST_LINES + max(0, count - 4)
        assert [line.split()[0] for line in told if line.startswith(("  phase_", "  total"))] == [
            *(phase.name for phase in phases),
            "total",
        ]

    def test_a_failure_takes_a_line_for_each_reason(self, all_results: Mapping[str, RunResult], lines: Lines) -> None:
        told = lines(all_results["failed"])
        assert told[0] == "FAIL  database_load  3 of 4 thresholds failed"
        assert told[1:3] == [f"  - {reason}" for reason in all_results["failed"].reasons]


class TestFailedPhases:
    """Which operation made a phase fail."""

    @pytest.mark.parametrize(("names", "titles"), [(("a", "b"), 1), (("load-1", "load-4"), 1)])
    def test_the_operations_of_a_phase_that_failed_are_shown(
        self,
        names: Sequence[str],
        titles: int,
        make_result: MakeResult,
        make_operation: MakeOperation,
        make_phase: MakePhase,
        judged: Judged,
        lines: Lines,
    ) -> None:
        operations = [make_operation("load_pet", 10, 9), make_operation("save_pet", 20, 9)]
        phases = [make_phase(name, vus, *operations) for name, vus in zip(names, (1, 4), strict=True)]
        for observed in (1e3, 2e6):
            thresholds = [judged("latency.p95 < 1ms", observed, phase=names[1])]
            told = lines(make_result(phases=phases, thresholds=thresholds))
            assert sum(line.startswith("  operation ") for line in told) == (titles if observed > 1e6 else 0)
            assert any(line.startswith("  save_pet ") for line in told) == (observed > 1e6)


class TestWidth:
    """What a narrow console leaves out."""

    def test_the_distribution_goes_first_and_the_percentiles_stay(
        self, make_result: MakeResult, make_operation: MakeOperation, lines: Lines
    ) -> None:
        operation = make_operation(
            "interaction_after_care", 10_000_000, 150, 3, throughput_per_s=1e5, histogram_ns=HISTOGRAM
        )
        result = make_result(operations=[operation])
        titles = {
            width: next(line for line in lines(result, width) if line.startswith("  operation")).split()
            for width in (60, 80, 120)
        }
        assert titles[120][-1] == "distribution"
        assert titles[80] == ["operation", "ok", "failed", "p50", "p95", "p99", "max"]
        assert titles[60] == ["operation", "failed", "p50", "p95", "p99"]


class TestNotable:
    """What is spelled out, and only then."""

    def test_nothing_is_spelled_out_if_all_is_well(self, make_result: MakeResult, lines: Lines) -> None:
        told = lines(make_result(inspection=Inspection(shutdown_ns=1_000, threads_left=[], printed_bytes=0)))
        labels = [line.split()[0] for line in told if line.startswith("  ") and line[2] != "-"]
        assert labels[-4:] == ["resources", "integrity", "thresholds", "engine"]

    @pytest.mark.parametrize(
        ("changes", "label", "words"),
        [
            ({"inspection": Inspection(threads_left=["cleaner"])}, "left behind", "1 thread left: cleaner"),
            ({"inspection": Inspection(log_errors={"core": 2})}, "log", "2 records"),
            ({"inspection": Inspection(printed_bytes=1_204)}, "output", "1.20 kB"),
            ({"integrity": Integrity(acknowledged=9, lost=1)}, "integrity", "1 of 9 acknowledged writes lost"),
            ({"kept_database": "kept/it"}, "database", "kept at kept/it"),
        ],
    )
    def test_each_thing_that_is_not_as_it_should_be(
        self, changes: dict[str, Any], label: str, words: str, make_result: MakeResult, lines: Lines
    ) -> None:
        (line,) = (line for line in lines(make_result(**changes)) if line.startswith(f"  {label} "))
        assert words in line

    @pytest.mark.parametrize(("judged", "shown"), [(64.2, True), (0.0, False)])
    def test_memory_that_still_grows(self, judged: float, shown: bool, make_result: MakeResult, lines: Lines) -> None:
        leak = LeakResult(slope=70.1, lower_bound=64.2, second_half_slope=1.0, growth_bytes=3.2e6, judged=judged)
        memory = make_result().memory.model_copy(update={"leak": leak})
        told = lines(make_result(memory=memory))
        assert any(line.startswith("  leak ") for line in told) == shown
        assert any("(no leak)" in line for line in told) != shown

    @pytest.mark.parametrize(("exponent", "ratio", "shown"), [(0.98, 8.7, True), (0.1, 8.7, False), (0.98, 1.1, False)])
    def test_cost_that_grows_with_size(
        self,
        exponent: float,
        ratio: float,
        shown: bool,
        make_result: MakeResult,
        make_operation: MakeOperation,
        lines: Lines,
    ) -> None:
        growth = GrowthResult(over="pets", ratio=ratio, exponent=exponent)
        told = lines(make_result(operations=[make_operation("status", 9, 9, growth=growth)]))
        assert any(line.startswith("  growth ") for line in told) == shown

    def test_degradation_beyond_its_limit(
        self, make_result: MakeResult, make_operation: MakeOperation, judged: Judged, lines: Lines
    ) -> None:
        total = make_operation("total", 9_000, 99, degradation=0.4)
        limits = {limit: judged(f"degradation < {limit}%", 0.4, strict=False) for limit in (20, 50)}
        for limit, threshold in limits.items():
            told = lines(make_result(total=total, thresholds=[threshold]))
            assert any(line.startswith("  degradation  +40%") for line in told) == (limit == 20)


class TestDelivery:
    """Whether arrivals got the load that was asked for."""

    @pytest.mark.parametrize(("achieved", "dropped", "shown"), [(250.0, 0, False), (240.0, 0, True), (250.0, 3, True)])
    def test_a_load_that_was_not_delivered_shows(
        self,
        achieved: float,
        dropped: int,
        shown: bool,
        make_result: MakeResult,
        make_operation: MakeOperation,
        make_phase: MakePhase,
        lines: Lines,
    ) -> None:
        rates = {"offered_per_s": 250.0, "achieved_per_s": achieved, "dropped_iterations": dropped}
        phase = make_phase("load", 2, make_operation("load_pet", 10, 9), **rates)
        assert any(line.startswith("  delivery ") for line in lines(make_result(phases=[phase]))) == shown


class TestThresholds:
    """How near a limit is, and up to how many vus they hold."""

    def test_the_nearest_limit_is_named(self, make_result: MakeResult, lines: Lines) -> None:
        assert "  thresholds  5 hold; nearest load_pet.latency.max 297 ms of 500 ms" in lines(make_result())

    def test_none_says_what_to_add(self, make_result: MakeResult, lines: Lines) -> None:
        (line,) = (line for line in lines(make_result(thresholds=[])) if line.startswith("  thresholds"))
        assert "save_pet.latency.p95 < " in line

    @pytest.mark.parametrize(
        ("failing", "words"),
        [
            ([], "held up to vus 16"),
            ([16], "held up to vus 4, failed at 16"),
            ([4, 16], "held up to vus 1, failed at 4, 16"),
            ([1, 4, 16], "failed at vus 1, 4, 16"),
            ([4], "held at vus 1, 16, failed at 4"),
        ],
    )
    def test_up_to_how_many_vus_they_hold(
        self,
        failing: Sequence[int],
        words: str,
        make_result: MakeResult,
        make_operation: MakeOperation,
        make_phase: MakePhase,
        judged: Judged,
    ) -> None:
        phases = [make_phase(f"load-{vus}", vus, make_operation("load_pet", 10, 9)) for vus in (1, 4, 16)]
        thresholds = [
            judged("latency.p95 < 1ms", 2e6 if phase.vus in failing else 1e3, phase=phase.name) for phase in phases
        ]
        ((label, text),) = what_held(make_result(phases=phases, thresholds=thresholds))
        assert (label, text.plain) == ("scaling", words)

    def test_phases_without_thresholds_hold_nothing(
        self, make_result: MakeResult, make_operation: MakeOperation, make_phase: MakePhase
    ) -> None:
        phases = [make_phase(f"load-{vus}", vus, make_operation("load_pet", 10, 9)) for vus in (1, 4, 16)]
        assert what_held(make_result(phases=phases)) == []


class TestDistribution:
    """Latencies drawn on one scale."""

    def test_rows_share_a_scale_that_no_outlier_stretches(
        self, make_result: MakeResult, make_operation: MakeOperation
    ) -> None:
        fast = make_operation("fast", 10_000, 1_000, histogram_ns={10_000: 995, 90_000_000: 5})
        slow = make_operation("slow", 100_000, 1_000, histogram_ns={100_000: 1_000})
        rows = brief_operations_table(make_result(operations=[fast, slow])).rows
        drawn = {row[0].plain: row[-1] for row in rows}
        assert {text.style for text in drawn.values()} == {SPARK}
        # the outliers stand in the last cell, not a hundred cells away
        assert drawn["fast"].plain == f"{HEIGHTS[-1]}{' ' * 10}{HEIGHTS[0]}"
        assert 0 < drawn["slow"].plain.index(HEIGHTS[-1]) < 11

    def test_a_result_without_histograms_has_none(self, make_result: MakeResult) -> None:
        table = brief_operations_table(make_result())
        assert "distribution" not in [table.columns[place].title for place in table.shown()]


def test_every_ending_says_first_how_it_ended(any_result: RunResult, printed: Printed) -> None:
    document: list[Section] = run_document(any_result)
    for brief in (True, False):
        first = printed(document, 200, brief=brief).splitlines()[0]
        assert first.startswith(f"{any_result.verdict.value.upper()}  {any_result.name}  ")
        assert ("failed" in first) or any_result.verdict is not Verdict.FAIL


def test_a_run_that_only_counted_suggests_a_threshold_on_counts(all_results: Mapping[str, RunResult]) -> None:
    counted = all_results["counted"].model_copy(update={"thresholds": []})
    assert example_threshold(counted) == "load_pet.python.calls_per_op < 52"
    assert example_threshold(all_results["no_thresholds"]).startswith("save_pet.latency.p95 < ")


def test_one_reason_why_nothing_was_counted_is_said_once(all_results: Mapping[str, RunResult], lines: Lines) -> None:
    out_of_sight = "the engine is out of sight"
    counters = all_results["counted"].exact
    assert counters
    none = counters.model_copy(
        update={"operations": {}, "kept_bytes": None, "not_counted": dict.fromkeys(COUNTERS, out_of_sight)}
    )
    result = all_results["counted"].model_copy(update={"exact": none, "reasons": [], "thresholds": []})
    assert sum(out_of_sight in line for line in lines(result)) == 1
    told = result.model_copy(update={"reasons": [f"nothing was counted: {out_of_sight}"]})
    assert sum(out_of_sight in line for line in lines(told)) == 1
