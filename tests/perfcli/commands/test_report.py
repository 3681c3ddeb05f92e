"""`digipal-perf report`, and the reports of `run`: what a user types, and what becomes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from perfcli.ab.result import AbResult, Change, EngineSide, Pairing
from perfcli.cli import cli
from perfcli.errors import ExitCode, UsageError
from perfcli.plan import ExecutionPlan
from perfcli.report.report_files import JOB_SUMMARY, rendered
from perfcli.results import Environment, RunResult, load_results, save_results
from perfcli.testing import Behaviour, simulate

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
TEXTS = ("junit", "markdown", "csv", "openmetrics")

Invoke = Callable[..., Result]


@pytest.fixture
def run_result(make_plan: Callable[..., ExecutionPlan]) -> RunResult:
    """A simulated run with a threshold that fails."""
    plan = make_plan(["status"], setup={"pets": 1}, thresholds=["latency.max < 1ms", "success_rate == 100%"])
    return simulate(plan, lambda label, call: Behaviour(takes_ns=2_000_000))


@pytest.fixture
def saved(run_result: RunResult, tmp_path: Path) -> Path:
    """Its file."""
    save_results([run_result], tmp_path / "results.json")
    return tmp_path / "results.json"


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Calls the command line in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(JOB_SUMMARY, raising=False)

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False)

    return call


@pytest.fixture
def simulated(run_result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    """`run` runs nothing real."""
    monkeypatch.setattr("perfcli.commands.run.run_scenario", lambda plan, **_: run_result)
    monkeypatch.setattr("perfcli.run.interrupts.Interrupts.install", lambda self: None)


class TestReport:
    """`digipal-perf report`."""

    def test_prints_the_report_again(self, invoke: Invoke, saved: Path) -> None:
        done = invoke("report", saved)
        # the exit code is the report's own
        assert done.exit_code == ExitCode.PASS
        assert "FAIL  test  1 of 2 thresholds failed" in done.stdout
        assert "over time" not in done.stdout
        assert "mean latency over time" in invoke("report", saved, "--plots").stdout

    def test_writes_every_format_at_once(self, invoke: Invoke, saved: Path, run_result: RunResult) -> None:
        done = invoke("report", saved, *(word for form in TEXTS for word in (f"--{form}", f"r.{form}")))
        assert done.stdout == ""
        assert [line.partition(" (")[0] for line in done.stderr.splitlines()] == [f"wrote r.{form}" for form in TEXTS]
        for form in TEXTS:
            assert Path(f"r.{form}").read_text(encoding="utf-8") == rendered(form, [run_result])

    def test_writes_to_stdout_and_speaks_on_stderr(self, invoke: Invoke, saved: Path, run_result: RunResult) -> None:
        done = invoke("report", saved, "--markdown", "-", "--csv", "r.csv")
        assert done.stdout == rendered("markdown", [run_result])
        assert done.stderr == f"wrote r.csv ({Path('r.csv').stat().st_size} B)\n"

    def test_takes_several_files(self, invoke: Invoke, saved: Path, run_result: RunResult) -> None:
        save_results([run_result, run_result], Path("more.json"))
        assert invoke("report", saved, "more.json").stdout.count("FAIL  test  1 of 2 thresholds failed") == 3
        done = invoke("report", saved, "more.json", "--junit", "-")
        assert done.stdout.count("<testsuite ") == 3

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ("", "not a result file"),
            ("[]", "it holds no result"),
            ('{"kind": "history"}', "not the result of a run, but of digipal-perf history"),
            ('{"kind": "ab", "scenario": "x"}', "not a whole result of ab: plan: Field required"),
        ],
    )
    def test_what_is_no_result_is_told(self, content: str, told: str, invoke: Invoke) -> None:
        Path("odd.json").write_text(content, encoding="utf-8")
        with pytest.raises(UsageError, match=rf"^odd\.json: {told}"):
            invoke("report", "odd.json")

    def test_a_time_that_is_none_is_told(self, invoke: Invoke, run_result: RunResult) -> None:
        save_results([run_result.model_copy(update={"started_at": "noon"})], Path("r.json"))
        with pytest.raises(UsageError, match=r"r\.json: started_at: 'noon' is not a time in ISO 8601"):
            invoke("report", "r.json", "--junit", "j.xml")

    def test_places_are_checked_before_files_are_read(self, invoke: Invoke) -> None:
        with pytest.raises(UsageError, match=r"--junit none/j\.xml: the directory "):
            invoke("report", "absent.json", "--junit", "none/j.xml")
        with pytest.raises(UsageError, match=r"absent\.json: cannot read the result"):
            invoke("report", "absent.json", "--junit", "j.xml")


@pytest.mark.usefixtures("simulated")
class TestRun:
    """The same options of `run`."""

    def test_writes_reports_of_all_scenarios(self, invoke: Invoke) -> None:
        done = invoke("run", "pet_creation", "database_load", "--quiet", "--junit", "j.xml", "--csv", "s.csv")
        assert done.exit_code == ExitCode.THRESHOLD_FAILED
        assert Path("j.xml").read_text(encoding="utf-8").count("<testsuite ") == 2
        assert Path("s.csv").read_text(encoding="utf-8").startswith("run,scenario,variation,second")

    def test_the_summary_of_scenarios_stands_by_itself(self, invoke: Invoke) -> None:
        done = invoke("run", "pet_creation", "database_load")
        *_, last, summary, _ = done.stdout.split("\n\n")
        assert last.startswith("FAIL  test  1 of 2 thresholds failed")
        assert summary.split()[0] == "scenario"
        assert "\n\n\n" not in done.stdout

    def test_json_to_stdout_is_nothing_but_json(self, invoke: Invoke) -> None:
        done = invoke("run", "pet_creation", "database_load", "--json", "-")
        assert [each["name"] for each in json.loads(done.stdout)] == ["test", "test"]
        assert "1 of 2 thresholds failed" in done.stderr
        assert not Path("-").exists()

    def test_draws_plots(self, invoke: Invoke) -> None:
        assert "mean latency over time" in invoke("run", "pet_creation", "--plots").stdout
        with pytest.raises(UsageError, match="--plots and --quiet contradict each other: drop one of them"):
            invoke("run", "pet_creation", "--plots", "--quiet")

    def test_quiet_is_one_line_for_programs_however_narrow(
        self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "30")
        (line,) = invoke("run", "pet_creation", "--quiet").stdout.splitlines()
        assert line.startswith("FAIL  test  1 of 2 thresholds failed: ")

    def test_adds_to_the_summary_of_the_job(self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(JOB_SUMMARY, "summary.md")
        invoke("run", "pet_creation", "--quiet")
        assert Path("summary.md").read_text(encoding="utf-8").startswith("### FAIL: `test`")

    def test_places_are_checked_before_anything_runs(self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        def run_scenario(*_: Any, **__: Any) -> None:
            raise AssertionError("nothing may run")

        monkeypatch.setattr("perfcli.commands.run.run_scenario", run_scenario)
        with pytest.raises(UsageError, match="--openmetrics none/m: the directory "):
            invoke("run", "pet_creation", "--openmetrics", "none/m")
        with pytest.raises(UsageError, match=r"--csv and --json both write to|--json and --csv both write to"):
            invoke("run", "pet_creation", "--json", "-", "--csv", "-")


def compared() -> AbResult:
    """The result of a comparison that found nothing."""
    side = EngineSide(name="engine")
    return AbResult(
        scenario="test",
        plan="1 vu",
        seed=1,
        started_at="2026-01-02T03:04:05Z",
        duration_ns=1,
        base=side,
        candidate=side,
        pairing=Pairing(pairs=0, slices=1, slice_ns=1, iterations=1, vus=1, pinned=True, stopped_by="problem"),
        change=Change.NO_CHANGE,
        invalid="the base does not open",
        environment=Environment(tool_version="1", python="3", sqlite="3", system="L", machine="x", cpu_count=1),
    )


def test_runs_and_comparisons_share_every_report_but_a_table(invoke: Invoke, saved: Path) -> None:
    Path("ab.json").write_text(compared().model_dump_json(), encoding="utf-8")
    done = invoke("report", saved, "ab.json", "--markdown", "-")
    assert (done.exit_code, done.stderr) == (ExitCode.PASS, "")
    assert all(f"{verdict}: `test`" in done.stdout for verdict in ("FAIL", "INVALID"))
    with pytest.raises(UsageError, match="cannot share a table"):
        invoke("report", saved, "ab.json", "--csv", "-")


def test_a_comparison_adds_to_the_summary_of_the_job(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perfcli.commands.engines.Comparison.run", lambda self, engines: compared())
    monkeypatch.setattr("perfcli.run.interrupts.Interrupts.install", lambda self: None)
    monkeypatch.setenv(JOB_SUMMARY, "summary.md")
    assert invoke("ab", "pet_creation", "--base", ROOT, "--quiet").exit_code == ExitCode.INVALID
    assert Path("summary.md").read_text(encoding="utf-8").startswith("### INVALID: `test`")
    # an output that fails costs itself alone
    full = invoke("ab", "pet_creation", "--base", ROOT, "--quiet", "--json", "/dev/full")
    assert (full.exit_code, full.stdout[:7]) == (ExitCode.INVALID, "INVALID")
    assert full.stderr.endswith("Error: /dev/full: cannot be written: No space left on device\n")


def test_a_byte_order_mark_is_no_part_of_a_result(invoke: Invoke, saved: Path) -> None:
    saved.write_bytes(b"\xef\xbb\xbf" + saved.read_bytes())
    assert invoke("report", saved).exit_code == ExitCode.PASS
    kept = Path(".digipal-perf/runs/one.json")
    kept.parent.mkdir(parents=True)
    kept.write_bytes(saved.read_bytes())
    assert invoke("history").stderr == ""


def test_a_result_that_is_named_twice_counts_once(invoke: Invoke, saved: Path) -> None:
    twice = invoke("report", saved, f"{saved.parent}/./{saved.name}", "--csv", "-")
    assert twice.stdout == invoke("report", saved, "--csv", "-").stdout
    assert "is named twice; reading it once" in twice.stderr


def test_several_that_pass_take_a_line_each_unless_more_is_asked_for(
    invoke: Invoke, make_plan: Callable[..., ExecutionPlan], tmp_path: Path
) -> None:
    paths = [tmp_path / "one.json", tmp_path / "two.json"]
    for seed, path in enumerate(paths):
        save_results([simulate(make_plan(["status"], setup={"pets": 1}, seed=seed))], path)
    tables = {
        (len(given), *options): invoke("report", *given, *options).stdout.count("operation ")
        for given in (paths[:1], paths)
        for options in ((), ("--verbose",), ("--plots",))
    }
    alone = {(1,): 1, (1, "--verbose"): 1, (1, "--plots"): 1}
    assert tables == {**alone, (2,): 0, (2, "--verbose"): 2, (2, "--plots"): 2}


@pytest.mark.end_to_end
def test_from_one_command_to_the_next(tmp_path: Path) -> None:
    """A result through a pipe, as users meet it."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "0", "LC_ALL": "C"}

    def perform(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "perfcli", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, input=given, capture_output=True, timeout=60)

    ran = perform("run", "database_query", "--iterations", "2", "--json", "-")
    (tmp_path / "r.json").write_bytes(ran.stdout)
    assert load_results(tmp_path / "r.json")[0].name == "database_query"
    assert b"database_query" in ran.stderr
    # bytes of UTF-8, whatever the encoding of the terminal
    reported = perform("report", "-", "--markdown", "-", given=ran.stdout)
    assert "·" in reported.stdout.decode("utf-8")
    assert reported.returncode == ExitCode.PASS
