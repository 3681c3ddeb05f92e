"""Runs and pairs on other machines: what comes back is what a run here says, whatever becomes of the machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from threading import Thread
from typing import Any

import psutil
import pytest

from perfcli.ab.comparison import Comparison, ComparisonOptions, prepared
from perfcli.cluster.machine import Machine
from perfcli.cluster.station import Station
from perfcli.errors import ExitCode, Verdict
from perfcli.plan import ExecutionPlan
from perfcli.pool.checkout import installed_engine
from perfcli.pool.identity import EngineSource
from perfcli.run import StopRequest, run_scenario
from perfcli.spread.dealing import Dealer, SpreadPairs
from perfcli.spread.remote_runner import RemoteRunner
from tests.perfcli.cluster.fake_carrier import FakeCarrier, carried
from tests.perfcli.undisturbed import undisturbed
from tests.processes import command

pytestmark = pytest.mark.end_to_end

MakePlan = Callable[..., ExecutionPlan]
ENDLESS = {"executor": "constant-vus", "vus": 1, "duration": "10m", "think_time": "5ms"}


@pytest.fixture(scope="module")
def carrier() -> Iterator[FakeCarrier]:
    with carried(Station, "a", "b") as cluster:
        yield cluster


@pytest.fixture(scope="module")
def engine() -> EngineSource:
    return installed_engine()


@pytest.fixture(scope="module")
def stop() -> StopRequest:
    return StopRequest()


@pytest.fixture(scope="module")
def runners(carrier: FakeCarrier, engine: EngineSource, stop: StopRequest) -> list[RemoteRunner]:
    return [RemoteRunner(Machine(carrier, name, name), [engine], stop) for name in ("a", "b")]


def test_a_run_elsewhere_says_what_a_run_here_does(
    runners: list[RemoteRunner], engine: EngineSource, make_plan: MakePlan
) -> None:
    load = {"executor": "per-vu-iterations", "vus": 2, "iterations": 20}
    plan = make_plan(["create_pet", "load_pet"], seed=7, load=load, setup={"pets": 1})
    stages: list[str] = []
    there = undisturbed(lambda: runners[0].run(plan, engine, tell=lambda progress: stages.append(progress.stage)))
    here = run_scenario(plan, engine=engine)
    assert (there.verdict, there.exit_code) == (Verdict.PASS, ExitCode.PASS)
    assert there.digest == here.digest
    assert there.performed_as_planned
    assert [vu.digest for vu in there.vus] == [vu.digest for vu in here.vus]
    assert (there.total.ok, there.integrity and there.integrity.lost) == (here.total.ok, 0)
    assert (there.engine, there.version, there.commit) == (here.engine, here.version, here.commit)
    assert there.environment == here.environment
    assert [machine.name for machine in there.machines] == ["a"]
    assert here.machines == []
    assert there.scenario == here.scenario
    assert stages


def test_pairs_of_two_machines_compare_two_engines(
    runners: list[RemoteRunner], engine: EngineSource, make_plan: MakePlan, stop: StopRequest
) -> None:
    plan = make_plan(["load_pet"], setup={"pets": 1})
    ready = prepared(plan, keep_ai=False)
    comparison = Comparison(
        (ready, ready), ("base", "candidate"), ComparisonOptions(most_pairs=4), counted=plan, stop=stop
    )
    with closing(SpreadPairs(runners, (ready, ready), (engine, engine), 1, stop)) as pairs:
        result = comparison.run_with(pairs)
    assert result.pairing.pairs == 4
    assert result.invalid == ""
    assert sorted(machine.name for machine in result.machines) == ["a", "b"]
    assert sum(machine.pairs for machine in result.machines) == 4
    assert all("time" in machine.ratios for machine in result.machines if machine.pairs)
    assert {counter.change for counter in result.counters} == {"no change"}
    assert result.base.version == result.candidate.version == engine.digest


def test_a_stop_ends_a_run_elsewhere_with_a_partial_report(
    runners: list[RemoteRunner], engine: EngineSource, make_plan: MakePlan, stop: StopRequest
) -> None:
    plan = make_plan(["load_pet"], load=ENDLESS, setup={"pets": 1})

    def tell(progress: Any) -> None:
        if progress.stage == "measuring" and progress.ok:
            stop.reason = "interrupted by Ctrl-C"

    result = runners[0].run(plan, engine, tell=tell)
    assert (result.verdict, result.reasons[0]) == (Verdict.INTERRUPTED, "interrupted by Ctrl-C")
    assert result.total.ok > 0
    stop.reason = ""


def test_what_ends_without_being_asked_to_is_an_error_of_that_run(
    runners: list[RemoteRunner], engine: EngineSource, make_plan: MakePlan
) -> None:
    plan = make_plan(["load_pet"], load=ENDLESS, setup={"pets": 1})

    def tell(progress: Any) -> None:
        for process in psutil.Process().children():
            if command(process)[-1:] == ["perfcli.spread.runner"]:
                process.kill()

    result = runners[0].run(plan, engine, tell=tell)
    assert result.verdict is Verdict.ERROR
    assert "what ran on a has ended with code -9" in result.reasons[0]
    assert undisturbed(lambda: runners[0].run(make_plan(["create_pet"]), engine)).verdict is Verdict.PASS


def test_a_machine_that_is_lost_makes_its_run_invalid_and_takes_no_more(
    engine: EngineSource, make_plan: MakePlan, stop: StopRequest
) -> None:
    long = make_plan(["load_pet"], load=ENDLESS, setup={"pets": 1})
    short = make_plan(["create_pet"])
    with carried(Station, "a", "b") as carrier:
        runners = [RemoteRunner(Machine(carrier, name, name), [engine], stop) for name in ("a", "b")]
        cutting: list[Thread] = []

        def run(runner: RemoteRunner, plan: ExecutionPlan) -> Any:
            def tell(progress: Any) -> None:
                if progress.stage == "measuring" and not cutting:
                    cutting.append(Thread(target=carrier.cut, args=(runner.machine.name,)))
                    cutting[0].start()

            if plan is long:
                return runner.run(plan, engine, tell=tell)
            return undisturbed(lambda: runner.run(plan, engine, tell=lambda progress: None))

        dealer: Dealer[ExecutionPlan, Any] = Dealer(runners, run, stop)
        done = sorted(dealer.deal([long, short, short, short]), key=lambda each: each.number)
        lost = done[0].result
        assert (lost.verdict, lost.exit_code) == (Verdict.INVALID, ExitCode.INVALID)
        assert "is lost: cut; it was measuring at" in lost.reasons[0]
        assert [each.result.verdict for each in done[1:]] == [Verdict.PASS] * 3
        assert [machine.name for machine in lost.machines] == [done[0].runner.machine.name]
        carrier._cut.clear()
