"""What a comparison comes to where engines fail, vanish, or change while they are compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from perfcli.ab.comparison import Comparison, ComparisonOptions, prepared
from perfcli.ab.gate import conclusion
from perfcli.ab.pairs import BothPools, OpenPools
from perfcli.ab.result import AbResult, Change, EngineSide, MetricComparison
from perfcli.ab.side import Total
from perfcli.errors import ExitCode
from perfcli.figures.engine import CALLS
from perfcli.plan import ExecutionPlan
from perfcli.results import CounterChange
from perfcli.results.changes import CounterOutcome
from perfcli.testing import Behaviour, Script, SimulatedPool, SimulatedTime

pytestmark = pytest.mark.slow

SOUND = EngineSide(name="before", operations=100)
FLAKY = SOUND.model_copy(update={"errors": {"ValueError": 1}})


def metric(name: str, change: Change = Change.NO_CHANGE) -> MetricComparison:
    return MetricComparison(
        name=name, unit="ns", margin=0.05, base=1, candidate=1, ratio=1, lower=1, upper=1, p_worse=1, p_better=1,
        change=change, differences=[0.0],
    )  # fmt: skip


COMPARED = [metric("time"), metric("load_pet.p50")]


class TestConclusion:
    def test_a_candidate_that_cannot_go_on_is_a_regression_though_the_base_fails_now_and_then(self) -> None:
        crashed = SOUND.model_copy(update={"name": "after", "problem": "its process ended with code -11"})
        found = conclusion(FLAKY, crashed, [], "", ["load_pet"])
        assert found.change is Change.REGRESSION
        assert found.reasons == [
            "the base failed in 1 of 100 operations, once by ValueError",
            "the candidate stopped: its process ended with code -11",
        ]

    def test_a_base_that_always_fails_is_nothing_to_hold_against(self) -> None:
        fails = SOUND.model_copy(update={"errors": {"ValueError": 100}})
        found = conclusion(fails, fails, [metric("time")], "", ["load_pet"])
        assert found.invalid == "the base before failed in 100 of 100 operations, 100 times by ValueError"

    @pytest.mark.parametrize(
        ("by_pairs", "counted", "change"),
        [
            (Change.INCONCLUSIVE, "regression", Change.REGRESSION),
            (Change.IMPROVEMENT, "regression", Change.REGRESSION),
            (Change.NO_CHANGE, "improvement", Change.IMPROVEMENT),
            (Change.REGRESSION, "improvement", Change.REGRESSION),
            (Change.INCONCLUSIVE, "no change", Change.INCONCLUSIVE),
            (Change.NO_CHANGE, "incomparable", Change.NO_CHANGE),
        ],
    )
    def test_the_graver_of_pairs_and_exact_counters_counts(
        self, by_pairs: Change, counted: CounterOutcome, change: Change
    ) -> None:
        counter = CounterChange(operation="load_pet", metric=CALLS, base=40, now=80, change=counted)
        metrics = [metric("time", by_pairs), metric("load_pet.p50")]
        assert conclusion(SOUND, SOUND, metrics, "", ["load_pet"], [counter]).change is change

    def test_where_nothing_can_be_said_counters_say_nothing(self) -> None:
        counter = CounterChange(operation="load_pet", metric=CALLS, base=40, now=80, change="regression")
        broken = SOUND.model_copy(update={"problem": "it did not open"})
        assert conclusion(broken, SOUND, [], "", ["load_pet"], [counter]).change is Change.INCONCLUSIVE

    def test_nothing_compared_is_not_no_change(self) -> None:
        found = conclusion(FLAKY, FLAKY, [metric("time"), metric("errors")], "", ["load_pet", "save_pet"])
        assert "too few operations succeeded for a comparison" in found.invalid

    def test_a_candidate_that_mends_the_base_does_not_fail(self) -> None:
        found = conclusion(FLAKY, SOUND, [metric("time")], "", ["load_pet"])
        assert (found.change, found.invalid) == (Change.INCONCLUSIVE, "")
        assert found.reasons[-1] == "too few operations succeeded for a comparison"

    def test_a_regression_is_one_though_no_operation_could_be_compared(self) -> None:
        found = conclusion(FLAKY, FLAKY, [metric("errors", Change.REGRESSION)], "", ["load_pet"])
        assert (found.change, found.invalid) == (Change.REGRESSION, "")

    def test_an_operation_that_was_not_compared_is_named(self) -> None:
        found = conclusion(SOUND, SOUND, COMPARED, "", ["load_pet", "evict"])
        assert found.change is Change.NO_CHANGE
        assert found.reasons == ["not compared, because too few succeeded in some pair: evict"]

    def test_pairs_that_are_spoilt_say_nothing(self) -> None:
        found = conclusion(SOUND, SOUND, COMPARED, "the two engines did different operations", ["load_pet"])
        assert found.invalid == "the two engines did different operations"

    def test_all_well_needs_no_words(self) -> None:
        assert conclusion(SOUND, SOUND, COMPARED, "", ["load_pet"]) == (Change.NO_CHANGE, [], "")


def process(version: str) -> Any:
    nothing = {"errors": Counter(), "examples": {}, "left_running": [], "lost_writes": 0, "lost": []}
    return SimpleNamespace(version=version, operations=1, **nothing)


def test_an_engine_that_was_edited_while_it_was_compared_is_told() -> None:
    total = Total("the working tree")
    for version in ("aaa", "aaa", ""):
        total.add(process(version))
    assert not total.unsteady
    total.add(process("bbb"))
    assert total.unsteady == "the sources of the working tree changed during the comparison: aaa and bbb"


class _Crashing(SimulatedPool):
    """Engines that do not open."""

    def start(self, *arguments: Any) -> Any:
        engine = super().start(*arguments)
        assert self.target
        self.target.set_up = self._raise  # type: ignore[method-assign]
        return engine

    @staticmethod
    def _raise() -> None:
        raise OSError("no space left on device")


def steady(label: str, call: int) -> Behaviour:
    return Behaviour(takes_ns=4_000_000)


def pools(base: Callable[[Script, SimulatedTime], SimulatedPool]) -> OpenPools:
    """A candidate that does not open, beside such a base."""

    @contextmanager
    def opened() -> Iterator[BothPools]:
        yield base(steady, SimulatedTime()), _Crashing(steady, SimulatedTime())

    return opened


@pytest.fixture
def compare(make_plan: Callable[..., ExecutionPlan]) -> Callable[[OpenPools], AbResult]:
    plan = prepared(make_plan(["create_pet"]), keep_ai=False)
    return Comparison((plan, plan), ("before", "after"), ComparisonOptions(most_pairs=2), cpus=()).run


class _CrashingLater(_Crashing):
    """The first engine is well: the machine's disk is full only then."""

    started = 0

    def start(self, *arguments: Any) -> Any:
        self.started += 1
        return super().start(*arguments) if self.started > 1 else SimulatedPool.start(self, *arguments)


def test_what_stops_the_base_too_is_not_the_candidates(compare: Callable[[OpenPools], AbResult]) -> None:
    result = compare(pools(_CrashingLater))
    assert result.exit_code(strict=False) is ExitCode.INVALID
    assert "no space left on device" in result.invalid


def test_what_stops_the_candidate_alone_is(compare: Callable[[OpenPools], AbResult]) -> None:
    result = compare(pools(SimulatedPool))
    assert result.exit_code(strict=False) is ExitCode.REGRESSION
    assert result.reasons == [
        "only the candidate stopped: the engine's set-up failed: OSError: no space left on device"
    ]
