"""How a self-test of the gate is shown: its counts, what they allow to say, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.cells import cell_len

from perfcli.ab.selftest import Planted, SelftestResult
from perfcli.report.selftest import selftest_document
from tests.perfcli.report.structure import matches

Printed = Callable[..., str]

PASSED = SelftestResult(
    scenario="database_load",
    engine_version="0f3a5c7e9b1d",
    engine="the working tree",
    engine_modified=True,
    gates_same=10,
    false_alarms=0,
    planted=[Planted(0.05, 5, 3, 25.0), Planted(0.1, 10, 10, 15.0), Planted(0.2, 5, 5, 15.0)],
    smallest=0.07,
    pair_sd={"time": 0.031, "load_pet.p50": 0.042, "load_pet.p99": 0.16},
    seconds_per_gate=6.1,
    duration_s=183.0,
    pinned=True,
    passed=True,
)
RESULTS = {
    "passed": PASSED,
    "failed": replace(PASSED, false_alarms=2, smallest=None, pinned=False, passed=False),
    "missed": replace(PASSED, planted=[Planted(0.1, 10, 4, 40.0)], smallest=0.3, passed=False),
    "interrupted": replace(
        PASSED,
        gates_same=0,
        planted=[Planted(0.1, 0, 0, 0.0)],
        pair_sd={},
        passed=False,
        interrupted="interrupted by Ctrl-C",
    ),
}


@pytest.mark.parametrize("ending", RESULTS)
def test_report(ending: str) -> None:
    matches(f"selftest-{ending}", selftest_document(RESULTS[ending]))


@pytest.mark.parametrize("width", [30, 40, 80, 200])
@pytest.mark.parametrize("ending", RESULTS)
def test_no_line_is_wider_than_the_console(ending: str, width: int, printed: Printed) -> None:
    assert max(map(cell_len, printed(selftest_document(RESULTS[ending]), width).splitlines())) <= width


def test_few_gates_prove_little_and_that_is_said(printed: Printed) -> None:
    text = printed(selftest_document(PASSED), 160)
    assert "at most 25.9% false alarms" in text
    assert "at least 74.1% found" in text


@pytest.mark.parametrize(
    ("ending", "verdict"),
    [
        ("passed", "pass  selftest  the gate is reliable on this machine"),
        ("failed", "FAIL  selftest  the gate is unreliable on this machine"),
        ("missed", "FAIL  selftest  the gate missed slowdowns on this machine"),
        ("interrupted", "INTERRUPTED  selftest  partial report: interrupted by Ctrl-C"),
    ],
)
def test_the_verdict_stands_first(ending: str, verdict: str, printed: Printed) -> None:
    assert printed(selftest_document(RESULTS[ending]), 160).splitlines()[0] == verdict


@pytest.mark.parametrize(("ending", "advised"), [("passed", False), ("failed", True), ("missed", True)])
def test_a_failure_says_what_to_do(ending: str, advised: bool, printed: Printed) -> None:
    assert ("stop other programs" in printed(selftest_document(RESULTS[ending]), 160)) == advised


def test_names_are_shown_as_written(printed: Printed) -> None:
    shown = replace(PASSED, scenario="[bold]loud[/]\n", pair_sd={"[/]:smile:.p50": 0.1})
    text = printed(selftest_document(shown), 160)
    assert "  scenario  [bold]loud[/]\n" in text
    assert "[/]:smile:.p50 10%" in text
