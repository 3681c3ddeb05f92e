"""Whole comparisons on a simulated clock, against scripted engines: pairs, slices, verdicts and what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from perfcli.ab.comparison import Comparison, ComparisonOptions, prepared
from perfcli.ab.pairs import BothPools, OpenPools
from perfcli.ab.result import AbResult, Change
from perfcli.agent.waves import Waves
from perfcli.errors import ExitCode
from perfcli.figures import Needs
from perfcli.plan import ExecutionPlan
from perfcli.run import StopRequest
from perfcli.scenario.target import McpSettings
from perfcli.testing import Behaviour, Script, SimulatedPool, SimulatedTime

pytestmark = pytest.mark.slow

SHORT = ComparisonOptions(most_pairs=15)
ONE_PAIR = ComparisonOptions(most_pairs=1)


def noisy(takes_ns: int, seed: int = 0, spread: float = 0.02) -> Script:
    """Each call takes about that long."""
    random = Random(seed)
    return lambda label, call: Behaviour(takes_ns=round(takes_ns * random.gauss(1, spread)))


def scripted(base: Script, candidate: Script) -> OpenPools:
    @contextmanager
    def opened() -> Iterator[BothPools]:
        yield SimulatedPool(base, SimulatedTime()), SimulatedPool(candidate, SimulatedTime())

    return opened


def compare(
    plan: ExecutionPlan,
    base: Script,
    candidate: Script,
    options: ComparisonOptions = SHORT,
    *,
    slowdown: float = 0.0,
    **keys: Any,
) -> AbResult:
    plans = prepared(plan, keep_ai=False), prepared(plan, keep_ai=False, slowdown=slowdown)
    comparison = Comparison(plans, ("before", "after"), options, cpus=(), random=Random(3), **keys)
    return comparison.run(scripted(base, candidate))


@pytest.fixture
def plan(make_plan: Callable[..., ExecutionPlan]) -> ExecutionPlan:
    flow = ["load_pet", {"sleep": {"duration": "10s"}}, {"load_pet": {"name": "again"}}]
    return make_plan(flow, load={"think_time": "5s"}, setup={"pets": 1})


def change_of(result: AbResult, name: str) -> Change:
    return next(metric.change for metric in result.metrics if metric.name == name)


@pytest.mark.slow
def test_two_engines_alike_are_no_change(plan: ExecutionPlan) -> None:
    result = compare(plan, noisy(4_000_000, 1), noisy(4_000_000, 2))
    assert result.change is Change.NO_CHANGE
    assert result.exit_code(strict=True) is ExitCode.PASS
    assert [metric.name for metric in result.metrics] == [
        "time", "load_pet.p50", "again.p50", "database", "errors"
    ]  # fmt: skip
    assert {len(metric.differences) for metric in result.metrics} == {15}
    assert result.base.operations == result.candidate.operations > 15 * 12 * 2


def test_a_comparison_says_how_long_it_took(plan: ExecutionPlan) -> None:
    """By the true clock, though the engines live in simulated time."""
    began_s = time.monotonic()
    result = compare(plan, noisy(100_000, 1), noisy(100_000, 2), ONE_PAIR)
    assert 0 < result.duration_ns <= (time.monotonic() - began_s) * 1e9


@pytest.mark.slow
def test_one_that_takes_a_tenth_more_is_a_regression(plan: ExecutionPlan) -> None:
    result = compare(plan, noisy(4_000_000, 1), noisy(4_400_000, 2))
    time = result.metrics[0]
    assert (result.change, time.change) == (Change.REGRESSION, Change.REGRESSION)
    assert time.ratio == pytest.approx(1.1, abs=0.02)
    assert (time.lower or 9) < 1.1 < (time.upper or 0)
    assert result.exit_code(strict=False) is ExitCode.REGRESSION


@pytest.mark.slow
def test_one_that_takes_a_tenth_less_is_an_improvement(plan: ExecutionPlan) -> None:
    result = compare(plan, noisy(4_000_000, 1), noisy(3_600_000, 2))
    assert result.change is Change.IMPROVEMENT
    assert result.exit_code(strict=True) is ExitCode.PASS


@pytest.mark.slow
def test_a_regression_of_one_operation_is_found_beside_others(plan: ExecutionPlan) -> None:
    random = Random(5)

    def slow_loads(label: str, call: int) -> Behaviour:
        takes_ns = 800_000 if label == "again" else 4_000_000
        return Behaviour(takes_ns=round(takes_ns * random.gauss(1, 0.02)))

    def base(label: str, call: int) -> Behaviour:
        return Behaviour(takes_ns=round((600_000 if label == "again" else 4_000_000) * random.gauss(1, 0.02)))

    result = compare(plan, base, slow_loads)
    assert change_of(result, "again.p50") is Change.REGRESSION
    assert change_of(result, "load_pet.p50") is Change.NO_CHANGE


def test_pauses_and_the_ais_time_are_left_out(make_plan: Callable[..., ExecutionPlan]) -> None:
    plan = make_plan(["create_pet", "interact", {"sleep": {"duration": "1h"}}], engine={"ai": {"latency": "2s"}})
    ready = prepared(plan, keep_ai=False)
    assert ready.scenario.engine.ai.latency == "0ms"
    assert prepared(plan, keep_ai=True).scenario.engine.ai.latency == "2s"
    assert [step.label for step in ready.phases[0].flow] == ["create_pet", "interact"]


def test_a_slice_takes_about_five_milliseconds(plan: ExecutionPlan) -> None:
    result = compare(plan, noisy(100_000, 1, spread=0), noisy(100_000, 2, spread=0), ONE_PAIR)
    assert result.pairing.iterations == 25
    assert result.pairing.slice_ns == 5_000_000


def test_an_operation_longer_than_a_slice_is_done_once_in_each(plan: ExecutionPlan) -> None:
    result = compare(plan, noisy(70_000_000, 1), noisy(70_000_000, 2), ComparisonOptions(most_pairs=2))
    assert result.pairing.iterations == 1
    assert result.pairing.slices == 12


def test_vus_work_at_the_same_time_and_their_time_is_not_counted_twice(
    make_plan: Callable[..., ExecutionPlan],
) -> None:
    plan = make_plan(["load_pet"], load={"vus": 4}, setup={"pets": 4})
    result = compare(plan, noisy(4_000_000, 1, spread=0), noisy(4_000_000, 2, spread=0), ONE_PAIR)
    assert result.pairing.vus == 4
    assert result.metrics[0].base == pytest.approx(1_000_000)


def test_every_phase_is_compared(make_plan: Callable[..., ExecutionPlan]) -> None:
    load = {"executor": "shared-iterations", "iterations": 4}
    phases = [
        {"name": "first", "load": load, "flow": ["load_pet"]},
        {"name": "second", "load": load, "flow": [{"load_pet": {"name": "again"}}]},
    ]
    result = compare(
        make_plan([], phases=phases, setup={"pets": 1}), noisy(4_000_000, 1), noisy(4_000_000, 2), ONE_PAIR
    )
    assert result.pairing.slices == 24
    assert {"load_pet.p50", "again.p50"} <= {metric.name for metric in result.metrics}


def failing_after(calls: int) -> Script:
    return lambda label, call: Behaviour(raises=ValueError("no") if call > calls else None)


def test_errors_of_the_candidate_alone_are_a_regression_whatever_the_times(plan: ExecutionPlan) -> None:
    result = compare(plan, noisy(4_000_000, 1), failing_after(10), ComparisonOptions(most_pairs=2))
    assert result.change is Change.REGRESSION
    assert "only the candidate failed in" in result.reasons[0]
    assert result.candidate.errors.keys() == {"ValueError"}
    assert result.exit_code(strict=False) is ExitCode.REGRESSION


def test_errors_of_the_base_alone_are_told_and_no_regression(plan: ExecutionPlan) -> None:
    result = compare(plan, failing_after(10), noisy(4_000_000, 1), ComparisonOptions(most_pairs=2))
    assert result.change is not Change.REGRESSION
    assert result.reasons[0].startswith("the base failed in")


@pytest.mark.slow
def test_writes_that_only_the_candidate_loses_are_a_regression(make_plan: Callable[..., ExecutionPlan]) -> None:
    plan = make_plan(["create_pet"])

    def forgets(label: str, call: int) -> Behaviour:
        return Behaviour(stores=call % 10 != 9)

    result = compare(plan, noisy(4_000_000, 1), forgets, ComparisonOptions(most_pairs=2))
    assert result.candidate.lost_writes > 0
    assert result.base.lost_writes == 0
    assert result.change is Change.REGRESSION
    assert "only the candidate lost" in result.reasons[0]


class _Broken(SimulatedPool):
    """Engines that do not open."""

    def start(self, *arguments: Any) -> Any:
        engine = super().start(*arguments)
        assert self.target
        self.target.set_up = self._raise  # type: ignore[method-assign]
        return engine

    @staticmethod
    def _raise() -> None:
        raise RuntimeError("no such table")


def broken(which: int) -> OpenPools:
    @contextmanager
    def opened() -> Iterator[BothPools]:
        pools = [SimulatedPool(noisy(4_000_000), SimulatedTime()) for _ in range(2)]
        pools[which] = _Broken(noisy(4_000_000), SimulatedTime())
        yield pools[0], pools[1]

    return opened


@pytest.mark.parametrize(
    ("which", "code"), [(0, ExitCode.INVALID), (1, ExitCode.REGRESSION)], ids=["base", "candidate"]
)
def test_an_engine_that_cannot_be_set_up(plan: ExecutionPlan, which: int, code: ExitCode) -> None:
    ready = prepared(plan, keep_ai=False)
    result = Comparison((ready, ready), ("before", "after"), SHORT, cpus=()).run(broken(which))
    assert "set-up failed: RuntimeError: no such table" in (result.base, result.candidate)[which].problem
    assert result.pairing.stopped_by == "problem"
    assert result.exit_code(strict=False) is code


def test_an_engine_out_of_sight_is_judged_by_its_pairs_and_it_is_said_why(plan: ExecutionPlan) -> None:
    target = McpSettings.model_construct()
    behind = plan.model_copy(update={"scenario": plan.scenario.model_copy(update={"target": target})})
    result = compare(plan, noisy(4_000_000, 1), noisy(4_000_000, 2), ONE_PAIR, counted=behind)
    assert (result.counters, result.not_counted) == ([], target.lacks[Needs.ENGINE])
    assert result.pairing.pairs == 1


def test_time_that_is_over_ends_it_after_the_pair(plan: ExecutionPlan) -> None:
    result = compare(plan, noisy(4_000_000, 1), noisy(4_000_000, 2), ComparisonOptions(max_time_s=1e-9))
    assert (result.pairing.pairs, result.pairing.stopped_by) == (1, "time")
    assert result.metrics[0].lower is None
    assert result.exit_code(strict=False) is ExitCode.PASS


def test_one_pair_is_inconclusive_and_fails_where_strict(plan: ExecutionPlan) -> None:
    result = compare(plan, noisy(4_000_000, 1), noisy(5_200_000, 2), ONE_PAIR)
    assert result.change is Change.INCONCLUSIVE
    assert result.exit_code(strict=False) is ExitCode.PASS
    assert result.exit_code(strict=True) is ExitCode.REGRESSION


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reason", "code"),
    [("interrupted by Ctrl-C", ExitCode.INTERRUPTED), ("terminated by SIGTERM", ExitCode.TERMINATED)],
)
def test_a_signal_ends_it_with_what_is_known(plan: ExecutionPlan, reason: str, code: ExitCode) -> None:
    stop = StopRequest()

    def after_two(made: int, most: int, so_far: object) -> None:
        if made == 2:
            stop.reason = reason

    result = compare(plan, noisy(4_000_000, 1), noisy(4_000_000, 2), stop=stop, tell=after_two)
    assert (result.pairing.pairs, result.pairing.stopped_by) == (2, "interrupt")
    assert result.exit_code(strict=False) is code


@pytest.mark.slow
def test_pairs_end_as_soon_as_they_agree(plan: ExecutionPlan) -> None:
    steady = compare(plan, noisy(4_000_000, 1, spread=0.001), noisy(4_000_000, 2, spread=0.001), ComparisonOptions())
    assert (steady.pairing.pairs, steady.pairing.stopped_by) == (30, "precision")  # not pinned: twice as many


@pytest.mark.slow
def test_a_planted_slowdown_is_found(plan: ExecutionPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    # the planted busy wait has to see simulated time pass
    tick = SimulatedTime.now_ns

    def ticking(self: SimulatedTime) -> int:
        self._now_ns += 1_000
        return tick(self)

    monkeypatch.setattr(SimulatedTime, "now_ns", ticking)
    result = compare(plan, noisy(4_000_000, 1), noisy(4_000_000, 2), ComparisonOptions(most_pairs=8), slowdown=0.2)
    assert result.metrics[0].ratio == pytest.approx(1.2, abs=0.02)


def test_the_json_can_be_read_again(plan: ExecutionPlan, tmp_path: Path) -> None:
    result = compare(plan, noisy(4_000_000, 1), noisy(4_000_000, 2), ONE_PAIR)
    assert AbResult.model_validate_json(result.model_dump_json()) == result


def test_sessions_of_a_comparison_do_no_load_of_their_own(plan: ExecutionPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Waves, "run", lambda *_: pytest.fail("an executor ran"))
    assert compare(plan, noisy(4_000_000, 1), noisy(4_000_000, 2), ONE_PAIR).metrics


def test_several_scenarios_share_alpha_and_have_more_pairs(plan: ExecutionPlan) -> None:
    shared = ComparisonOptions(scenarios=11)
    assert shared.alpha == pytest.approx(0.01 / 11)
    assert shared.limits(pinned=True).least == 20
    assert ComparisonOptions(scenarios=11, most_pairs=7).limits(pinned=True).least == 7
    # nine pairs suffice for one scenario, and not for a hundred: their least p is 1 in 512
    few = compare(plan, noisy(4_000_000, 1), noisy(4_880_000, 2), ComparisonOptions(most_pairs=9))
    assert (few.alpha, few.change) == (0.01, Change.REGRESSION)
    many = compare(plan, noisy(4_000_000, 1), noisy(4_880_000, 2), ComparisonOptions(most_pairs=9, scenarios=100))
    assert (many.alpha, many.change) == (0.0001, Change.INCONCLUSIVE)
