"""`profile` as its users meet it: what is planted in an engine is named, and mistakes are told before anything runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from perfcli import profiling as runs
from perfcli.cli import cli
from perfcli.errors import PerfError, UsageError, Verdict
from perfcli.plan import ExecutionPlan, Profiling, plan_run
from perfcli.results import OperationResult, RunResult
from perfcli.run import StopRequest
from perfcli.scenario.loader import load_scenario
from tests.perfcli.faulty.checkout import make_checkout

ROOT = Path(__file__).parents[3]
PLANTED = Path(__file__).parents[1] / "profiling" / "planted.py"
ITERATIONS = 30
PAGES = ("--html", "profile.html", "--markdown", "profile.md")


def make_planted(directory: Path) -> Path:
    """A checkout of an engine whose storage is the planted one."""
    room = make_checkout(directory) / "digipal" / "storage"
    shutil.copy(PLANTED, room / "planted.py")
    with (room / "__init__.py").open("a", encoding="utf-8") as module:
        module.write("\nfrom digipal.storage.planted import StorageManager  # noqa\n")
    return directory


def line_of(text: str) -> int:
    lines = PLANTED.read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def perform(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", "COLUMNS": "160"}
    return subprocess.run(
        [sys.executable, "-m", "perfcli", "profile", *arguments],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], Path]:
    """Output, document and directory of one profile of all kinds."""
    pytest.importorskip("pyinstrument", reason="the extra profile is not installed")
    home = tmp_path_factory.mktemp("profile")
    engine = make_planted(home / "planted")
    quick = ["--set", "engine.ai={latency: 0ms}", "--iterations", str(ITERATIONS), "--seed", "1"]
    done = perform(home, "long_session", "--engine", str(engine), "--json", "profile.json", *PAGES, *quick)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((home / "profile.json").read_text(encoding="utf-8")), home


@pytest.mark.end_to_end
class TestPlanted:
    """A slow query, a quadratic loop, a leak and N+1, in the shipped long_session."""

    def test_the_function_is_named(self, profile: tuple[str, dict[str, Any], Path]) -> None:
        output, result, _ = profile
        place = f"digipal/storage/planted.py:{line_of('def find_repetitions')}"
        (found,) = (each for each in result["cpu"]["functions"] if each["name"] == "find_repetitions")
        assert found["place"] == place
        assert found in result["cpu"]["functions"][:3]
        assert place in output

    def test_the_statement_is_named(self, profile: tuple[str, dict[str, Any], Path]) -> None:
        output, result, _ = profile
        (found,) = (each for each in result["sql"] if each["full_scans"])
        assert found["sql"].startswith("SELECT count(*) FROM interactions AS said, interactions AS again")
        assert found["count"] == ITERATIONS
        assert found["full_scans"][0]["table"] == "interactions"
        assert any("digipal/storage/planted.py" in line for line in found["called_from"])
        assert "FULL SCAN of interactions" in output

    def test_the_query_for_each_row_is_named(self, profile: tuple[str, dict[str, Any], Path]) -> None:
        output, result, _ = profile
        (found,) = (each for each in result["sql"] if each["repeated_in"])
        assert found["sql"] == "SELECT success FROM interactions WHERE id = ?"
        assert (found["repeated_in"], found["most_in_one_operation"]) == ("interact", 8)
        assert "N+1: 8 times in one interact" in output

    def test_the_line_is_named(self, profile: tuple[str, dict[str, Any], Path]) -> None:
        output, result, _ = profile
        leak = result["memory"]["lines"][0]
        assert leak["place"] == f"digipal/storage/planted.py:{line_of('_KEPT.append')}"
        assert leak["source"] == "_KEPT.append(bytes(2_000))"
        assert leak["kept_bytes"] >= 2_000 * ITERATIONS
        assert leak["source"] in output

    def test_the_parts_make_up_the_operation(self, profile: tuple[str, dict[str, Any], Path]) -> None:
        _, result, _ = profile
        ((parts, service_time_ns),) = (each.values() for each in result["breakdown"])
        assert parts["count"] == result["operations"]["locks"]
        summed = sum(parts[part] for part in ("ai_ns", "database_ns", "lock_wait_ns", "engine_ns"))
        assert summed == parts["whole_ns"]
        # a busy machine may stop the process between a sample's readings of the clock and those within it
        assert 0.5 < summed / parts["count"] / service_time_ns <= 1

    def test_overheads_are_told(self, profile: tuple[str, dict[str, Any], Path]) -> None:
        output, result, _ = profile
        assert [each["by"] for each in result["overheads"]] == list(runs.KINDS)
        assert "profiling cost" in output

    def test_page_and_markdown_name_the_statement_too(self, profile: tuple[str, dict[str, Any], Path]) -> None:
        page, markdown = ((profile[2] / name).read_text(encoding="utf-8") for name in PAGES[1::2])
        statement = max(profile[1]["sql"], key=lambda each: each["total_ns"])["sql"]
        assert "<title>profile of long_session</title>" in page
        assert statement.split()[0] in page
        assert "FULL SCAN" in page
        assert "FULL SCAN" in markdown

    def test_the_flame_graph_stands_alone(self, profile: tuple[str, dict[str, Any], Path]) -> None:
        _, result, home = profile
        page, speedscope = (home / file for file in result["files"])
        text = page.read_text(encoding="utf-8")
        assert "find_repetitions" in text
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)  # the name of SVG is asked of nobody
        assert str(ROOT) not in text
        frames = json.loads(speedscope.read_text(encoding="utf-8"))["shared"]["frames"]
        assert "interact" in [frame["name"] for frame in frames]


class TestEndings:
    """A run that breaks off is no profile; one that is stopped is part of one."""

    @pytest.fixture
    def plan(self) -> ExecutionPlan:
        return plan_run(load_scenario(ROOT / "scenarios" / "long_session.yaml"), 1)

    def test_an_engine_that_dies(self, plan: ExecutionPlan, monkeypatch: pytest.MonkeyPatch) -> None:
        died = RunResult.model_construct(name="long_session", verdict=Verdict.ERROR, reasons=["killed by SIGKILL"])
        monkeypatch.setattr(runs, "run_scenario", lambda plan, **_: died)
        with pytest.raises(PerfError, match="the run without a profiler stopped early: killed by SIGKILL"):
            runs.profile_scenario(plan, ["sql"])

    def test_nothing_that_succeeds(self, plan: ExecutionPlan, monkeypatch: pytest.MonkeyPatch) -> None:
        total = OperationResult(name="all operations", ok=0, failed=3, errors={"RuntimeError: no": 3})
        failed = RunResult.model_construct(name="long_session", verdict=Verdict.INVALID, total=total)
        monkeypatch.setattr(runs, "run_scenario", lambda plan, **_: failed)
        with pytest.raises(PerfError, match="no operation succeeded: RuntimeError: no"):
            runs.profile_scenario(plan, ["sql"])

    def test_a_stop(self, plan: ExecutionPlan, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delattr(runs, "run_scenario")
        result, graph = runs.profile_scenario(plan, ["cpu"], stop=StopRequest("interrupted by Ctrl-C"))
        assert (result.interrupted, result.overheads, graph) == ("interrupted by Ctrl-C", [], None)

    def test_nothing_is_judged(self, plan: ExecutionPlan) -> None:
        profiling = Profiling(by="sql", longest_ns=1)
        assert plan.scenario.thresholds
        assert not runs._profiled(plan, profiling).scenario.thresholds


def fails(*arguments: str) -> PerfError:
    outcome = CliRunner().invoke(cli, ["profile", *arguments])
    assert isinstance(outcome.exception, PerfError)
    return outcome.exception


class TestMistakes:
    """Told before anything runs."""

    def test_several_scenarios(self) -> None:
        assert "scenarios: one scenario is profiled at a time, not " in str(fails(str(ROOT / "scenarios"), "--sql"))

    def test_an_engine_in_another_process(self) -> None:
        error = fails("mcp_tools", "--sql")
        assert "not target: mcp" in str(error)
        assert isinstance(error, UsageError)

    def test_the_package_is_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(runs, "find_spec", lambda name: None)
        error = fails("long_session", "--cpu")
        assert "pip install 'digipal-perf[profile]'" in error.hint
        kinds, notes = runs.choose_kinds([])
        assert kinds == ["memory", "sql", "locks"]
        assert "skipping --cpu" in notes[0]
