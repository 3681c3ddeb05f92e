"""Crash tests: which kills are planned, what counts as a failure, and real engines that are killed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from perfcli.crash import CrashResult, _at_random, crash_scenario
from perfcli.errors import ExitCode, UsageError
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.pool.identity import EngineSource
from perfcli.pool.processes import LocalPool, forked
from perfcli.pool.template import Template
from perfcli.report.console import to_console
from perfcli.report.faults import crash_document
from perfcli.run import StopRequest
from perfcli.scenario.library import shipped_scenarios
from perfcli.scenario.loader import load_scenario
from tests.perfcli.faults.test_inside import LINKED_STATICALLY
from tests.perfcli.faulty.checkout import make_checkout

ROOT = Path(__file__).parents[2]
MS = 1_000_000
PETS = {"setup": {"pets": 3}}
Make = Callable[..., ExecutionPlan]
Crash = Callable[..., CrashResult]


@pytest.fixture
def crash(tmp_path: Path, make_plan: Make) -> Crash:
    """Crash an engine, perhaps one with a fault."""

    def crash(
        flow: list[Any], *, fault: str = "", kills: int = 0, writes: Iterable[int] = (), seed: int = 1
    ) -> CrashResult:
        path = make_checkout(tmp_path, fault) if fault else ROOT
        with Template() as template:
            return crash_scenario(
                make_plan(flow, seed=seed, **PETS),
                kills=kills,
                writes=writes,
                pool=lambda: LocalPool(path, forked(template)),
                engine=EngineSource(path, fault),
                stop=StopRequest(),
            )

    return crash


def test_kills_are_drawn_from_the_seed_and_dealt_out_to_databases(make_plan: Make) -> None:
    phases = [
        {"name": "many", "load": {"executor": "constant-arrival-rate", "rate": "5/s", "duration": "1s", "vus": 500}},
        {"name": "two", "load": {"executor": "shared-iterations", "iterations": 9, "vus": 2}},
    ]
    plan = make_plan(["create_pet"], phases=phases, pool={"processes": 2}, thresholds=["failed == 0"])
    plans = list(_at_random(plan, 45))
    kills = [each.crash.kills for each in plans if each.crash]
    assert [len(moments) for moments in kills] == [20, 20, 5]
    assert [each.seed for each in plans] == [1, 2, 3]
    assert plans == list(_at_random(plan, 45))
    assert kills[0] != kills[1]
    assert all(MS <= moment <= 200 * MS for moments in kills for moment in moments)
    first = plans[0]
    assert [(phase.name, phase.load.executor, phase.load.vu_count) for phase in first.phases] == [
        ("many", "constant-vus", 20),
        ("two", "constant-vus", 2),
    ]
    assert len(first.waves) == 1
    assert (first.scenario.pool.processes, first.scenario.judged_thresholds) == (1, [])
    assert first.oldest_sample_ns == 0


def test_a_scenario_that_writes_nothing_cannot_lose_anything(make_plan: Make) -> None:
    plan = make_plan(["load_pet"], **PETS)
    with pytest.raises(UsageError, match="test has no step that writes, so a crash can lose nothing"):
        crash_scenario(plan, kills=1, writes=(), pool=None, engine=None, stop=StopRequest())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"kills": 7, "acknowledged": 9}, ExitCode.PASS, "7 kills, no acknowledged write lost"),
        ({"kills": 7}, ExitCode.INVALID, "no write was acknowledged: nothing was tested"),
        ({"acknowledged": 9}, ExitCode.INVALID, "the engine was never killed: nothing was tested"),
        ({"problem": "no ctypes"}, ExitCode.INVALID, "the engine was never killed: no ctypes"),
        ({"interrupted": "by Ctrl-C", "kills": 7}, ExitCode.INTERRUPTED, "partial report: by Ctrl-C"),
        (
            {"kills": 27, "failure": "2 acknowledged writes lost", "failed_seed": 8},
            ExitCode.THRESHOLD_FAILED,
            "2 acknowledged writes lost, after kill 27\n  - replay: --kills 20 --seed 8",
        ),
        (
            {"kills": 5, "failure": "damaged", "failed_seed": 8, "failed_write": 5},
            ExitCode.THRESHOLD_FAILED,
            "damaged, after kill 5\n  - replay: --at-write 5 --seed 8",
        ),
    ],
)
def test_the_report_says_what_to_repeat(fields: dict[str, Any], code: ExitCode, words: str) -> None:
    result = CrashResult("test", "kills", 7, **fields)
    assert result.exit_code is code
    console = Console(width=120)
    with console.capture() as capture:
        console.print(to_console(crash_document(result)))
    assert words in capture.get()


@pytest.mark.slow
def test_a_sound_engine_loses_nothing_it_acknowledged(crash: Crash) -> None:
    result = crash(["create_pet", "interact", "save_pet", "load_pet"], kills=3)
    assert (result.failure, result.kills, result.exit_code) == ("", 3, ExitCode.PASS)
    assert result.acknowledged > 3
    assert 1 <= result.unknown <= 3
    assert len(result.down_ns) == 3


@pytest.mark.slow
def test_it_is_killed_in_the_write_that_is_named_until_there_are_no_more(crash: Crash) -> None:
    result = crash(["interact"], writes=[1, 30, 100_000, 2])
    # the third run ended without a kill, and none followed
    assert (result.failure, result.kills, result.unknown) == ("", 2, 2)
    assert result.acknowledged == 3 * 20


@pytest.mark.slow
def test_an_engine_that_answers_before_it_writes_is_found(crash: Crash) -> None:
    result = crash(["interact"], fault="writes_behind", kills=20)
    assert re.search(r"acknowledged writes? lost", result.failure)
    assert (result.exit_code, result.failed_seed) == (ExitCode.THRESHOLD_FAILED, 1)
    assert any("acknowledged" in example for example in result.examples)


@pytest.mark.slow
def test_an_engine_that_rewrites_in_two_transactions_is_found_in_some_write(crash: Crash) -> None:
    result = crash(["interact"], fault="rewrites_in_two", writes=range(64, 110, 2))
    assert re.search(r"acknowledged writes? lost", result.failure)
    assert result.failed_write is not None


@pytest.mark.slow
def test_where_no_write_can_be_hit_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "static.py").write_text(LINKED_STATICALLY)
    path = tmp_path / "static.yaml"
    path.write_text(
        "name: static\nsetup: {pets: 2}\noperations: [static.py]\nflow: [feed, interact]\n"
        "load: {executor: constant-vus, vus: 2, duration: 1s}\n"
    )
    with Template() as template:
        result = crash_scenario(
            plan_run(load_scenario(path), 1),
            writes=count(1),
            pool=lambda: LocalPool(ROOT, forked(template)),
            engine=EngineSource(ROOT, ""),
            stop=StopRequest(),
        )
    assert (result.exit_code, result.kills, result.failure) == (ExitCode.INVALID, 0, "")
    assert "SQLite's system calls cannot be replaced in this Python" in result.problem


@pytest.mark.nightly
@pytest.mark.parametrize("by", ["kills", "writes"])
@pytest.mark.parametrize("path", shipped_scenarios(), ids=lambda path: path.stem)
def test_every_shipped_scenario_can_be_crashed(path: Path, by: str) -> None:
    plan, kills = plan_run(load_scenario(path), 1), 3 if by == "kills" else 0
    refusal = ""
    if not (kills or plan.scenario.target.in_process):
        refusal = "need `target: embedded`"
    elif not any(step.effects.is_write for phase in plan.phases for step in phase.flow):
        refusal = "has no step that writes"
    refused = pytest.raises(UsageError, match=refusal) if refusal else nullcontext()
    with Template() as template, refused:
        result = crash_scenario(
            plan,
            kills=kills,
            # a mix of many reads makes few writes in its first 20 iterations
            writes=[1, 4],
            pool=lambda: LocalPool(ROOT, forked(template)),
            engine=EngineSource(ROOT, ""),
            stop=StopRequest(),
        )
    if refusal:
        return
    assert (result.failure, result.problem, result.examples) == ("", "", [])
    assert result.kills == (kills or 2)
    # its visits store nothing that they could acknowledge, and the command says so
    assert result.exit_code is (ExitCode.INVALID if path.stem == "time_travel" else ExitCode.PASS)


@pytest.mark.nightly
def test_two_hundred_kills_lose_nothing(crash: Crash) -> None:
    result = crash(["create_pet", "interact", {"care": {"actions": ["meat"]}}, "save_pet", "load_pet"], kills=200)
    assert (result.failure, result.examples, result.kills) == ("", [], 200)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(5))
def test_an_engine_that_rewrites_in_two_transactions_is_found_each_time(crash: Crash, seed: int) -> None:
    result = crash(["interact"], fault="rewrites_in_two", writes=count(1), seed=seed)
    assert re.search(r"acknowledged writes? lost", result.failure)
    assert result.failed_write is not None


@pytest.mark.nightly
def test_no_write_of_a_short_load_is_a_bad_moment(crash: Crash) -> None:
    result = crash(["create_pet", "interact", "save_pet"], writes=count(1))
    assert (result.failure, result.examples, result.failed_write) == ("", [], None)
    assert result.kills > 100
