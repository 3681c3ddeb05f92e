"""Finding scenarios: shipped names, files, folders; every file once; and quickly, without YAML or pydantic."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from perfcli.errors import UsageError
from perfcli.scenario import library
from perfcli.scenario.library import find_scenarios, shipped_scenarios
from perfcli.scenario.loader import load_scenario


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped scenarios, and an empty working directory."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    for name in ("pet_creation.yaml", "database_load.yml", "notes.txt", ".hidden.yaml"):
        (folder / name).touch()
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(library, "_SHIPPED", (tmp_path / "absent", folder))
    return folder


def test_shipped_scenarios_are_sorted_and_nothing_else(shipped: Path) -> None:
    assert [path.name for path in shipped_scenarios()] == ["database_load.yml", "pet_creation.yaml"]


def test_no_reference_means_all_shipped(shipped: Path) -> None:
    assert find_scenarios([]) == shipped_scenarios()


def test_names_and_files_keep_their_order(shipped: Path) -> None:
    Path("mine.yaml").touch()
    assert find_scenarios(["pet_creation", "mine.yaml", "database_load"]) == [
        shipped / "pet_creation.yaml",
        Path("mine.yaml"),
        shipped / "database_load.yml",
    ]


def test_folder_stands_for_its_scenarios_hidden_ones_left_out(shipped: Path) -> None:
    for name in ("f/b.yaml", "f/a.yml", "f/sub/c.yaml", "f/.git/d.yaml", "f/.e.yaml", "f/readme.md"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    assert find_scenarios(["f"]) == [Path("f/a.yml"), Path("f/b.yaml"), Path("f/sub/c.yaml")]


def test_no_file_comes_twice(shipped: Path) -> None:
    Path("mine.yaml").touch()
    Path("link.yaml").symlink_to("mine.yaml")
    assert find_scenarios(["mine.yaml", "./mine.yaml", ".", "pet_creation", str(shipped / "pet_creation.yaml")]) == [
        Path("mine.yaml"),
        shipped / "pet_creation.yaml",
    ]


def test_shipped_name_wins_over_a_file_of_that_name(shipped: Path) -> None:
    Path("pet_creation").touch()
    assert find_scenarios(["pet_creation"]) == [shipped / "pet_creation.yaml"]
    assert find_scenarios(["./pet_creation"]) == [Path("pet_creation")]


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("pet_creatoin", "no scenario is named 'pet_creatoin' (did you mean 'pet_creation'?)"),
        ("qqqq", "no scenario is named 'qqqq'"),
        ("", "no scenario is named ''"),
        ("x" * 5_000, "no scenario is named 'xxx"),
    ],
)
def test_unknown_name_suggests_the_nearest(shipped: Path, reference: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_scenarios([reference])
    assert str(caught.value).startswith(message)
    assert "digipal-perf list" in caught.value.hint


def test_missing_file_is_left_to_the_loader_to_tell(shipped: Path) -> None:
    assert find_scenarios(["gone.yaml", "no/where"]) == [Path("gone.yaml"), Path("no/where")]


def test_folder_without_scenarios_is_refused(shipped: Path) -> None:
    Path("empty").mkdir()
    with pytest.raises(UsageError, match=r"^empty: no scenario in this directory$"):
        find_scenarios(["empty"])


def test_suffixes_in_capitals_count(shipped: Path) -> None:
    Path("all").mkdir()
    for name in ("A.YAML", "b.Yml", "c.yaml.txt"):
        Path("all", name).touch()
    assert find_scenarios(["all"]) == [Path("all/A.YAML"), Path("all/b.Yml")]
    assert find_scenarios(["GONE.YAML"]) == [Path("GONE.YAML")]


def test_the_home_directory_has_its_sign(shipped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path.cwd()))
    Path("mine.yaml").touch()
    assert find_scenarios(["~/mine.yaml"]) == find_scenarios(["~"]) == [Path.cwd() / "mine.yaml"]


def test_what_is_named_twice_counts_once_with_a_warning(shipped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").touch()
    Path("link.yaml").symlink_to("mine.yaml")
    assert find_scenarios(["mine.yaml", "./mine.yaml", "link.yaml"]) == [Path("mine.yaml")]
    assert capsys.readouterr().err == (
        "Warning: ./mine.yaml is named twice; reading it once\nWarning: link.yaml is named twice; reading it once\n"
    )
    assert len(find_scenarios(["pet_creation", "pet_creation"])) == 1
    assert capsys.readouterr().err == "Warning: pet_creation is named twice; reading it once\n"
    assert find_scenarios(["mine.yaml", "."]) == [Path("mine.yaml")]
    assert capsys.readouterr().err == ""


def test_a_folder_that_cannot_be_searched_is_told(
    shipped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("all/closed").mkdir(parents=True)
    Path("all/mine.yaml").touch()
    scandir = library.os.scandir

    def refuse(folder: str) -> object:
        if str(folder).endswith("closed"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    monkeypatch.setattr(library.os, "scandir", refuse)
    assert find_scenarios(["all"]) == [Path("all/mine.yaml")]
    assert capsys.readouterr().err == "Warning: all/closed cannot be searched for scenarios: Permission denied\n"


def test_installation_without_scenarios_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_SHIPPED", ())
    assert shipped_scenarios() == []
    with pytest.raises(UsageError, match="holds no scenarios"):
        find_scenarios([])


def test_finding_scenarios_imports_neither_yaml_nor_pydantic() -> None:
    script = "import sys, perfcli.scenario.library; print({'yaml', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


_CLEAN_END = {"log.errors", "engine.threads_left", "engine.connections_left", "engine.files_left"}


@pytest.mark.parametrize("path", shipped_scenarios(), ids=lambda path: path.stem)
def test_every_shipped_scenario_judges_what_it_sees_anyway(path: Path) -> None:
    scenario = load_scenario(path)
    limits = [rule.threshold.text for rule in scenario.thresholds]
    metrics = {limit.split()[0] for limit in limits}
    assert {"db_errors", "busy_errors"} <= metrics
    assert any(".max <" in limit or limit.startswith("latency.max <") for limit in limits)
    if scenario.target.name == "embedded":
        assert metrics >= _CLEAN_END
