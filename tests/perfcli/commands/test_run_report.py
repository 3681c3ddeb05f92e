"""What `run` and `report` print: an answer, all of it with --verbose, and of several what did not pass."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from perfcli.cli import cli
from perfcli.errors import ExitCode, UsageError
from perfcli.plan import ExecutionPlan
from perfcli.report.report_files import JOB_SUMMARY
from perfcli.results import RunResult
from perfcli.testing import Behaviour, simulate

SCENARIO = """
name: {name}
setup: {{pets: 4}}
load: {{executor: shared-iterations, iterations: 40}}
flow: [status]
thresholds: [latency.max < {limit}, success_rate == 100%]
"""
ELEVEN = [f"s{number:02}" for number in range(11)]

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs the command on simulated runs, at 80 columns, in a directory with scenarios s00 to s10 and `slow`."""

    def simulated(plan: ExecutionPlan, **_: Any) -> RunResult:
        return simulate(plan, lambda label, call: Behaviour(takes_ns=1_000_000))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("perfcli.commands.run.run_scenario", simulated)
    for name in (*ELEVEN, "slow"):
        limit = "1us" if name == "slow" else "5ms"
        Path(f"{name}.yaml").write_text(SCENARIO.format(name=name, limit=limit), encoding="utf-8")
    return lambda *arguments, **environment: CliRunner().invoke(
        cli, list(arguments), env={"COLUMNS": "80", **environment}
    )


def files(*names: str) -> list[str]:
    return [f"{name}.yaml" for name in names]


def test_a_pass_is_brief_and_verbose_prints_the_rest(invoke: Invoke) -> None:
    brief, verbose = (invoke("run", "s00.yaml", *more).stdout for more in ((), ("-v",)))
    assert len(brief.rstrip().splitlines()) <= 12
    assert brief.startswith("PASS  s00  40 iterations by 1 vu in ")
    assert verbose.startswith("PASS  s00  40 iterations by 1 vu in ")
    for more in ("pass  latency.max", "\n  plan ", "\n  degradation ", "  mean "):
        assert more not in brief
        assert more in verbose


@pytest.mark.slow
def test_a_saved_result_is_printed_alike(invoke: Invoke) -> None:
    ran = {more: invoke("run", "s00.yaml", "--json", "r.json", *more).stdout for more in ((), ("--verbose",))}
    for more in ran:
        invoke("run", "s00.yaml", "--json", "r.json", "--seed", "1")
        told = invoke("report", "r.json", *more).stdout
        assert ("\n  plan " in told) == ("\n  plan " in ran[more]) == bool(more)


@pytest.mark.slow
def test_eleven_that_pass_take_a_line_each_and_one_in_the_summary(invoke: Invoke) -> None:
    result = invoke("run", *files(*ELEVEN))
    lines = result.stdout.splitlines()
    assert result.exit_code == ExitCode.PASS
    assert [line.split()[:2] for line in lines[:11]] == [["pass", name] for name in ELEVEN]
    assert sorted(line.split()[1] for line in lines[11:] if line.startswith("  pass ")) == ELEVEN
    assert lines[-1].strip() == "11 scenarios: 11 pass"
    # the lines, the titles with their rule, the rows, the sign of few samples and the tally
    assert len([line for line in lines if line]) == 11 + 2 + 11 + 2


def test_saved_results_are_printed_as_they_were(invoke: Invoke) -> None:
    told = invoke("run", *files("s00", "slow", "s01"), "--json", "r.json").stdout
    assert invoke("report", "r.json").stdout.rstrip() == told.rstrip()


def test_the_one_that_fails_is_printed_in_full(invoke: Invoke) -> None:
    result = invoke("run", *files("s00", "slow", "s01"))
    assert result.exit_code == ExitCode.THRESHOLD_FAILED
    assert result.stdout.count("  operation ") == 1
    assert "FAIL  slow  1 of 2 thresholds failed\n  - latency.max < 1us: 1.00 ms\n" in result.stdout
    assert "pass  s00  all 2 thresholds hold\n" in result.stdout


def test_verbose_and_quiet_exclude_each_other(invoke: Invoke) -> None:
    assert isinstance(invoke("run", "s00.yaml", "-q", "-v").exception, UsageError)


def test_the_job_summary_folds_what_passed(invoke: Invoke, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    invoke("run", *files("s00", "slow"), **{JOB_SUMMARY: str(summary)})
    failed, passed = summary.read_text(encoding="utf-8").split("### ")[1:]
    assert passed.startswith("PASS: `s00`")
    assert passed.index("<details>") < passed.index("| operation |")
    assert failed.startswith("FAIL: `slow`")
    assert failed.index("| operation |") < failed.index("<details>")
