"""What a report says: the order of rows, what is left out, and the words for what is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from perfcli.errors import Verdict
from perfcli.figures import METRICS, Group, View, in_group
from perfcli.report.blocks import Code, Facts, Section
from perfcli.report.operations import slowest_first
from perfcli.report.process import figures_section
from perfcli.report.run import outcome, run_document
from perfcli.report.summary import summary_document
from perfcli.report.thresholds import example_threshold, limit_used
from perfcli.results import Inspection, OperationResult, RunResult, ThresholdResult
from perfcli.thresholds import parse_threshold

Printed = Callable[..., str]
MakeResult = Callable[..., RunResult]
Judged = Callable[..., ThresholdResult]
MakeOperation = Callable[..., OperationResult]


class TestOperations:
    """Which rows and figures the table of operations shows."""

    @pytest.mark.parametrize(("samples", "is_hint"), [(199, True), (200, False)])
    def test_a_percentile_of_too_few_samples_is_marked_and_explained(
        self, samples: int, is_hint: bool, make_result: MakeResult, make_operation: MakeOperation, printed: Printed
    ) -> None:
        operation = make_operation("load_pet", 10_000, samples)
        text = printed(run_document(make_result(operations=[operation], total=operation)), 160)
        assert ("~19.4 µs" in text) == is_hint
        # p99.9 is a hint in both
        assert "  ~  rough: fewer than 10 samples" in text

    def test_operations_stand_slowest_first(self, make_operation: MakeOperation) -> None:
        operations = [
            make_operation("never_tried", None, 0),
            make_operation("quick", 10, 5),
            make_operation("slow", 1_000, 5),
            make_operation("never_succeeded", None, 0, 3),
        ]
        ordered = [operation.name for operation in slowest_first(operations)]
        assert ordered == ["never_succeeded", "slow", "quick", "never_tried"]

    def test_a_single_operation_has_no_total(self, make_result: MakeResult, printed: Printed) -> None:
        result = make_result()
        alone = result.model_copy(update={"operations": result.operations[:1]})
        assert "  total " in printed(run_document(result))
        assert "  total " not in printed(run_document(alone))

    @pytest.mark.parametrize(("factor", "shown"), [(1.0, False), (0.97, False), (0.5, True)])
    def test_service_time_is_shown_where_waiting_tells(
        self, factor: float, shown: bool, make_result: MakeResult, make_operation: MakeOperation, printed: Printed
    ) -> None:
        operation = make_operation("load_pet", 10_000, 1_000)
        served = make_operation("load_pet", round(10_000 * factor), 1_000).latency
        result = make_result(operations=[operation.model_copy(update={"service_time": served})])
        assert ("service time" in printed(run_document(result))) == shown

    def test_what_was_not_tried_has_no_rate(self, make_result: MakeResult, printed: Printed) -> None:
        result = make_result(operations=[OperationResult(name="evict", ok=0, failed=0)])
        row = next(line for line in printed(run_document(result)).splitlines() if line.startswith("  evict"))
        _, ok, failed, *rest = row.split()
        assert (ok, failed, set(rest)) == ("0", "0", {"–"})


def test_lines_of_a_traceback_that_wrap_stay_clear_of_the_margin(printed: Printed) -> None:
    text = 'Traceback (most recent call last):\n  File "/engine/storage.py", line 95, in save_pet'
    lines = printed([Section("examples", [Code(text)])], 40).splitlines()
    assert len(lines) == 3
    assert lines[1].startswith("      File")
    assert all(line.startswith("    ") for line in lines)


class TestFigures:
    """Every metric of a run that has one value, by its label."""

    def test_each_metric_is_printed_by_its_label(self, make_result: MakeResult, printed: Printed) -> None:
        result = make_result()
        text = " ".join(printed([figures_section(result)], 200).split())
        for group in (Group.MEMORY, Group.PROCESS):
            for metric in in_group(group):
                known = metric.value(View(result)) is not None
                assert (f" {metric.label} " in text) == known, metric.name

    def test_what_did_not_happen_is_left_out(self, make_result: MakeResult, printed: Printed) -> None:
        inspection = Inspection(shutdown_ns=1_200_000, connections_left=0)
        text = printed([figures_section(make_result(inspection=inspection))], 200)
        assert "shutdown 1.20 ms" in text
        assert "connections left" not in text


class TestThresholds:
    """What the thresholds say."""

    def test_failed_thresholds_stand_first(self, make_result: MakeResult, judged: Judged, printed: Printed) -> None:
        thresholds = [judged("success_rate >= 95%", 1.0), judged("iterations > 9", 3)]
        text = printed(run_document(make_result(thresholds=thresholds)))
        assert text.index("FAIL  iterations") < text.index("pass  success_rate")

    def test_a_near_miss_is_not_shown_as_its_limit(
        self, make_result: MakeResult, judged: Judged, printed: Printed
    ) -> None:
        thresholds = [judged("duration < 100ms", 100_020_000), judged("latency.mean <= 7ms", 6_999_990.0)]
        text = printed(run_document(make_result(thresholds=thresholds)))
        assert "just over 100 ms" in text
        assert "just under 7.00 ms" in text

    def test_a_reason_beyond_the_figures_is_told(
        self, make_result: MakeResult, judged: Judged, printed: Printed
    ) -> None:
        threshold = judged("memory.slope < 16B/op", None, reason="fewer than 3 memory samples")
        assert "- memory.slope < 16B/op: fewer than 3 memory samples" in printed(
            run_document(make_result(thresholds=[threshold]))
        )

    def test_a_threshold_this_version_cannot_read_is_shown_as_it_was_written(
        self, make_result: MakeResult, judged: Judged, printed: Printed
    ) -> None:
        threshold = judged("duration < 1s", 2e9).model_copy(update={"expr": "latency.p99 of load_pet < 1s"})
        row = "FAIL  latency.p99 of load_pet < 1s    2.00 s  1.00 s   -100%"
        assert row in printed(run_document(make_result(thresholds=[threshold])))

    def test_thresholds_that_were_not_reached_are_not_called_none(
        self, make_result: MakeResult, printed: Printed
    ) -> None:
        result = make_result(thresholds=[], scenario={"thresholds": [{"expr": "duration < 1s"}]}, verdict=Verdict.ERROR)
        assert "thresholds  not judged: the run ended too early" in printed(run_document(result))

    def test_a_reason_that_the_verdict_tells_is_told_once(
        self, make_result: MakeResult, judged: Judged, printed: Printed
    ) -> None:
        threshold = judged("latency.p99 < 5ms", 3e6, passed=False, reason="not supported: 5 samples beyond p99")
        reasons = ["latency.p99 < 5ms: not supported: 5 samples beyond p99"]
        text = printed(run_document(make_result(thresholds=[threshold], reasons=reasons, verdict=Verdict.FAIL)), 160)
        assert text.count("not supported") == 1
        assert "FAIL  latency.p99  ~3.00 ms  < 5.00 ms\n" in text

    def test_a_window_stands_with_its_limit(self, make_result: MakeResult, judged: Judged, printed: Printed) -> None:
        thresholds = [judged("latency.p95 < 5ms for 10s", 3e6)]
        assert "< 5.00 ms for 10.0 s" in printed(run_document(make_result(thresholds=thresholds)))

    def test_a_soft_threshold_is_missed_and_does_not_fail(
        self, make_result: MakeResult, judged: Judged, printed: Printed
    ) -> None:
        thresholds = [judged("iterations > 9", 20), judged("duration < 1s", 2e9, strict=False)]
        text = printed(run_document(make_result(thresholds=thresholds)))
        assert "miss  duration (strict: false)" in text
        assert "FAIL" not in text
        assert outcome(make_result(thresholds=thresholds)) == "the threshold holds, 1 missed with strict: false"

    def test_soft_thresholds_alone_judge_nothing(self, make_result: MakeResult, judged: Judged) -> None:
        assert outcome(make_result(thresholds=[judged("duration < 1s", 0.5e9, strict=False)])) == (
            "no strict threshold: not judged"
        )

    def test_an_exit_code_of_its_own_is_told(self, make_result: MakeResult, judged: Judged, printed: Printed) -> None:
        thresholds = [judged("iterations > 9", 3, exit_code=42)]
        text = printed(run_document(make_result(thresholds=thresholds, verdict=Verdict.FAIL)))
        assert "FAIL  iterations (exit code 42)" in text
        assert text.startswith("FAIL  database_load  1 of 1 threshold failed (exit code 42)\n")

    def test_thresholds_of_a_phase_stand_under_its_name(
        self, make_result: MakeResult, judged: Judged, printed: Printed
    ) -> None:
        thresholds = [
            judged("iterations > 1", 3),
            judged("iterations > 2", 3, phase="late"),
            judged("duration < 1s", 2e9, phase="late"),
        ]
        lines = printed(run_document(make_result(thresholds=thresholds))).splitlines()
        start = lines.index("        phase late")
        assert lines[start - 1].split()[:2] == ["pass", "iterations"]
        assert [line.split()[:2] for line in lines[start + 1 : start + 3]] == [
            ["FAIL", "duration"],
            ["pass", "iterations"],
        ]

    @pytest.mark.parametrize(("samples", "statistic"), [(100, "mean"), (1_000, "p95")])
    @pytest.mark.parametrize("typical_ns", [1, 7, 420, 99_999, 1_234_567, 50_000_000, 7_000_000_000])
    def test_the_example_is_a_threshold_that_would_have_held(
        self, typical_ns: int, samples: int, statistic: str, make_result: MakeResult, make_operation: MakeOperation
    ) -> None:
        operation = make_operation("load_pet", typical_ns, samples)
        threshold = parse_threshold(example_threshold(make_result(operations=[operation])))
        assert threshold.statistic == statistic
        assert operation.latency is not None
        observed_ns = getattr(operation.latency, f"{statistic}_ns")
        assert 2 * observed_ns <= threshold.limit <= 5 * max(1, observed_ns)

    def test_the_example_without_a_latency_is_a_threshold_too(self, make_result: MakeResult) -> None:
        assert parse_threshold(example_threshold(make_result(operations=[]))).subject == "success_rate"


class TestSummary:
    """Order and verdicts."""

    @pytest.mark.parametrize(
        ("expr", "observed", "used"),
        [("duration < 10s", 4e9, 0.4), ("success_rate >= 95%", 1.0, None), ("lost_writes == 0", 0, None)],
    )
    def test_only_upper_limits_are_used_up(
        self, expr: str, observed: float, used: float | None, judged: Judged
    ) -> None:
        assert limit_used(judged(expr, observed)) == (None if used is None else pytest.approx(used))

    def test_a_summary_starts_with_what_matters_most(
        self, make_result: MakeResult, judged: Judged, printed: Printed
    ) -> None:
        def ended(name: str, verdict: Verdict, mean_ns: float) -> RunResult:
            result = make_result(name=name, verdict=verdict, thresholds=[judged("latency.mean < 100ms", mean_ns)])
            assert result.total.latency is not None
            latency = result.total.latency.model_copy(update={"mean_ns": mean_ns, "p95_ns": mean_ns})
            return result.model_copy(update={"total": result.total.model_copy(update={"latency": latency})})

        results = [
            ended("fast", Verdict.PASS, 1e6),
            ended("slow", Verdict.PASS, 9e7),
            ended("stopped", Verdict.INTERRUPTED, 1e6),
            ended("too_slow", Verdict.FAIL, 2e8),
        ]
        lines = printed(summary_document(results), 200).splitlines()[2:6]
        assert [line.split()[1] for line in lines] == ["too_slow", "stopped", "slow", "fast"]
        assert "90% of latency.mean" in lines[2]

    def test_failed_operations_of_one_that_passed_are_shown_on_any_terminal(
        self, make_result: MakeResult, make_operation: MakeOperation, printed: Printed
    ) -> None:
        passed, total = make_result(), make_operation("total", 9_000, 99, failed=29)
        with_failures = passed.model_copy(update={"total": total})
        for width in (60, 80, 200):
            assert " 29 " in printed(summary_document([passed, with_failures]), width)
            assert "failed" not in printed(summary_document([passed]), width).splitlines()[0]

    def test_runs_that_only_counted_have_no_table_of_times(self, make_result: MakeResult, printed: Printed) -> None:
        counted = make_result().model_copy(update={"duration_ns": None})
        assert printed(summary_document([counted, counted]), 160).split() == ["2", "scenarios:", "2", "pass"]
        one_timed = printed(summary_document([counted, make_result()]), 160)
        assert one_timed.count(counted.name) == 2

    def test_a_soft_threshold_is_no_nearest_limit(
        self, make_result: MakeResult, judged: Judged, printed: Printed
    ) -> None:
        thresholds = [
            judged("duration < 10s", 9e9, strict=False),
            judged("duration < 10s", 5e9, phase="late"),
            judged("duration < 10s", 1e9),
        ]
        assert "50% of late: duration" in printed(summary_document([make_result(thresholds=thresholds)]), 160)

    def test_a_partial_report_is_marked(self, all_results: Mapping[str, RunResult], printed: Printed) -> None:
        lines = printed(run_document(all_results["interrupted"]), 160).splitlines()
        assert lines[:2] == [
            "INTERRUPTED  database_load  partial report",
            "  - Ctrl-C after 98.1 ms of measuring",
        ]


@pytest.mark.parametrize("name", [metric.name for metric in METRICS.values() if metric.is_change])
def test_a_difference_is_written_with_its_sign(name: str, full_document: dict[str, Any]) -> None:
    result = RunResult.model_validate(full_document)
    (facts,) = figures_section(result).blocks
    assert isinstance(facts, Facts)
    written = next(text.plain for label, text in facts.rows if label == METRICS[name].group)
    assert f" {METRICS[name].label} +" in f" {written}"
