"""`digipal-perf compare`: what it takes, writes and returns."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from perfcli.cli import cli
from perfcli.errors import ExitCode, UsageError
from perfcli.results import save_results
from tests.perfcli.history.fabricated import HERE, run, slices


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a run, the same 30 % slower, and one of another machine."""
    monkeypatch.chdir(tmp_path)
    load = {"load_pet": slices(100)}
    save_results([run(load)], tmp_path / "base.json")
    save_results([run({"load_pet": slices(130, seed=2)})], tmp_path / "slower.json")
    elsewhere = HERE.model_copy(update={"cpu_count": 64})
    save_results([run(load, environment=elsewhere)], tmp_path / "elsewhere.json")
    return tmp_path


def compared(*arguments: str) -> Result:
    # perfcli.__main__ prints errors and exits with their codes
    return CliRunner().invoke(cli, ["compare", *arguments], catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("base.json", "base.json", "--strict"), ExitCode.PASS),
        (("base.json", "slower.json"), ExitCode.REGRESSION),
        (("slower.json", "base.json", "--strict"), ExitCode.PASS),
        (("base.json", "elsewhere.json"), ExitCode.PASS),
        (("base.json", "elsewhere.json", "--strict"), ExitCode.INVALID),
        (("base.json", "base.json", "slower.json", "elsewhere.json"), ExitCode.REGRESSION),
    ],
)
def test_the_exit_code(arguments: tuple[str, ...], code: ExitCode, folder: Path) -> None:
    assert compared(*arguments).exit_code == code


def damaged(**changes: Any) -> str:
    """A result with other fields."""
    return json.dumps({**run({}).model_dump(mode="json"), **changes})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[{"a": 1}]', "not a result file: it has no schema_version"),
        (damaged()[:300], "not a result file"),
        (damaged(schema_version=2), "not a result of schema version 1"),
        (damaged(kind="ab"), "not the result of a run, but of digipal-perf ab"),
        ("", "not a result file"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_file_that_is_no_result_is_named(text: str, told: str, first: bool, folder: Path) -> None:
    (folder / "odd.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=f"odd.json: {told}"):
        compared(*(("odd.json", "base.json") if first else ("base.json", "odd.json")))


def test_one_result_is_too_few(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"only base\.json given: compare needs two results or more"):
        compared("base.json")


def test_every_format_is_written_without_plotly(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    result = compared("base.json", "slower.json", "--json", "c.json", "--markdown", "c.md", "--html", "c.html")
    assert result.exit_code == ExitCode.REGRESSION
    document = json.loads((folder / "c.json").read_text(encoding="utf-8"))
    assert (document["kind"], document["schema_version"]) == ("compare", 1)
    assert document["pairs"][0]["comparison"]["change"] == "regression"
    assert (folder / "c.md").read_text(encoding="utf-8").startswith("### REGRESSION: `test`")
    assert "<title>REGRESSION: test</title>" in (folder / "c.html").read_text(encoding="utf-8")


def test_no_output_replaces_an_input(folder: Path) -> None:
    before = (folder / "base.json").read_bytes()
    with pytest.raises(UsageError, match=r"base\.json"):
        compared("base.json", "slower.json", "--json", "base.json")
    assert (folder / "base.json").read_bytes() == before


@pytest.mark.parametrize("form", ["--markdown", "--html", "--json"])
def test_stdout_holds_only_what_was_asked_for_there(form: str, folder: Path) -> None:
    result = compared("base.json", "base.json", form, "-")
    assert result.stdout[:1] in ("#", "<", "{")
    assert result.stderr.startswith("no change  test")
