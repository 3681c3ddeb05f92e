"""`run --retries`: a starved run is repeated, and only its last try counts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from perfcli.cli import cli
from perfcli.commands.run import run_with_retries
from perfcli.errors import Verdict
from perfcli.measurement.measurement import Measurement
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult, load_results
from perfcli.run import StopRequest
from perfcli.testing import Behaviour, simulate

pytestmark = pytest.mark.slow

MS = 1_000_000
STARVED = "other processes used 85% of the CPU"
SCENARIO = """
name: {name}
tags: [small]
setup: {{pets: 4}}
load: {{executor: shared-iterations, iterations: 40}}
flow: [status]
thresholds: [latency.max < 5ms, success_rate == 100%]
"""

Run = Callable[..., Result]


class Machine:
    """Simulated runs, of which the first are starved and slow."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, busy_for: int = 1) -> None:
        self.tries: list[str] = []
        self.busy_for = busy_for
        self.problem = ""
        self.stops_in_try: int | None = None
        self._monkeypatch = monkeypatch
        monkeypatch.setattr("perfcli.commands.run.run_scenario", self.run)

    def run(
        self, plan: ExecutionPlan, *, stop: StopRequest, keep_database_in: Path | None = None, **others: Any
    ) -> RunResult:
        self.tries.append(plan.scenario.name)
        is_busy = self.tries.count(plan.scenario.name) <= self.busy_for
        self._monkeypatch.setattr(Measurement, "starved", STARVED if is_busy else "")
        takes_ns = 10 * MS if is_busy else MS
        result = simulate(plan, lambda label, call: Behaviour(takes_ns=takes_ns, problem=self.problem))
        if len(self.tries) == self.stops_in_try:
            stop.reason = "interrupted by Ctrl-C"
        if keep_database_in:
            kept = keep_database_in / f"{len(self.tries)}.db"
            kept.touch()
            Path(f"{kept}-wal").touch()
            result = result.model_copy(update={"kept_database": str(kept)})
        return result


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in a directory with the scenarios a and b, and results in out.json."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGIPAL_PERF_RUN_RETRIES")
    for name in ("a", "b"):
        Path(f"{name}.yaml").write_text(SCENARIO.format(name=name), encoding="utf-8")

    def invoke(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(cli, ["run", "--json", "out.json", *arguments], env=environment)

    return invoke


def last_results() -> list[RunResult]:
    return load_results(Path("out.json"))


def test_a_starved_run_is_repeated_once(run: Run, machine: Machine) -> None:
    said = run("a.yaml")
    (result,) = last_results()
    assert (said.exit_code, machine.tries, result.verdict, result.starved) == (0, ["a", "a"], Verdict.PASS, "")
    assert f"again a  {STARVED}" in said.output
    assert "2nd try; other processes starved the first" in said.output
    assert "PASS  a  " in said.output


def test_the_json_has_all_tries(run: Run, machine: Machine) -> None:
    machine.busy_for = 2
    assert run("a.yaml", "--retries", "5").exit_code == 0
    (result,) = last_results()
    assert len(result.earlier_tries) == 2
    first = result.earlier_tries[0]
    assert (first.verdict, first.reasons, first.iterations, first.ok) == (Verdict.INVALID, [STARVED], 40, 40)
    assert (first.duration_ns, first.latency.max_ns if first.latency else 0) == (400 * MS, 10 * MS)
    assert [(each.outcome, each.observed) for each in first.thresholds] == [("not judged", 10 * MS), ("pass", 1.0)]
    assert (result.iterations, result.duration_ns) == (40, 40 * MS)


def test_the_last_try_counts_even_if_it_is_starved(run: Run, machine: Machine) -> None:
    machine.busy_for = 9
    said = run("a.yaml", "--retries", "2")
    (result,) = last_results()
    assert (said.exit_code, len(machine.tries), result.verdict) == (4, 3, Verdict.INVALID)
    assert "INVALID  a  not judged, 3rd try\n" in said.output


def test_no_retry_is_asked_for(run: Run, machine: Machine) -> None:
    assert run("a.yaml", "--retries", "0").exit_code == 4
    assert machine.tries == ["a"]
    assert last_results()[0].earlier_tries == []


def test_a_failure_is_not_repeated(run: Run, machine: Machine) -> None:
    machine.problem = "wrong"
    assert run("a.yaml").exit_code == 3
    assert machine.tries == ["a"]


def test_each_of_several_scenarios_has_its_tries(run: Run, machine: Machine) -> None:
    said = run("--tag", "small", "a.yaml", "b.yaml", "--save", "--store", "kept", "--quiet")
    assert (said.exit_code, machine.tries) == (0, ["a", "a", "b", "b"])
    assert [line.split("  ")[1] for line in said.stdout.splitlines()] == ["a", "b"]  # a line for each, for programs
    assert len(list(Path("kept/runs").glob("*.json"))) == 2


@pytest.mark.slow
@pytest.mark.parametrize("said_by", ["variable", "file"])
def test_the_number_of_retries_comes_from_elsewhere(said_by: str, run: Run, machine: Machine) -> None:
    machine.busy_for = 9
    if said_by == "file":
        Path("digipal-perf.toml").write_text("[run]\nretries = 3\n", encoding="utf-8")
    run("a.yaml", **({"DIGIPAL_PERF_RUN_RETRIES": "3"} if said_by == "variable" else {}))
    assert len(machine.tries) == 4


@pytest.mark.parametrize("number", ["-1", "two"])
def test_a_number_that_is_none_is_a_mistake(number: str, run: Run, machine: Machine) -> None:
    assert run("a.yaml", "--retries", number).exit_code == 2
    assert machine.tries == []


@pytest.mark.slow
def test_ctrl_c_ends_the_tries(run: Run, machine: Machine) -> None:
    machine.stops_in_try = 1
    run("a.yaml", "--retries", "5")
    assert machine.tries == ["a"]


def test_only_the_database_of_the_last_try_is_kept(run: Run, machine: Machine) -> None:
    run("a.yaml", "--keep-db", "databases")
    assert sorted(file.name for file in Path("databases").iterdir()) == ["2.db", "2.db-wal"]


def test_every_report_says_which_try_it_is(run: Run, machine: Machine) -> None:
    run("a.yaml", "--markdown", "a.md", "--junit", "a.xml", "--openmetrics", "a.prom")
    assert f"2nd try; other processes starved the first: {STARVED}" in Path("a.md").read_text(encoding="utf-8")
    assert '<property name="tries" value="2" />' in Path("a.xml").read_text(encoding="utf-8")
    assert 'digipal_perf_tries{scenario="a"} 2' in Path("a.prom").read_text(encoding="utf-8")


def test_a_run_that_is_interrupted_is_the_last(make_plan: Any) -> None:
    stop, tries = StopRequest(), []

    def interrupted() -> RunResult:
        tries.append("one")
        stop.reason = "interrupted by Ctrl-C"
        return simulate(make_plan(["status"], setup={"pets": 1})).model_copy(
            update={"starved": STARVED, "verdict": Verdict.INTERRUPTED}
        )

    result = run_with_retries(interrupted, 3, stop, lambda starved: None)
    assert (result.verdict, tries) == (Verdict.INTERRUPTED, ["one"])


def test_results_of_before_had_one_try(run: Run, machine: Machine) -> None:
    run("a.yaml")
    document = json.loads(Path("out.json").read_text(encoding="utf-8"))
    del document[0]["earlier_tries"]
    Path("old.json").write_text(json.dumps(document), encoding="utf-8")
    assert load_results(Path("old.json"))[0].earlier_tries == []
    assert CliRunner().invoke(cli, ["report", "old.json"]).exit_code == 0
