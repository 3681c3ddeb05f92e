"""Whole searches: each probe is a simulated run of a scenario, whose engine slows down as the load rises."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from perfcli.capacity.finding import Finding, SearchLimits
from perfcli.capacity.probe import Probes
from perfcli.capacity.result import CapacityResult, Edge, Of, ProbeResult, ProbeVerdict
from perfcli.capacity.search import Length
from perfcli.capacity.verdict import edge_between, judged
from perfcli.errors import ExitCode, UsageError, Verdict
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.results import RunResult
from perfcli.run import StopRequest, run_scenario
from perfcli.scenario.loader import ScenarioFileError, load_scenario
from perfcli.scenario.models import Scenario
from perfcli.testing import Behaviour, simulate

MS = 1_000_000
OPEN = {"executor": "constant-arrival-rate", "rate": "100/s", "duration": "1s", "vus": 5}
CLOSED = {"executor": "constant-vus", "vus": 2, "duration": "1s"}


def plan(load: dict[str, Any] = CLOSED, **keys: Any) -> ExecutionPlan:
    scenario = {
        "name": "probed",
        "setup": {"pets": 2},
        "load": load,
        "flow": ["load_pet"],
        "thresholds": ["latency.p90 < 20ms"],
    }
    return plan_run(Scenario.model_validate({**scenario, **keys}), seed=7)


def slower_with_vus(probe: ExecutionPlan) -> RunResult:
    """An engine with one lock: each of n vus waits for n turns of 2 ms."""
    vus = probe.phases[0].load.vu_count
    return simulate(probe, lambda label, call: Behaviour(takes_ns=2 * MS * vus))


def limits(of: Of = "vus", start: float = 1, highest: float = 64, **more: Any) -> SearchLimits:
    return SearchLimits(of=of, start=start, highest=highest, **{"precision": 0.2, **more})


def one_by_one(run: Callable[[ExecutionPlan], RunResult]) -> Callable[[Sequence[ExecutionPlan]], list[RunResult]]:
    return lambda plans: [run(each) for each in plans]


def found(
    run: Callable[[ExecutionPlan], RunResult] = slower_with_vus,
    where: SearchLimits | None = None,
    of_plan: ExecutionPlan | None = None,
    stop: StopRequest | None = None,
    clock_s: Callable[[], float] = lambda: 0.0,
) -> CapacityResult:
    finding = Finding(of_plan or plan(), where or limits(), one_by_one(run), stop or StopRequest(), clock_s=clock_s)
    while not finding.is_over:
        finding.step()
    return finding.result()


@pytest.mark.slow
def test_the_vus_that_an_engine_holds_are_found() -> None:
    result = found()
    assert result.outcome == "found"
    assert result.holds is not None
    assert result.fails is not None
    assert (result.holds.load, result.fails.load) == (9, 10)
    assert result.holds.words == "latency.p90 18.0 ms, limit 20ms"
    assert result.fails.words == "latency.p90 20.0 ms, limit 20ms"
    assert result.exit_code(strict=True) == ExitCode.PASS
    assert result.knee == pytest.approx(1.5)
    assert result.edge == Edge(kind="smooth", threshold="latency.p90 < 20ms", at_holds=0.9, at_fails=1.0)


@pytest.mark.slow
def test_a_rate_is_given_the_vus_it_needs_by_littles_law() -> None:
    seen: list[tuple[str, int]] = []

    def run(probe: ExecutionPlan) -> RunResult:
        load = probe.phases[0].load
        seen.append((load.rate, load.vu_count))  # type: ignore[union-attr]
        return simulate(probe, lambda label, call: Behaviour(takes_ns=MS if load.offered_per_s < 300 else 30 * MS))

    result = found(run, limits("rate", 100, 1_000, precision=0.3), plan(OPEN))
    assert result.holds is not None
    assert result.fails is not None
    assert result.holds.load < 300 <= result.fails.load
    assert ("100/s", 4) in seen
    assert ("200/s", 8) in seen


@pytest.mark.end_to_end
def test_a_probe_that_fails_stops_early() -> None:
    probes = Probes(plan(thresholds=["latency.p90 < 1us", "lost_writes == 0", "iterations >= 1"]), "vus", 60 * 10**9)
    probe = probes.plan_of(1, Length.FULL, seed=1)
    rules = probe.scenario.thresholds
    assert [rule.abort_on_fail for rule in rules] == [True, False]
    result = run_scenario(probe)
    assert probe.phases[0].load.longest_ns == 3 * 10**9
    assert result.duration_ns is not None
    assert result.duration_ns < 2.5e9
    assert judged(result, 1, probe).verdict is ProbeVerdict.FAILS


@pytest.mark.parametrize(
    ("threshold", "below", "above", "kind"),
    [
        ("latency.p99 < 20ms", 0.9, 1.1, "smooth"),
        ("latency.p99 < 20ms", 0.1, 1.1, "cliff"),
        ("delivery >= 98%", 1.02, 0.99, "smooth"),
        ("delivery >= 98%", 1.02, 0.4, "cliff"),
    ],
)
def test_an_edge_is_a_cliff_if_the_figure_moves_by_its_limit(
    threshold: str, below: float, above: float, kind: str
) -> None:
    def probe(load: float, verdict: ProbeVerdict, share: float) -> ProbeResult:
        return ProbeResult(
            load=load, verdict=verdict, threshold=threshold, of_limit={threshold: share}, length_ns=1, seed=1
        )

    holding, failing = probe(9, ProbeVerdict.HOLDS, below), probe(10, ProbeVerdict.FAILS, above)
    edge = edge_between([holding], [failing])
    assert edge == Edge(kind=kind, threshold=threshold, at_holds=below, at_fails=above)  # type: ignore[arg-type]
    assert edge_between([holding], []) is None


def test_lost_writes_end_the_search_with_fail() -> None:
    def run(probe: ExecutionPlan) -> RunResult:
        result = slower_with_vus(probe)
        assert result.integrity
        return result.model_copy(update={"integrity": result.integrity.model_copy(update={"lost": 1})})

    result = found(run)
    assert (result.outcome, result.reason, len(result.probes)) == ("wrong", "1 acknowledged write lost", 1)
    assert result.exit_code(strict=False) == ExitCode.THRESHOLD_FAILED


def test_a_starved_probe_is_repeated_thrice_then_the_answer_is_invalid() -> None:
    def run(probe: ExecutionPlan) -> RunResult:
        return slower_with_vus(probe).model_copy(update={"starved": "others took it", "verdict": Verdict.INVALID})

    result = found(run)
    assert (result.outcome, result.reason) == ("invalid", "others took it")
    assert [probe.verdict for probe in result.probes] == [ProbeVerdict.STARVED] * 3
    assert result.exit_code(strict=False) == ExitCode.INVALID


@pytest.mark.slow
def test_an_undelivered_load_is_a_failure_and_no_invalid_run() -> None:
    def run(probe: ExecutionPlan) -> RunResult:
        reason = "delivered 60.0 of 100.0 iterations/s, dropped 9: add vus"
        return slower_with_vus(probe).model_copy(update={"verdict": Verdict.INVALID, "reasons": [reason]})

    result = found(run, limits(start=4))
    assert result.outcome == "never"
    assert {probe.reason for probe in result.probes} == {"delivered 60.0 of 100.0 iterations/s, dropped 9"}
    assert result.exit_code(strict=False) == ExitCode.THRESHOLD_FAILED


@pytest.mark.slow
def test_an_interrupt_leaves_what_is_known() -> None:
    stop = StopRequest()
    runs = []

    def run(probe: ExecutionPlan) -> RunResult:
        runs.append(probe)
        if len(runs) == 3:
            stop.reason = "interrupted by Ctrl-C"
            return slower_with_vus(probe).model_copy(update={"verdict": Verdict.INTERRUPTED})
        return slower_with_vus(probe)

    result = found(run, stop=stop)
    assert (result.outcome, result.interrupted) == ("unfinished", "interrupted by Ctrl-C")
    assert result.holds is not None
    assert result.holds.load == 2


def test_no_probe_begins_after_max_time() -> None:
    times: Iterator[float] = iter(range(0, 1_000, 4))
    result = found(where=limits(max_time_s=10), clock_s=lambda: next(times))
    assert result.out_of_time
    assert len(result.probes) == 3


@pytest.mark.slow
def test_machines_that_probe_ahead_find_the_same_with_fewer_waits() -> None:
    waits: list[int] = []

    def run(plans: Sequence[ExecutionPlan]) -> list[RunResult]:
        waits.append(len(plans))
        return [slower_with_vus(each) for each in plans]

    finding = Finding(plan(), limits(), run, StopRequest(), clock_s=lambda: 0.0, at_once=4)
    while not finding.is_over:
        finding.step()
    alone, together = found(), finding.result()
    assert [(each.load, each.verdict) for each in together.probes] == [
        (each.load, each.verdict) for each in alone.probes
    ]
    assert (together.holds, together.fails) == (alone.holds, alone.fails)
    assert max(waits) == 4
    assert len(waits) <= len(alone.probes) / 2


def test_a_starved_probe_is_not_repeated_beyond_max_time() -> None:
    def run(probe: ExecutionPlan) -> RunResult:
        return slower_with_vus(probe).model_copy(update={"starved": "others took it", "verdict": Verdict.INVALID})

    times: Iterator[float] = iter(range(0, 1_000, 6))
    result = found(run, limits(max_time_s=10), clock_s=lambda: next(times))
    assert len(result.probes) == 2
    assert (result.outcome, result.out_of_time) == ("unfinished", True)
    assert result.exit_code(strict=False) == ExitCode.INVALID


def test_thresholds_on_how_much_is_done_are_left_out() -> None:
    of_plan = plan(thresholds=["latency.p90 < 20ms", "duration < 1ms", "throughput >= 1/s", "iterations == 1"])
    result = found(where=limits(start=4, max_time_s=1), of_plan=of_plan, clock_s=iter(range(9)).__next__)
    assert (result.thresholds, result.left_out) == (1, ["duration < 1ms", "throughput >= 1/s", "iterations == 1"])
    assert [probe.verdict for probe in result.probes] == [ProbeVerdict.HOLDS]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"thresholds": []}, "a threshold that a higher load can break, and the scenario has none"),
        ({"thresholds": [{"expr": "latency.p99 < 1s", "strict": False}]}, "and the scenario has none"),
        (
            {"thresholds": ["lost_writes == 0", "duration < 9s", "iterations >= 5"]},
            "does not distinguish one load from another: lost_writes == 0, duration < 9s, iterations >= 5",
        ),
        ({"faults": [{"fault": "pause", "at": "500ms", "for": "100ms"}]}, "cannot be searched under faults"),
        ({"load": None, "phases": [{"name": name, "load": CLOSED} for name in ("a", "b")]}, "needs one phase, not 2"),
    ],
)
def test_what_cannot_be_searched_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Finding(plan(**keys), limits(), one_by_one(slower_with_vus), StopRequest())


@pytest.mark.parametrize(
    ("lower", "upper", "strict", "code"),
    [
        (110.0, 120.0, True, ExitCode.PASS),
        (80.0, 90.0, False, ExitCode.THRESHOLD_FAILED),
        (90.0, 110.0, False, ExitCode.PASS),
        (90.0, 110.0, True, ExitCode.REGRESSION),
    ],
)
def test_at_least_is_held_against_the_interval(lower: float, upper: float, strict: bool, code: ExitCode) -> None:
    result = CapacityResult(
        scenario="s", of="rate", outcome="found", thresholds=1, precision=0.05, lower=lower, upper=upper, at_least=100,
        seed=1, started_at="", seconds=1,
    )  # fmt: skip
    assert result.exit_code(strict=strict) == code


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("{at_least: 800}", "800 does not fit of: rate: write a rate, e.g. 800/s"),
        ("{of: vus, from: 50/s}", "50/s does not fit of: vus: write a number of vus, e.g. 16"),
        ("{at_least: fast}", "'fast' is not a load"),
        ("{least: 800/s}", "unknown key"),
    ],
)
def test_a_load_that_cannot_be_asked_for_is_a_mistake_with_its_place(written: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "visits.yaml"
    file.write_text(
        "name: visits\nload: {executor: constant-arrival-rate, rate: 1/s, duration: 3s}\nflow: [create_pet]\n"
        f"thresholds: [latency.p99 < 20ms]\ncapacity: {written}\n"
    )
    with pytest.raises(ScenarioFileError, match=rf"visits.yaml:5:\d+: capacity\.\w+: .*{re.escape(told)}"):
        load_scenario(file)
