"""`scaling` as its users meet it: mistakes before anything runs, an interrupt, and engines whose law is known."""

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

import pytest
from click.testing import CliRunner

from perfcli.cli import cli
from perfcli.errors import ExitCode, UsageError

ROOT = Path(__file__).parents[3]
OPERATIONS = """
import threading, time
from perfcli.operations import operation

lock = threading.Lock()

@operation
def take_turns(ctx):
    with lock:
        time.sleep(0.005)

@operation
def nap(ctx):
    time.sleep(0.02)
"""
SCENARIO = """
name: known
operations: [my_operations.py]
load: {executor: constant-vus, vus: 1, duration: 1s}
flow: [%s]
"""
ONE_RUN_DONE = re.compile(r"database_load: block 1 of 8, [0-9]+ vus?: [1-9][0-9]?% in ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--vus", "4"], "--vus 4: scaling compares several numbers, and this is one"),
        (["--max-time", "0s"], "--max-time 0s: expected more than 0"),
        (["--vus", "1,2,3", "--processes", "1,2"], "--vus and --processes contradict each other"),
        (["--duration", "0s"], "--duration 0s: expected more than 0"),
        (["--duration", "long"], "--duration: 'long' is not a duration"),
        (["--set", "load.vus=3"], "--set load.vus=3: scaling sets load.vus itself"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(options: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["scaling", "database_load", *options])
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)


def start(home: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "120"}
    return subprocess.Popen(
        [sys.executable, "-m", "perfcli", "scaling", *arguments],
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.end_to_end
def test_an_interrupt_reports_what_is_known(tmp_path: Path) -> None:
    files = ["--json", "s.json", "--html", "s.html", "--markdown", "s.md", "--events", "s.jsonl"]
    process = start(tmp_path, "database_load", *files)
    events = tmp_path / "s.jsonl"
    while not (events.exists() and ONE_RUN_DONE.search(events.read_text(encoding="utf-8"))):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "database_load: 8 blocks of 8 runs, about " in errors
    answer = "INTERRUPTED  database_load  no law is fitted: 0 complete blocks of 8, 5 are needed; highest measured "
    assert " ".join(output.split()).startswith(" ".join(answer.split()))
    result = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert (result["verdict"], result["law"], result["exit_code"]) == ("interrupted", None, ExitCode.INTERRUPTED)
    assert (result["blocks"], 1 <= len(result["points"]) < 8) == (0, True)
    assert (tmp_path / "s.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert (tmp_path / "s.md").read_text(encoding="utf-8").startswith("### INTERRUPTED: `database_load`")


@pytest.fixture
def measure(tmp_path: Path) -> Any:
    """Measure an operation of known cost over 1 to 8 vus."""

    def measure(operation: str) -> dict[str, Any]:
        (tmp_path / "my_operations.py").write_text(OPERATIONS, encoding="utf-8")
        (tmp_path / "known.yaml").write_text(SCENARIO % operation, encoding="utf-8")
        options = ["--vus", "1,2,3,4,6,8", "--blocks", "5", "--json", "s.json", "--seed", "1"]
        process = start(tmp_path, "known.yaml", *options)
        _, errors = process.communicate(timeout=300)
        document: dict[str, Any] = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
        if document["verdict"] == "invalid" and document["starved"]:
            pytest.skip(document["starved"][-1])
        assert process.returncode == ExitCode.PASS, errors
        return document

    return measure


@pytest.mark.nightly
def test_an_engine_behind_one_lock_has_nothing_but_contention(measure: Any) -> None:
    law = measure("take_turns")["law"]
    assert law["sigma"]["value"] == pytest.approx(1, abs=0.1)
    assert law["lambda_per_s"]["value"] == pytest.approx(200, rel=0.15)
    assert law["residual"] <= 0.1


@pytest.mark.nightly
def test_an_engine_that_only_waits_scales_without_a_peak(measure: Any) -> None:
    law = measure("nap")["law"]
    assert law["sigma"]["value"] < 0.05
    assert (law["kappa"]["lower"], law["peak"]["upper"]) == (0, None)
    assert law["lambda_per_s"]["value"] == pytest.approx(50, rel=0.15)
