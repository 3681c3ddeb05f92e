"""Whole searches on engines whose capacity is known, in real time: campaigns for a quiet machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from perfcli.errors import ExitCode

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(3_000)]

ROOT: Final = Path(__file__).parents[3]
OPERATIONS: Final = """
import threading, time
from perfcli.operations import operation

TURN_NS = {turn_ns}
lock = threading.Lock()

@operation
def take_turns(ctx):
    with lock:
        # the lock is free again at the next mark of a grid that does not move: sleeping late costs no turn
        time.sleep((TURN_NS - time.perf_counter_ns() % TURN_NS) / 1e9)

@operation
def do_nothing(ctx):
    pass
"""
SCENARIO: Final = """
name: known
operations: [my_operations.py]
load: {{executor: constant-vus, vus: 4, duration: 3s, warmup: 200ms}}
flow: [{operation}]
thresholds: [latency.p99 < 20ms]
capacity: {{of: rate, from: 200/s, at_least: {at_least}}}
"""
ROUNDS: Final = 10


def invoke(
    home: Path,
    command: str,
    *options: str,
    turn_ns: int = 2_000_000,
    operation: str = "take_turns",
    at_least: str = "1/s",
) -> tuple[int, Any]:
    """The exit code and the JSON of a command; a machine that is too busy to tell skips the test."""
    (home / "my_operations.py").write_text(OPERATIONS.format(turn_ns=turn_ns), encoding="utf-8")
    (home / "known.yaml").write_text(SCENARIO.format(operation=operation, at_least=at_least), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "perfcli", command, "known.yaml", "--json", "out.json", "--no-progress", *options],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (home / "out.json").exists(), done.stderr
    (document,) = json.loads((home / "out.json").read_text(encoding="utf-8"))
    if document.get("outcome") == "invalid" or document.get("starved"):
        pytest.skip(document.get("reason") or document["starved"])
    return done.returncode, document


def test_an_engine_behind_one_lock_is_found_within_5_percent_of_its_saturated_rate(tmp_path: Path) -> None:
    ratios = []
    for number in range(ROUNDS):
        _, saturated = invoke(tmp_path, "run", "--seed", str(number))
        code, found = invoke(tmp_path, "capacity", "--seed", str(number))
        assert code == ExitCode.PASS
        ratios.append(found["half"] / saturated["total"]["throughput_per_s"])
    assert sum(abs(ratio - 1) <= 0.05 for ratio in ratios) >= 0.9 * ROUNDS, ratios


def test_a_load_generator_that_is_the_limit_is_named(tmp_path: Path) -> None:
    code, found = invoke(tmp_path, "capacity", "--from", "4000/s", operation="do_nothing")
    assert (found["outcome"], found["bound_by"]) == ("generator", "the load generator")
    assert (found["half"], found["lower"], found["upper"], found["safe"]) == (None, None, None, None)
    assert code == ExitCode.INVALID


def test_at_least_fails_an_engine_that_is_30_percent_slower_and_not_itself(tmp_path: Path) -> None:
    def codes(turn_ns: int, rounds: int) -> list[int]:
        return [
            invoke(
                tmp_path, "capacity", "--precision", "10%", "--seed", str(number), turn_ns=turn_ns, at_least="430/s"
            )[0]
            for number in range(rounds)
        ]

    same, slower = codes(2_000_000, 2 * ROUNDS), codes(2_600_000, ROUNDS)
    assert same == [ExitCode.PASS] * len(same)
    assert slower.count(ExitCode.THRESHOLD_FAILED) >= 0.9 * ROUNDS
