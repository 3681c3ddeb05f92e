"""`ab` as its users meet it: real processes on a pinned CPU, real engines, real signals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from perfcli.figures.engine import COUNTERS
from tests.conftest import Here
from tests.perfcli.faulty.checkout import make_checkout
from tests.perfcli.test_planted_costs import PLANTS, plant
from tests.processes import is_alive

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.end_to_end

READS = """
name: reads
setup: {pets: 4}
load: {executor: shared-iterations, iterations: 40}
flow:
  - load_pet: {source: database}
"""


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    scratch = home / "scratch"
    scratch.mkdir(exist_ok=True)
    (home / "reads.yaml").write_text(READS, encoding="utf-8")
    inherited = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    return subprocess.Popen(
        [sys.executable, "-m", "perfcli", *arguments],
        cwd=home,
        env={**inherited, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ab(home: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    process = start(home, "ab", "reads.yaml", "--base", str(ROOT), "--json", "ab.json", *arguments)
    output, errors = process.communicate(timeout=100)
    # on a slow machine it takes more than 10 s, and a line tells how far it is
    assert list(dict.fromkeys(line.split()[0] for line in errors.splitlines())) == [
        "base:", "candidate:", "reads:", "wrote"
    ]  # fmt: skip
    assert not list((home / "scratch").iterdir())
    (result,) = json.loads((home / "ab.json").read_text(encoding="utf-8"))
    return process.returncode, output, result


def test_an_engine_is_compared_with_itself(tmp_path: Path) -> None:
    code, output, result = ab(tmp_path, "--candidate", str(ROOT), "--max-pairs", "2")
    assert code == 0
    assert "both engines have the same sources" in output
    assert [metric["name"] for metric in result["metrics"]] == [
        "time", "load_pet.p50", "load_pet.p99", "database", "errors"
    ]  # fmt: skip
    counts = {each["metric"]: each for each in result["counters"]}
    assert counts.keys() == set(COUNTERS)
    assert {each["change"] for each in counts.values()} == {"no change"}
    assert counts["statements_per_op"]["base"] == 1
    assert "5 exact counters within 2%" in output
    assert result["base"]["version"] == result["candidate"]["version"] != ""
    assert result["pairing"]["pairs"] == 2
    assert result["pairing"]["pinned"] is (sys.platform == "linux")


def test_work_that_no_pair_can_show_is_a_regression_by_exact_counters(tmp_path: Path) -> None:
    more = make_checkout(tmp_path / "more")
    plant(more, PLANTS["a hundred calls more"])
    code, output, result = ab(tmp_path, "--candidate", str(more), "--max-pairs", "1")
    assert (code, result["change"], result["not_counted"]) == (5, "regression", "")
    assert not [each["name"] for each in result["metrics"] if each["change"] == "regression"]
    (found,) = (each for each in result["counters"] if each["change"] == "regression")
    assert (found["operation"], found["metric"]) == ("load_pet", "python.calls_per_op")
    assert found["now"] >= found["base"] + 100
    assert re.search(r"^REGRESSION  reads  load_pet\.python\.calls_per_op \+[\d.]+%; pairs alone: inconclusive", output)


def test_a_slower_engine_is_a_regression(tmp_path: Path) -> None:
    slower = make_checkout(tmp_path / "slower", "takes_longer")
    code, output, result = ab(tmp_path, "--candidate", str(slower), "--max-pairs", "12")
    assert code == 5
    assert "REGRESSION" in output
    found = next(metric for metric in result["metrics"] if metric["name"] == "load_pet.p50")
    assert found["change"] == "regression"
    # it takes 1.5 times as long; what else the machine does takes its share of so few pairs
    assert 1.2 < found["ratio"] < 2.5


def test_a_candidate_that_ends_is_a_regression_with_its_exit_code(tmp_path: Path) -> None:
    ends = make_checkout(tmp_path / "ends", "exits")
    code, output, result = ab(tmp_path, "--candidate", str(ends))
    assert code == 5
    assert "the engine process exited with code 7" in result["candidate"]["problem"]
    assert "the engine process exited with code 7" in output


def test_a_base_that_ends_makes_it_invalid(tmp_path: Path) -> None:
    ends = make_checkout(tmp_path / "ends", "exits")
    process = start(tmp_path, "ab", "reads.yaml", "--base", str(ends), "--candidate", str(ROOT))
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 4
    assert "INVALID" in output


def test_ctrl_c_tells_what_is_known_and_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path, "ab", "reads.yaml", "--base", str(ROOT), "--candidate", str(ROOT))
    myself = psutil.Process(process.pid)
    until_s = time.monotonic() + 60
    while len(myself.children(recursive=True)) < 3:  # the template and a pair
        assert time.monotonic() < until_s
        time.sleep(0.02)
    engines = myself.children(recursive=True)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "INTERRUPTED" in output
    assert not any(map(is_alive, engines))
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--base", "nowhere"], "--base nowhere: neither a directory nor a git revision"),
        (["--base", ".", "--candidate", "."], "--base .: it holds no engine"),
        (["--base", str(ROOT), "--margin", "0%"], "--margin 0%: expected more than 0%"),
        (["--base", str(ROOT), "--max-time", "soon"], "--max-time: "),
        (["--base", str(ROOT), "--json", "no/such/ab.json"], "--json no/such/ab.json: the directory "),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(
    here: Here, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    (tmp_path / "reads.yaml").write_text(READS, encoding="utf-8")
    code, output, errors = here("ab", "reads.yaml", *arguments)
    assert (code, output) == (2, "")
    assert complaint in errors


def test_selftest_says_what_the_gate_is_worth(tmp_path: Path) -> None:
    process = start(tmp_path, "selftest", "reads.yaml", "--gates", "1", "--max-time", "1s", "--json", "self.json")
    output, errors = process.communicate(timeout=100)
    assert errors.startswith("engine: the installed engine (")
    result = json.loads((tmp_path / "self.json").read_text(encoding="utf-8"))
    assert result["gates_same"] == 1
    assert result["engine"] == "the installed engine"
    assert result["engine_version"] in errors
    assert result["planted"][0]["slowdown"] == 0.1
    assert process.returncode == (0 if result["passed"] else 4)
    assert "the same engine" in output


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_a_load_pet_that_takes_22_percent_longer_is_found_among_the_quick_scenarios(tmp_path: Path) -> None:
    slower = make_checkout(tmp_path / "slower", "takes_longer")
    fault = slower / "digipal" / "storage" / "faulty.py"
    half, most = "(until_ns - began_ns) // 2", "(until_ns - began_ns) * 22 // 100"
    text = fault.read_text(encoding="utf-8")
    assert half in text
    fault.write_text(text.replace(half, most), encoding="utf-8")
    process = start(
        tmp_path, "ab", "--tag", "quick", "--base", str(ROOT), "--candidate", str(slower), "--json", "q.json"
    )
    process.communicate(timeout=1700)
    assert process.returncode == 5
    results = json.loads((tmp_path / "q.json").read_text(encoding="utf-8"))
    slow = {each["name"] for result in results for each in result["metrics"] if each["change"] == "regression"}
    assert "load_pet.p50" in slow
    assert not any(name.startswith(("create_pet", "database", "errors")) for name in slow)
