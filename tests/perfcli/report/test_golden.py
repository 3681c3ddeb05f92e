"""Whole reports, word for word, against the files in golden/.

After a change that is meant: UPDATE_GOLDEN=1 python -m pytest tests/perfcli/report, then read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from rich.console import RenderableType

from perfcli.report.console import render_list, render_result, render_summary, render_verdict_line
from perfcli.results import RunResult
from perfcli.scenario.models import Scenario

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent / "golden"
PIPED = 160


def matches(name: str, text: str) -> None:
    """Check a report against its file, or rewrite the file where that was asked for."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.fixture
def named_results(all_results: Mapping[str, RunResult]) -> list[RunResult]:
    """Every way a run can end, as scenarios of one command."""
    return [result.model_copy(update={"name": name}) for name, result in all_results.items()]


class TestReports:
    """Each kind of report, at 80 columns and as it is piped."""

    @pytest.mark.parametrize("width", [80, PIPED])
    @pytest.mark.parametrize(
        "ending",
        [
            "passed",
            "failed",
            "open_model",
            "phases",
            "in_trouble",
            "no_thresholds",
            "no_samples",
            "starved",
            "starved_fail",
            "second_try",
            "third_try",
            "broken_off",
            "interrupted",
            "nothing_measured",
        ],
    )
    def test_result(
        self,
        ending: str,
        width: int,
        all_results: Mapping[str, RunResult],
        printed: Callable[[RenderableType, int], str],
    ) -> None:
        matches(f"{ending}-{width}", printed(render_result(all_results[ending]), width))

    @pytest.mark.parametrize("width", [80, PIPED])
    def test_summary(
        self, width: int, named_results: list[RunResult], printed: Callable[[RenderableType, int], str]
    ) -> None:
        matches(f"summary-{width}", printed(render_summary(named_results), width))

    def test_verdict_lines(self, named_results: list[RunResult], printed: Callable[[RenderableType, int], str]) -> None:
        matches("verdict-lines", "".join(printed(render_verdict_line(result), PIPED) for result in named_results))

    def test_list(self, printed: Callable[[RenderableType, int], str]) -> None:
        def scenario(name: str, description: str, tags: list[str]) -> Scenario:
            load = {"executor": "constant-vus", "duration": "2s"}
            settings = {"name": name, "description": description, "tags": tags, "load": load, "flow": ["load_pet"]}
            return Scenario.model_validate(settings)

        listing = render_list(
            [
                (
                    scenario("pet_creation", "100 users hatch a pet each", ["quick", "scalability"]),
                    "100 iterations by 1 vu",
                ),
                (scenario("undescribed", "", []), "1 vu for 2s"),
                (scenario("a_name_longer_than_the_column_of_names", "It stands alone", []), "1 vu for 2s"),
            ]
        )
        matches("list", printed(listing, 80))

    def test_empty_list_says_so(self, printed: Callable[[RenderableType, int], str]) -> None:
        assert printed(render_list([]), 80) == "No scenarios here.\n"
