"""Exact counters of two engines: what is a change, and what cannot be compared."""

from __future__ import annotations

from typing import Any

import pytest

from perfcli.figures.count_changes import count_changes, most_severe
from perfcli.figures.engine import CALLS, COUNTERS, KEPT, PAGES, STATEMENTS, STEPS
from perfcli.results import ExactCounters, OperationCounts

BASE = ExactCounters(
    seed=0,
    tool_version="0.1.0",
    system="Linux",
    python="CPython 3.11.9",
    sqlite="3.40.1",
    sqlite_options="0f3a5c7e9b1d",
    operations={"load_pet": OperationCounts(done=40, calls=100.0, steps=64.0, statements=1.0, pages=0.0)},
    kept_bytes=1_000.0,
)


def other(kept_bytes: float = 1_000.0, counts: dict[str, float | None] | None = None, **update: Any) -> ExactCounters:
    """The base with other figures."""
    operation = BASE.operations["load_pet"].model_copy(update=counts or {})
    return BASE.model_copy(update={"operations": {"load_pet": operation}, "kept_bytes": kept_bytes, **update})


def changes(now: ExactCounters, obstacle: str = "") -> dict[str, str]:
    return {each.metric: each.change for each in count_changes(BASE, now, obstacle)}


def test_an_engine_beside_itself_has_not_changed() -> None:
    assert changes(BASE) == dict.fromkeys(COUNTERS, "no change")


@pytest.mark.parametrize(
    ("counts", "metric", "change"),
    [
        ({"calls": 102.0}, CALLS, "no change"),
        ({"calls": 102.1}, CALLS, "regression"),
        ({"calls": 98.1}, CALLS, "no change"),
        ({"calls": 98.0}, CALLS, "improvement"),
        ({"statements": 2.0}, STATEMENTS, "regression"),
        ({"pages": 0.5}, PAGES, "regression"),
        ({"steps": 640.0}, STEPS, "regression"),
    ],
)
def test_more_than_two_percent_is_a_change(counts: dict[str, float | None], metric: str, change: str) -> None:
    assert changes(other(counts=counts)) == dict.fromkeys(COUNTERS, "no change") | {metric: change}


@pytest.mark.parametrize(
    ("kept_bytes", "change"),
    [(1_053.0, "no change"), (1_064.0, "regression"), (936.0, "improvement"), (937.0, "no change")],
)
def test_memory_changes_by_five_percent_and_64_bytes(kept_bytes: float, change: str) -> None:
    assert changes(other(kept_bytes))[KEPT] == change


@pytest.mark.parametrize(
    ("update", "left"),
    [
        ({"python": "CPython 3.12.1"}, {STEPS, STATEMENTS, PAGES}),
        ({"system": "Darwin"}, {STEPS, STATEMENTS, PAGES}),
        ({"sqlite": "3.45.0"}, {CALLS, KEPT}),
        ({"sqlite_options": "ffffffffffff"}, {CALLS, KEPT}),
        ({"tool_version": "0.2.0"}, set()),
        ({"seed": 1}, set()),
    ],
)
def test_other_software_makes_incomparable_what_hangs_on_it(update: dict[str, Any], left: set[str]) -> None:
    found = count_changes(BASE, other(counts={"calls": 999.0, "steps": 999.0}, **update))
    assert {each.metric for each in found if each.change != "incomparable"} == left
    (value,) = update.values()
    assert all(f"is {value}, was " in each.reason for each in found if each.change == "incomparable")


def test_what_is_not_exact_decides_nothing() -> None:
    now = other(counts={"pages": 9.0}, not_exact={f"load_pet.{PAGES}": "two counts gave 9 and 8"})
    assert changes(now)[PAGES] == "incomparable"
    assert most_severe(count_changes(BASE, now)) == "no change"


def test_an_obstacle_leaves_nothing() -> None:
    found = count_changes(BASE, BASE, "the scenario does different work")
    assert {each.reason for each in found} == {"the scenario does different work"}
    assert most_severe(found) == "incomparable"


def test_what_one_of_both_lacks_is_incomparable_and_says_why() -> None:
    now = other(counts={"steps": None, "calls": 200.0}, not_counted={STEPS: "a progress handler of its own"})
    for before, after, which in ((BASE, now, "this run"), (now, BASE, "the baseline")):
        (found,) = [each for each in count_changes(before, after) if each.metric == STEPS]
        assert (found.change, found.reason) == (
            "incomparable",
            f"{which} has no count: a progress handler of its own",
        )
        assert {found.base, found.now} == {64.0, None}
    assert most_severe(count_changes(BASE, now)) == "regression"


def test_what_neither_has_is_left_out() -> None:
    nothing = BASE.model_copy(update={"operations": {}, "kept_bytes": None})
    assert count_changes(nothing, nothing) == []
    assert count_changes(other(counts={"pages": None}), other(counts={"pages": None}))[-1].metric == KEPT


def test_an_operation_that_fails_more_often_is_not_cheaper() -> None:
    failing = other(500.0, counts={"calls": 40.0, "failed": 12})
    assert changes(failing) == dict.fromkeys(COUNTERS, "incomparable")
    assert {each.reason for each in count_changes(BASE, failing)} == {"12 counted operations failed, were 0"}
    # an engine that failed as often before is judged
    assert [each.change for each in count_changes(failing, failing)] == ["no change"] * len(COUNTERS)
