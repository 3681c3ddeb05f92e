"""Open loads: every arrival has its time, however late a vu is free for it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from perfcli.executors import LoadSettings
from perfcli.executors.arrivals import LATE_START_NS, Arrivals, RateStage
from perfcli.executors.fields import exact_rate_per_s

MS = 10**6
S = 10**9

Make = Callable[..., LoadSettings]
Drive = Callable[..., list[Any]]


def stages(*written: tuple[object, object, int]) -> Arrivals:
    """Arrivals under stages of (rate before, rate after, ns)."""
    return Arrivals([RateStage(Fraction(str(before)), Fraction(str(after)), ns) for before, after, ns in written])


def dues(arrivals: Arrivals) -> list[int]:
    return [arrivals.due_ns(arrival) for arrival in range(arrivals.due_before(arrivals.duration_ns))]


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [
        pytest.param(stages((4, 4, S)), [0, 250 * MS, 500 * MS, 750 * MS], id="constant: the end is not in it"),
        pytest.param(stages((3, 3, S)), [0, 333_333_333, 666_666_666], id="constant: whole ns, rounded down"),
        pytest.param(stages(("0.5", "0.5", S)), [0], id="constant: less than one still begins"),
        pytest.param(stages((0, 8, S)), [0, 500 * MS, 707_106_781, 866_025_403], id="up: i = 4 t²"),
        pytest.param(stages((8, 0, S)), [0, 133_974_596, 292_893_218, 500 * MS], id="down: i = 8 t - 4 t²"),
        pytest.param(stages((2, 2, S), (2, 4, 0), (4, 4, S)), [0, S // 2, S, S * 5 // 4, S * 3 // 2, S * 7 // 4]),
        pytest.param(stages((0, 0, S), (0, 2, 0), (2, 2, S)), [S, S * 3 // 2], id="none arrives while the rate is 0"),
        pytest.param(stages((2, 2, S), (2, 0, 0), (0, 0, S), (0, 2, 0), (2, 2, S)), [0, S // 2, 2 * S, S * 5 // 2]),
        pytest.param(stages((2, 2, S), (2, 0, 0)), [0, S // 2], id="a change at the end changes nothing"),
        pytest.param(stages((0, 0, S)), [], id="nothing at all"),
    ],
)
def test_due_times(arrivals: Arrivals, expected: list[int]) -> None:
    assert dues(arrivals) == expected


def test_there_is_no_drift_after_a_hundred_million_arrivals() -> None:
    arrivals = stages((3_000, 3_000, 100_000 * S))
    assert arrivals.due_before(arrivals.duration_ns) == 3 * 10**8
    assert arrivals.due_ns(10**8) == 10**8 * S // 3_000
    assert arrivals.due_ns(3 * 10**8 - 3_000) == 99_999 * S


def test_arrivals_beyond_the_end_are_never_due() -> None:
    with pytest.raises(IndexError):
        stages((2, 2, S)).due_ns(2)


RATES = st.one_of(
    st.integers(0, 10**6), st.decimals("0", "1000", places=3), st.fractions(0, 100, max_denominator=3_600)
)
RAMPS = st.lists(
    st.tuples(RATES, st.one_of(st.just(0), st.integers(0, 10**4), st.integers(0, 10**13))), min_size=1, max_size=5
)


def ramp(start: object, targets: list[tuple[object, int]]) -> Arrivals:
    levels = [Fraction(str(level)) for level in (start, *(target for target, _ in targets))]
    lengths = (ns for _, ns in targets)
    return Arrivals(
        [RateStage(before, after, ns) for (before, after), ns in zip(pairwise(levels), lengths, strict=True)]
    )


def area(start: object, targets: list[tuple[object, int]], elapsed_ns: int) -> Fraction:
    """How many arrivals the rate comes to by a time, added up stage by stage as one learns it at school."""
    total, before = Fraction(0), Fraction(str(start))
    for target, length in targets:
        after, ns = Fraction(str(target)), min(elapsed_ns, length)
        here = before + (after - before) * Fraction(ns, length) if length else after
        total += (before + here) / 2 * ns / S
        elapsed_ns, before = elapsed_ns - ns, after
    return total


@given(start=RATES, targets=RAMPS, place=st.floats(0, 1))
def test_an_arrival_is_due_in_the_ns_in_which_the_rate_has_come_to_it(
    start: object, targets: list[tuple[object, int]], place: float
) -> None:
    arrivals = ramp(start, targets)
    planned = arrivals.due_before(arrivals.duration_ns)
    assert planned == -(-area(start, targets, arrivals.duration_ns) // 1)
    if planned:
        arrival = min(int(place * planned), planned - 1)
        due_ns = arrivals.due_ns(arrival)
        assert 0 <= due_ns < arrivals.duration_ns
        assert area(start, targets, due_ns) <= arrival
        assert area(start, targets, due_ns + 1) > arrival
        assert arrivals.due_before(due_ns) <= arrival < arrivals.due_before(due_ns + 1)


@given(start=RATES, targets=RAMPS)
def test_due_times_ascend(start: object, targets: list[tuple[object, int]]) -> None:
    arrivals = ramp(start, targets)
    planned = arrivals.due_before(arrivals.duration_ns)
    first, last = range(min(planned, 50)), range(max(0, planned - 50), planned)
    for part in (first, last):
        due = list(map(arrivals.due_ns, part))
        assert due == sorted(due)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/s", 100),
        ("0.1/s", Fraction(1, 10)),
        ("7/m", Fraction(7, 60)),
        ("1/h", Fraction(1, 3_600)),
        ("33.333/s", Fraction(33_333, 1_000)),
        ("123456.789/s", Fraction(123_456_789, 1_000)),
        ("1000000000000/s", 10**12),
    ],
)
def test_rates_are_what_was_written(text: str, rate: Fraction) -> None:
    assert exact_rate_per_s(text) == rate


@given(st.integers(1, 10**6), st.sampled_from([("/s", 1), ("/m", 60), ("/h", 3_600)]), st.integers(0, 6))
def test_rates_of_any_decimal_are_exact(digits: int, unit: tuple[str, int], places: int) -> None:
    written = Fraction(digits, 10**places)
    text = f"{digits // 10**places}.{digits % 10**places:0{places}d}" if places else str(digits)
    assert exact_rate_per_s(text + unit[0]) == written / unit[1]


class TestSchedule:
    """Arrivals as vus take them."""

    def test_250_a_second_for_10_seconds_are_2500(self, make: Make, drive: Drive) -> None:
        load = make(executor="constant-arrival-rate", rate="250/s", duration="10s")
        done = drive(load)
        assert [each.intended_ns for each in done] == [place * 4 * MS for place in range(2_500)]
        assert [each.start_ns for each in done] == [each.intended_ns for each in done]
        assert (load.planned_iterations, load.offered_per_s, load.is_open) == (2_500, 250, True)
        assert load.offered_line == [(0, 250.0), (10 * S, 250.0)]

    @pytest.mark.parametrize("vus", [1, 10])
    def test_a_stall_is_in_the_latency_of_all_that_were_due(self, vus: int, make: Make, drive: Drive) -> None:
        load = make(executor="constant-arrival-rate", rate="100/s", duration="10s", vus=vus)
        done = drive(load, lambda start_ns: max(start_ns, 6 * S) if start_ns >= 5 * S else start_ns)
        latencies = sorted(each.end_ns - each.intended_ns for each in done)
        service_times = sorted(each.end_ns - each.start_ns for each in done)
        assert len(done) == 1_000
        assert (latencies[949], latencies[989], latencies[999]) == (500 * MS, 900 * MS, S)
        assert (service_times[989], service_times[999]) == (0, S)

    def test_an_engine_that_is_too_slow_gets_arrivals_late_and_in_order(self, make: Make, drive: Drive) -> None:
        load = make(executor="constant-arrival-rate", rate="10/s", duration="1s", vus=1)
        done = drive(load, lambda start_ns: start_ns + 300 * MS)
        assert [each.intended_ns // MS for each in done] == [0, 100, 200, 300]
        assert [each.start_ns // MS for each in done] == [0, 300, 600, 900]

    @pytest.mark.parametrize(("asked_ns", "answer"), [(LATE_START_NS, 0), (LATE_START_NS + 1, None)])
    def test_nothing_begins_later_than_100_ms_after_the_end(
        self, asked_ns: int, answer: int | None, make: Make
    ) -> None:
        load = make(executor="constant-arrival-rate", rate="10/s", duration="1s")
        assert load.schedule().next_start_ns(0, S + asked_ns) == answer
        assert load.longest_ns == S

    def test_a_huge_rate_begins_what_it_can(self, make: Make, drive: Drive) -> None:
        load = make(executor="constant-arrival-rate", rate="1000000000000/s", duration="1h", vus=2)
        assert load.planned_iterations == 36 * 10**14
        assert [each.start_ns for each in drive(load, lambda start_ns: start_ns + S, most=6)] == [
            0,
            0,
            S,
            S,
            2 * S,
            2 * S,
        ]

    def test_a_ramp_to_nothing_and_back(self, make: Make, drive: Drive) -> None:
        halves = [{"target": "0/s", "duration": "10s"}, {"target": "100/s", "duration": "10s"}]
        load = make(executor="ramping-arrival-rate", start_rate="100/s", stages=halves)
        done = drive(load)
        assert (len(done), load.planned_iterations, load.offered_per_s) == (1_000, 1_000, 50)
        assert sum(each.start_ns < 5 * S for each in done) == 375
        assert done[499].start_ns < 9_553 * MS < 10 * S == done[500].start_ns
        assert load.offered_line == [(0, 100.0), (10 * S, 0.0), (10 * S, 0.0), (20 * S, 100.0)]

    def test_how_many_were_due_tells_a_run_that_was_ended_early(self, make: Make) -> None:
        load = make(executor="constant-arrival-rate", rate="250/s", duration="10s")
        times_ns = (0, 1, 4 * MS, 4 * MS + 1, S, 11 * S)
        assert [load.due_before(elapsed_ns) for elapsed_ns in times_ns] == [0, 1, 1, 2, 250, 2_500]

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"rate": 100}, "100 has no unit: write 100/s"),
            ({"rate": "0/s"}, "'0/s' is not a rate above 0/s: write e.g. 50/s"),
            ({"rate": "-1/s"}, "'-1/s' is negative: write 0/s or more"),
            ({"rate": "0.0000000000000000001/s"}, None),
        ],
    )
    def test_rates_that_are_none(self, settings: dict[str, object], message: str | None, make: Make) -> None:
        if message is None:
            assert make(executor="constant-arrival-rate", duration="1s", **settings).planned_iterations == 1
            return
        with pytest.raises(ValidationError) as caught:
            make(executor="constant-arrival-rate", duration="1s", **settings)
        (error,) = caught.value.errors()
        assert (error["loc"][-1], str(error["ctx"]["error"])) == ("rate", message)

    @pytest.mark.parametrize(
        ("written", "message"),
        [
            ([{"target": "9/s", "duration": "0s"}], "all stages last 0s"),
            ([{"target": "0/s", "duration": "5s"}], "every rate is 0/s"),
        ],
    )
    def test_stages_in_which_nothing_arrives(self, written: list[object], message: str, make: Make) -> None:
        with pytest.raises(ValidationError, match=message):
            make(executor="ramping-arrival-rate", stages=written)
