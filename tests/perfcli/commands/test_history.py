"""`digipal-perf history` and `digipal-perf trend`, on a store of simulated runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from perfcli.cli import cli
from perfcli.errors import UsageError, Verdict
from perfcli.history.store import Store
from perfcli.testing import Behaviour, simulate

MS = 1_000_000
RUNS = 30
STEP = 22


@pytest.fixture(scope="module")
def made(make_plan: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """30 runs of one scenario: 20 % slower from the 23rd, on a machine whose pace sways; the last was cut short."""
    simulated = simulate(make_plan(["status"], setup={"pets": 2}), lambda label, call: Behaviour(takes_ns=MS))
    store = Store(tmp_path_factory.mktemp("made") / "store")
    for at in range(RUNS):
        pace = (1.0, 1.3, 0.9, 1.1)[at % 4]
        p50_ns = MS * pace * (1.2 if at >= STEP else 1.0) * (1 + at % 5 / 500)
        parts = [
            part.model_copy(update={"latency": part.latency and part.latency.model_copy(update={"p50_ns": p50_ns})})
            for part in (simulated.total, *simulated.operations)
        ]
        known = {
            "started_at": f"2026-01-{at + 1:02}T00:00:00Z",
            "commit": f"{at:02}" + "c" * 38,
            "environment": simulated.environment.model_copy(update={"engine_version": f"{at:012x}"}),
            "reference_ns": 10_000 * pace,
            "total": parts[0],
            "operations": parts[1:],
            "verdict": Verdict.INTERRUPTED if at == RUNS - 1 else Verdict.PASS,
        }
        store.add(simulated.model_copy(update=known))
    return store.directory


@pytest.fixture
def kept(made: Path, tmp_path: Path) -> str:
    """A test's own copy of them."""
    return str(shutil.copytree(made, tmp_path / "store"))


def invoked(*arguments: str, **environment: str) -> Result:
    # perfcli.__main__ prints errors and exits with their codes
    return CliRunner().invoke(cli, list(arguments), env=environment, catch_exceptions=False)


@pytest.mark.slow
def test_a_step_is_found_with_its_commits_and_the_command(kept: str) -> None:
    result = invoked("trend", "test", "--store", kept)
    assert result.exit_code == 0
    assert "1 of 30 saved runs skipped: interrupted (1)" in result.stdout
    assert "WORSE: +20% (" in result.stdout
    assert f"  digipal-perf ab test --base 21{'c' * 10} --candidate 22{'c' * 10}\n" in result.stdout
    assert "\x1b" not in result.stdout


@pytest.mark.slow
def test_the_trend_as_json(kept: str, tmp_path: Path) -> None:
    path = tmp_path / "trend.json"
    invoked("trend", "test", "--store", kept, "--metric", "status.latency.p50", "--json", str(path))
    document = json.loads(path.read_text(encoding="utf-8"))
    (metric,) = document["metrics"]
    (change,) = metric["changes"]
    assert (document["kind"], document["schema_version"], document["scenario"]) == ("trend", 1, "test")
    assert len(metric["points"]) == RUNS - 1
    assert (change["index"], change["first_after"]) == (STEP, "22" + "c" * 38)


@pytest.mark.slow
def test_a_scenarios_file_stands_for_its_name(kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("mine.yaml")
    path.write_text(
        "{name: test, load: {executor: shared-iterations, iterations: 9}, flow: [create_pet]}", encoding="utf-8"
    )
    result = invoked("trend", str(path), "--store", kept)
    assert f"digipal-perf ab {path} --base 21" in " ".join(result.stdout.replace("\\", "").split())


@pytest.mark.slow
def test_the_store_of_the_environment(kept: str) -> None:
    lines = invoked("history", "--last", "3", DIGIPAL_PERF_STORE=kept).stdout.splitlines()
    assert [line.split()[1] for line in lines[2:5]] == ["2026-01-28", "2026-01-29", "2026-01-30"]
    assert "INTERRUPTED" in lines[4]
    assert lines[5].strip() == "27 older runs not shown"


@pytest.mark.slow
def test_the_history_as_json(kept: str, tmp_path: Path) -> None:
    path = tmp_path / "history.json"
    invoked("history", "test", "--store", kept, "--json", str(path))
    document = json.loads(path.read_text(encoding="utf-8"))
    assert (document["kind"], len(document["runs"])) == ("history", RUNS)
    assert document["runs"][-1]["verdict"] == "interrupted"


@pytest.mark.slow
@pytest.mark.parametrize("command", [("history",), ("trend", "test")])
def test_what_cannot_be_read_is_said_aside(command: tuple[str, ...], kept: str) -> None:
    (Path(kept) / "runs" / "half.json").write_text('{"schema_version": 1, "na', encoding="utf-8")
    result = invoked(*command, "--store", kept)
    assert result.exit_code == 0
    assert "half.json" in result.stderr
    assert "half.json" not in result.stdout


def test_an_empty_store_says_how_to_fill_it(tmp_path: Path) -> None:
    result = invoked("history", "--store", str(tmp_path))
    assert result.exit_code == 0
    assert "digipal-perf run SCENARIO --save" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", ["history", "trend"])
def test_a_scenario_that_was_never_kept_is_told(command: str, kept: str) -> None:
    with pytest.raises(UsageError, match=r"no saved run of other in .*: it has runs of test") as caught:
        invoked(command, "other", "--store", kept)
    assert caught.value.hint == "save one: digipal-perf run other --save"


def test_a_trend_of_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the store is empty"):
        invoked("trend", "test", "--store", str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "hint"), [("tset", "did you mean test?"), ("other", "save one: digipal-perf run other --save")]
)
def test_a_scenario_without_runs_is_told_with_the_next_step(kept: str, asked: str, hint: str) -> None:
    with pytest.raises(UsageError, match=f"no saved run of {asked}") as told:
        invoked("trend", asked, "--store", kept)
    assert told.value.hint == hint


@pytest.mark.slow
def test_an_unknown_metric_is_told(kept: str) -> None:
    with pytest.raises(UsageError, match="no operation sttus"):
        invoked("trend", "test", "--store", kept, "--metric", "sttus.latency.p50")


@pytest.mark.slow
def test_a_dash_writes_json_to_stdout_and_the_table_beside_it(kept: str) -> None:
    for command in (["history"], ["trend", "test"], ["baseline", "list"]):
        result = invoked(*command, "--store", kept, "--json", "-")
        assert json.loads(result.stdout)["kind"] in ("history", "trend", "baselines")
        assert result.stderr


@pytest.mark.parametrize("command", [("history",), ("trend", "test"), ("baseline", "save", "main", "--force")])
def test_many_files_are_announced_before_they_are_read(
    command: tuple[str, ...], kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "reading" not in invoked(*command, "--store", kept).stderr
    monkeypatch.setattr("perfcli.commands.results._MANY_FILES", RUNS)
    assert invoked(*command, "--store", kept).stderr.startswith("reading ")
