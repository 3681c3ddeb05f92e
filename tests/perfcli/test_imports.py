"""What commands import, and what they need not wait for."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow

AFTER = """
import sys
from perfcli.__main__ import exit_code_of
code = exit_code_of(sys.argv[1:])
print(code, *sys.modules, file=sys.stderr)
"""
ENGINES = ("digipal", "sqlite3", "psutil", "multiprocessing")
RUNS = ("perfcli.run", "perfcli.measurement", "perfcli.pool")
RESULTS = ("perfcli.results", "perfcli.ab", "perfcli.history", "perfcli.profiling", "perfcli.report.run")
BINDING = ("perfcli.operations.own.context", "perfcli.operations.binding")
LATER = ("perfcli.agent", "perfcli.metrics.timeline", "plotly")


@cache
def imported_by(*arguments: str) -> frozenset[str]:
    """The modules that are there after a command."""
    program = [sys.executable, "-c", AFTER, *arguments]
    finished = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True)
    code, *modules = finished.stderr.splitlines()[-1].split()
    assert code in ("0", "4"), "a run on a busy machine may be invalid, and no more"
    return frozenset(modules)


@pytest.mark.parametrize("module", [*ENGINES, *RUNS, *RESULTS, *BINDING, *LATER])
@pytest.mark.parametrize("command", ["list", "validate scenarios/pet_creation.yaml", "plan pet_creation"])
def test_what_runs_nothing_imports_nothing_that_runs(command: str, module: str) -> None:
    assert module not in imported_by(*command.split())


def test_list_reads_neither_changes_nor_warnings() -> None:
    assert not {"perfcli.scenario.overrides", "perfcli.scenario.warnings"} & imported_by("list")


@pytest.mark.parametrize("command", ["list", "validate scenarios/pet_creation.yaml"])
def test_what_is_known_is_told_without_loading(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verb = command.split()[0]
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(f"DIGIPAL_PERF_{verb.upper()}_NO_CACHE")
    assert "pydantic" in imported_by.__wrapped__(*command.split())
    heavy = {"pydantic", "yaml", "perfcli.figures", "perfcli.scenario.models", "perfcli.scenario.loader"}
    assert not heavy & imported_by.__wrapped__(*command.split())


@pytest.mark.parametrize("module", ["rich", "perfcli.report"])
def test_validate_prints_without_tables(module: str) -> None:
    assert module not in imported_by("validate", "scenarios/pet_creation.yaml")


@pytest.mark.parametrize("module", ["pydantic", "yaml", "rich", "perfcli.scenario", "perfcli.thresholds"])
def test_help_imports_nothing_heavy(module: str) -> None:
    assert module not in imported_by("--help")


@pytest.mark.parametrize(
    "module",
    [
        "plotly",
        "mcp",
        "digipal",
        "asyncio",
        "perfcli.agent.session",
        "perfcli.ab.result",
        "perfcli.cluster.station",
        "perfcli.history.store",
    ],
)
def test_run_imports_neither_an_engine_nor_charts_nor_other_runs(module: str) -> None:
    assert module not in imported_by("run", "pet_creation", "-q")


LATE = """
import sys
import perfcli.agent.engine_process
before = set(sys.modules)
assert not {"digipal", "mcp"} & before
import perfcli.targets.embedded
print(*(sys.modules[name].__file__ for name in sorted(set(sys.modules) - before) if name.startswith("perfcli.")))
"""


def test_the_harness_is_loaded_before_its_memory_is_measured() -> None:
    """What is imported with the engine counts as the engine's memory: only modules that need the engine may."""
    finished = subprocess.run([sys.executable, "-c", LATE], cwd=ROOT, capture_output=True, text=True, check=True)
    with_the_engine = {Path(file).name: Path(file).read_text(encoding="utf-8") for file in finished.stdout.split()}
    assert "embedded.py" in with_the_engine
    assert [name for name, source in with_the_engine.items() if "from digipal" not in source] == []
