"""The time series as CSV: a row for each second and operation, readings beside the load."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfcli.ab.result import AbResult, Change
from perfcli.errors import UsageError
from perfcli.report.data_files import COLUMNS, PAIR_COLUMNS, render_csv
from perfcli.report.wording import without_surrogates
from perfcli.results import MonitorSample, RunResult, SecondOfLoad
from perfcli.testing import Behaviour, simulate

MS = 1_000_000


def rows(*results: RunResult | AbResult) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render_csv(results), newline="")))


def test_a_simulated_run_tells_every_second(make_plan: Any) -> None:
    plan = make_plan(["status"], setup={"pets": 1}, load={"iterations": 25})
    told = rows(simulate(plan, lambda label, call: Behaviour(takes_ns=100 * MS, problem="no" if call == 15 else "")))
    assert list(told[0]) == list(COLUMNS)
    seen = [(row["operation"], row["second"], row["ok"], row["failed"]) for row in told]
    of_seconds = [("0", "10", "0"), ("1", "9", "1"), ("2", "5", "0")]
    assert seen == [("status", *each) for each in of_seconds] + [("all operations", *each) for each in of_seconds]
    # the last second is as long as there was load in it
    assert [row["length_ns"] for row in told[:3]] == ["1000000000", "1000000000", "500000000"]
    latencies = {row[name] for row in told for name in ("mean_ns", "p50_ns", "p99_ns", "max_ns")}
    assert {float(each) for each in latencies} == {100.0 * MS}


def test_readings_stand_beside_all_operations(make_result: Callable[..., RunResult]) -> None:
    def reading(at_ns: int, rss: int) -> MonitorSample:
        return MonitorSample(at_ns=at_ns, rss=rss, cpu=0.5, threads=2, open_files=9)

    seconds = [SecondOfLoad(second=n, ok=1, failed=0) for n in (0, 1, 3)]
    readings = [reading(-5, 1), reading(400 * MS, 2), reading(900 * MS, 3), reading(3_100 * MS, 4)]
    told = rows(make_result(seconds=seconds, seconds_by_operation={"load_pet": seconds}, monitor=readings))
    assert [row["rss_bytes"] for row in told] == ["", "", "", "3", "", "4"]
    assert told[-1]["cpu"] == "0.5"


def test_a_result_of_an_earlier_version_has_its_total(make_result: Callable[..., RunResult]) -> None:
    old = make_result(seconds=[{"second": 0, "ok": 3, "failed": 0, "mean_ns": 5.0, "max_ns": 9}])
    (row,) = rows(old)
    assert (row["operation"], row["mean_ns"], row["p50_ns"]) == ("all operations", "5.0", "")


def test_runs_are_told_apart_by_number(make_result: Callable[..., RunResult]) -> None:
    once = make_result(seconds=[SecondOfLoad(second=0, ok=1, failed=0)])
    assert [row["run"] for row in rows(once, once)] == ["1", "2"]


def test_a_comparison_has_a_row_for_each_pair(make_ab: Callable[..., AbResult]) -> None:
    told = rows(make_ab(Change.REGRESSION))
    assert list(told[0]) == list(PAIR_COLUMNS)
    assert [(row["metric"], row["pair"], row["ln_ratio"]) for row in told] == [
        ("load_pet.p50", "1", "0.1"),
        ("load_pet.p50", "2", "0.2"),
        ("load_pet.p50", "3", "0.3"),
    ]


def test_runs_and_comparisons_do_not_mix(
    make_result: Callable[..., RunResult], make_ab: Callable[..., AbResult]
) -> None:
    with pytest.raises(UsageError, match="cannot share a table"):
        render_csv([make_result(), make_ab()])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.just('a,"b"\r\n;|<c> 👩‍👩‍👧'), st.text(max_size=20)))
def test_names_come_out_as_they_are(make_result: Callable[..., RunResult], text: str) -> None:
    seconds = [SecondOfLoad(second=0, ok=1, failed=0)]
    (row,) = rows(make_result(name=text, seconds_by_operation={text: seconds}))
    assert (row["scenario"], row["operation"]) == (without_surrogates(text), without_surrogates(text))
