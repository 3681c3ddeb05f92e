"""The library for Python users."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import psutil
import pytest

import perfcli
from perfcli import RunResult, UsageError, load_result, load_results, run_scenario
from perfcli.results import save_results
from tests.processes import started_by, without_templates

TINY = """
name: tiny
setup: {pets: 2}
load: {executor: shared-iterations, iterations: 10}
flow: [load_pet, status]
"""
LONG = """
name: long
setup: {pets: 1}
load: {executor: constant-vus, duration: 60s, think_time: 5ms}
flow: [load_pet]
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY, encoding="utf-8")
    return file


@pytest.mark.end_to_end
def test_a_file_runs_with_changes_and_prints_nothing(tiny: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = run_scenario(tiny, seed=3, iterations=6, workers=2, settings={"setup.pets": 4})
    assert (result.seed, result.iterations, result.phase("load").vus) == (3, 6, 2)
    assert result.scenario["setup"]["pets"] == 4
    assert result.operation("status").ok == 6
    assert capfd.readouterr() == ("", "")
    assert without_templates(started_by()) == []


@pytest.mark.end_to_end
def test_it_runs_in_a_thread_of_its_own(tiny: Path) -> None:
    results: list[RunResult] = []
    thread = Thread(target=lambda: results.append(run_scenario(str(tiny), exact=True)))
    thread.start()
    thread.join()
    (result,) = results
    assert result.exact is not None
    assert result.duration_ns is None


@pytest.mark.end_to_end
def test_an_interrupt_ends_the_engine_and_propagates(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_text(LONG, encoding="utf-8")
    script = "from perfcli import run_scenario\ntry: run_scenario('long.yaml')\nexcept KeyboardInterrupt: print('out')"
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        children = _await_children(psutil.Process(process.pid))
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert out == "out\n"
    assert not psutil.wait_procs(children, timeout=10)[1]


def _await_children(process: psutil.Process) -> list[psutil.Process]:
    deadline = time.monotonic() + 30
    while not (children := process.children(recursive=True)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return children


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: run_scenario("pet_creatio"), "did you mean 'pet_creation'"),
        (lambda: run_scenario("pet_creation", seed=-1), "seed=-1"),
        (lambda: run_scenario("pet_creation", duration=3), "'3' has no unit: write 3ms or 3s"),  # type: ignore[arg-type]
        (lambda: run_scenario("pet_creation", faults={"lock": {"at": "1s"}}), "expected a list"),  # type: ignore[arg-type]
        (lambda: run_scenario("pet_creation", settings={"load.vuss": 3}), "vuss"),
        (lambda: run_scenario("pet_creation", engine="/nowhere/at/all"), "/nowhere/at/all"),
        (lambda: run_scenario("scenarios"), "scenarios: one scenario is run at a time, not "),
        (lambda: load_result("missing.json"), "missing.json"),
    ],
)
def test_mistakes_are_usage_errors(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        call()


def test_a_file_of_several_results_is_read_as_a_list(tmp_path: Path, full_document: dict[str, Any]) -> None:
    result = RunResult.model_validate(full_document)
    save_results([result], tmp_path / "one.json")
    save_results([result, result], tmp_path / "two.json")
    assert load_result(tmp_path / "one.json") == result
    assert load_results(tmp_path / "two.json") == [result, result]
    assert load_results(str(tmp_path / "two.json")) == [result, result]
    with pytest.raises(UsageError, match="holds 2 results"):
        load_result(str(tmp_path / "two.json"))


def test_a_notebook_shows_a_result_without_its_samples(full_document: dict[str, Any]) -> None:
    shown = repr(RunResult.model_validate(full_document))
    assert "verdict=" in shown
    assert "p99_ns=" in shown
    assert not re.search(r"\b(histogram_ns|slices|monitor|seconds|scenario)=", shown)


def test_records_are_flat_and_alike(full_document: dict[str, Any]) -> None:
    result = RunResult.model_validate(full_document | {"variation": {"setup.pets": 10}})
    records = result.to_records()
    assert [record["phase"] for record in records] == [phase.name for phase in result.phases]
    assert len({tuple(record) for record in records}) == 1
    first = result.phases[0].operations[0]
    assert first.latency is not None
    assert records[0]["latency_p99_ns"] == first.latency.p99_ns
    assert (records[0]["setup.pets"], records[0]["ok"]) == (10, first.ok)
    assert all(isinstance(value, (int, float, str, type(None))) for record in records for value in record.values())


def test_a_name_that_is_not_there_is_a_lookup_error(full_document: dict[str, Any]) -> None:
    result = RunResult.model_validate(full_document)
    with pytest.raises(LookupError, match="there are status"):
        result.operation("stats")
    with pytest.raises(LookupError, match="no phase 'three'"):
        result.phase("three")


def test_the_package_offers_what_it_lists() -> None:
    assert all(hasattr(perfcli, name) for name in perfcli.__all__)
    assert dir(perfcli) == perfcli.__all__
    with pytest.raises(AttributeError, match="no attribute 'run_scenarios'"):
        perfcli.run_scenarios  # noqa: B018
