"""`digipal-perf plan`: what would run, in a line for each phase, and nothing that runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from perfcli.cli import cli
from perfcli.commands.context import Context, say_faults_left_out
from perfcli.commands.options import Changes, Selection
from perfcli.errors import UsageError

PHASES = """
name: several
description: Phases that differ
setup: {pets: 50}
pool: {processes: 2}
flow: [{load_pet: {weight: 8}}, {save_pet: {weight: 2}}]
phases:
  - name: ramp
    load: {executor: shared-iterations, vus: [1, 5], iterations: 100}
    thresholds: [latency.p95 < 5ms]
  - name: steady
    load: {executor: constant-arrival-rate, rate: 100/s, vus: 20, duration: 10s, start_after: 2s}
thresholds: [lost_writes == 0]
"""
LONG_NAMES = "".join(f"  - create_pet: {{name: {'a_name_of_some_length' * 2}_{number}}}\n" for number in range(5))
BARE = f"""
name: bare
load: {{executor: shared-iterations, iterations: 10}}
flow:
{LONG_NAMES}
"""


@pytest.fixture
def several(tmp_path: Path) -> str:
    """A scenario of three phases."""
    path = tmp_path / "several.yaml"
    path.write_text(PHASES, encoding="utf-8")
    return str(path)


def planned(*arguments: str) -> list[str]:
    """The lines that the command prints, having ended well."""
    result = CliRunner().invoke(cli, ["plan", *arguments])
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_each_phase_has_its_line(several: str) -> None:
    assert planned(several) == [
        "several  Phases that differ",
        "  ramp-1      100 iterations by 1 vu; a mix of load_pet, save_pet",
        "  ramp-5      100 iterations shared by 5 vus; a mix of load_pet, save_pet",
        "  steady      after 2s: 100/s for 10s by at most 20 vus; a mix of load_pet, save_pet",
        "  engine      over 2 engine processes on one database; 50 pets set up",
        "  thresholds  1 on the whole run, 1 on ramp-1, 1 on ramp-5",
    ]


def test_a_line_stays_whole_in_a_pipe_however_long(tmp_path: Path) -> None:
    path = tmp_path / "bare.yaml"
    path.write_text(BARE, encoding="utf-8")
    _, load, engine, thresholds = planned(str(path))
    assert len(load) > 200
    assert load.startswith("  load        10 iterations by 1 vu; a_name")
    assert engine == "  engine      one process, an empty database"
    assert thresholds == "  thresholds  none: measured, not judged"


def test_options_change_the_plan_as_they_change_the_run(several: str) -> None:
    lines = planned(several, "--workers", "3", "--set", "setup.pets=7", "--seed", "1", "--iterations", "9")
    assert lines[1].startswith("  ramp        9 iterations shared by 3 vus")
    assert "; 7 pets set up" in lines[-2]


def test_a_load_that_phases_have_is_not_set_as_a_whole(several: str) -> None:
    with pytest.raises(UsageError, match=r"has phases \(ramp, steady\).*: set phases\.0\.load\.vus for the first"):
        CliRunner().invoke(cli, ["plan", several, "--set", "load.vus=4"], catch_exceptions=False)
    assert planned(several, "--set", "phases.0.load.vus=4")[1].startswith("  ramp        100 iterations shared by 4")


def test_several_scenarios_stand_apart() -> None:
    lines = planned("pet_creation", "database_query")
    blank = lines.index("")
    assert lines[0].startswith("pet_creation  ")
    assert lines[blank + 1].startswith("database_query  ")


def test_a_tag_alone_chooses() -> None:
    assert any(line.startswith("pet_creation  ") for line in planned("--tag", "quick"))


@pytest.mark.parametrize("arguments", [[], ["no_such_scenario"], ["pet_creation", "--set", "load.vus=none"]])
def test_what_cannot_run_is_told(arguments: list[str]) -> None:
    # perfcli.__main__ prints it and exits with 2
    with pytest.raises(UsageError):
        CliRunner().invoke(cli, ["plan", *arguments], catch_exceptions=False)


def test_what_leaves_out_faults_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    context = Context()
    plans = context.plans(Selection(scenarios=("pet_creation",)), Changes(), faults=["kill={at: 2s}"])
    say_faults_left_out(plans, "ab")
    assert capsys.readouterr().err == "pet_creation: ab ignores its 1 fault\n"
    repeated = "100 iterations by 1 vu, repeated until the last fault has recovered"
    assert plans[0].describe().startswith(f"{repeated}; create_pet; kill at 2s")
