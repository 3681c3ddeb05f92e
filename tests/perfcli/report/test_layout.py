"""Tables and paragraphs: nothing wider than the width, no figure cut, nothing from outside obeyed."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from perfcli.report.blocks import Column, Table
from perfcli.report.layout import FittingTable, Hanging
from perfcli.report.run import run_document
from perfcli.report.summary import render_verdict_line, summary_document
from perfcli.results import Inspection, Integrity, OperationResult, PhaseResult, RunResult, ThresholdResult
from perfcli.streams import EMOJI_PARTS

Printed = Callable[..., str]
HOSTILE = [
    "[bold]loud[/]",
    "[/]",
    "two\nlines\r\n\tand a tab",
    "\x1b[31mred\x1b[0m \x9b2J \x07",
    ":smile: 😀👩‍👩‍👧 日本語",
    "long_" * 60,
    "\udcff lone surrogate",
]


class TestFit:
    """What a report of any width keeps to."""

    @pytest.mark.slow
    @pytest.mark.parametrize("width", [24, 40, 80, 100, 120, 200])
    def test_no_line_is_wider_than_the_console(self, any_result: RunResult, width: int, printed: Printed) -> None:
        text = printed(run_document(any_result), width) + printed(summary_document([any_result, any_result]), width)
        assert max(map(cell_len, text.splitlines())) <= width

    @pytest.mark.slow
    @pytest.mark.parametrize("width", [80, 160])
    def test_no_line_ends_in_blanks_and_nothing_is_cut(
        self, any_result: RunResult, width: int, printed: Printed
    ) -> None:
        text = printed(run_document(any_result), width) + printed(summary_document([any_result]), width)
        assert [line for line in text.splitlines() if line != line.rstrip()] == []
        assert "…" not in text

    @pytest.mark.parametrize("width", range(30, 200, 10))
    def test_every_figure_that_is_shown_is_whole(self, width: int, printed: Printed) -> None:
        figures = {title: f"{number}.{number} µs" for number, title in enumerate(("one", "two", "three", "four"), 100)}
        columns = [Column("operation", "prose"), *map(Column, figures)]
        row = [Text("an_operation_of_a_long_name"), *map(Text, figures.values())]
        text = printed(FittingTable(Table(columns, [row], first_to_go=("two", "four"))), width)
        shown = text.split()
        assert {"one", "three"} <= set(shown)
        for title, figure in figures.items():
            assert (figure in text) == (title in shown)

    def test_the_least_telling_columns_go_first_and_only_as_many_as_must(self, printed: Printed) -> None:
        columns = [Column("name", "prose"), *map(Column, ("first", "second", "third"))]
        table = FittingTable(Table(columns, [[Text("x" * 10), *[Text("123456")] * 3]], first_to_go=("second", "first")))
        titles = {width: printed(table, width).splitlines()[0].split() for width in (36, 35, 27)}
        assert titles == {
            36: ["name", "first", "second", "third"],
            35: ["name", "first", "third"],
            27: ["name", "third"],
        }

    @pytest.mark.parametrize(("width", "shown"), [(44, ["counter", "base", "change"]), (43, ["counter", "change"])])
    def test_columns_go_before_a_name_is_broken(self, width: int, shown: list[str], printed: Printed) -> None:
        columns = [Column("counter", "prose", least=9), Column("base"), Column("change")]
        rows = [list(map(Text, ("load_pet.python.calls_per_op", "46.4", "+32%")))]
        lines = printed(FittingTable(Table(columns, rows, first_to_go=["base"])), width).splitlines()
        assert lines[0].split() == shown
        assert "load_pet.python.calls_per_op" in lines[-1]

    def test_a_column_with_nothing_in_it_is_left_out(self, printed: Printed) -> None:
        columns = [Column("name", "prose"), Column("skipped"), Column("ok")]
        rows = [[Text("one"), Text(), Text("1")], [Text("two"), Text(), Text()]]
        assert printed(FittingTable(Table(columns, rows))).splitlines()[0].split() == ["name", "ok"]

    def test_the_last_rows_stand_below_a_rule(self, printed: Printed) -> None:
        table = FittingTable(Table([Column("n")], [[Text(str(number))] for number in range(4)], totals=2))
        assert [line.strip()[0] for line in printed(table).splitlines()] == ["n", "-", "0", "1", "-", "2", "3"]


class TestParagraphs:
    """Text beside its lead."""

    def test_a_paragraph_hangs_from_its_lead(self, printed: Printed) -> None:
        assert printed(Hanging(Text("lead  "), Text("one two three")), 14) == "lead  one two\n      three\n"

    def test_a_lead_too_long_for_its_place_stands_alone(self, printed: Printed) -> None:
        assert printed(Hanging(Text("a_long_lead"), Text("one two")), 14) == "a_long_lead\n    one two\n"

    def test_a_paragraph_that_may_not_wrap_stays_on_its_line(self) -> None:
        console = Console(file=io.StringIO(), width=10)
        with console.capture() as captured:
            console.print(Hanging(Text("lead  "), Text("one two three")), soft_wrap=True)
        assert captured.get() == "lead  one two three\n"


class TestTextFromOutside:
    """Names, descriptions and errors that files and engines bring."""

    @pytest.mark.slow
    @pytest.mark.parametrize("text", HOSTILE)
    def test_text_from_outside_is_shown_and_never_obeyed(
        self,
        text: str,
        make_result: Callable[..., RunResult],
        make_phase: Callable[..., PhaseResult],
        judged: Callable[..., ThresholdResult],
        printed: Printed,
    ) -> None:
        operations = [
            OperationResult(name=text, ok=0, failed=1, errors={text: 1}),
            OperationResult(name="load_pet", ok=1, failed=0),
        ]
        result = make_result(
            name=text,
            description=text,
            plan=text,
            engine=text,
            reasons=[text, text],
            operations=operations,
            phases=[make_phase(text, vus, *operations, plan=text) for vus in (1, 2)],
            integrity=Integrity(acknowledged=1, lost=1, damaged=text, examples=[text]),
            inspection=Inspection(
                shutdown_ns=1,
                threads_left=[text],
                files_left=[text],
                log_errors={text: 1},
                log_examples={text: text},
                fsyncs_not_told=text,
            ),
            thresholds=[judged("iterations > 9", 3, phase=text, reason=text)],
            kept_database=text,
        )
        for width in (40, 80, 160):
            for renderable in (
                run_document(result),
                summary_document([result]),
                render_verdict_line(result),
            ):
                whole = printed(renderable, width)
                assert max(map(cell_len, whole.splitlines())) <= width
                assert all(char == "\n" or char.isprintable() or char in EMOJI_PARTS for char in whole)

    @pytest.mark.parametrize("text", ["[bold]loud[/]", "[/]", ":smile:", "[link=x]y[/link]"])
    def test_markup_is_shown_as_written(
        self, text: str, make_result: Callable[..., RunResult], printed: Printed
    ) -> None:
        assert f"  {text}  " in printed(render_verdict_line(make_result(name=text)), 80)

    def test_a_summary_has_a_line_for_each_scenario(
        self, all_results: Mapping[str, RunResult], printed: Printed
    ) -> None:
        named = [r.model_copy(update={"name": f"scenario_{n:02}"}) for n, r in enumerate(all_results.values())]
        lines = printed(summary_document(named), 200).splitlines()
        assert [sum(result.name in line for line in lines) for result in named] == [1] * len(named)
