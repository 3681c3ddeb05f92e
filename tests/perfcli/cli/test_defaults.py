"""Options that the command line leaves out: of the environment, else of the project's file, else the tool's own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from perfcli.cli import cli
from perfcli.errors import UsageError

ROOT = Path(__file__).parents[3]
Invoke = Callable[..., str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a working directory below it, and no variables of the tool."""
    below = tmp_path / "src" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    monkeypatch.delenv("DIGIPAL_PERF_STORE", raising=False)
    return tmp_path


def planned(*arguments: str, **environment: str) -> str:
    """What `plan pet_creation` would run."""
    result = CliRunner().invoke(cli, ["plan", "pet_creation", *arguments], env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def values(command: list[str]) -> dict[str, object]:
    """What a command would be given, by the names of its parameters; it is not run."""
    with cli.make_context("digipal-perf", command, resilient_parsing=False) as root:
        context = root
        rest = command
        while isinstance(context.command, click.Group):
            name, found, rest = context.command.resolve_command(context, rest)
            assert found is not None
            context = found.make_context(name, rest, parent=context)
        return context.params


def write(place: Path, text: str, name: str = "digipal-perf.toml") -> Path:
    """The project's file."""
    (place / name).write_text(text, encoding="utf-8")
    return place / name


def told(place: Path, text: str, name: str = "digipal-perf.toml") -> tuple[str, str]:
    """What is said of a project's file, without its place, and the hint."""
    file = write(place, text, name)
    with pytest.raises(UsageError) as caught:
        planned()
    assert caught.value.message.startswith(f"{file}: ")
    return caught.value.message.removeprefix(f"{file}: "), caught.value.hint


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(place: Path) -> None:
    assert " by 1 vu" in planned()
    write(place, "[plan]\nworkers = 3")
    assert " by 3 vus" in planned()
    assert " by 4 vus" in planned(DIGIPAL_PERF_PLAN_WORKERS="4")
    assert " by 5 vus" in planned("--workers", "5", DIGIPAL_PERF_PLAN_WORKERS="4")


@pytest.mark.parametrize("name", ["WORKERS", "VUS"])
def test_each_long_name_of_an_option_has_its_variable(place: Path, name: str) -> None:
    assert " by 4 vus" in planned(**{f"DIGIPAL_PERF_PLAN_{name}": "4"})


@pytest.mark.slow
def test_a_variable_does_not_depend_on_who_parsed_the_command_first(place: Path) -> None:
    code = (
        "from perfcli.cli import cli\n"
        "cli.commands['plan'].make_context('another name', ['pet_creation'])\n"
        "cli(['plan', 'pet_creation'])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DIGIPAL_PERF_PLAN_WORKERS": "4"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert " by 4 vus" in done.stdout
    assert not done.stderr


def test_an_empty_variable_is_none(place: Path) -> None:
    assert " by 1 vu" in planned(DIGIPAL_PERF_PLAN_WORKERS="")


def test_several_values_stand_between_spaces(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGIPAL_PERF_RUN_TAG", "quick full")
    assert values(["run"])["tags"] == ("quick", "full")


def test_the_store_has_one_variable_for_all_commands(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, 'store = "kept"')
    monkeypatch.setenv("DIGIPAL_PERF_STORE", "elsewhere")
    for command in (["history"], ["run"], ["baseline", "list"]):
        assert values(command)["store"] == Path("elsewhere")


def test_a_flag_is_set_and_unset(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(place, "[run]\nsave = true\n[baseline.save]\nforce = true")
    assert values(["run"])["save"] is True
    assert values(["baseline", "save", "x"])["force"] is True
    monkeypatch.setenv("DIGIPAL_PERF_RUN_SAVE", "0")
    assert values(["run"])["save"] is False


def test_a_list_and_a_single_value_of_an_option_that_can_be_repeated(place: Path) -> None:
    write(place, '[run]\nset = ["setup.pets=7", "load.vus=2"]\ntag = "quick"')
    assert values(["run"])["settings"] == ("setup.pets=7", "load.vus=2")
    assert values(["run"])["tags"] == ("quick",)


def test_a_key_outside_of_tables_is_of_every_command_that_has_it(place: Path) -> None:
    write(place, 'store = "kept"\n[history]\nstore = "other"')
    assert values(["run"])["store"] == place / "kept"
    assert values(["baseline", "list"])["store"] == place / "kept"
    assert values(["history"])["store"] == place / "other"


def test_the_nearest_file_counts_alone(place: Path) -> None:
    write(place, "[plan]\nworkers = 3\nseed = 1")
    write(place / "src", "[plan]\nworkers = 4")
    assert " by 4 vus" in planned()


def test_pyproject_counts_where_it_speaks_of_the_tool(place: Path) -> None:
    write(place, "[tool.digipal-perf.plan]\nworkers = 3", "pyproject.toml")
    write(place / "src", "[project]\nname = 'x'", "pyproject.toml")
    assert " by 3 vus" in planned()
    write(place, "[plan]\nworkers = 4")
    assert " by 4 vus" in planned()


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[plan]\nworkerz = 3", "[plan]: unknown key 'workerz' (did you mean 'workers'?)", ""),
        ("[plann]\nworkers = 3", "unknown table 'plann' (did you mean 'plan'?)", ""),
        ("stor = 'x'", "unknown key 'stor' (did you mean 'store'?)", ""),
        ("[baseline.sav]\nforce = true", "[baseline]: unknown table 'sav' (did you mean 'save'?)", ""),
        ("[run]\nkeep_db = 'x'", "[run]: unknown key 'keep_db' (did you mean 'keep-db'?)", ""),
        ("[plan]\nworkers = [3]", "plan.workers: expected a whole number, not a list", ""),
        ("[run]\nworkers = 2.7", "run.workers: expected a whole number, not 2.7", ""),
        ("[run]\nvus = true", "run.vus: expected a whole number, not true", ""),
        ("[run]\nseed = '1'", "run.seed: expected a whole number, not '1'", ""),
        ("[run]\nworkers = {}", "run.workers: expected a whole number, not a table", ""),
        ("[run]\njson = 5", 'run.json: expected text in quotes ("…"), not 5', ""),
        ("[run]\nduration = 10", 'run.duration: expected text in quotes ("…"), not 10', ""),
        ("[run]\nbaseline = false", 'run.baseline: expected text in quotes ("…"), not false', ""),
        ("[run]\nengine = 2026-01-01", 'run.engine: expected text in quotes ("…"), not 2026-01-01', ""),
        ("[run]\nsave = 1", "run.save: expected true or false, not 1", ""),
        ("[run]\nprogress = 'no'", "run.progress: expected true or false, not 'no'", ""),
        ("[run]\nset = ['a=1', 2]", 'run.set[1]: expected text in quotes ("…"), not 2', ""),
        ("[baseline.save]\nforce = 0", "baseline.save.force: expected true or false, not 0", ""),
        ("store = 1.5", 'store: expected text in quotes ("…"), not 1.5', ""),
        ("[run]\nbaseline = ''", "run.baseline is empty", "give it a value, or remove the key"),
        ("[run]\ntag = ['quick', ' ']", "run.tag[1] is empty", "give it a value"),
        ("[ab]\nmax-time = ' '", "ab.max-time is empty", "give it a value"),
        ("[run]\nworkers = 2\nvus = 3", "run.vus: vus and workers are the same option", "keep one of them"),
        ("plan = 3", "plan: expected a table, not 3", ""),
        ("[[run]]\nworkers = 2", "run: expected a table, not a list", ""),
        ("[baseline]\nsave = true", "baseline.save: expected a table, not true", ""),
        ("a = " + "[" * 9_999, "not TOML: ", ""),
        ("[plan", "not TOML: ", "write tables of options, e.g. [run]"),
    ],
)
def test_what_is_wrong_with_the_file_is_told(place: Path, text: str, message: str, hint: str) -> None:
    found, told_hint = told(place, text)
    assert found.startswith(message)
    assert told_hint.startswith(hint)


def test_a_byte_order_mark_is_no_part_of_the_file(place: Path) -> None:
    (place / "digipal-perf.toml").write_bytes(b"\xef\xbb\xbf[plan]\nworkers = 3")
    assert " by 3 vus" in planned()


def test_the_home_directory_has_its_sign(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place / "home"))
    write(place, "store = '~/kept'\n[run]\njson = '~/r.json'")
    assert values(["run"])["store"] == place / "home" / "kept"
    assert values(["run"])["json_file"] == place / "home" / "r.json"
    assert values(["run", "--json", "~/x.json"])["json_file"] == place / "home" / "x.json"
    monkeypatch.setenv("DIGIPAL_PERF_STORE", "~/of env")
    assert values(["history"])["store"] == place / "home" / "of env"


def test_a_table_that_is_none_is_told(place: Path) -> None:
    assert told(place, "tool.digipal-perf = 5", "pyproject.toml")[0] == "tool.digipal-perf: expected a table, not 5"


def test_a_pyproject_is_held_to_the_same(place: Path) -> None:
    assert told(place, "[tool.digipal-perf.plan]\nseeed = 3", "pyproject.toml")[0].endswith("(did you mean 'seed'?)")


def test_a_value_that_does_not_fit_is_told_with_where_it_stands(place: Path) -> None:
    file = write(place, "[plan]\nworkers = 0")
    result = CliRunner().invoke(cli, ["plan", "pet_creation"])
    assert result.exit_code == 2
    assert f"'--workers' / '--vus': expected a whole number, 1 or more, not 0 (from {file})" in " ".join(
        result.output.split()
    )
    result = CliRunner().invoke(cli, ["plan", "pet_creation"], env={"DIGIPAL_PERF_PLAN_VUS": "few"})
    assert "expected a whole number, 1 or more, not few (from DIGIPAL_PERF_PLAN_VUS)" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("command", "missing"),
    [("validate", "Missing argument 'FILE...'"), ("report", "Missing argument 'RESULT.json...'"), ("ab x", "'--base'")],
)
def test_what_is_missing_is_named(place: Path, command: str, missing: str) -> None:
    result = CliRunner().invoke(cli, command.split())
    assert result.exit_code == 2
    assert "Error: Missing " in result.output
    assert missing in result.output


@pytest.mark.parametrize(
    ("variable", "near"),
    [("DIGIPAL_PERF_PLAN_SEDE", "PLAN_SEED"), ("DIGIPAL_PERF_RUN_STORE", ""), ("DIGIPAL_PERF_BASELIN_SAVE_FORCE", "")],
)
def test_a_variable_of_no_option_is_told_and_changes_nothing(place: Path, variable: str, near: str) -> None:
    quiet = CliRunner().invoke(cli, ["plan", "pet_creation"])
    told = CliRunner().invoke(cli, ["plan", "pet_creation"], env={variable: "3"})
    assert (quiet.exit_code, quiet.stderr) == (told.exit_code, "") == (0, "")
    assert told.stdout == quiet.stdout
    assert told.stderr.startswith(f"Warning: environment variable {variable} belongs to no option")
    assert f"(did you mean 'DIGIPAL_PERF_{near}" in told.stderr


def test_variables_of_options_are_taken_in_silence(place: Path) -> None:
    known = {"DIGIPAL_PERF_STORE": "kept", "DIGIPAL_PERF_RUN_KEEP_DB": "db", "DIGIPAL_PERF_BASELINE_SAVE_FORCE": "1"}
    assert CliRunner().invoke(cli, ["plan", "pet_creation"], env=known).stderr == ""


def test_the_tools_own_help_does_not_need_the_file(place: Path) -> None:
    write(place, "[plan")
    assert CliRunner().invoke(cli, ["--help"]).exit_code == 0
