"""The scenario that `digipal-perf init` writes: right, commented, and never over somebody's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perfcli.errors import UsageError
from perfcli.scenario.loader import load_scenario, load_with_warnings
from perfcli.scenario.starter import SCHEMA_FILE, write_starter
from tests.conftest import Here

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("reference", ["mine", "mine.yaml"])
def test_it_is_valid_and_explains_itself(reference: str) -> None:
    path, schema = write_starter(reference)
    scenario = load_scenario(path)
    assert (path, scenario.name) == (Path("mine.yaml"), "mine")
    assert load_with_warnings(path)[1] == []
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == f"# yaml-language-server: $schema=./{schema}"
    assert sum("#" in line for line in lines) > 20


def test_the_schema_stands_beside_it_and_is_renewed(place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine" / SCHEMA_FILE).write_text("of an older version", encoding="utf-8")
    _, schema = write_starter("mine/first")
    assert schema == Path("mine", SCHEMA_FILE)
    assert json.loads(schema.read_text(encoding="utf-8"))["title"] == "digipal-perf scenario"


def test_it_is_never_written_over_another_unless_forced(place: Path) -> None:
    (place / "mine.yaml").write_text("work of days", encoding="utf-8")
    with pytest.raises(UsageError, match=r"mine\.yaml already exists") as caught:
        write_starter("mine")
    assert "--force" in caught.value.hint
    assert (place / "mine.yaml").read_text(encoding="utf-8") == "work of days"
    write_starter("mine", force=True)
    assert load_scenario(Path("mine.yaml")).name == "mine"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("9_lives", "'9_lives' is not a name"),
        ("", "'.yaml' is not a name"),
        ("pet_creation", "pet_creation is the name of a shipped scenario"),
        ("nowhere/mine", "init nowhere/mine.yaml: the directory "),
    ],
)
def test_what_cannot_be_written_is_told(reference: str, told: str) -> None:
    with pytest.raises(UsageError) as caught:
        write_starter(reference)
    assert caught.value.message.startswith(told)


def test_with_operations_it_is_valid_and_explains_itself(place: Path) -> None:
    path, source, _ = write_starter("my-methods", operations=True)
    assert source == Path("my-methods_operations.py")
    scenario = load_scenario(path)
    assert scenario.labels == ["rename", "look_up", "load_pet"]
    assert load_with_warnings(path)[1] == []
    assert sum("#" in line for line in source.read_text(encoding="utf-8").splitlines()) > 8


@pytest.mark.parametrize("there", ["mine.yaml", "mine_operations.py"])
def test_neither_file_is_written_over_another(there: str, place: Path) -> None:
    (place / there).write_text("work of days", encoding="utf-8")
    with pytest.raises(UsageError, match="already exists"):
        write_starter("mine", operations=True)
    assert [path.name for path in place.iterdir()] == [there]
    write_starter("mine", operations=True, force=True)
    assert load_scenario(Path("mine.yaml")).operations[0].shown == "mine_operations.py"


@pytest.mark.end_to_end
@pytest.mark.parametrize("options", [[], ["--operations"]])
def test_it_runs(options: list[str], here: Here) -> None:
    code, output, errors = here("init", "mine", *options)
    assert (code, output) == (0, "next: digipal-perf run mine.yaml\n")
    assert [line.partition(" (")[0] for line in errors.splitlines()][:1] == ["wrote mine.yaml"]
    quick = ["--duration", "300ms", "--set", "load.warmup=0s", "--quiet"]
    # too short a load for some percentiles, but one that runs
    code, output, errors = here("run", "mine.yaml", *quick, "--set", "thresholds=[success_rate >= 1%]")
    assert code == 0, errors
    assert output.startswith("pass  mine")
