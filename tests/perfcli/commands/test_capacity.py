"""`capacity` as its users meet it: a sweep in every format, an interrupt, and what is refused before anything runs."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from click.testing import CliRunner, Result

from perfcli.cli import cli
from perfcli.errors import ExitCode, UsageError
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult
from perfcli.testing import Behaviour, simulate

pytestmark = pytest.mark.slow

SCENARIO = """
name: queue
setup: {pets: 2}
load: {executor: constant-vus, vus: 1, duration: 1s, think_time: 50ms}
flow: [load_pet]
thresholds: [latency.p90 < 20ms]
capacity: {of: vus, at_least: 6}
"""
SWEEP = ("--sweep", "setup.pets=1,4", "--to", "16", "--precision", "50%")
ON_A_SERVER = ("--set", "flow=[get_pet_status]", "--set", "target={mcp: {url: http://127.0.0.1:1/mcp}}")
MS = 1_000_000

ROOT = Path(__file__).parents[3]

Invoke = Callable[..., Result]


def answer(plan: ExecutionPlan) -> RunResult:
    """A run of an engine with one lock, in which each vu waits for a turn of 2 ms for each vu and pet."""
    takes_ns = 2 * MS * plan.phases[0].load.vu_count * plan.scenario.setup.pets
    return simulate(plan, lambda label, call: Behaviour(takes_ns=takes_ns))


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.chdir(tmp_path)
    Path("queue.yaml").write_text(SCENARIO)
    monkeypatch.setattr("perfcli.commands.capacity.run_scenario", lambda plan, **_: answer(plan))
    return lambda *options: CliRunner().invoke(cli, ["capacity", "queue.yaml", *options], env={"COLUMNS": "160"})


def test_a_sweep_has_a_line_for_each_variation_and_the_worst_decides(invoke: Invoke) -> None:
    files = [text for form in ("json", "markdown", "html", "junit") for text in (f"--{form}", f"q.{form}")]
    done = invoke(*SWEEP, *files)
    assert done.exit_code == ExitCode.THRESHOLD_FAILED
    lines = done.stdout.splitlines()
    at = lines.index("capacity of queue by setup.pets")
    assert lines[at + 1].split()[:4] == ["pets", "holds", "fails", "90%"]
    first, second = (line.split() for line in lines[at + 2 : at + 4])
    assert (first[:2], second[:2]) == (["pass", "1"], ["FAIL", "4"])
    assert "2 variations, at most 2m each" in done.stderr

    few, many = json.loads(Path("q.json").read_text())
    assert [each["variation"] for each in (few, many)] == [{"setup.pets": 1}, {"setup.pets": 4}]
    assert 2 * few["holds"]["load"] < 20 <= 2 * few["fails"]["load"]
    assert 8 * many["holds"]["load"] < 20 <= 8 * many["fails"]["load"]
    assert [suite.get("name") for suite in fromstring(Path("q.junit").read_text())] == [
        "queue [setup.pets=1]",
        "queue [setup.pets=4]",
    ]
    for text in (Path("q.markdown").read_text(), Path("q.html").read_text()):
        assert "capacity of queue by setup.pets" in text
        assert text.index("setup.pets=1") < text.index("setup.pets=4")


def test_progress_names_the_engine_and_what_holds_and_fails(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perfcli.report.panel.LOG_NS", 0)
    for engine in ("old", "new"):
        (tmp_path / engine).symlink_to(ROOT)
    alone, both = invoke("--precision", "50%"), invoke("--engine", "old", "--engine", "new", "--precision", "50%")
    assert "queue: trying 1 vu (run 1), 0 s\n" in alone.stderr
    assert "queue: holds 4 vus, fails 8 vus, trying " in alone.stderr
    assert "queue on old: trying 1 vu (run 1), 0 s\nqueue on new: trying 1 vu (run 1), 0 s\n" in both.stderr
    assert "queue (base)  holds" in both.stdout
    assert "queue (candidate)  holds" in both.stdout


@pytest.mark.parametrize(("flow", "times"), [("[load_pet]", 0), ("[load_pet, save_pet]", 1)])
def test_vus_that_would_overwrite_one_another_are_warned_of_once(invoke: Invoke, flow: str, times: int) -> None:
    done = invoke("--precision", "50%", "--set", f"flow={flow}")
    warning = "Warning: queue: 4 vus share 2 pets, so saves can fail (StalePetError): set up a pet for each vu"
    assert (done.stderr.count(warning), done.stderr.count("Warning")) == (times, times)


def test_an_interrupt_leaves_what_is_known(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(plan: ExecutionPlan, **_: Any) -> RunResult:
        if plan.scenario.setup.pets == 4:
            signal.raise_signal(signal.SIGINT)
        return answer(plan)

    monkeypatch.setattr("perfcli.commands.capacity.run_scenario", interrupted)
    done = invoke("--sweep", "setup.pets=1,4,9", *SWEEP[2:], "--json", "q.json")
    assert done.exit_code == ExitCode.INTERRUPTED
    first, second = json.loads(Path("q.json").read_text())
    assert (first["outcome"], first["interrupted"]) == ("found", "")
    assert (second["outcome"], second["interrupted"]) == ("unfinished", "interrupted by Ctrl-C")
    assert "not searched: 1 variation: queue [setup.pets=9]" in done.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sweep", "load.vus=1,2"], "load.vus=1 and load.vus=2 are the same search, which sets the load itself"),
        (["--set", "thresholds=[]"], "needs a threshold that a higher load can break, and the scenario has none"),
        (["--set", "load.vus=[1, 2]"], "capacity: needs a scenario with one phase, not 2"),
        (["--to", "1001"], "--to 1001: at most 1000 vus"),
        (["--of", "rate", "--from", "9/s", "--to", "3/s"], "--from 9/s is above --to 3/s"),
        (["--from", "0"], "--from 0: expected a load above 0"),
        ([*ON_A_SERVER, "--engine", "main"], "--engine main: queue loads the server at http://127.0.0.1:1/mcp"),
        (["--precision", "0.1%"], "--precision 0.1%: expected 0.5% to 50%"),
        (["--json", "gone/q.json"], "--json gone/q.json: the directory"),
    ],
)
def test_a_mistake_is_told_before_anything_runs(invoke: Invoke, options: list[str], message: str) -> None:
    result = invoke(*options)
    assert isinstance(result.exception, UsageError)
    assert message in str(result.exception)
