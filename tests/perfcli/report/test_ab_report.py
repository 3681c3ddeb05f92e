"""The report of two engines compared: its structure against golden/, words, figures, the picture of the pairs."""

from __future__ import annotations

import io
import math
import random
import re
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from perfcli.ab.result import AbResult, Change, EngineSide, MetricComparison, Pairing
from perfcli.commands.engine_options import AbOptions
from perfcli.errors import UsageError
from perfcli.figures.engine import CALLS, KEPT, PAGES, STATEMENTS
from perfcli.report.ab import ab_document, ab_summary, verdict_line
from perfcli.report.blocks import Section
from perfcli.report.change import PairPicture, amount, interval, percent, sentence, surest_first, worth_a_picture
from perfcli.report.reported import document_of
from perfcli.results import CounterChange, Environment
from perfcli.streams import EMOJI_PARTS
from tests.perfcli.report.structure import matches

Printed = Callable[..., str]

WIDTHS = (80, 160)
HOSTILE = [
    "[bold]loud[/]",
    "[/]",
    "two\nlines\r\n\tand a tab",
    "\x1b[31mred\x1b[0m \x9b2J \x07",
    ":smile: 😀👩‍👩‍👧 日本語",
    "long_" * 60,
    "\udcff lone surrogate",
]
UNITS = {"memory": "bytes", "database": "bytes", "statements": "statements", "errors": "errors"}
BASES = {"time": 15_210.0, "memory": 812.0, "database": 96.5, "statements": 1.8, "errors": 0.0}


def compared(name: str, base: float, differences: Sequence[float], change: Change, **more: Any) -> MetricComparison:
    """A metric whose estimate is the median of its pairs, with an interval from their spread."""
    middle = statistics.median(differences)
    reach = 1.65 * statistics.pstdev(differences) / math.sqrt(len(differences))
    known: dict[str, Any] = {
        "name": name,
        "unit": UNITS.get(name, "ns"),
        "margin": 0.2 if name.endswith("p99") else 0.05,
        "base": base,
        "candidate": base * math.exp(middle),
        "ratio": math.exp(middle),
        "lower": math.exp(middle - reach),
        "upper": math.exp(middle + reach),
        "p_worse": 0.5,
        "p_better": 0.5,
        "change": change,
        "differences": list(differences),
    }
    return MetricComparison(**known | more)


def pairs(shift: float, sd: float, count: int = 15, seed: int = 1) -> list[float]:
    """Differences of pairs, always the same ones."""
    draw = random.Random(f"{seed} {shift} {sd}")
    return [shift + draw.gauss(0, sd) for _ in range(count)]


def metric(name: str, shift: float, sd: float, change: Change = Change.NO_CHANGE, **more: Any) -> MetricComparison:
    """A metric with noisy pairs; without noise, one that is the same in all pairs."""
    count = more.pop("count", 15)
    base = more.pop("base", BASES.get(name, 11_130.0))
    return compared(name, base, [shift] * count if sd == 0 else pairs(shift, sd, count), change, **more)


UNCHANGED = [
    metric("time", 0.002, 0.05),
    metric("load_pet.p50", -0.004, 0.04),
    metric("load_pet.p99", 0.03, 0.16),
    metric("save_pet.p50", 0.001, 0.05),
    metric("memory", 0.01, 0.02),
    metric("database", 0.0, 0.0),
    metric("statements", 0.0, 0.0),
    metric("errors", 0.0, 0.0),
]
SLOWER = [
    metric("time", 0.098, 0.05, Change.REGRESSION),
    metric("load_pet.p50", 0.125, 0.04, Change.REGRESSION),
    metric("load_pet.p99", 0.11, 0.2, Change.INCONCLUSIVE),
    metric("save_pet.p50", -0.09, 0.04, Change.IMPROVEMENT),
    metric("memory", 0.01, 0.02),
    metric("database", 0.0, 0.0),
    metric("statements", math.log(1.5), 0.0, Change.REGRESSION),
    metric("errors", 0.0, 0.0),
]
UNCLEAR = [
    metric("time", 0.04, 0.14, Change.INCONCLUSIVE, count=40),
    metric("load_pet.p50", 0.03, 0.05, count=40),
    metric("load_pet.p99", 0.2, 0.7, Change.INCONCLUSIVE, count=40),
    *UNCHANGED[4:],
]
FAILING = [
    *UNCHANGED[:-1],
    metric("errors", 0.0, 0.0, Change.REGRESSION, candidate=0.0125, ratio=13.5, lower=13.0, upper=14.0),
]
CRASH = "the engine process was killed by signal 11 (SIGSEGV)\n" + "\n".join(
    f"  frame {n} in [native]" for n in range(9)
)

PAIRING = Pairing(pairs=15, slices=12, slice_ns=5_020_000, iterations=330, vus=1, pinned=True, stopped_by="precision")
BASE = EngineSide(name="main", version="1a2b3c4d5e6f7a8b9c", operations=118_800)
CANDIDATE = EngineSide(name="working tree", version="9f8e7d6c5b4a3f2e1d", operations=118_800)
ENVIRONMENT = Environment(tool_version="1.0.0", python="3.11.7", sqlite="3.40.1", system="L", machine="x", cpu_count=2)


def ab(metrics: Sequence[MetricComparison], change: Change, **more: Any) -> AbResult:
    """A comparison of two engines with these metrics."""
    known: dict[str, Any] = {
        "scenario": "database_load",
        "plan": "load_pet 8, save_pet 2; 50 pets set up",
        "seed": 42,
        "started_at": "2026-01-02T03:04:05+00:00",
        "duration_ns": 9_400_000_000,
        "base": BASE,
        "candidate": CANDIDATE,
        "pairing": PAIRING,
        "metrics": list(metrics),
        "change": change,
        "environment": ENVIRONMENT,
    }
    return AbResult(**known | more)


def pairing(**changed: Any) -> Pairing:
    """The usual pairing, but for what is given."""
    return PAIRING.model_copy(update=changed)


COUNTERS = [
    CounterChange(operation="load_pet", metric=CALLS, base=46.4, now=48, change="regression"),
    CounterChange(operation="load_pet", metric=STATEMENTS, base=1, now=2, change="regression"),
    CounterChange(operation="load_pet", metric=PAGES, base=0, now=0, change="no change"),
    CounterChange(operation="save_pet", metric=CALLS, base=49.2, now=49.2, change="no change"),
    CounterChange(operation="", metric=KEPT, base=90, now=None, change="incomparable", reason="no count"),
]
RESULTS = {
    "counted": ab(UNCLEAR, Change.REGRESSION, counters=COUNTERS),
    "no_change": ab(UNCHANGED, Change.NO_CHANGE),
    "regression": ab(SLOWER, Change.REGRESSION),
    "improvement": ab([metric("time", -0.16, 0.04, Change.IMPROVEMENT), *UNCHANGED[4:]], Change.IMPROVEMENT),
    "inconclusive": ab(UNCLEAR, Change.INCONCLUSIVE, pairing=pairing(pairs=40, stopped_by="most pairs", pinned=False)),
    "errors": ab(
        FAILING,
        Change.REGRESSION,
        candidate=CANDIDATE.model_copy(
            update={
                "errors": {"StorageError: no such [table]": 3, "wrong answer": 1480},
                "lost_writes": 2,
                "lost_examples": ["pet of user-7: [gone]"],
            }
        ),
        reasons=["1,483 operations of the candidate failed, none of the base", "the candidate lost 2 writes"],
    ),
    "crashed": ab(
        [],
        Change.REGRESSION,
        candidate=CANDIDATE.model_copy(update={"problem": CRASH, "operations": 0}),
        pairing=pairing(pairs=0, stopped_by="problem"),
        reasons=[f"only the candidate stopped: {CRASH}"],
    ),
    "invalid": ab(
        [],
        Change.INCONCLUSIVE,
        base=BASE.model_copy(update={"problem": "cannot be opened: no package digipal in old/", "operations": 0}),
        pairing=pairing(pairs=0, stopped_by="problem"),
        invalid="the base does not run: cannot be opened: no package digipal in old/",
    ),
    "interrupted": ab(
        UNCHANGED[:3],
        Change.INCONCLUSIVE,
        pairing=pairing(pairs=7, stopped_by="interrupt"),
        interrupted="interrupted by Ctrl-C",
    ),
}


@pytest.fixture(params=RESULTS)
def any_comparison(request: pytest.FixtureRequest) -> AbResult:
    """Each of the ways a comparison can end."""
    return RESULTS[request.param]


def answer(text: str) -> str:
    """The first paragraph on one line."""
    return " ".join(text.partition("\n\n")[0].split())


def one_line(result: AbResult) -> list[Section]:
    """What `ab --quiet` prints."""
    return [Section("verdict", [verdict_line(result)])]


def figures_of(row: str) -> list[str]:
    """The cells of a row."""
    return re.split(r" {2,}", row.strip())


class TestWholeReports:
    """Every ending: UPDATE_GOLDEN=1 writes the files anew."""

    @pytest.mark.parametrize("ending", RESULTS)
    def test_report(self, ending: str) -> None:
        matches(f"ab-{ending}", ab_document(RESULTS[ending], strict=False))

    @pytest.mark.parametrize("width", [60, 80, 200])
    def test_a_brief_report_leads_with_the_verdict_and_is_short(
        self, any_comparison: AbResult, width: int, printed: Printed
    ) -> None:
        brief = printed(ab_document(any_comparison, strict=False), width, brief=True)
        first = answer(printed(one_line(any_comparison), width)).split()[0]
        assert brief.split()[0] == first
        assert "\n\n" not in brief
        assert len(brief.splitlines()) <= 24

    def test_no_change_takes_eight_lines(self, printed: Printed) -> None:
        assert len(printed(ab_document(RESULTS["no_change"]), 80, brief=True).splitlines()) == 8

    def test_in_brief_what_is_unchanged_shares_a_line(self, printed: Printed) -> None:
        text = printed(ab_document(RESULTS["regression"]), 80, brief=True)
        assert "  unchanged  memory +0.8% · same: database, errors\n" in text

    @pytest.mark.slow
    @pytest.mark.parametrize("width", [24, 40, 80, 120, 200])
    def test_no_line_is_wider_than_the_console(self, any_comparison: AbResult, width: int, printed: Printed) -> None:
        lines = printed(ab_document(any_comparison, strict=True), width).splitlines()
        assert max(map(cell_len, lines)) <= width

    @pytest.mark.slow
    @pytest.mark.parametrize("width", WIDTHS)
    def test_no_line_ends_in_blanks(self, any_comparison: AbResult, width: int, printed: Printed) -> None:
        lines = printed(ab_document(any_comparison, strict=True), width).splitlines()
        assert [line for line in lines if line != line.rstrip()] == []

    def test_plain_reports_are_ascii_but_for_units(self, any_comparison: AbResult, printed: Printed) -> None:
        text = printed(ab_document(any_comparison, strict=False), 160)
        assert {char for char in text if not char.isascii()} <= {"µ", "–", "·"}

    @pytest.mark.slow
    @pytest.mark.parametrize("ratio", [math.nan, math.inf, 0.0])
    @pytest.mark.parametrize("lower", [None, 0.5])
    def test_neither_infinity_nor_nan_is_printed(self, ratio: float, lower: float | None, printed: Printed) -> None:
        for change in Change:
            unknown = metric("time", 0.1, 0.05, change, ratio=ratio, lower=lower, upper=None, base=math.nan)
            text = printed(ab_document(ab([unknown], change), strict=False), 160)
            assert re.findall(r"\b(inf|nan)\b", text) == []

    @pytest.mark.slow
    @pytest.mark.parametrize("text", HOSTILE)
    def test_text_from_outside_is_shown_and_never_obeyed(self, text: str, printed: Printed) -> None:
        side = EngineSide(
            name=text,
            version=text,
            operations=9,
            errors={text: 1},
            lost_writes=1,
            lost_examples=[text],
            problem=f"{text}\n{text}",
        )
        metrics = [metric(text, 0.1, 0.05, Change.REGRESSION), *UNCHANGED]
        result = ab(metrics, Change.REGRESSION, scenario=text, plan=text, base=side, candidate=side, reasons=[text] * 2)
        for shown in (
            result,
            result.model_copy(update={"invalid": text}),
            result.model_copy(update={"interrupted": text}),
        ):
            for width in (40, 80, 160):
                whole = printed(ab_document(shown, strict=True), width)
                whole += printed(one_line(shown), width)
                assert max(map(cell_len, whole.splitlines())) <= width
                assert all(char == "\n" or char.isprintable() or char in EMOJI_PARTS for char in whole)

    @pytest.mark.parametrize("text", ["[bold]loud[/]", "[/]", ":smile:", "[link=x]y[/link]"])
    def test_markup_is_shown_as_written(self, text: str, printed: Printed) -> None:
        result = ab([metric(text, 0.1, 0.05, Change.REGRESSION)], Change.REGRESSION, scenario=text)
        lines = printed(ab_document(result, strict=False), 160).splitlines()
        assert lines[0].startswith(f"REGRESSION  {text}  {text} is ")
        assert any(line.startswith(f"  {text}  ") for line in lines)


class TestVerbose:
    """`ab --verbose` and `report --verbose`."""

    def test_only_a_whole_report_has_every_metric_the_pairs_and_the_plan(self, printed: Printed) -> None:
        document = document_of(RESULTS["regression"])
        whole, brief = (printed(document, 160, brief=brief) for brief in (False, True))
        for detail in ("  no change     memory ", "# the estimate", "load_pet 8, save_pet 2; 50 pets set up"):
            assert detail in whole
            assert detail not in brief

    def test_it_is_one_of_verbose_and_quiet(self) -> None:
        with pytest.raises(UsageError, match="drop one of them"):
            AbOptions(base="main", quiet=True, verbose=True)


class TestSeveral:
    """The lines below several comparisons."""

    def test_the_most_severe_comes_first_and_all_are_counted(self, printed: Printed) -> None:
        results = [RESULTS["no_change"], RESULTS["improvement"], RESULTS["regression"], RESULTS["invalid"]]
        lines = printed(ab_summary(results, of=5), 300).splitlines()
        assert [line.split()[0] for line in lines[:4]] == ["REGRESSION", "INVALID", "improvement", "no"]
        assert re.match(r"  4 scenarios in .*: 1 REGRESSION, 1 INVALID, 1 improvement, 1 no change$", lines[-2])
        assert lines[-1] == "  not compared: 1 of 5 scenarios"

    def test_a_scenarios_part_of_alpha_is_printed(self, printed: Printed) -> None:
        shared = RESULTS["no_change"].model_copy(update={"alpha": 0.01 / 11})
        assert "0.00091: this scenario's share of 0.01" in printed(ab_document(shared, strict=False), 160)


class TestVerdict:
    """The last paragraph: what became of the candidate, by how much, how sure."""

    def test_a_regression_names_the_surest_metric_first(self, printed: Printed) -> None:
        text = answer(printed(ab_document(RESULTS["regression"], strict=False)))
        expected = r"REGRESSION database_load statements is 50\.0% higher \(in every pair\), and 2 more metrics"
        assert re.match(expected, text)

    def test_exact_counters_come_first_and_pairs_say_what_they_think(self, printed: Printed) -> None:
        assert answer(printed(one_line(RESULTS["counted"]))) == (
            "REGRESSION database_load load_pet.statements_per_op +100% and 1 more exact counter; "
            "pairs alone: inconclusive; 15 pairs"
        )

    def test_where_counters_did_not_change_the_verdict_rests_on_pairs(self, printed: Printed) -> None:
        unchanged = RESULTS["regression"].model_copy(update={"counters": COUNTERS[2:4]})
        assert answer(printed(one_line(unchanged))).endswith("; exact counters unchanged; 15 pairs")

    def test_why_nothing_was_counted_is_said_once(self, printed: Printed) -> None:
        behind = RESULTS["no_change"].model_copy(update={"not_counted": "the engine is behind an MCP server"})
        text = " ".join(printed(ab_document(behind)).split())
        assert text.count("no exact counters: the engine is behind an MCP server") == 1

    def test_the_largest_percentage_is_not_the_surest(self) -> None:
        worse = Change.REGRESSION
        steady = metric("load_pet.p50", 0.1, 0.01, worse)
        wild = metric("save_pet.p99", 0.9, 0.9, worse)
        counted = metric("statements", math.log(1.2), 0, worse)
        assert [each.name for each in surest_first([wild, steady, counted])] == [
            "statements", "load_pet.p50", "save_pet.p99"
        ]  # fmt: skip

    def test_of_what_is_inconclusive_the_likeliest_change(self) -> None:
        unsure = Change.INCONCLUSIVE
        steady, wild = metric("a.p50", 0.2, 0.01, unsure), metric("b.p99", 0.5, 0.9, unsure)
        assert [each.name for each in surest_first([wild, steady])] == ["a.p50", "b.p99"]

    def test_of_improvements_the_same(self) -> None:
        better = Change.IMPROVEMENT
        steady, wild = metric("a.p50", -0.1, 0.01, better), metric("b.p99", -0.9, 0.9, better)
        assert [each.name for each in surest_first([wild, steady])] == ["a.p50", "b.p99"]

    def test_many_metrics_are_counted(self, printed: Printed) -> None:
        metrics = [metric(f"step_{n}.p50", 0.1, 0.02, Change.REGRESSION) for n in range(7)]
        assert ", and 6 more metrics; 15 pairs" in answer(printed(one_line(ab(metrics, Change.REGRESSION))))

    def test_no_change_tells_how_sure_that_is_of_the_time(self, printed: Printed) -> None:
        line = printed(one_line(RESULTS["no_change"]), 160)
        assert re.fullmatch(r"no change  database_load  time [-+][\d.]+% \(.* to .*%\); 15 pairs\n", line)

    def test_without_a_time_no_change_is_said_of_all(self, printed: Printed) -> None:
        line = printed(one_line(ab([], Change.NO_CHANGE)), 160)
        assert line == "no change  database_load  no metric changed by more than its margin; 15 pairs\n"

    def test_errors_alone_are_told_by_their_reasons(self, printed: Printed) -> None:
        result = ab(UNCHANGED, Change.REGRESSION, reasons=["the candidate lost 2 writes"])
        text = printed(ab_document(result, strict=False))
        assert answer(text) == "REGRESSION database_load the candidate lost 2 writes"

    @pytest.mark.parametrize(
        ("strict", "said"),
        [(True, "fails because of --strict"), (False, "with --strict it fails"), (None, "less noise")],
    )
    def test_inconclusive_says_what_would_help_and_what_strict_does(
        self, strict: bool | None, said: str, printed: Printed
    ) -> None:
        text = " ".join(printed(ab_document(RESULTS["inconclusive"], strict=strict)).split())
        assert "INCONCLUSIVE database_load load_pet.p99 may be up to " in text
        assert all(words in text for words in ("--max-pairs", "stop other programs", "`digipal-perf selftest`", said))

    @pytest.mark.parametrize(
        ("stopped_by", "said"), [("time", {"--max-time"}), ("most pairs", {"--max-pairs"}), ("precision", set())]
    )
    def test_what_would_help_follows_from_why_it_stopped(
        self, stopped_by: str, said: set[str], printed: Printed
    ) -> None:
        result = ab(UNCLEAR, Change.INCONCLUSIVE, pairing=pairing(stopped_by=stopped_by))
        text = printed(ab_document(result, strict=False))
        assert set(re.findall(r"--max-\w+", text)) == said

    @pytest.mark.parametrize(
        ("ending", "begins"),
        [
            ("interrupted", "INTERRUPTED database_load partial report: interrupted by Ctrl-C after 7 pairs"),
            ("invalid", "INVALID database_load cannot be compared: the base does not run: "),
            ("crashed", "REGRESSION database_load only the candidate stopped: the engine process was killed"),
            ("improvement", "improvement database_load time is "),
        ],
    )
    def test_other_endings(self, ending: str, begins: str, printed: Printed) -> None:
        assert answer(printed(ab_document(RESULTS[ending], strict=False))).startswith(begins)
        assert answer(printed(one_line(RESULTS[ending]))).startswith(begins)


class TestHead:
    """What was compared, and how."""

    def test_an_engine_that_kept_its_cpu_to_itself_or_not(self, printed: Printed) -> None:
        texts = {
            pinned: printed(ab_document(ab(UNCHANGED, Change.NO_CHANGE, pairing=pairing(pinned=pinned)), strict=False))
            for pinned in (True, False)
        }
        assert {pinned: "not pinned" in text for pinned, text in texts.items()} == {True: False, False: True}

    @pytest.mark.parametrize(("version", "said"), [(BASE.version, True), ("other", False), ("", False)])
    def test_an_engine_compared_with_itself_is_told(self, version: str, said: bool, printed: Printed) -> None:
        result = ab(UNCHANGED, Change.NO_CHANGE, candidate=CANDIDATE.model_copy(update={"version": version}))
        assert ("both engines have the same sources" in printed(ab_document(result, strict=False), 160)) == said


class TestTable:
    """One row for each metric."""

    def test_the_gravest_stand_first(self, printed: Printed) -> None:
        lines = printed(ab_document(RESULTS["regression"], strict=False), 160).splitlines()
        words = [each[1] for line in lines if (each := re.match(r"  (REG\w+|INC\w+|improvement|no change)  ", line))]
        assert words == ["REGRESSION"] * 3 + ["INCONCLUSIVE", "improvement"] + ["no change"] * 3

    def test_a_row_in_full(self, printed: Printed) -> None:
        exact = metric("load_pet.p50", 0.0, 0.05, Change.REGRESSION, base=7_420.0, candidate=8_333.0)
        exact = exact.model_copy(update={"ratio": 1.123, "lower": 1.101, "upper": 1.14})
        text = printed(ab_document(ab([exact], Change.REGRESSION), strict=False), 160)
        row = next(line for line in text.splitlines() if line.startswith("  REGRESSION"))
        assert figures_of(row) == [
            "REGRESSION",
            "load_pet.p50",
            "7.42 µs",
            "8.33 µs",
            "+12.3%",
            "+10.1 to +14.0%",
            "5%",
        ]

    def test_what_did_not_vary_reads_same(self, printed: Printed) -> None:
        text = printed(ab_document(RESULTS["no_change"], strict=False), 160)
        row = next(line for line in text.splitlines() if "  statements  " in line)
        assert figures_of(row) == ["no change", "statements", "1.8", "1.8", "same", "5%"]

    def test_change_and_interval_outlive_the_other_figures(self, printed: Printed) -> None:
        lines = printed(ab_document(RESULTS["regression"], strict=False), 62).splitlines()
        titles = next(line for line in lines if line.strip().startswith("metric"))
        assert titles.split() == ["metric", "change", "interval"]


class TestWords:
    """Percentages, intervals and sentences."""

    @pytest.mark.parametrize(
        ("ratio", "written"),
        [
            (1.123, "+12.3%"),
            (0.9, "-10.0%"),
            (1.0001, "0.0%"),
            (0.9999, "0.0%"),
            (10.9, "+990%"),
            (31.4, "31.4x"),
            (0.0, "-100.0%"),
            (math.inf, "from 0"),
            (math.nan, "–"),
        ],
    )
    def test_percent(self, ratio: float, written: str) -> None:
        assert percent(ratio) == written

    @pytest.mark.parametrize(
        ("lower", "upper", "written"),
        [
            (1.101, 1.14, "+10.1 to +14.0%"),
            (0.98, 20.0, "-2.0% to 20x"),
            (None, 1.14, "under +14.0%"),
            (1.101, None, "over +10.1%"),
            (None, None, "–"),
            (1.5, 1.5, "in every pair"),
        ],
    )
    def test_interval(self, lower: float | None, upper: float | None, written: str) -> None:
        assert interval(metric("time", 0.1, 0.05, lower=lower, upper=upper)) == written

    def test_what_the_base_has_none_of_has_no_percentage(self) -> None:
        failing = metric("errors", 2.6, 0.1, Change.REGRESSION, candidate=0.0125)
        assert (amount(failing), interval(failing)) == ("from 0", "–")
        assert sentence(failing) == "errors is 1.25%, in the base 0%"

    @pytest.mark.parametrize(
        ("name", "change", "ratio", "upper", "said"),
        [
            ("time", Change.REGRESSION, 1.123, 1.2, "time is 12.3% slower (+5.0 to +20.0%)"),
            ("time", Change.IMPROVEMENT, 0.8, 1.2, "time is 20.0% faster (+5.0 to +20.0%)"),
            ("memory", Change.REGRESSION, 1.5, 1.6, "memory is 50.0% higher (+5.0 to +60.0%)"),
            ("memory", Change.IMPROVEMENT, 0.5, 1.6, "memory is 50.0% lower (+5.0 to +60.0%)"),
            ("time", Change.REGRESSION, 20.0, 30.0, "time is 2.00 µs, in the base 100 ns (+5.0% to 30x)"),
            ("time", Change.NO_CHANGE, 1.01, 1.06, "time +1.0% (+5.0 to +6.0%)"),
            ("time", Change.INCONCLUSIVE, 1.01, 1.2, "time may be up to 20.0% slower (+5.0 to +20.0%)"),
            ("memory", Change.INCONCLUSIVE, 1.01, 30.0, "memory may be 30x as high (+5.0% to 30x)"),
            (
                "time",
                Change.INCONCLUSIVE,
                1.01,
                None,
                "time may have changed: too few pairs to bound it (over +5.0%)",
            ),
        ],
    )
    def test_sentence(self, name: str, change: Change, ratio: float, upper: float | None, said: str) -> None:
        judged = metric(name, 0.1, 0.05, change, ratio=ratio, lower=1.05, upper=upper, base=100.0, candidate=2_000.0)
        assert sentence(judged) == said


class TestPicture:
    """The pairs on an axis."""

    @staticmethod
    def drawn(*metrics: MetricComparison, width: int = 80, color: bool = False) -> list[str]:
        stream = io.StringIO()
        console = Console(file=stream, width=width, color_system="standard" if color else None, force_terminal=color)
        console.print(PairPicture(metrics))
        return re.sub(r"\x1b\[[\d;]*m", "", stream.getvalue()).splitlines()

    def test_signs_stand_in_their_order(self) -> None:
        judged = compared("time", 1.0, [0.2, 0.2, 0.2, 0.02], Change.REGRESSION, ratio=1.12, lower=1.1, upper=1.15)
        line = self.drawn(judged)[0]
        assert re.fullmatch(r"  time +: +\| +o +: +\[-+#-+\] +8", line)

    def test_a_tick_stands_below_what_it_measures(self) -> None:
        judged = compared("time", 1.0, [0.1, 0.12, 0.08], Change.REGRESSION, ratio=1.1, lower=1.09, upper=1.11)
        line, scale, *_ = self.drawn(judged, width=160)
        assert scale.index("0") == line.index("|")
        assert scale.index("+10%") + 2 == line.index("#")

    def test_a_terminal_has_lines_and_dots(self) -> None:
        text = "\n".join(self.drawn(*SLOWER, color=True))
        assert set("·•◆─├┤│┊") <= set(text)
        assert not set("[]#@") & set(text)

    def test_every_pair_is_counted_where_they_crowd(self) -> None:
        crowd = [*[0.3] * 4, *[-0.3] * 2, 0.6]
        line = self.drawn(compared("time", 1.0, crowd, Change.NO_CHANGE, ratio=1.0, lower=0.99, upper=1.01))[0]
        assert [char for char in line if char in "o8@<>"] == ["8", "@", "o"]

    def test_pairs_beyond_the_axis_are_pointed_at(self) -> None:
        outlying = [*pairs(0.0, 0.02, 18), 3.0, -3.0]
        line = self.drawn(compared("time", 1.0, outlying, Change.NO_CHANGE))[0]
        assert line.startswith("  time  <")
        assert line.endswith(">")

    def test_without_bounds_the_bar_runs_to_both_ends(self) -> None:
        line = self.drawn(compared("time", 1.0, [0.1, -0.1], Change.INCONCLUSIVE, lower=None, upper=None))[0]
        assert line.startswith("  time  -")
        assert line.endswith("-")
        assert not set("[]") & set(line)

    def test_metrics_of_one_margin_share_an_axis(self) -> None:
        picture = self.drawn(*SLOWER)
        assert [line.split()[0] for line in picture[:4]] == ["time", "load_pet.p50", "save_pet.p50", "-10%"]
        assert picture[4].split()[0] == "load_pet.p99"

    def test_it_shows_the_time_and_what_changed_and_varied_six_at_most(self) -> None:
        many = [metric(f"step_{n}.p50", 0.1, 0.02, Change.REGRESSION) for n in range(9)]
        assert [each.name for each in worth_a_picture([*many, *UNCHANGED])][:2] == ["time", "step_0.p50"]
        assert len(worth_a_picture([*many, *UNCHANGED])) == 6
        assert [each.name for each in worth_a_picture(SLOWER)] == [
            "time",
            "load_pet.p50",
            "load_pet.p99",
            "save_pet.p50",
        ]

    def test_infinite_differences_are_left_out(self) -> None:
        wild = compared("time", 1.0, [0.1, 0.2], Change.REGRESSION).model_copy(
            update={"differences": [0.1, math.inf, -math.inf, math.nan, 0.2]}
        )
        assert self.drawn(wild)[0].count("o") == 2

    @pytest.mark.parametrize("width", [20, 34])
    def test_where_it_is_too_narrow_there_is_no_picture(self, width: int) -> None:
        assert self.drawn(*SLOWER, width=width) == []
