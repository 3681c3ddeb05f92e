"""How a trend and a history look: pictures, sentences, and tables that fit."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from rich.console import Console

from perfcli.errors import Verdict
from perfcli.figures import Better
from perfcli.history.kept_runs import History, KeptRun
from perfcli.history.trend import ChangePoint, Incomparable, MetricTrend, Trend, TrendPoint
from perfcli.report.drawings import Sparkline, sparkline
from perfcli.report.history import history_document
from perfcli.report.trend import trend_document
from perfcli.units import Unit

Printed = Callable[..., str]
OLD, NEW = "1a2b3c4d5e6f" + "0" * 28, "abcdef012345" + "0" * 28
COMMAND = "digipal-perf ab database_load --base 1a2b3c4d5e6f --candidate abcdef012345"


def points(values_ns: Sequence[float]) -> list[TrendPoint]:
    return [
        TrendPoint(
            run=at,
            started_at=f"2026-01-02T03:{at:02}:05Z",
            commit=OLD if at < 10 else NEW,
            measured=value_ns / 2,
            reference_ns=6_000,
            value=value_ns,
        )
        for at, value_ns in enumerate(values_ns)
    ]


def change(**other: Any) -> ChangePoint:
    known: dict[str, Any] = {
        "index": 10,
        "last_before": OLD,
        "first_after": NEW,
        "began_after": "2026-01-02T03:09:05Z",
        "seen_at": "2026-01-02T03:10:05Z",
        "before": 7_000.0,
        "after": 7_910.0,
        "shift": 0.13,
        "gradual": False,
        "is_worse": True,
        "confirm": COMMAND,
    }
    return ChangePoint(**known | other)


def metric(values: Sequence[float], *changes: ChangePoint, **other: Any) -> MetricTrend:
    known: dict[str, Any] = {
        "metric": "load_pet.latency.p50",
        "unit": Unit.DURATION,
        "better": Better.LESS,
        "at_one_pace": True,
        "points": points(values),
        "missing": 0,
        "changes": list(changes),
    }
    return MetricTrend(**known | other)


def trend(*metrics: MetricTrend, **other: Any) -> Trend:
    known: dict[str, Any] = {"scenario": "database_load", "runs": 20, "left_out": {}, "pace_ns": 12_000.0}
    return Trend(**known | {"metrics": list(metrics)} | other)


STEPPED = [7_000.0] * 10 + [7_910.0] * 10


def test_an_exact_counter_needs_no_number_of_runs_and_names_what_it_is_not_compared_with(
    printed: Printed,
) -> None:
    known: dict[str, Any] = {"metric": "load_pet.python.calls_per_op", "unit": Unit.NUMBER, "at_one_pace": False}
    reason = "Python is CPython 3.12.1, was CPython 3.11.7"
    newer = metric([46.0, 46.0, 39.0], **known, exact=True, incomparable=[Incomparable(index=2, reason=reason)])
    text = " ".join(printed(trend_document(trend(newer, runs=3))).split())
    assert "too few runs" not in text
    assert "exact: no change of more than 2%" in text
    assert f"not compared: commit 1a2b3c4 (2026-01-02 03:02): {reason}" in text


class TestChanges:
    """Where, by how much, between which commits, and what confirms it."""

    def test_a_narrow_terminal_cuts_no_figure(self, printed: Printed) -> None:
        for shown in (trend(metric(STEPPED)), trend(metric(STEPPED), metric(STEPPED, metric="latency.p50"))):
            rows = printed(trend_document(shown), 44).splitlines()[-20:]
            assert [row.split()[:2] for row in rows] == [["2026-01-02", f"03:{at:02}"] for at in range(20)]
            assert {row.split()[-1] for row in rows} == {"µs"}

    @pytest.mark.parametrize("width", [80, 200])
    def test_a_change_point_in_words(self, width: int, printed: Printed) -> None:
        said = printed(trend_document(trend(metric(STEPPED, change()))), width)
        assert max(map(len, said.splitlines())) <= width
        assert (
            "^ WORSE: +13% (7.00 µs to 7.91 µs), between commit 1a2b3c4 (2026-01-02 03:09) and commit abcdef0 "
            "(2026-01-02 03:10)"
        ) in " ".join(said.split())
        # on a line of its own, to be copied
        assert COMMAND in map(str.strip, said.splitlines())

    def test_a_metric_without_a_better_direction_has_changed(self, printed: Printed) -> None:
        told = printed(trend_document(trend(metric(STEPPED, change(is_worse=False), better=Better.NEITHER))), 160)
        assert "^ changed: +13% " in " ".join(told.split())

    @pytest.mark.parametrize(
        ("changed", "words"),
        [
            (change(is_worse=False, shift=-0.13), "better: -13% "),
            (change(shift=None, before=0.0), "WORSE: 0 ns to 7.91 µs, between"),
            (change(gradual=True), "a drift, between commit 1a2b3c4"),
            (change(last_before="", confirm=""), "between an unknown engine (2026-01-02 03:09) and commit abcdef0"),
            (
                change(last_before="", confirm=""),
                "no command can confirm it: a run had uncommitted changes, or no git commit",
            ),
            (change(first_after=OLD, confirm=""), "same commit, different sources"),
            (
                change(version_before="0f3a", version_after="0f3a", confirm=""),
                "same sources on both sides: the engine",
            ),
            (change(version_before="0f3a"), "between sources 0f3a, commit 1a2b3c4 (2026"),
        ],
    )
    def test_other_changes(self, changed: ChangePoint, words: str, printed: Printed) -> None:
        assert words in " ".join(printed(trend_document(trend(metric(STEPPED, changed))), 160).split())

    def test_a_long_command_is_broken_as_a_shell_takes_it(self, printed: Printed) -> None:
        command = f"digipal-perf ab {'deep/' * 9}my.yaml --base 1a2b3c4d5e6f --candidate abcdef012345"
        said = printed(trend_document(trend(metric(STEPPED, change(confirm=command)))), 80)
        assert "my.yaml \\\n      --base 1a2b3c4d5e6f \\\n      --candidate abcdef012345\n" in said

    def test_no_change_is_said(self, printed: Printed) -> None:
        assert "no change" in printed(trend_document(trend(metric([7_000.0] * 20))))

    def test_too_few_runs_are_said(self, printed: Printed) -> None:
        said = printed(trend_document(trend(metric([7_000.0] * 5))))
        assert "too few runs to find a change: 8 needed, 5 have this metric" in said
        assert "no change" not in said


class TestHeadline:
    """What is in the series and what is not."""

    def test_what_was_left_out_is_counted(self, printed: Printed) -> None:
        left_out = {"another machine": 2, "interrupted": 1}
        said = printed(trend_document(trend(metric(STEPPED), runs=23, left_out=left_out)))
        assert said.startswith("database_load  20 runs; no metric changed\n")
        assert "3 of 23 saved runs skipped: another machine (2), interrupted (1)" in said

    def test_the_span_is_no_change_from_one_to_the_other(self, printed: Printed) -> None:
        said = printed(trend_document(trend(metric(STEPPED))), 160)
        assert f"min {STEPPED[0] / 1000:.2f} µs, median 7.46 µs, max 7.91 µs" in said

    def test_times_as_they_were_are_marked(self, printed: Printed) -> None:
        said = " ".join(printed(trend_document(trend(metric(STEPPED, at_one_pace=False, missing=2)))).split())
        assert "as measured, not normalised; missing in 2 runs" in said
        assert "reference kernel" not in said

    def test_a_metric_that_nothing_measured(self, printed: Printed) -> None:
        assert "nothing was measured; missing in 20 runs" in printed(trend_document(trend(metric([], missing=20))), 160)

    @pytest.mark.parametrize(
        ("metrics", "answer"),
        [
            ([metric(STEPPED, change())], "WORSE: load_pet.latency.p50"),
            (
                [metric(STEPPED, change(is_worse=False)), metric(STEPPED, change(), metric="[x].latency.p50")],
                "WORSE: [x].latency.p50; better: load_pet.latency.p50",
            ),
            ([metric(STEPPED, change(), change(is_worse=False))], "better: load_pet.latency.p50"),
            ([metric(STEPPED, change(), better=Better.NEITHER)], "changed: load_pet.latency.p50"),
        ],
    )
    def test_the_first_line_answers(self, metrics: list[MetricTrend], answer: str, printed: Printed) -> None:
        first = printed(trend_document(trend(*metrics)), 160).splitlines()[0]
        assert first == f"database_load  20 runs; {answer}"


class TestFigures:
    """The table below."""

    def test_one_metric_with_what_was_measured(self, printed: Printed) -> None:
        rows = printed(trend_document(trend(metric(STEPPED)))).splitlines()
        assert rows[-1].split() == ["2026-01-02", "03:19", "–", "abcdef0", "7.91", "µs", "3.96", "µs", "6.00", "µs"]

    def test_several_metrics_side_by_side(self, printed: Printed) -> None:
        whole = metric(STEPPED, metric="latency.p50")
        partial = metric(STEPPED[:-1], missing=1)
        rows = printed(trend_document(trend(whole, partial))).splitlines()
        header = next(row for row in rows if "commit" in row)
        assert header.split()[-2:] == ["all", "load_pet"]
        assert rows[-1].split()[-3:] == ["7.91", "µs", "–"]

    def test_of_many_runs_the_newest(self, printed: Printed) -> None:
        said = printed(trend_document(trend(metric([7_000.0] * 50))))
        assert "the newest 20 of 50 runs; --json FILE writes them all" in said
        assert "03:30" in said
        assert "03:29 " not in said


class TestSparkline:
    """The picture."""

    def test_heights(self) -> None:
        assert sparkline([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 8, "12345678") == "12345678"

    def test_noise_is_no_mountain(self) -> None:
        assert set(sparkline([100.0, 101.0, 99.0, 100.0], 4, "12345678")) <= {"4", "5"}

    def test_an_outlier_does_not_flatten_a_step(self) -> None:
        first, *_, last = sparkline([100.0] * 10 + [9_999.0] + [130.0] * 10, 21, "12345678")
        assert int(last) - int(first) > 1

    def test_figures_that_are_all_the_same(self) -> None:
        assert sparkline([0.0], 1, "12345678") == sparkline([5.0], 1, "12345678")

    def test_more_figures_than_room_share_cells(self, printed: Printed) -> None:
        line, marks = printed(Sparkline([1.0] * 200 + [9.0] * 200, [200]), 45).splitlines()
        assert line == " " * 4 + "_" * 20 + "#" * 20
        assert marks == " " * 24 + "^"

    def test_blocks_on_a_terminal(self) -> None:
        stream = io.StringIO()
        Console(file=stream, width=40, color_system="standard", force_terminal=True).print(Sparkline([1.0, 9.0]))
        assert stream.getvalue() == "    ▁█\n"


class TestHistory:
    """The table of kept runs."""

    RUN = KeptRun(
        started_at="2026-01-02T03:04:05Z",
        scenario="[b]odd",
        engine_version="0f3a5c7e9b1d",
        commit=NEW,
        verdict=Verdict.FAIL,
        iterations_per_s=3_846.2,
        operations=500,
        p50_ns=7_420.0,
        p99_ns=51_300.0,
        memory_growth_bytes=1_200_000,
    )

    def test_a_line_for_each_run(self, printed: Printed) -> None:
        said = printed(history_document(History(runs=[self.RUN], older=3), "kept"), 160)
        assert " ".join(said.splitlines()[2].split()) == (
            # of 500 samples p99 is but a hint
            "2026-01-02 03:04 [b]odd 0f3a5c7e9b1d abcdef0 FAIL 3,846/s 7.42 µs ~51.3 µs +1.20 MB"
        )
        assert "3 older runs not shown" in said

    def test_what_is_not_known_is_no_figure(self, printed: Printed) -> None:
        nothing = dict.fromkeys(("iterations_per_s", "p50_ns", "p99_ns", "memory_growth_bytes"))
        run = self.RUN.model_copy(update={**nothing, "commit": "", "engine_version": ""})
        assert printed(history_document(History(runs=[run]), "kept"), 160).splitlines()[2].split().count("–") == 6

    def test_a_modified_engine_is_called_so(self, printed: Printed) -> None:
        run = self.RUN.model_copy(update={"commit": "", "engine_modified": True})
        assert "0f3a5c7e9b1d  modified  FAIL" in printed(history_document(History(runs=[run]), "kept"), 160)

    def test_it_fits_a_narrow_terminal(self, printed: Printed) -> None:
        assert all(
            len(line) <= 80 for line in printed(history_document(History(runs=[self.RUN]), "kept"), 80).splitlines()
        )

    def test_none_says_how_to_have_some(self, printed: Printed) -> None:
        said = " ".join(printed(history_document(History(runs=[]), "a/store")).split())
        assert said == "No runs are saved in a/store yet. To save some: digipal-perf run SCENARIO --save"
