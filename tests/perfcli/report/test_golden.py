"""The structure and the figures of whole reports, against the files in golden/; their sentences are free to change.

After a change that is meant: UPDATE_GOLDEN=1 python -m pytest tests/perfcli/report, then read the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from rich.text import Text

from perfcli.report.blocks import BAD, Column, Facts, Line, Notes, Section, Table, Verdict
from perfcli.report.listing import ListedScenario, list_document
from perfcli.report.run import run_document
from perfcli.report.summary import render_verdict_line, summary_document
from perfcli.report.wording import name
from perfcli.results import RunResult
from tests.perfcli.report.structure import matches, structure

Printed = Callable[..., str]
WIDTHS = [60, 80, 200]


@pytest.fixture
def named_results(all_results: Mapping[str, RunResult]) -> list[RunResult]:
    """Every way a run can end, as scenarios of one command."""
    return [result.model_copy(update={"name": name}) for name, result in all_results.items()]


class TestGolden:
    """Every ending, and all of them in a summary."""

    @pytest.mark.parametrize(
        "ending",
        [
            "passed",
            "failed",
            "open_model",
            "faulted",
            "phases",
            "in_trouble",
            "no_thresholds",
            "no_samples",
            "starved",
            "starved_fail",
            "third_try",
            "broken_off",
            "interrupted",
            "nothing_measured",
            "counted",
        ],
    )
    def test_result(self, ending: str, all_results: Mapping[str, RunResult]) -> None:
        # one of them holds every figure, so that a new metric adds a line to one file
        document = run_document(all_results[ending])
        matches(ending, [each for each in document if ending == "passed" or each.title != "figures"])

    def test_summary(self, named_results: list[RunResult]) -> None:
        matches("summary", summary_document(named_results))


class TestStructure:
    """What a golden file holds, and what it leaves free."""

    def test_words_are_free_and_figures_are_not(self) -> None:
        def held(remark: str, *, label: str = "growth", word: str = "FAIL", cell: str = "2 ms") -> str:
            table = Table([Column("operation", "prose"), Column("p99")], [[Text("load_pet"), Text(cell)]])
            verdict = Verdict(Text(word), Text("pets"), Text(remark))
            return structure([Section("it", [verdict, table, Facts([(label, Text(remark))]), Notes([Text(remark)])])])

        first = held("it grew by 3.5 kB, which is much")
        assert held("growth: 3.5 kB") == first
        assert held("it grew by 3.6 kB, which is much") != first
        assert held("growth: 3.5 kB", label="leak") != first
        assert held("growth: 3.5 kB", word="PASS") != first
        assert held("growth: 3.5 kB", cell="3 ms") != first

    def test_colours_and_names_are_held(self) -> None:
        def held(text: Text) -> str:
            return structure([Section("it", [Line(text)])])

        assert held(Text("all is lost", BAD)) != held(Text("all is lost"))
        assert held(name("load_pet")) != held(name("save_pet"))


class TestWidths:
    """What holds at every width."""

    @pytest.mark.parametrize("brief", [True, False])
    @pytest.mark.parametrize("width", WIDTHS)
    def test_a_report_fits_and_keeps_its_percentiles(
        self, width: int, brief: bool, any_result: RunResult, printed: Printed
    ) -> None:
        lines = printed(run_document(any_result), width, brief=brief).splitlines()
        assert max(map(len, lines)) <= width
        if any_result.operations:
            titles = next(line for line in lines if line.split()[:1] in (["operation"], ["phase"]) and "p50" in line)
            assert {"p50", "p95", "p99"} <= set(titles.split())

    @pytest.mark.parametrize("width", WIDTHS)
    def test_a_summary_fits(self, width: int, named_results: list[RunResult], printed: Printed) -> None:
        assert max(map(len, printed(summary_document(named_results), width).splitlines())) <= width

    def test_a_verdict_has_its_line(self, named_results: list[RunResult], printed: Printed) -> None:
        for result in named_results:
            first = printed(render_verdict_line(result), 1_000).splitlines()
            assert len(first) == 1
            assert first[0].split()[:2] == [
                "pass" if result.verdict.value == "pass" else result.verdict.value.upper(),
                result.name,
            ]


class TestList:
    """What can be run."""

    def test_a_scenario_stands_beside_what_it_does(self, printed: Printed) -> None:
        listing = [
            ListedScenario(
                "pet_creation", "100 users hatch a pet each", ["quick", "scalability"], "100 iterations by 1 vu"
            ),
            ListedScenario("undescribed", "", [], "1 vu for 2s"),
            ListedScenario("a_name_longer_than_the_column_of_names", "It stands alone", [], "1 vu for 2s"),
        ]
        assert printed(list_document(listing), 80).splitlines() == [
            "pet_creation  100 users hatch a pet each",
            "              100 iterations by 1 vu  [quick, scalability]",
            "undescribed   1 vu for 2s",
            "a_name_longer_than_the_column_of_names  It stands alone",
            "                                        1 vu for 2s",
        ]

    def test_empty_list_says_so(self, printed: Printed) -> None:
        assert printed(list_document([]), 80) == "No scenarios here.\n"
