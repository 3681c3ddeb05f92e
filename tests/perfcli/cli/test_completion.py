"""What a shell completes, and how little is imported for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from perfcli.cli import cli
from perfcli.figures import METRICS, STATISTICS
from perfcli.scenario.library import shipped_scenarios
from perfcli.scenario.loader import load_scenario

ROOT = Path(__file__).parents[3]


def completed(*words: str) -> list[str]:
    """The names that are offered for the last word."""
    *before, incomplete = words
    found = ShellComplete(cli, {}, "digipal-perf", "_DIGIPAL_PERF_COMPLETE").get_completions(before, incomplete)
    return [item.value for item in found if item.type == "plain"]


def test_commands_and_options() -> None:
    assert completed("exp") == ["explain"]
    assert completed("baseline", "s") == ["save", "show"]
    assert completed("run", "--see") == ["--seed"]


@pytest.mark.parametrize("command", ["run", "plan", "ab", "history", "trend"])
def test_scenarios(command: str) -> None:
    shipped = [path.stem for path in shipped_scenarios()]
    assert completed(command, "") == shipped
    assert completed(command, "pet_") == ["pet_creation"]


def test_files_are_offered_beside_scenarios() -> None:
    found = ShellComplete(cli, {}, "digipal-perf", "_").get_completions(["run"], "my_")
    assert [(item.type, item.value) for item in found] == [("file", "my_")]


def test_tags_are_those_of_the_shipped_scenarios() -> None:
    tags = {tag for path in shipped_scenarios() for tag in load_scenario(path).tags}
    assert completed("run", "--tag", "") == sorted(tags)


def test_metrics() -> None:
    assert completed("explain", "") == sorted(METRICS)
    alone = [name for name, metric in METRICS.items() if not metric.needs_statistic]
    distributions = METRICS.keys() - alone
    assert completed("trend", "--metric", "") == sorted(
        [*alone, *(f"{name}.{statistic}" for name in distributions for statistic in STATISTICS)]
    )
    assert completed("trend", "--metric", "latency.p9") == [
        "latency.p90",
        "latency.p95",
        "latency.p99",
        "latency.p99.9",
    ]


@pytest.mark.parametrize("store", ["--store", "variable", "file"])
def test_baselines_of_the_store(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("main", "v1.2", ".unfinished"):
        (tmp_path / "kept" / "baselines").mkdir(parents=True, exist_ok=True)
        (tmp_path / "kept" / "baselines" / f"{name}.json").touch()
    if store == "variable":
        monkeypatch.setenv("DIGIPAL_PERF_STORE", "kept")
    elif store == "file":
        (tmp_path / "digipal-perf.toml").write_text("store = 'kept'", encoding="utf-8")
    said = ["--store", "kept"] if store == "--store" else []
    assert completed("run", *said, "--baseline", "") == ["main", "v1.2"]
    assert completed("baseline", "show", *said, "v") == ["v1.2"]


def test_a_broken_project_file_breaks_no_completion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digipal-perf.toml").write_text("[plan", encoding="utf-8")
    assert completed("run", "pet_") == ["pet_creation"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_program_and_its_variable(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert "digipal-perf" in result.stdout
    assert f"_DIGIPAL_PERF_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("words", ["run pet_", "run --tag q", "trend --metric memory.l", "explain la"])
def test_a_shell_is_answered_without_heavy_imports(words: str) -> None:
    program = (
        "import sys\nfrom perfcli.__main__ import main\nsys.argv = ['digipal-perf']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'pydantic', 'rich', 'psutil', 'asyncio'} & set(sys.modules)))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "COMP_WORDS": f"digipal-perf {words}",
        "COMP_CWORD": str(len(words.split())),
        "_DIGIPAL_PERF_COMPLETE": "bash_complete",
    }
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    *offered, heavy = done.stdout.splitlines()
    assert offered, done.stderr
    assert heavy == "[]"
