"""Think time: what is drawn, what is promised of it, and what is said of a wrong one."""

from __future__ import annotations

from random import Random
from statistics import fmean, stdev

import pytest
from pydantic import TypeAdapter, ValidationError

from perfcli.executors.think_time import Thinking, ThinkTime

MS = 10**6
S = 10**9

WRITTEN: TypeAdapter[Thinking] = TypeAdapter(ThinkTime)


def pauses(written: object, count: int, took_ns: int = 0, seed: int = 1) -> list[int]:
    pause_after = WRITTEN.validate_python(written).pause_after(Random(seed).random)
    return [pause_after(took_ns) for _ in range(count)]


NORMAL = {"normal": {"mean": "1s", "stddev": "200ms"}}
CUT_AT_0 = {"normal": {"mean": "100ms", "stddev": "100ms"}}


@pytest.mark.parametrize(
    ("written", "mean_ns", "longest_ns", "line"),
    [
        ("0s", 0, 0, ""),
        ("50ms", 50 * MS, 50 * MS, "50ms between iterations"),
        ({"uniform": ["1s", "3s"]}, 2 * S, 3 * S, "1s to 3s between iterations"),
        (NORMAL, S + 11, 2_714_334_870, "1s ± 200ms between iterations"),
        ({"normal": {"mean": "1s", "stddev": "0s"}}, S, S, "1s ± 0s between iterations"),
        (CUT_AT_0, 108_331_547, 957_167_435, "100ms ± 100ms between iterations"),
        ({"paced": "1s"}, S, S, "an iteration of each vu every 1s"),
    ],
)
def test_tells_its_figures(written: object, mean_ns: int, longest_ns: int, line: str) -> None:
    thinking = WRITTEN.validate_python(written)
    assert (thinking.mean_ns, thinking.longest_ns, thinking.describe()) == (mean_ns, longest_ns, line)


@pytest.mark.parametrize("written", ["50ms", {"uniform": ["1s", "3s"]}, NORMAL, CUT_AT_0, {"paced": "1s"}])
def test_draws_what_it_tells(written: object) -> None:
    thinking, drawn = WRITTEN.validate_python(written), pauses(written, 4_000)
    assert fmean(drawn) == pytest.approx(thinking.mean_ns, rel=0.02)
    assert 0 <= min(drawn) <= max(drawn) <= thinking.longest_ns


def test_normal_spreads_as_asked() -> None:
    assert stdev(pauses(NORMAL, 4_000)) == pytest.approx(200 * MS, rel=0.03)


@pytest.mark.parametrize("drawn", [0.0, 1 - 2**-53])
def test_the_ends_of_what_can_be_drawn_are_within_bounds(drawn: float) -> None:
    for written in ({"uniform": ["1s", "3s"]}, NORMAL, CUT_AT_0):
        thinking = WRITTEN.validate_python(written)
        assert 0 <= thinking.pause_after(lambda: drawn)(0) <= thinking.longest_ns


def test_paced_fills_up_to_the_next_beat() -> None:
    paced = WRITTEN.validate_python({"paced": "1s"}).pause_after(Random(1).random)
    assert [paced(took_ns) for took_ns in (0, 300 * MS, S, 5 * S)] == [S, 700 * MS, 0, 0]


def test_a_seed_prescribes_the_pauses() -> None:
    for written in ({"uniform": ["1s", "3s"]}, NORMAL):
        assert pauses(written, 9, seed=7) == pauses(written, 9, took_ns=5, seed=7) != pauses(written, 9, seed=8)


@pytest.mark.parametrize(
    ("written", "place", "message"),
    [
        (50, ("constant", "pause"), "50 has no unit: write 50ms"),
        ({"uniform": "1s"}, ("uniform", "uniform"), "valid list"),
        ({"uniform": ["1s"]}, ("uniform", "uniform"), "at least 2 items"),
        ({"uniform": ["1s", 3]}, ("uniform", "uniform", 1), "3 has no unit"),
        ({"uniform": ["3s", "1s"]}, ("uniform", "uniform"), "3s is longer than 1s: write the shorter pause first"),
        ({"normal": "1s"}, ("normal", "normal"), "valid dictionary or instance"),
        ({"normal": {"mean": "1s"}}, ("normal", "normal", "stddev"), "Field required"),
        ({"normal": {"mean": "1s", "stddev": "1s", "kind": 1}}, ("normal", "normal", "kind"), "Extra inputs"),
        ({"paced": "0s"}, ("paced", "paced"), "'0s' is not a duration above 0"),
        ({"unifrom": ["1s", "3s"]}, (), r"unknown think time 'unifrom' \(did you mean 'uniform'\?\)"),
        ({"zipf": 1}, (), "unknown think time 'zipf': use one of uniform, normal, paced"),
        ({}, (), r"expected a duration, or one of \{uniform: \[1s, 3s\]\}"),
    ],
)
def test_mistakes(written: object, place: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        WRITTEN.validate_python(written)
    assert [error["loc"] for error in caught.value.errors()] == [place]
