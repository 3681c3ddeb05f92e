"""Throughput over load: the law of a simulated engine is found, and what ends or spoils an experiment is named."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from perfcli.cli import cli
from perfcli.errors import ExitCode, UsageError, Verdict
from perfcli.inference.usl import Usl
from perfcli.plan import ExecutionPlan
from perfcli.pool.database import LocalDatabase, local_database
from perfcli.pool.identity import EngineSource
from perfcli.report.console import to_console
from perfcli.report.html.over_values import scaling_charts
from perfcli.report.scaling import about, scaling_document, scaling_so_far
from perfcli.results import Integrity, RunResult
from perfcli.run import StopRequest, run_scenario
from perfcli.scenario.models import Scenario
from perfcli.testing import Behaviour, SimulatedEngine, SimulatedPool, SimulatedTime, simulate
from perfcli.usl.experiment import (
    Loads,
    SoFar,
    blocks_here,
    check_scalable,
    check_settings,
    measure_scaling,
    parse_loads,
    plan_at,
)
from perfcli.usl.scaling_result import Constant, Law, LoadPoint, ScalingResult, fitted

Make = Callable[..., ExecutionPlan]

NS = 1_000_000_000
NUMBERS = (1, 2, 3, 4, 6, 8)
LOADS = Loads("vus", NUMBERS, blocks=5, duration_ns=NS // 2)
PEAK_AT_5 = Usl(100, 0.2, 0.032)
FLAT = Usl(100, 0.5, 0.0)
PETS = {"setup": {"pets": 2}, "thresholds": ["success_rate == 100%", "latency.max < 1ns", "duration < 1ns"]}


class LawfulPool:
    """Engines whose calls take as long as a law says, for as many vus as there are, give or take some noise."""

    def __init__(self, law: Usl, *, noise: float = 0.01, wrong_at: int = 0) -> None:
        self._law = law
        self._noise = noise
        self._wrong_at = wrong_at
        self._random = random.Random(1)
        self.started: list[int] = []
        """The vus of each run."""
        self.machines: tuple[()] = ()
        self.environment = None

    def run(self, plan: ExecutionPlan) -> RunResult:
        return run_scenario(plan, pool=self, engine=EngineSource(Path(), "here"))  # type: ignore[arg-type]

    def make_database(self) -> AbstractContextManager[LocalDatabase]:
        return local_database(Path())

    def start(self, plan: ExecutionPlan, database: LocalDatabase, process: int = 0) -> SimulatedEngine:
        self.started.append(plan.vus)
        pace = plan.vus / self._law.throughput(plan.vus) * math.exp(self._random.gauss(0, self._noise))
        problem = "wrong answer: another pet" if plan.vus == self._wrong_at else ""
        behaviour = Behaviour(takes_ns=round(pace * NS), problem=problem)
        return SimulatedPool(lambda label, call: behaviour, SimulatedTime()).start(plan, database, process)


def measure(plan: ExecutionPlan, run: Callable[[ExecutionPlan], RunResult], **more: Any) -> ScalingResult:
    more = {"loads": LOADS, "stop": StopRequest(), **more}
    return measure_scaling(plan, make_blocks=blocks_here(run), **more)


def report(result: ScalingResult, width: int = 120) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        console.print(to_console(scaling_document(result)))
    return capture.get()


@pytest.mark.slow
class TestExperiment:
    """Simulated runs."""

    def test_the_law_of_an_engine_is_found(self, make_plan: Make) -> None:
        result = measure(make_plan(["status"], **PETS), LawfulPool(PEAK_AT_5).run)
        assert (result.verdict, result.exit_code, result.blocks, result.reasons) == (Verdict.PASS, 0, 5, [])
        law = result.law
        assert law is not None
        assert law.holds
        for constant, truth in zip((law.lambda_per_s, law.sigma, law.kappa), PEAK_AT_5, strict=True):
            assert constant.value == pytest.approx(truth, rel=0.15)
        assert result.peak is not None
        assert result.peak.value == pytest.approx(5, rel=0.05)
        assert [point.throughput_per_s for point in result.points] == [
            pytest.approx(PEAK_AT_5.throughput(n), rel=0.05) for n in NUMBERS
        ]
        assert result.points[0].p50_ns == pytest.approx(NS / 100, rel=0.05)

    def test_wrong_answers_end_it(self, make_plan: Make) -> None:
        pool = LawfulPool(FLAT, wrong_at=4)
        result = measure(make_plan(["status"], setup={"pets": 2}), pool.run)
        assert (result.verdict, result.exit_code) == (Verdict.FAIL, ExitCode.THRESHOLD_FAILED)
        assert "wrong answers" in result.reasons[0]
        assert result.reasons[0].startswith("at 4 vus: ")
        assert pool.started[-1] == 4


class Canned:
    """Takes the place of runs: each passes with the same figures, unless an ending is given for it."""

    def __init__(self, run: RunResult, endings: Mapping[int, dict[str, Any]]) -> None:
        self._run = run
        self._endings = endings
        self.plans: list[ExecutionPlan] = []

    def __call__(self, plan: ExecutionPlan) -> RunResult:
        self.plans.append(plan)
        return self._run.model_copy(update=self._endings.get(len(self.plans), {}))


STARVED = {"verdict": Verdict.INVALID, "starved": "others had the CPU; try again", "reasons": ["others had the CPU"]}


@pytest.mark.slow
class TestBlocks:
    """What becomes of blocks, whatever their runs measure."""

    @pytest.fixture
    def perform(self, make_plan: Make) -> Callable[..., tuple[ScalingResult, Canned]]:
        plan = make_plan(["status"], **PETS, seed=3)
        canned = simulate(plan_at(plan, "vus", 1, NS // 10, seed=3), lambda label, call: Behaviour())

        def perform(endings: Mapping[int, dict[str, Any]] | None = None, **more: Any) -> tuple[ScalingResult, Canned]:
            runs = Canned(canned, endings or {})
            return measure(plan, runs, **more), runs

        return perform

    def test_each_holds_every_load_in_an_order_of_its_own(self, perform: Any) -> None:
        (_, runs), (_, again) = perform(), perform()
        blocks = [runs.plans[first : first + 6] for first in range(0, 30, 6)]
        orders = [tuple(plan.vus for plan in block) for block in blocks]
        assert all(sorted(order) == list(NUMBERS) for order in orders)
        assert len(set(orders)) > 1
        assert [{plan.seed for plan in block} for block in blocks] == [{3}, {4}, {5}, {6}, {7}]
        assert runs.plans == again.plans

    def test_a_starved_one_is_repeated(self, perform: Any) -> None:
        result, runs = perform({3: STARVED})
        assert (result.verdict, result.blocks, len(result.starved)) == (Verdict.PASS, 5, 1)
        assert len(runs.plans) == 3 + 5 * 6
        assert "1 starved block dropped: others had the CPU\n" in report(result)

    def test_on_a_machine_that_is_never_quiet_it_gives_up(self, perform: Any) -> None:
        result, runs = perform(dict.fromkeys(range(100), STARVED))
        assert (result.verdict, result.exit_code, len(runs.plans)) == (Verdict.INVALID, ExitCode.INVALID, 6)
        assert result.reasons == ["6 blocks were dropped, the last one because others had the CPU; try again"]

    def test_enough_blocks_are_used_though_more_were_asked_for(self, perform: Any) -> None:
        loads = Loads("vus", NUMBERS, blocks=6, duration_ns=NS)
        result, _ = perform(dict.fromkeys(range(31, 100), STARVED), loads=loads)
        assert (result.verdict, result.blocks, len(result.starved)) == (Verdict.PASS, 5, 7)
        assert result.law is not None

    @pytest.mark.parametrize(
        ("ending", "code"),
        [
            ({"verdict": Verdict.ERROR, "reasons": ["it died"]}, ExitCode.INTERNAL),
            ({"verdict": Verdict.INVALID, "reasons": ["it died"]}, ExitCode.INVALID),
            ({"verdict": Verdict.INTERRUPTED, "reasons": ["it died"]}, ExitCode.INTERRUPTED),
        ],
    )
    def test_a_run_that_does_not_pass_ends_it(self, perform: Any, ending: dict[str, Any], code: ExitCode) -> None:
        result, runs = perform({8: ending})
        assert (result.verdict, result.exit_code, len(runs.plans)) == (ending["verdict"], code, 8)
        assert result.reasons == [f"at {runs.plans[-1].vus} vus: it died"]
        assert (result.blocks, result.law, sum(len(point.blocks_per_s) for point in result.points)) == (1, None, 7)

    def test_lost_writes_fail_it_whatever_the_thresholds_say(self, perform: Any) -> None:
        result, _ = perform({2: {"integrity": Integrity(acknowledged=9, lost=2)}})
        assert (result.verdict, result.exit_code) == (Verdict.FAIL, ExitCode.THRESHOLD_FAILED)
        assert result.reasons[0].endswith("vus: 2 acknowledged writes lost")

    def test_an_interrupt_leaves_what_is_known(self, perform: Any) -> None:
        stop = StopRequest()

        def stop_in_the_second_block(so_far: SoFar) -> None:
            if so_far.share_done > 0.25:
                stop.reason = "terminated by SIGTERM"

        result, _ = perform(stop=stop, tell=stop_in_the_second_block)
        assert (result.verdict, result.exit_code) == (Verdict.INTERRUPTED, ExitCode.TERMINATED)
        assert (result.blocks, result.law, len(result.points)) == (1, None, 6)
        assert sum(len(point.blocks_per_s) for point in result.points) == 8
        assert "no law is fitted: 1 complete block of 5, 5 are needed; highest measured" in report(result)

    def test_no_run_begins_after_max_time(self, perform: Any) -> None:
        seconds = iter(range(10_000))
        loads = replace(LOADS, blocks=8, max_time_ns=70 * NS)
        result, runs = perform(loads=loads, now_ns=lambda: next(seconds) * NS)
        # the clock is read twice a run
        assert (len(runs.plans), result.blocks) == (34, 5)
        assert (result.verdict, result.reasons) == (Verdict.PASS, ["--max-time ended it after 5 of 8 blocks"])
        assert result.law is not None

    @pytest.mark.parametrize(("numbers", "has_law"), [((1, 2), False), ((1, 2, 3), False), ((1, 2, 3, 4), True)])
    def test_the_law_needs_four_loads_the_table_two(
        self, perform: Any, numbers: tuple[int, ...], has_law: bool
    ) -> None:
        result, _ = perform(loads=replace(LOADS, numbers=numbers))
        assert (result.verdict, len(result.points), result.law is not None) == (Verdict.PASS, len(numbers), has_law)
        told = "hardly show whether" if has_law else f"no law is fitted: {len(numbers)} loads, 4 are needed; highest"
        assert told in report(result)


class TestPoints:
    """The plan at one load."""

    def test_only_the_load_and_the_limits_on_time_are_replaced(self, make_plan: Make) -> None:
        load = {"executor": "per-vu-iterations", "vus": 9, "think_time": "3ms", "warmup": "1s"}
        plan = plan_at(make_plan(["status"], load=load, **PETS), "vus", 4, NS // 4, seed=8)
        (phase,) = plan.phases
        assert phase.load.describe() == "4 vus for 250ms, 3ms between iterations, after 1s of warm-up"
        assert plan.seed == 8
        assert [rule.threshold.text for rule in plan.scenario.thresholds] == ["success_rate == 100%"]

    def test_a_process_has_one_vu(self, make_plan: Make) -> None:
        plan = plan_at(make_plan(["status"], **PETS), "processes", 4, NS, seed=1)
        assert (plan.vus, plan.scenario.pool.processes) == (4, 4)
        assert {plan.process_of(vu) for vu in range(4)} == {0, 1, 2, 3}
        assert "200ms of warm-up" in plan.describe()

    def test_loads_are_ascending_and_counted_once(self) -> None:
        assert parse_loads("16,1, 2,3,2,8,5", "vus") == [1, 2, 3, 5, 8, 16]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("5,5", "--vus 5,5: scaling compares several numbers, and this is one"),
            ("1,2,3,4,5,1001", "'1001' is not a number from 1 to 1,000"),
            ("1,2,3,4,5,0", "'0' is not a number"),
            ("1,2,3,,4,5,6", "'' is not a number"),
        ],
    )
    def test_one_or_impossible_loads_are_refused(self, text: str, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            parse_loads(text, "vus")

    @pytest.mark.parametrize("setting", ["load.vus=3", "load={}", "load.duration = 1s", "pool.processes=2"])
    def test_a_setting_of_what_is_replaced_is_refused(self, setting: str) -> None:
        with pytest.raises(UsageError, match="scaling sets"):
            check_settings([setting], "processes")

    def test_other_settings_are_not(self) -> None:
        check_settings(["load.think_time=1ms", "load.warmup=1s", "setup.pets=3", "pool.processes=2"], "vus")

    @pytest.mark.parametrize(
        ("keys", "of", "message"),
        [
            ({"load": {"executor": "constant-vus", "vus": [1, 2], "duration": "1s"}}, "vus", "has 2 phases"),
            ({"faults": [{"fault": "pause", "at": "1s", "for": "1s"}]}, "vus", "has faults"),
            (
                {"target": "mcp", "flow": ["get_pet_status"]},
                "processes",
                "--processes counts engines, and its server is one",
            ),
        ],
    )
    def test_what_has_no_one_load_is_refused(self, keys: dict[str, Any], of: Any, message: str) -> None:
        load = {"executor": "constant-vus", "vus": 1, "duration": "5s"}
        scenario = Scenario.model_validate({"name": "test", "load": load, "flow": ["status"], **keys})
        with pytest.raises(UsageError, match=message):
            check_scalable(scenario, of)


def result_of(law: Usl, *, noise: float = 0.02, **fields: Any) -> ScalingResult:
    """A result of eight blocks that follow a law, more or less."""
    random_ = random.Random(2)
    points = [
        LoadPoint(
            load=n,
            blocks_per_s=(per_s := [law.throughput(n) * math.exp(random_.gauss(0, noise)) for _ in range(8)]),
            throughput_per_s=sum(per_s) / 8,
            ok=5_000,
            failed=0,
            p50_ns=1e6,
            p95_ns=2e6,
            p99_ns=3e6,
        )
        for n in (1, 2, 3, 4, 6, 8, 12, 16)
    ]
    measured, fit = fitted(points)
    return ScalingResult.model_validate(
        {
            "scenario": "test",
            "of": "vus",
            "loads": [point.load for point in points],
            "in_process": True,
            "plan": "16 vus for 500ms",
            "seed": 7,
            "started_at": "",
            "duration_ns": 90 * NS,
            "planned_blocks": 8,
            "blocks": 8,
            "points": measured,
            "law": fit,
            "verdict": "pass",
            **fields,
        }
    )


class TestReport:
    """What is said of it."""

    def test_the_command_prints_more_if_asked(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        result = result_of(Usl(1_000, 0.2, 0.032))
        monkeypatch.setattr("perfcli.commands.scaling.measure_scaling", lambda *_, **__: result)
        brief, long = (
            CliRunner().invoke(cli, ["scaling", "database_load", *more], catch_exceptions=False).stdout
            for more in ([], ["--verbose"])
        )
        assert "load  16 vus for 500ms" in long
        assert "load  " not in brief

    @pytest.mark.parametrize(
        ("law", "fields", "sentence"),
        [
            (Usl(1_000, 0.2, 0.032), {}, r"peak at 5.0 vus \(4\.\d to 5\.\d\); highest measured 2,\d{3}/s at [46] vus"),
            (Usl(1_000, 0.2, 0.032), {"of": "processes"}, r"peak at 5\.0 processes \(4"),
            (Usl(1_000, 0.1, 0.0), {}, r"no peak within 16 vus; highest measured 6,\d{3}/s at 16 vus"),
            (Usl(1_000, 0.02, 0.001), {}, r"no peak within 16 vus; the law puts it at \d\d\.\d \("),
            (Usl(1_000, 1.5, 0.0), {}, r"peak at 1 vu: a second one lowers throughput; highest measured"),
        ],
    )
    def test_the_answer_comes_first(self, law: Usl, fields: dict[str, Any], sentence: str) -> None:
        (first, *_) = scaling_document(result_of(law, **fields))[0].blocks
        assert re.match(sentence, first.text.plain), first.text.plain  # type: ignore[union-attr]

    def test_what_does_not_follow_the_law_has_no_peak(self) -> None:
        result = result_of(Usl(1_000, 0.2, 0.032))
        points = [
            point.model_copy(
                update={"blocks_per_s": [each * (2 if point.load % 3 else 1) for each in point.blocks_per_s]}
            )
            for point in result.points
        ]
        points = [each.model_copy(update={"throughput_per_s": sum(each.blocks_per_s) / 8}) for each in points]
        measured, law = fitted(points)
        spoilt = result.model_copy(update={"points": measured, "law": law})
        assert spoilt.peak is None
        text = report(spoilt)
        assert "does not follow the law: residual" in text
        assert "limit 10%" in text
        assert "σ and κ are meaningless" in text
        assert "one at a time" not in text

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({}, "threads of one process, and take turns holding Python's interpreter lock (GIL)"),
            ({"of": "processes"}, "processes take turns as SQLite's only writer"),
            ({"in_process": False}, "sessions take turns in the server's event loop"),
        ],
    )
    def test_contention_is_read_in_plain_words(self, fields: dict[str, Any], words: str) -> None:
        assert words in " ".join(report(result_of(Usl(1_000, 0.2, 0.032), **fields)).split())

    @pytest.mark.parametrize(
        ("law", "words"),
        [
            (
                Usl(1_000, 0.5, 0.0),
                r"of the work runs one at a time, at most (2|2\.\d+|1\.9\d) times the throughput of",
            ),
            (Usl(1_000, 0.2, 0.032), r"of the work runs one at a time κ 0\.03"),
            (Usl(1_000, 1.5, 0.0), r"σ 1\.\d+ \(1\.\d+ to 1\.\d+\): a second vu lowers throughput"),
            (Usl(1_000, 0.0, 0.0), r"κ [^:]*: vus do not measurably slow one another down"),
        ],
    )
    def test_constants_are_read_in_plain_words(self, law: Usl, words: str) -> None:
        assert re.search(words, " ".join(report(result_of(law, noise=0.005)).split()))

    def test_a_bound_that_does_not_exist_is_null_and_unbounded(self) -> None:
        constant = Constant(value=None, lower=1.0, upper=None)
        law = result_of(Usl(1_000, 0.1, 0.0)).law
        assert law is not None
        assert Law.model_validate_json(law.model_copy(update={"peak": constant}).model_dump_json()).peak == constant

    def test_too_few_operations_are_named(self) -> None:
        result = result_of(Usl(1_000, 0.1, 0.0))
        first, *others = result.points
        few = result.model_copy(update={"points": [first.model_copy(update={"ok": 80, "failed": 2}), *others]})
        text = report(few)
        assert "fewer than 30 operations per block at 1 vus: raise --duration" in text
        assert "2 operations failed" in text

    def test_how_far_it_is(self) -> None:
        so_far = SoFar(load=1, block=3, share_done=0.25, elapsed_ns=20 * NS, starved=0)
        assert scaling_so_far(so_far, 8, "vus") == "block 3 of 8, 1 vu: 25% in 20 s, about 1 min left"
        first = replace(so_far, load=4, block=1, share_done=0.0, starved=2)
        told = "block 1 of 8, 4 processes: 0% in 20 s; 2 starved blocks dropped"
        assert scaling_so_far(first, 8, "processes") == told

    def test_charts_show_every_block_and_the_band(self) -> None:
        throughput, latency = scaling_charts(result_of(Usl(1_000, 0.2, 0.032)))
        names = {trace["name"]: len(trace["x"]) for trace in throughput.traces}
        assert names == {"band": 60, "95% band": 60, "the law": 60, "a block": 64, "mean": 8}
        assert [trace["name"] for trace in latency.traces] == ["p50", "p95", "p99"]

    @pytest.mark.parametrize(
        ("seconds", "words"), [(0.2, "1 s"), (59, "59 s"), (61, "1 min"), (97, "1 min 40 s"), (3_600, "60 min")]
    )
    def test_a_time_is_told_as_far_as_anybody_knows_it(self, seconds: float, words: str) -> None:
        assert about(seconds * NS) == words
