"""The report of a capacity: the answer in one sentence, for each way that a search can end."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from perfcli.capacity.result import CapacityResult, Edge, LoadEnd, ProbeResult, ProbeVerdict
from perfcli.report.capacity import capacity_document, capacity_html, capacity_junit
from perfcli.report.console import as_text, to_console
from perfcli.report.markdown import to_markdown

HOLDS = LoadEnd(load=912, held=3, runs=3, words="latency.p99 13.1 ms, limit 20ms")
FAILS = LoadEnd(load=957, held=1, runs=3, words="latency.p99 24.6 ms, limit 20ms")
PROBES = [
    ProbeResult(load=load, verdict=verdict, reason="latency.p99", length_ns=3 * 10**9, seed=load)
    for load, verdict in ((912, ProbeVerdict.HOLDS), (957, ProbeVerdict.FAILS))
]


def result(**fields: Any) -> CapacityResult:
    known = {
        "scenario": "visits", "of": "rate", "outcome": "found", "thresholds": 3, "precision": 0.05, "holds": HOLDS,
        "fails": FAILS, "half": 934.0, "scale": 0.03, "lower": 900.0, "upper": 980.0, "safe": 880.0, "knee": 640.0,
        "bound_by": "CPU", "seed": 7, "started_at": "2026-01-01T00:00:00+00:00", "seconds": 68.0, "probes": PROBES,
    }  # fmt: skip
    return CapacityResult.model_validate({**known, **fields})


def text(*results: CapacityResult) -> str:
    return " ".join(as_text(to_console(capacity_document(results))).split())


def test_the_answer_comes_first() -> None:
    told = text(result())
    sentence = "holds 912/s (3 of 3 runs), fails 957/s (1 of 3): latency.p99 24.6 ms, limit 20ms"
    assert told.startswith(f"pass visits {sentence}")
    for part in ("900 to 980/s", "880/s: 9 of 10 runs hold", "640/s", "bound by CPU", "2 runs in 68 s; seed 7"):
        assert part in told


@pytest.mark.parametrize(
    ("below", "above"), [((0, 1), (0, 1)), ((1, 3), (1, 3)), ((3, 3), (2, 3))], ids=["below", "below mostly", "above"]
)
def test_no_load_is_said_to_hold_or_fail_against_its_own_runs(below: tuple[int, int], above: tuple[int, int]) -> None:
    ends = {"holds": HOLDS, "fails": FAILS}
    counts = {"holds": below, "fails": above}
    changed = {
        name: end.model_copy(update=dict(zip(("held", "runs"), counts[name], strict=True)))
        for name, end in ends.items()
    }
    told = text(result(**changed))
    sentence = f"not settled: the edge is between about 912/s ({below[0]} of {below[1]})"
    assert told.startswith(
        f"pass visits {sentence} and 957/s ({above[0]} of {above[1]} runs hold): latency.p99 24.6 ms"
    )
    assert "holds 912/s" not in told


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"outcome": "never", "holds": None}, "FAIL visits fails at every load tried, down to 912/s"),
        (
            {"outcome": "always", "fails": None},
            "pass visits holds 912/s (3 of 3 runs), the highest load tried",
        ),
        ({"outcome": "generator", "reason": "late"}, "the load generator is the limit, not the engine"),
        ({"outcome": "wrong", "reason": "2 lost writes"}, "FAIL visits 2 lost writes"),
        ({"interrupted": "interrupted by Ctrl-C"}, "partial report: interrupted by Ctrl-C"),
        ({"at_least": 1_000}, "FAIL visits holds 912/s"),
        ({"at_least": 890}, "at_least 890/s is reached"),
        ({"at_least": 950}, "may be reached"),
        ({"drift_per_run": -0.02}, "the edge moved by -2.0% from run to run"),
        (
            {"edge": Edge(kind="cliff", threshold="latency.p99 < 20ms", at_holds=0.65, at_fails=1.8)},
            "edge cliff: latency.p99 < 20ms is at 65% of its limit at 912/s, 180% at 957/s",
        ),
        ({"left_out": ["duration < 9s"]}, "left out, as each run sets how much is done: duration < 9s"),
        (
            {"outcome": "unfinished", "fails": None},
            "INVALID visits holds 912/s (3 of 3 runs); no load has failed yet",
        ),
        ({"holds_again": LoadEnd(load=1_900, held=2, runs=2)}, "not monotone: thresholds hold again at 1,900/s"),
    ],
)
def test_each_end_has_its_words(fields: dict[str, Any], told: str) -> None:
    assert told in text(result(**fields))


def test_two_engines_are_held_against_each_other() -> None:
    slower = result(half=700.0, lower=680.0, upper=720.0)
    assert (
        "candidate 25.1% less load than base: half of the runs hold at 700/s, of base at 934/s; the 90% intervals do "
        "not overlap"
    ) in text(result(), slower)
    similar = result(half=940.0)
    for role in ("base", "candidate"):
        assert f"pass visits ({role}) holds 912/s" in text(result(), similar)
    assert "candidate 0.6% more load than base: half of" in text(result(), similar)
    assert "the 90% intervals overlap, so this may be noise" in text(result(), similar)


@pytest.mark.slow
def test_markdown_and_html_show_every_probe() -> None:
    assert "957/s" in to_markdown(capacity_document([result()]))
    page = capacity_html([result()])
    assert "Every probe" in page
    assert "957/s" in page


def test_junit_has_a_case_for_the_load_that_is_asked_for() -> None:
    (suite,) = ElementTree.fromstring(capacity_junit([result(at_least=1_000)], strict=False).encode())
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
