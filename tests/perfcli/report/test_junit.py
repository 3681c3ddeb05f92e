"""JUnit XML: valid against the two common schemas, and red exactly where the exit code is."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfcli.ab.result import AbResult, Change
from perfcli.errors import Verdict
from perfcli.report.junit import render_junit
from perfcli.report.wording import one_line
from perfcli.results import BaselineComparison, CounterChange, Integrity, OperationChange, RunResult

HOSTILE = "a<b> & \"c\" | 'd'\n\tpipe \x00\x1b[31m 👩‍👩‍👧 ]]> 日本"
COUNT, TIME, TEXT = r"\d+", r"\d+\.\d+", r".*"
SUITE = {
    "name": r".+",
    "package": r".+",
    "id": COUNT,
    "hostname": r".+",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d",
    **dict.fromkeys(("tests", "failures", "errors", "skipped"), COUNT),
    "time": TIME,
}
SCHEMA: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "testsuites": ({}, ("testsuite",)),
    "testsuite": (SUITE, ("properties", "testcase", "system-out", "system-err")),
    "properties": ({}, ("property",)),
    "property": ({"name": r".+", "value": TEXT}, ()),
    "testcase": ({"name": r".+", "classname": r".+", "time": TIME}, ("skipped", "error", "failure")),
    "skipped": ({"message": TEXT}, ()),
    "error": ({"message": TEXT, "type": r".+"}, ()),
    "failure": ({"message": TEXT, "type": r".+"}, ()),
    "system-out": ({}, ()),
    "system-err": ({}, ()),
}
"""What Jenkins' and Ant's schemas both allow: of each element its attributes, all required by one or the other, and
its children in their order."""


def check(element: Element) -> None:
    """Hold an element, and all in it, to the schemas."""
    attributes, children = SCHEMA[element.tag]
    assert set(element.attrib) == set(attributes), element.tag
    for name, pattern in attributes.items():
        assert re.fullmatch(pattern, element.attrib[name]), (element.tag, name, element.attrib[name])
    places = [children.index(child.tag) for child in element]
    assert places == sorted(places), f"the children of {element.tag} are out of order"
    if element.tag == "testcase":
        assert len(element) <= 1
    if element.tag == "testsuite":
        assert [child.tag for child in element][-2:] == ["system-out", "system-err"]
        for count, tag in (("tests", "."), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.attrib[count]) == len(element.findall(f"testcase/{tag}"))
    for child in element:
        check(child)


def suite_of(*results: RunResult | AbResult) -> Element:
    """The suite of the first result, in a document that is valid."""
    document = fromstring(render_junit(results))
    check(document)
    assert len(document) == len(results)
    return document[0]


def red(suite: Element) -> list[str]:
    return [case.attrib["name"] for case in suite if case.tag == "testcase" and case[:1] and case[0].tag != "skipped"]


@pytest.mark.slow
def test_every_ending_is_valid_and_red_where_the_exit_code_is(any_reported: RunResult | AbResult) -> None:
    suite = suite_of(any_reported)
    is_ab = isinstance(any_reported, AbResult)
    code = any_reported.exit_code(strict=False) if is_ab else any_reported.exit_code
    assert bool(red(suite)) == bool(code)
    assert suite.findtext("system-out", "").strip()


def test_a_case_for_the_run_and_one_for_each_threshold(all_results: dict[str, RunResult]) -> None:
    suite = suite_of(all_results["passed"])
    assert [case.attrib["name"] for case in suite.iter("testcase")][:2] == ["run", "load_pet.latency.mean < 100ms"]
    assert {case.attrib["classname"] for case in suite.iter("testcase")} == {"digipal-perf.database_load"}
    assert len(suite_of(all_results["no_thresholds"]).findall("testcase")) == 1


def test_a_failure_tells_observed_and_limit(all_results: dict[str, RunResult]) -> None:
    failures = {case.attrib["name"]: case[0] for case in suite_of(all_results["failed"]).iter("testcase") if len(case)}
    failure = failures["load_pet.latency.mean < 100ms"]
    assert failure.attrib == {"type": "threshold", "message": "observed 112 ms, limit < 100 ms"}
    assert "observed: 112 ms\nlimit: < 100 ms\nmargin: -12%" in (failure.text or "")


def test_what_has_no_samples_says_so(all_results: dict[str, RunResult]) -> None:
    (failure,) = suite_of(all_results["no_samples"]).iter("failure")
    assert failure.attrib["message"] == "observed no samples, limit < 50.0 ms"


def test_a_soft_threshold_is_skipped_when_missed(all_results: dict[str, RunResult]) -> None:
    (skipped,) = suite_of(all_results["phases"]).iter("skipped")
    assert skipped.attrib["message"].startswith("missed, not counted: observed 11.1 µs")


@pytest.mark.parametrize("verdict", [Verdict.INVALID, Verdict.ERROR, Verdict.INTERRUPTED])
def test_a_run_that_says_nothing_is_an_error(verdict: Verdict, make_result: Callable[..., RunResult]) -> None:
    suite = suite_of(make_result(verdict=verdict, reasons=["why", "and why"], details="Traceback"))
    error = suite.find("testcase[@name='run']/error")
    assert error is not None
    assert (error.attrib, error.text) == ({"message": "why; and why", "type": verdict.value}, "why\nand why\nTraceback")


@pytest.mark.parametrize(
    "known", [{"integrity": Integrity(acknowledged=1, lost=0, damaged="row 7 missing")}, {"reasons": ["stopped early"]}]
)
def test_a_run_that_fails_by_no_threshold_fails_itself(known: Any, make_result: Callable[..., RunResult]) -> None:
    assert red(suite_of(make_result(verdict=Verdict.FAIL, **known))) == ["run"]


class TestBaseline:
    """A comparison with a baseline has cases of its own."""

    @pytest.mark.slow
    @pytest.mark.parametrize("strict", [False, True])
    @pytest.mark.parametrize("change", ["regression", "improvement", "inconclusive", "no change", "incomparable"])
    def test_is_red_where_the_exit_code_is(
        self, change: Any, strict: bool, make_result: Callable[..., RunResult]
    ) -> None:
        told = {"ratio": 1.3, "base_p50_ns": 5e4, "p50_ns": 6.5e4}
        operations = [] if change == "incomparable" else [OperationChange(name="load_pet", change=change, **told)]
        compared = BaselineComparison(name="main", change=change, strict=strict, operations=operations, reasons=["why"])
        result = make_result(baseline=compared)
        assert bool(red(suite_of(result))) == bool(result.exit_code)

    def test_tells_the_change(self, make_result: Callable[..., RunResult]) -> None:
        slower = OperationChange(name="load_pet", change="regression", ratio=1.3, base_p50_ns=5e4, p50_ns=6.5e4)
        compared = BaselineComparison(name="main", change="regression", operations=[slower])
        failure = suite_of(make_result(baseline=compared)).find("testcase[@name='baseline main: load_pet']/failure")
        assert failure is not None
        assert failure.attrib == {"message": "regression +30%", "type": "baseline"}
        assert failure.text == "regression +30%\np50 then: 50.0 µs\np50 now: 65.0 µs"


def test_a_comparison_has_a_case_for_each_metric(make_ab: Callable[..., AbResult]) -> None:
    suite = suite_of(make_ab(Change.REGRESSION))
    assert [case.attrib["name"] for case in suite.iter("testcase")] == ["comparison", "load_pet.p50"]
    (failure,) = suite.iter("failure")
    assert failure.attrib["message"] == "load_pet.p50 is 20.0% slower (+10.0 to +30.0%)"
    # in UTC, whatever the offset it was given in
    assert suite.attrib["timestamp"] == "2026-01-02T02:04:05"


@pytest.mark.slow
def test_a_comparison_has_a_case_for_each_exact_counter(make_ab: Callable[..., AbResult]) -> None:
    counters = [
        CounterChange(operation="load_pet", metric="statements_per_op", base=1, now=2, change="regression"),
        CounterChange(operation="load_pet", metric="wal.pages_per_op", base=0, now=0, change="no change"),
        CounterChange(operation="", metric="memory.kept_per_op", base=1, now=None, change="incomparable", reason="odd"),
    ]
    suite = suite_of(make_ab(Change.REGRESSION).model_copy(update={"metrics": [], "counters": counters}))
    outcomes = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert outcomes == {
        "comparison": [],
        "load_pet.statements_per_op": ["failure"],
        "load_pet.wal.pages_per_op": [],
        "memory.kept_per_op": ["skipped"],
    }


@pytest.mark.slow
def test_several_results_are_several_suites(
    all_results: dict[str, RunResult], make_ab: Callable[..., AbResult]
) -> None:
    suite_of(*all_results.values(), make_ab())


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.just(HOSTILE), st.text(max_size=30)))
def test_names_come_out_right(make_result: Callable[..., RunResult], judged: Callable[..., Any], text: str) -> None:
    threshold = judged("lost_writes == 0", 3).model_copy(update={"expr": f"x{text}"})
    result = make_result(name=f"x{text}", verdict=Verdict.ERROR, reasons=[f"x{text}"], thresholds=[threshold])
    suite = suite_of(result)
    written = one_line(f"x{text}")
    assert suite.attrib["name"] == written
    assert [case.attrib["name"] for case in suite.iter("testcase")] == ["run", written]
    assert [error.attrib["message"] for error in suite.iter("error")] == [written]


def test_a_run_that_only_counted_says_why_it_did_not_judge(all_results: dict[str, RunResult]) -> None:
    suite = fromstring(render_junit([all_results["counted"]]))
    (skipped,) = suite.findall(".//skipped")
    assert "this run only counted" in skipped.attrib["message"]
