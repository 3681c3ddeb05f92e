"""A ramp of vus: who works when, by k6's steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from perfcli.executors import LoadSettings, RampingVus

MS = 10**6
S = 10**9

Make = Callable[..., LoadSettings]


def ramp(start_vus: int, *stages: tuple[int, str]) -> RampingVus:
    written = [{"target": target, "duration": duration} for target, duration in stages]
    return RampingVus.model_validate({"executor": "ramping-vus", "start_vus": start_vus, "stages": written})


def spans_s(load: RampingVus) -> list[list[tuple[float, float]]]:
    return [[(begin / S, end / S) for begin, end in load.spans(vu)] for vu in range(load.vus)]


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        pytest.param(ramp(0, (2, "2s")), [[(1, 2)], []], id="up: the last vu comes as the ramp ends"),
        pytest.param(ramp(0, (2, "2s"), (2, "1s")), [[(1, 3)], [(2, 3)]], id="up, then level"),
        pytest.param(ramp(2, (0, "2s")), [[(0, 2)], [(0, 1)]], id="down"),
        pytest.param(ramp(1, (3, "2s"), (0, "3s")), [[(0, 5)], [(1, 4)], [(2, 3)]], id="up and down"),
        pytest.param(ramp(0, (1, "1s"), (0, "1s"), (1, "1s"), (1, "1s")), [[(1, 2), (3, 4)]], id="twice"),
        pytest.param(ramp(1, (3, "0s"), (3, "1s"), (1, "0s"), (1, "1s")), [[(0, 2)], [(0, 1)], [(0, 1)]], id="steps"),
        pytest.param(ramp(2, (0, "1s"), (2, "0s"), (2, "1s")), [[(0, 1), (1, 2)], [(0, 0.5), (1, 2)]], id="0 at once"),
        pytest.param(ramp(1, (1, "1s"), (5, "0s")), [[(0, 1)], [], [], [], []], id="a step at the end is never taken"),
        pytest.param(ramp(1, (9, "0s"), (1, "0s"), (1, "1s")), [[(0, 1)], *[[]] * 8], id="a step up and down again"),
    ],
)
def test_spans(load: RampingVus, expected: list[list[tuple[float, float]]]) -> None:
    assert spans_s(load) == expected


def test_how_many_are_at_work_at_a_time() -> None:
    load = ramp(1, (3, "2s"), (0, "3s"))
    assert [load.vus_at(round(at_s * S)) for at_s in (0, 0.9, 1, 2, 3, 4, 4.9, 5)] == [1, 1, 2, 3, 2, 1, 1, 0]


STAGES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 50)), min_size=1, max_size=6)


@given(start=st.integers(0, 12), stages=STAGES, at=st.floats(0, 1))
def test_so_many_work_as_the_ramp_says(start: int, stages: list[tuple[int, int]], at: float) -> None:
    total_ns = sum(ms for _, ms in stages) * MS
    assume(total_ns and max(start, *(target for target, _ in stages)))
    load = ramp(start, *((target, f"{ms}ms") for target, ms in stages))
    now_ns = int(at * (total_ns - 1))
    working = sum(begin <= now_ns < end for vu in range(load.vus) for begin, end in load.spans(vu))
    level, begin_ns = start, 0
    for target, ms in stages:
        if now_ns < begin_ns + ms * MS:
            height = (target - level) * (now_ns - begin_ns)
            # rising, a vu begins when the ramp has reached it; falling, it ends when the ramp has left it
            assert working == level + (height // (ms * MS) if target > level else -(-height // (ms * MS)))
            return
        level, begin_ns = target, begin_ns + ms * MS


def test_a_vu_is_told_when_it_is_needed_next() -> None:
    schedule = ramp(0, (2, "2s"), (0, "2s"), (1, "1s"), (1, "1s")).schedule()
    asked_s = [0, 1, 2.5, 3.999, 4, 4.5, 5, 5.999, 6, 7]
    answers = [schedule.next_start_ns(0, int(now * S)) for now in asked_s]
    assert answers == [S, S, 2_500 * MS, 3_999 * MS, 5 * S, 5 * S, 5 * S, 5_999 * MS, None, None]
    assert [schedule.next_start_ns(1, now * MS) for now in (0, 2_000, 2_999, 3_000)] == [
        2 * S,
        2 * S,
        2_999 * MS,
        None,
    ]


def test_vus_iterate_only_while_they_are_needed(make: Make, drive: Callable[..., list[Any]]) -> None:
    stages = [{"target": 4, "duration": "4s"}, {"target": 0, "duration": "4s"}]
    done = drive(make(executor="ramping-vus", start_vus=0, stages=stages), lambda start_ns: start_ns + 100 * MS)
    seconds = [sum(place * S <= each.start_ns < (place + 1) * S for each in done) for place in range(8)]
    assert seconds == [0, 10, 20, 30, 40, 30, 20, 10]


def test_the_number_of_vus_is_that_of_the_stages() -> None:
    load = ramp(1, (20, "10s"), (0, "20s"))
    assert (load.vus, load.vu_count, load.longest_ns) == (20, 20, 30 * S)
    assert (load.planned_iterations, load.offered_per_s, load.is_open) == (None, None, False)


@pytest.mark.parametrize(
    ("settings", "place", "message"),
    [
        ({"vus": 5, "stages": [{"target": 1, "duration": "1s"}]}, ("vus",), "Extra inputs"),
        ({"stages": []}, ("stages",), "at least 1"),
        ({"stages": [{"target": 1, "duration": "0s"}]}, ("stages",), "all stages last 0s"),
        ({"start_vus": 0, "stages": [{"target": 0, "duration": "1s"}]}, ("stages",), "nothing would run"),
        ({"stages": [{"target": -1, "duration": "1s"}]}, ("stages", 0, "target"), "greater than or equal to 0"),
        ({"stages": [{"target": 1, "duration": 5}]}, ("stages", 0, "duration"), "5 has no unit"),
    ],
)
def test_mistakes(settings: dict[str, object], place: tuple[object, ...], message: str, make: Make) -> None:
    with pytest.raises(ValidationError, match=message) as caught:
        make(executor="ramping-vus", **settings)
    (error,) = caught.value.errors()
    assert error["loc"][1:] == place


def test_the_line_of_vus_has_a_step_where_one_comes_or_goes() -> None:
    load = ramp(1, (3, "2s"), (0, "3s"))
    assert load.vus_line == [(0, 1), (S, 2), (2 * S, 3), (3 * S, 2), (4 * S, 1), (5 * S, 0)]
