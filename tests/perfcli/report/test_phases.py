"""What a report says of the load: where it ran, what arrived in time, and each of several phases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perfcli.report.run import run_document
from perfcli.results import LatencySummary, OperationResult, PhaseResult, RunResult

Printed = Callable[..., str]
MakeResult = Callable[..., RunResult]
MakeOperation = Callable[..., OperationResult]
MakePhase = Callable[..., PhaseResult]


@pytest.fixture
def load_pet(make_operation: MakeOperation) -> OperationResult:
    """An operation that waited for nothing."""
    operation = make_operation("load_pet", 10_000, 1_000)
    return operation.model_copy(update={"service_time": operation.latency})


@pytest.fixture
def lag(load_pet: OperationResult) -> LatencySummary:
    """A schedule lag."""
    assert load_pet.latency is not None
    return load_pet.latency


def line_of(text: str, label: str) -> str:
    """What stands behind a label, on its first line."""
    return next((line.split(label, 1)[1].strip() for line in text.splitlines() if line.startswith(f"  {label} ")), "")


class TestHeadline:
    """Where it ran, and how much."""

    @pytest.mark.parametrize(
        ("vus", "processes", "target", "words"),
        [
            ([1], 1, "embedded", ""),
            ([5], 1, "embedded", "threads: 5 vus in one engine process (one GIL)"),
            ([5], 3, "embedded", "processes: 5 vus over 3 engine processes (SQLite's one writer)"),
            ([1, 5], 1, "embedded", "threads: all vus in one engine process (one GIL)"),
            ([5], 1, "mcp", ""),
        ],
    )
    def test_threads_and_processes_are_told_apart(
        self,
        vus: list[int],
        processes: int,
        target: str,
        words: str,
        load_pet: OperationResult,
        make_result: MakeResult,
        make_phase: MakePhase,
        printed: Printed,
    ) -> None:
        phases = [make_phase(f"phase_{count}", count, load_pet) for count in vus]
        result = make_result(phases=phases, processes=processes, scenario={"target": {"target": target}})
        assert line_of(printed(run_document(result)), "pool") == words

    def test_the_engine_is_named_where_it_is_another(self, make_result: MakeResult, printed: Printed) -> None:
        assert line_of(printed(run_document(make_result(engine="revision 1a2b3c4"))), "engine") == "revision 1a2b3c4"
        assert line_of(printed(run_document(make_result())), "engine") == ""

    def test_warm_up_stands_apart(self, make_result: MakeResult, printed: Printed) -> None:
        assert "warm-up 12" in line_of(printed(run_document(make_result(warmup_iterations=12))), "load")
        assert "warm-up" not in line_of(printed(run_document(make_result(warmup_iterations=0))), "load")

    def test_iterations_that_were_not_done_are_told(self, make_result: MakeResult, printed: Printed) -> None:
        text = printed(run_document(make_result(dropped_iterations=3, interrupted_iterations=1)), 160)
        assert "dropped 3 · interrupted 1" in line_of(text, "load")


class TestOpenModels:
    """Delivery, lag and both times, always."""

    def report(self, make_result: MakeResult, printed: Printed, phase: PhaseResult, **changes: Any) -> str:
        alike = ("total", "operations", "duration_ns", "iterations", "dropped_iterations", "interrupted_iterations")
        same = {field: getattr(phase, field) for field in alike}
        return printed(run_document(make_result(phases=[phase], **{**same, **changes})), 160)

    def test_all_that_arrived_is_told_even_when_all_is_well(
        self,
        load_pet: OperationResult,
        lag: LatencySummary,
        make_result: MakeResult,
        make_phase: MakePhase,
        printed: Printed,
    ) -> None:
        phase = make_phase("load", 2, load_pet, offered_per_s=250.0, achieved_per_s=250.0, schedule_lag=lag)
        text = self.report(make_result, printed, phase)
        assert line_of(text, "delivery") == "250/s achieved of 250/s offered (100%); 0 dropped, 0 interrupted"
        assert line_of(text, "schedule lag") == "p50 14.9 µs, p99 123 µs, max 400 µs from due time to start"
        assert "    service time" in text
        assert "  service time  from the actual start of an operation" in text

    def test_a_load_that_was_not_delivered_shows(
        self,
        load_pet: OperationResult,
        lag: LatencySummary,
        make_result: MakeResult,
        make_phase: MakePhase,
        printed: Printed,
    ) -> None:
        rates = {"offered_per_s": 250.0, "achieved_per_s": 249.9, "dropped_iterations": 1_200}
        text = self.report(make_result, printed, make_phase("load", 2, load_pet, schedule_lag=lag, **rates))
        assert line_of(text, "delivery") == "250/s achieved of 250/s offered (99.96%); 1,200 dropped, 0 interrupted"
        assert "1,200 iterations dropped" not in text

    def test_a_load_that_was_cut_short_has_no_rates(
        self,
        load_pet: OperationResult,
        lag: LatencySummary,
        make_result: MakeResult,
        make_phase: MakePhase,
        printed: Printed,
    ) -> None:
        text = self.report(make_result, printed, make_phase("load", 2, load_pet, schedule_lag=lag))
        assert line_of(text, "delivery") == "unknown: the load was cut short; 0 dropped, 0 interrupted"

    def test_closed_models_have_no_such_lines(self, make_result: MakeResult, printed: Printed) -> None:
        text = printed(run_document(make_result()))
        assert "delivery" not in text
        assert "schedule lag" not in text


class TestSeveralPhases:
    """A table for each, or one for those that differ in their vus alone."""

    def test_each_phase_has_its_table_and_the_whole_run_its_resources(
        self, load_pet: OperationResult, make_result: MakeResult, make_phase: MakePhase, printed: Printed
    ) -> None:
        phases = [make_phase("fill", 2, load_pet), make_phase("drain", 3, load_pet)]
        text = printed(run_document(make_result(phases=phases)), 160)
        assert [line for line in text.splitlines() if line.startswith("phase ")] == [
            "phase fill  1,000 iterations by 2 vus; load_pet",
            "phase drain  1,000 iterations by 3 vus; load_pet",
        ]
        assert text.count("  operation") == 2
        assert text.count("RSS growth") == text.count("  ~  ") == 1

    def test_a_phase_that_never_began_says_so(
        self, load_pet: OperationResult, make_result: MakeResult, make_phase: MakePhase, printed: Printed
    ) -> None:
        phases = [make_phase("fill", 2, load_pet), make_phase("drain", 3, load_pet, duration_ns=None)]
        text = printed(run_document(make_result(phases=phases)))
        assert "nothing: the run ended before this phase" in text
        assert text.count("  operation") == 1

    def test_phases_of_several_vus_scale_in_one_table(
        self, make_operation: MakeOperation, make_result: MakeResult, make_phase: MakePhase, printed: Printed
    ) -> None:
        flat = {vus: make_operation("load_pet", 10_000 * vus, 1_000, throughput_per_s=990.0) for vus in (1, 5, 16)}
        phases = [make_phase(f"load-{vus}", vus, operation) for vus, operation in flat.items()]
        lines = printed(run_document(make_result(phases=phases)), 160).splitlines()
        head = next(place for place, line in enumerate(lines) if line.startswith("phase "))
        assert lines[head] == "phase load  1,000 iterations by 1 vus; load_pet; then the same with 5 and 16 vus"
        table = [line.split() for line in lines[head + 1 : head + 6]]
        assert table[0] == ["vus", "throughput", "p50", "p95", "p99", "max", "iterations"]
        assert [row[:2] for row in table[2:]] == [["1", "990/s"], ["5", "990/s"], ["16", "990/s"]]
        assert [row[8:10] for row in table[2:]] == [["400", "µs"], ["2.00", "ms"], ["6.40", "ms"]]

    @pytest.mark.slow
    @pytest.mark.parametrize("failing", [0, 3])
    def test_columns_of_trouble_stand_only_where_there_is_any(
        self,
        failing: int,
        make_operation: MakeOperation,
        make_result: MakeResult,
        make_phase: MakePhase,
        printed: Printed,
    ) -> None:
        load_pet, save_pet = make_operation("load_pet", 10, 99), make_operation("save_pet", 20, 9, failing)
        phases = [make_phase(f"load-{n}", n, load_pet, save_pet, dropped_iterations=failing) for n in (1, 2)]
        text = printed(run_document(make_result(phases=phases)), 160)
        header = next(line for line in text.splitlines() if " throughput " in line)
        assert ("failed" in header) == ("dropped" in header) == bool(failing)

    @pytest.mark.parametrize(
        ("names", "operations"), [(("load-1", "save-2"), ("a", "a")), (("load-1", "load-2"), ("a", "b"))]
    )
    def test_phases_that_only_look_alike_keep_their_tables(
        self,
        names: tuple[str, str],
        operations: tuple[str, str],
        make_operation: MakeOperation,
        make_result: MakeResult,
        make_phase: MakePhase,
        printed: Printed,
    ) -> None:
        phases = [
            make_phase(name, vus, make_operation(operation, 10, 9))
            for vus, name, operation in zip((1, 2), names, operations, strict=True)
        ]
        text = printed(run_document(make_result(phases=phases)))
        assert text.count("  operation") == 2
        assert " throughput  " not in text

    def test_arrivals_at_several_vus_show_their_delivery_and_the_scaling(
        self,
        load_pet: OperationResult,
        lag: LatencySummary,
        make_result: MakeResult,
        make_phase: MakePhase,
        printed: Printed,
    ) -> None:
        rates = {"offered_per_s": 250.0, "achieved_per_s": 250.0, "schedule_lag": lag}
        phases = [make_phase(f"load-{vus}", vus, load_pet, **rates) for vus in (1, 5)]
        text = printed(run_document(make_result(phases=phases)))
        assert text.count("  delivery") == 2
        assert text.count(" throughput  ") == 1
