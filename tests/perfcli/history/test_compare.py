"""The rule for baselines, on fabricated slices: no clock, no engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any, ClassVar

import pytest

from perfcli.errors import ExitCode, Verdict
from perfcli.history.compare import compare, wander
from perfcli.results import (
    BaselineComparison,
    ExactCounters,
    LoadSlice,
    OperationChange,
    OperationCounts,
    OperationResult,
    PhaseResult,
    ResourceResult,
    RunResult,
)
from tests.perfcli.history.fabricated import HERE, SCENARIO, run, slices

MakeRun = Callable[..., RunResult]


def changes(comparison: BaselineComparison) -> dict[str, str]:
    """What became of each operation."""
    return {each.name: each.change for each in comparison.operations}


def one(comparison: BaselineComparison) -> OperationChange:
    """The only operation."""
    (operation,) = comparison.operations
    return operation


def test_a_slower_operation_is_found_and_its_ratio_is_told() -> None:
    found = compare(run({"load_pet": slices(100)}), run({"load_pet": slices(130, seed=2)}))
    assert (found.change, found.exit_code) == ("regression", ExitCode.REGRESSION)
    assert one(found).ratio == pytest.approx(1.3, rel=0.02)


def test_a_faster_one_is_an_improvement_and_passes() -> None:
    found = compare(run({"load_pet": slices(100)}), run({"load_pet": slices(70, seed=2)}), strict=True)
    assert (found.change, found.exit_code) == ("improvement", ExitCode.PASS)


@pytest.mark.parametrize("pace_ns", [12_000, 20_000, 35_000])
def test_a_machine_of_another_pace_makes_nothing_slower(pace_ns: float) -> None:
    found = compare(run({"load_pet": slices(100)}), run({"load_pet": slices(100, pace_ns=pace_ns, seed=2)}))
    assert found.change == "no change"
    assert one(found).ratio == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize("pace_ns", [18_000, 35_000])
def test_nor_does_it_hide_a_slower_engine(pace_ns: float) -> None:
    found = compare(run({"load_pet": slices(100)}), run({"load_pet": slices(130, pace_ns=pace_ns, seed=2)}))
    assert found.change == "regression"


@pytest.mark.parametrize(("typical_ns", "pace_ns"), [(150, 10_000), (70, 40_000)])
def test_units_and_times_that_contradict_each_other_are_inconclusive(typical_ns: float, pace_ns: float) -> None:
    """Twice as fast a machine, and no less time: an engine that waits for a disk, or one that became slower."""
    found = compare(run({"load_pet": slices(100)}), run({"load_pet": slices(typical_ns, pace_ns=pace_ns, seed=2)}))
    assert found.change == "inconclusive"
    assert "times as timed: the machine's speed changed too much" in one(found).reason


def test_ten_percent_is_significant_but_below_the_margin() -> None:
    found = compare(run({"load_pet": slices(100)}), run({"load_pet": slices(110, seed=2)}))
    assert found.change == "no change"
    assert (one(found).p_slower or 1) < 0.01


def test_much_slower_at_the_median_but_not_significant_is_inconclusive() -> None:
    base, now = slices(100, count=6, noise=0.6), slices(140, count=6, noise=0.6, seed=3)
    found = one(compare(run({"load_pet": base}), run({"load_pet": now})))
    assert (found.ratio or 0) > 1.15
    assert found.change == "inconclusive"
    assert "not significantly more than 5%" in found.reason


def test_above_the_margin_is_not_enough_where_it_may_be_less_than_five_percent() -> None:
    """Surely slower at all (p 0.0005), and by 18 %; but not surely by more than 5 %."""
    base, now = slices(100, count=10, noise=0.12), slices(121, count=10, noise=0.12, seed=7)
    found = one(compare(run({"load_pet": base}), run({"load_pet": now})))
    assert (found.ratio or 0) > 1.15
    assert (found.p_slower or 0) > 0.01
    assert found.change == "inconclusive"


def restless(made: Sequence[LoadSlice], factor: float) -> list[LoadSlice]:
    """The same slices, with three eighths of the run in which everything took longer."""
    eighth = len(made) // 8
    return [
        each.model_copy(update={"median_ns": each.median_ns * (factor if at // eighth in (1, 4, 6) else 1)})
        for at, each in enumerate(made)
    ]


@pytest.mark.parametrize(("factor", "change"), [(2.0, "inconclusive"), (1.1, "regression")])
def test_a_shift_must_be_more_than_what_comes_and_goes_within_a_run(factor: float, change: str) -> None:
    """Neighbouring slices share what else the machine does: three disturbances look like fifteen proofs."""
    now = restless(slices(118, seed=2), factor)
    found = one(compare(run({"load_pet": slices(100)}), run({"load_pet": now})))
    assert (found.ratio or 0) > 1.15
    assert (found.p_slower or 1) < 0.01
    assert found.change == change
    assert ("times within one run" in found.reason) is (change == "inconclusive")


def test_the_highest_and_the_lowest_stretch_of_a_run_do_not_count() -> None:
    assert wander([10, 99, 11, 12, 0, 13, 14, 15]) == 5
    assert wander([10, 10, 99, 99, 11, 11, 12, 12, 0, 0, 13, 13, 14, 14, 15, 15]) == 5


def test_twenty_percent_between_steady_runs_is_found() -> None:
    for seed in range(20):
        base, now = slices(100, seed=2 * seed), slices(120, seed=2 * seed + 1)
        assert compare(run({"load_pet": base}), run({"load_pet": now})).change == "regression"


def test_slices_that_share_a_reading_of_the_pace_are_one_value() -> None:
    """Forty slices beside a single reading would prove anything: the reading's own noise is in all of them."""
    shared = [each.model_copy(update={"reference_ns": 31_000.0}) for each in slices(150, seed=2)]
    found = compare(run({"load_pet": slices(100)}), run({"load_pet": shared}))
    assert found.change == "inconclusive"
    assert one(found).reason.startswith("1 readings of the machine's speed now, 5 needed")


def test_a_slice_without_a_reading_says_nothing() -> None:
    unknown = [each.model_copy(update={"reference_ns": None}) for each in slices(100)]
    assert compare(run({"load_pet": slices(100)}), run({"load_pet": unknown})).change == "inconclusive"


@pytest.mark.parametrize(("base", "now", "when"), [(4, 40, "in the baseline"), (40, 4, "now"), (0, 40, "baseline")])
def test_few_slices_are_inconclusive(base: int, now: int, when: str) -> None:
    found = compare(
        run({"load_pet": slices(100, count=base), "save_pet": slices(50)}),
        run({"load_pet": slices(300, count=now), "save_pet": slices(50)}),
    )
    assert changes(found)["load_pet"] == "inconclusive"
    assert when in found.operations[0].reason
    assert found.change == "inconclusive"


def test_inconclusive_fails_only_where_strict() -> None:
    few = run({"load_pet": slices(100, count=2)})
    assert compare(few, few).exit_code is ExitCode.PASS
    assert compare(few, few, strict=True).exit_code is ExitCode.REGRESSION


def test_an_operation_that_waits_for_the_ai_is_compared_as_timed() -> None:
    """50 ms of waiting are 50 ms on a machine that is half as fast."""
    base = slices(50e6)
    now = [then.model_copy(update={"reference_ns": then.reference_ns and then.reference_ns / 2}) for then in base]
    found = one(compare(run({"interact": base}), run({"interact": now})))
    assert (found.in_time, found.change, found.ratio) == (True, "no change", 1.0)


def test_without_latency_of_the_ai_it_is_compared_in_units() -> None:
    scenario = {**SCENARIO, "engine": {"ai": {"latency": "0ms"}}}
    talk = run({"interact": slices(100)}, scenario=scenario)
    assert not one(compare(talk, talk)).in_time


class TestTotal:
    """All operations as one."""

    def test_of_one_operation_there_is_none(self) -> None:
        assert len(compare(run({"load_pet": slices(100)}), run({"load_pet": slices(100)})).operations) == 1

    def test_is_weighted_by_the_baseline(self) -> None:
        base = {"load_pet": slices(100), "save_pet": slices(1_000, seed=3)}
        now = {"load_pet": slices(200, seed=2), "save_pet": slices(1_000, seed=4)}
        total = compare(run(base), run(now)).operations[-1]
        assert total.name == "all operations"
        assert total.ratio == pytest.approx(1_200 / 1_100, rel=0.02)

    def test_a_mix_that_shifts_is_no_slowdown(self) -> None:
        base = {"load_pet": slices(100), "save_pet": slices(1_000, seed=3)}
        more_saves = [each.model_copy(update={"count": 90}) for each in slices(1_000, seed=4)]
        now = {"load_pet": slices(100, seed=2), "save_pet": more_saves}
        assert set(changes(compare(run(base), run(now))).values()) == {"no change"}

    def test_leaves_out_what_cannot_be_told(self) -> None:
        base = {"load_pet": slices(100), "save_pet": slices(50), "interact": slices(9)}
        found = compare(run(base), run({"load_pet": slices(100), "save_pet": slices(50), "interact": []}))
        assert changes(found)["interact"] == "inconclusive"
        assert found.operations[-1].ratio == 1.0


class TestIncomparable:
    """What cannot be compared is said so, and neither passes nor fails by itself."""

    BASE = run({"load_pet": slices(100)})

    @pytest.mark.parametrize(
        ("changed", "told"),
        [
            ({"environment": HERE.model_copy(update={"python": "CPython 3.12.1"})}, "Python is CPython 3.12.1, was"),
            ({"scenario": {**SCENARIO, "setup": {"pets": 7}}}, "setup.pets is 7, was not there"),
            ({"slices": {"load_pet": []}}, "this run has no slices"),
            ({"verdict": Verdict.INVALID}, "the verdict on this run is invalid"),
            ({"verdict": Verdict.INTERRUPTED}, "the verdict on this run is interrupted"),
        ],
    )
    def test_says_why(self, changed: dict[str, Any], told: str) -> None:
        slower = run({"load_pet": slices(300)}).model_copy(update=changed)
        found = compare(self.BASE, slower)
        assert (found.change, found.exit_code, found.operations) == ("incomparable", ExitCode.PASS, [])
        assert told in "; ".join(found.reasons)
        assert compare(self.BASE, slower, strict=True).exit_code is ExitCode.INVALID

    def test_a_run_with_failed_thresholds_is_compared(self) -> None:
        slower = run({"load_pet": slices(300)}, verdict=Verdict.FAIL)
        assert compare(self.BASE, slower).change == "regression"


def test_a_baseline_that_was_forced_is_told() -> None:
    load = {"load_pet": slices(100)}
    assert compare(run(load, verdict=Verdict.INTERRUPTED), run(load)).reasons == [
        "the verdict on the baseline's run is interrupted"
    ]
    assert compare(run(load), run(load)).reasons == []


def test_a_regression_hides_no_failed_threshold_and_no_failed_threshold_hides_it() -> None:
    found = compare(run({"load_pet": slices(100)}), run({"load_pet": slices(300)}))
    assert run({}, baseline=found).exit_code == ExitCode.REGRESSION
    failed = run({}, baseline=found, verdict=Verdict.FAIL)
    assert failed.exit_code == ExitCode.THRESHOLD_FAILED
    assert failed.baseline is not None
    assert failed.baseline.change == "regression"


@pytest.mark.slow
def test_simulated_runs_of_one_engine_cry_wolf_rarely_and_a_slower_one_is_found() -> None:
    """At 10 % noise of the pace and 3 % of the engine, with 5 % between processes."""
    random = Random(7)
    alarms = found = 0
    for trial in range(60):
        base, now = (100 * random.gauss(1, 0.05) for _ in range(2))
        of_base = run({"load_pet": slices(base, seed=2 * trial)})
        alarms += compare(of_base, run({"load_pet": slices(now, seed=2 * trial + 1)})).change == "regression"
        found += compare(of_base, run({"load_pet": slices(now * 1.4, seed=2 * trial + 1)})).change == "regression"
    assert alarms <= 2
    assert found >= 57


def shared(typical_ns: float, cpu_ns: float, *, seed: int) -> RunResult:
    """A run of five vus in one process, each operation of which takes so much CPU time."""
    whole = OperationResult(name="all operations", ok=1_000, failed=0)
    return run(
        {"load_pet": slices(typical_ns, seed=seed)},
        phases=[PhaseResult(name="load", plan="", vus=5, total=whole)],
        total=whole,
        duration_ns=1_000_000_000,
        reference_ns=20_000,
        resources=ResourceResult(cpu_mean=1_000 * cpu_ns / 1e9),
    )


@pytest.mark.parametrize(("cpu_ns", "change"), [(62_000, "inconclusive"), (120_000, "regression")])
def test_vus_that_wait_for_one_another_are_no_regression_of_the_engine(cpu_ns: float, change: str) -> None:
    comparison = compare(shared(60_000, 60_000, seed=1), shared(150_000, cpu_ns, seed=2))
    assert one(comparison).change == change
    assert ("its vus wait for one another" in one(comparison).reason) == (change == "inconclusive")


def test_less_waiting_is_no_improvement_of_the_engine() -> None:
    comparison = compare(shared(150_000, 60_000, seed=1), shared(60_000, 58_000, seed=2))
    assert one(comparison).change == "inconclusive"


class TestExactCounters:
    """Counts decide where times cannot, and beside them where they can."""

    COUNTS = ExactCounters(
        seed=0,
        tool_version="0.1.0",
        system="Linux",
        python="CPython 3.11.9",
        sqlite="3.40.1",
        sqlite_options="0f3a5c7e9b1d",
        operations={"load_pet": OperationCounts(done=40, calls=100.0)},
    )
    MORE = COUNTS.model_copy(update={"operations": {"load_pet": OperationCounts(done=40, calls=110.0)}})
    ELSEWHERE = HERE.model_copy(update={"cpu_count": 64})
    LOAD: ClassVar = {"load_pet": slices(100)}

    def test_on_another_machine_they_alone_decide(self) -> None:
        base = run(self.LOAD, exact=self.COUNTS)
        same = compare(base, run(self.LOAD, exact=self.COUNTS, environment=self.ELSEWHERE), strict=True)
        worse = compare(base, run(self.LOAD, exact=self.MORE, environment=self.ELSEWHERE))
        assert (same.change, same.rests_on, same.exit_code) == ("no change", "exact counters", ExitCode.PASS)
        assert (worse.change, worse.rests_on, worse.exit_code) == ("regression", "exact counters", ExitCode.REGRESSION)
        assert "cores" in worse.reasons[0]

    def test_on_the_same_machine_the_graver_one_decides(self) -> None:
        base = run(self.LOAD, exact=self.COUNTS)
        by_counts = compare(base, run(self.LOAD, exact=self.MORE))
        by_times = compare(base, run({"load_pet": slices(130, seed=2)}, exact=self.COUNTS))
        assert (by_counts.change, by_counts.rests_on) == ("regression", "times and exact counters")
        assert (by_times.change, by_times.rests_on) == ("regression", "times and exact counters")

    def test_runs_that_only_counted_compare(self) -> None:
        base, now = (run({}, exact=exact, duration_ns=None) for exact in (self.COUNTS, self.MORE))
        assert compare(base, base).change == "no change"
        assert compare(base, now).change == "regression"
        assert "the baseline and this run only counted" in compare(base, now).reasons

    def test_of_other_work_they_are_incomparable(self) -> None:
        base = run(self.LOAD, exact=self.COUNTS)
        now = run(self.LOAD, exact=self.MORE, scenario=SCENARIO | {"setup": {"pets": 77}})
        found = compare(base, now)
        assert (found.change, found.rests_on) == ("incomparable", "times")
        assert {each.change for each in found.counters} == {"incomparable"}

    def test_without_them_nothing_changes(self) -> None:
        found = compare(run(self.LOAD), run(self.LOAD, exact=self.MORE))
        assert (found.counters, found.rests_on) == ([], "times")
