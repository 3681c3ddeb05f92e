"""One document on a console and in Markdown."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text

from perfcli.report.blocks import (
    BAD,
    SPARK,
    Block,
    Chart,
    Code,
    Column,
    Facts,
    Line,
    Notes,
    Section,
    Table,
    Verdict,
)
from perfcli.report.console import to_console
from perfcli.report.markdown import to_markdown
from perfcli.report.wording import name

Printed = Callable[..., str]
TABLE = Table(
    [Column("operation", "prose"), Column("ok"), Column("skipped"), Column("p95")],
    [[name("load|pet"), Text("1,000"), Text(), Text("~1.0 ms")], [Text("total"), Text("1,000"), Text(), Text("2 ms")]],
    totals=1,
    first_to_go=("ok",),
)


def on_console(printed: Printed, *blocks: Block, width: int = 80) -> list[str]:
    return printed(to_console([Section("it", blocks)]), width).splitlines()


def test_facts_are_aligned_and_hang_from_their_labels(printed: Printed) -> None:
    facts = Facts([("a", Text("one\ntwo")), ("label", Text("three")), ("nothing", Text())])
    assert on_console(printed, facts) == ["  a      one", "         two", "  label  three"]
    assert to_markdown([Section("it", [facts])]) == "* a: one<br>two\n* label: three"


def test_a_table_leaves_out_what_is_empty_or_does_not_fit(printed: Printed) -> None:
    wide, narrow = on_console(printed, TABLE), on_console(printed, TABLE, width=20)
    assert wide[0].split() == ["operation", "ok", "p95"]
    assert narrow[0].split() == ["operation", "p95"]
    assert [line.split()[0] for line in wide[2:]] == ["load|pet", "-" * 25, "total"]
    assert to_markdown([Section("it", [TABLE])]).splitlines() == [
        "| operation | ok | p95 |",
        "| --- | ---: | ---: |",
        "| <code>load&#124;pet</code> | 1,000 | &#126;1.0 ms |",
        "| total | 1,000 | 2 ms |",
    ]


def test_a_verdict_has_its_reasons_below(printed: Printed) -> None:
    verdict = Verdict(Text("FAIL", f"bold {BAD}"), name("pets"), Text("1 of 2 failed"), [name("p95 < 1ms: 2 ms")])
    assert on_console(printed, verdict) == ["FAIL  pets  1 of 2 failed", "  - p95 < 1ms: 2 ms"]
    assert to_markdown([Section("it", [verdict])]).split("\n\n") == [
        "### FAIL: `pets`",
        "1 of 2 failed",
        "- `p95 < 1ms: 2 ms`",
    ]


def test_remarks_paragraphs_and_output(printed: Printed) -> None:
    blocks = Notes([Text("one")]), Line(Text("text"), Text("lead")), Code("  a ```\nb")
    assert on_console(printed, *blocks) == ["  - one", "lead  text", "      a ```", "    b"]
    assert to_markdown([Section("it", blocks)]) == "- one\n\nlead text\n\n````text\n  a ```\nb\n````"


def test_only_a_console_without_colour_draws_sparklines_in_ascii(printed: Printed) -> None:
    spark = Table([Column("distribution", "word")], [[Text("▁█", SPARK)], [name("▁█")]])
    assert [line.strip() for line in on_console(printed, spark)[2:]] == ["_#", "▁█"]
    assert "| ▁█ |" in to_markdown([Section("it", [spark])])


def test_a_chart_is_html_alone(printed: Printed) -> None:
    chart = Chart("latency", dict)
    assert on_console(printed, chart) == []
    assert to_markdown([Section("it", [chart])]) == ""


def test_sections_stand_apart_or_are_brief(printed: Printed) -> None:
    document = [
        Section("first", [Line(Text("one"))]),
        Section("empty", []),
        Section("second", [Line(Text("two in full"))], brief=[Line(Text("two"))]),
        Section("third", [Line(Text("three"))], detail=True),
        Section("fourth", [TABLE], brief=()),
    ]
    assert printed(to_console(document[:4])) == "  one\n\n  two in full\n\n  three\n"
    assert printed(to_console(document, brief=True)) == "  one\n  two\n"


def test_a_brief_report_has_no_rules(printed: Printed) -> None:
    assert printed(to_console([Section("it", [TABLE])], brief=True)).splitlines() == [
        "  operation     ok      p95",
        "  load|pet   1,000  ~1.0 ms",
        "  total      1,000     2 ms",
    ]


def test_markdown_folds_details_together() -> None:
    document = [
        Section("first", [Line(Text("one"))]),
        *(Section(title, [Line(Text(title))], detail=True) for title in ("second", "third")),
        Section("last", [Line(Text("four"))]),
    ]
    assert to_markdown(document).split("\n\n") == [
        "one",
        "<details><summary>Second, third</summary>",
        *("**Second**", "second", "**Third**", "third"),
        "</details>",
        "four",
    ]


def test_markdown_leaves_out_the_least_telling_columns() -> None:
    columns = [Column(str(number)) for number in range(12)]
    table = Table(columns, [[Text("x")] * 12], first_to_go=("5", "0", "7", "8"))
    assert to_markdown([Section("it", [table])]).splitlines()[0] == "| 1 | 2 | 3 | 4 | 6 | 8 | 9 | 10 | 11 |"


def test_a_sign_is_explained_once_and_only_if_it_is_shown(printed: Printed) -> None:
    columns = [Column("operation", "prose"), Column("p99"), Column("p99.9")]
    table = Table(
        columns,
        [[Text("load_pet"), Text("2 ms"), Text("~3 ms")]],
        first_to_go=("p99.9",),
        legend=[("~", Text("a hint")), ("x", Text("nothing"))],
    )
    document = [Section("it", [table, table])]
    wide, narrow = (printed(to_console(document), width) for width in (80, 20))
    assert wide.count("  ~  a hint\n") == 1
    assert "a hint" not in narrow
    assert "nothing" not in wide
    assert "**&#126;** a hint" in to_markdown(document)
