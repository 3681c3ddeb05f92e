"""Runs with operations of the user's own, in real engine processes: every kind of function, every kind of mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from perfcli.errors import UsageError, Verdict
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.results import RunResult
from perfcli.run import run_scenario
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.overrides import parse_set
from tests.conftest import Here
from tests.perfcli.faulty.checkout import make_checkout

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_engines")]

ROOT = Path(__file__).parents[2]

HEAD = """
import asyncio, os, random, sys, threading, time
from perfcli.operations import Context, operation
"""
ODD = f"""{HEAD}
@operation(counters={{"calls": "count"}})
def prints(ctx: Context) -> int:
    print("hello")
    ctx.count("calls")
    return 3

@operation
def raises(ctx: Context) -> None:
    with ctx.timed():
        raise ValueError(f"no {{ctx.text()!r}}")

@operation
def raises_before(ctx: Context) -> None:
    raise KeyError(ctx.user)
    with ctx.timed():
        pass

@operation
def exits(ctx: Context) -> None:
    sys.exit(3)

@operation
def interrupts(ctx: Context) -> None:
    raise KeyboardInterrupt

@operation
def spawns(ctx: Context) -> None:
    threading.Thread(target=time.sleep, args=(60,), name="mine", daemon=True).start()

@operation
async def waits(ctx: Context) -> None:
    with ctx.timed():
        await asyncio.sleep(0.001)

@operation
def sleeps(ctx: Context, seconds: float) -> None:
    time.sleep(seconds)
    ctx.check(False, "it was waited for")

@operation
def checks(ctx: Context) -> None:
    ctx.check(ctx.storage.load_pet(ctx.user) is None, "there is a pet")

@operation
def keeps_files(ctx: Context) -> None:
    file = ctx.folder / "kept.txt"
    with file.open("a") as lines:
        lines.write("x")
    ctx.check(file.exists(), "gone")
"""
RENAME = f"""{HEAD}
@operation(counters={{"letters": "count"}})
def rename(ctx: Context, length: int = 8) -> None:
    pet = ctx.pet()
    pet.name = ctx.text(length)
    with ctx.timed():
        ok = ctx.storage.save_pet(pet)
    ctx.check(ok, "save_pet returned False")
    ctx.count("letters", length)
    ctx.wrote(name=pet.name)
"""

TOOLS = f"""{HEAD}
@operation(counters={{"tools": "count"}})
async def looks(ctx: Context) -> None:
    with ctx.timed():
        states = await asyncio.gather(*(ctx.call_tool("get_pet_status", user_id=ctx.user) for _ in range(3)))
    ctx.check(all(state["user_id"] == ctx.user for state in states), "the state of another pet")
    ctx.count("tools", len(states))

@operation
async def fails(ctx: Context) -> None:
    await ctx.call_tool("apply_care_action", user_id=ctx.user, action="dance")
"""

Plan = Callable[..., ExecutionPlan]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    def make(source: str, flow: str, *overrides: str, seed: int = 1) -> ExecutionPlan:
        (tmp_path / "own.py").write_text(source, encoding="utf-8")
        (tmp_path / "random.py").write_text("raise AssertionError('it shadows')", encoding="utf-8")
        load = "load: {executor: per-vu-iterations, vus: 2, iterations: 5}"
        lines = ["name: own", "operations: [own.py]", "setup: {pets: 4}", load, f"flow: {flow}"]
        (tmp_path / "own.yaml").write_text("\n".join(lines), encoding="utf-8")
        return plan_run(load_scenario(tmp_path / "own.yaml", list(map(parse_set, overrides))), seed)

    return make


def errors_of(result: RunResult) -> dict[str, int]:
    return {f"{each.name}: {kind}": count for each in result.operations for kind, count in each.errors.items()}


def test_whatever_a_function_does_is_told_as_it_was(plan: Plan) -> None:
    flow = "[prints, raises, raises_before, exits, interrupts, spawns, waits, {sleeps: {seconds: 5, timeout: 50ms}}, "
    result = run_scenario(plan(ODD, f"{flow} checks, keeps_files]", "load.iterations=2"))
    assert errors_of(result) == {
        "raises: ValueError: no …": 4,
        "raises_before: KeyError: …": 4,
        "exits: SystemExit: …": 4,
        "interrupts: KeyboardInterrupt": 4,
        "sleeps: timeout: no answer within 50.0 ms": 4,
        "checks: there is a pet": 4,
    }
    assert [each.name for each in result.operations if each.ok == 4] == ["prints", "spawns", "waits", "keeps_files"]
    assert result.inspection.printed_bytes == 4 * len("hello\n")
    assert result.inspection.threads_left == ["mine"] * 4
    assert result.inspection.files_left == []
    assert result.operations[0].counters["calls"].sum == 4
    assert "own.py, line " in result.error_examples["there is a pet"]
    assert 'raise ValueError(f"no {ctx.text()!r}")' in result.error_examples["ValueError: no …"]


@pytest.mark.parametrize("processes", [1, 2])
def test_one_file_runs_in_every_process(plan: Plan, tmp_path: Path, processes: int) -> None:
    limits = "thresholds=[success_rate == 100%, lost_writes == 0, rename.letters == 120, rename.letters_per_op == 12]"
    made = plan(RENAME, "[rename: {length: 12}, load_pet]", f"pool.processes={processes}", limits)
    (tmp_path / "own.py").write_text("raise AssertionError", encoding="utf-8")
    result = run_scenario(made)
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    assert result.integrity is not None
    assert (result.integrity.saves.acknowledged, result.integrity.saves.checked) == (10, 4)
    assert result.operations[0].preparation_ns


def test_the_same_seed_gives_one_digest(plan: Plan) -> None:
    first, second = (run_scenario(plan(RENAME, "[rename]", "users=uniform", seed=5)) for _ in range(2))
    assert first.digest == second.digest != run_scenario(plan(RENAME, "[rename]", "users=uniform", seed=6)).digest


def test_a_counter_ends_the_load(plan: Plan) -> None:
    load = "load={executor: constant-vus, vus: 1, duration: 20s}"
    limit = "thresholds=[{expr: rename.letters < 100, abort_on_fail: true}]"
    result = run_scenario(plan(RENAME, "[rename, sleep: 1ms]", load, limit))
    assert result.verdict is Verdict.FAIL
    assert result.reasons[0].startswith("the load was stopped early by rename.letters < 100: ")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import no_such_module", "own.py, line 7: ModuleNotFoundError: No module named 'no_such_module'"),
        ("sys.exit(0)", "own.py, line 7: SystemExit: 0"),
        ("del op", "own.py, line 6: op is not a function once the file is imported"),
    ],
)
def test_a_file_that_cannot_be_loaded_ends_the_command(plan: Plan, source: str, message: str) -> None:
    made = plan(f"{HEAD}\n@operation\ndef op(ctx: Context) -> None: ...\n{source}\n", "[op]")
    with pytest.raises(UsageError) as caught:
        run_scenario(made)
    assert caught.value.message == message


def test_a_file_that_ends_the_process_while_it_is_imported_is_not_taken_for_the_engine(plan: Plan) -> None:
    made = plan(f"{HEAD}\nimport os\n@operation\ndef op(ctx: Context) -> None: ...\nos._exit(3)\n", "[op]")
    result = run_scenario(made)
    assert result.verdict is Verdict.ERROR
    assert result.reasons == ["the engine process exited with code 3 while importing the scenario's own operations"]


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "perfcli", *arguments]
    return subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True, timeout=110)


@pytest.mark.end_to_end
@pytest.mark.parametrize("words", [["run"], ["profile"], ["ab", "--base", str(ROOT)]], ids=str)
def test_every_command_says_so_with_exit_code_2(plan: Plan, here: Here, words: list[str]) -> None:
    plan(f"{HEAD}\n@operation\ndef op(ctx: Context) -> None: ...\nraise RuntimeError('no')\n", "[op]")
    code, _, errors = here(*words, "./own.yaml")
    where = "on the base: " if words[0] == "ab" else ""
    assert code == 2, errors
    assert f"Error: {where}own.py, line 7: RuntimeError: no" in errors


@pytest.mark.nightly
@pytest.mark.end_to_end
def test_an_own_operation_that_became_a_fifth_slower_is_a_regression(plan: Plan, tmp_path: Path) -> None:
    plan(RENAME, "[rename]")
    slower = make_checkout(tmp_path / "slower", "saves_slower")
    words = ["ab", "./own.yaml", "--base", str(ROOT), "--candidate", str(slower), "--workers", "1", "--max-pairs", "15"]
    done = command(tmp_path, *words, "--json", "ab.json")
    assert done.returncode == 5, done.stdout
    (result,) = json.loads((tmp_path / "ab.json").read_text(encoding="utf-8"))
    found = next(metric for metric in result["metrics"] if metric["name"] == "rename.p50")
    assert found["change"] == "regression"
    assert 1.1 < found["ratio"] < 1.35


@pytest.mark.parametrize("transport", ["stdio", "http"])
def test_async_functions_call_the_tools_of_a_server(plan: Plan, transport: str) -> None:
    limit = "thresholds=[looks.tools == 30, fails.ok == 0]"
    made = plan(
        TOOLS, "[looks, fails, {looks: {name: quick, timeout: 5s}}]", f"target.mcp.transport={transport}", limit
    )
    result = run_scenario(made)
    assert result.verdict is Verdict.PASS
    assert [(each.name, each.ok) for each in result.operations] == [("looks", 10), ("fails", 0), ("quick", 10)]
    assert next(iter(result.total.errors)).startswith("Unknown care action …")
