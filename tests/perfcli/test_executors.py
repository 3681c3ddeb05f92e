"""When iterations start: tables of schedules, asked as vus ask them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from perfcli.executors import Earlier, Load, LoadSettings
from perfcli.executors.base import WHOLE, Share

LOAD: TypeAdapter[LoadSettings] = TypeAdapter(Load)
MS = 1_000_000


def load(**settings: object) -> LoadSettings:
    return LOAD.validate_python(settings)


def starts(settings: LoadSettings, asks: list[tuple[int, int]]) -> list[int | None]:
    """What the schedule answers to (vu, now) in turn."""
    schedule = settings.schedule()
    return [schedule.next_start_ns(vu, now_ns) for vu, now_ns in asks]


@pytest.mark.parametrize(
    ("settings", "asks", "expected"),
    [
        pytest.param(
            {"executor": "shared-iterations", "vus": 2, "iterations": 3},
            [(0, 0), (1, 0), (1, 5), (0, 9), (1, 9)],
            [0, 0, 5, None, None],
            id="shared: whoever asks first gets the last ticket",
        ),
        pytest.param(
            {"executor": "shared-iterations", "iterations": 9, "max_duration": "2ms"},
            [(0, 0), (0, 2 * MS - 1), (0, 2 * MS), (0, 3 * MS)],
            [0, 2 * MS - 1, None, None],
            id="shared: nothing starts at max_duration or later",
        ),
        pytest.param(
            {"executor": "per-vu-iterations", "vus": 2, "iterations": 2},
            [(0, 0), (0, 1), (0, 2), (1, 2), (1, 3), (1, 4)],
            [0, 1, None, 2, 3, None],
            id="per vu: each has its own count",
        ),
        pytest.param(
            {"executor": "per-vu-iterations", "iterations": 9, "max_duration": "2ms"},
            [(0, 0), (0, 2 * MS)],
            [0, None],
            id="per vu: nothing starts at max_duration",
        ),
        pytest.param(
            {"executor": "constant-vus", "vus": 2, "duration": "5ms"},
            [(0, 0), (1, 4 * MS), (0, 5 * MS - 1), (1, 5 * MS)],
            [0, 4 * MS, 5 * MS - 1, None],
            id="constant: until the time is over",
        ),
    ],
)
def test_schedule(settings: dict[str, object], asks: list[tuple[int, int]], expected: list[int | None]) -> None:
    assert starts(load(**settings), asks) == expected


def test_every_run_gets_a_fresh_schedule() -> None:
    settings = load(executor="shared-iterations", iterations=1)
    assert starts(settings, [(0, 0)]) == starts(settings, [(0, 0)]) == [0]


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (
            {"executor": "shared-iterations", "vus": 5, "iterations": 2000},
            "2,000 iterations shared by 5 vus",
        ),
        ({"executor": "per-vu-iterations", "iterations": 7, "max_duration": "1m"}, "7 iterations by 1 vu (at most 1m)"),
        (
            {"executor": "constant-vus", "vus": 3, "duration": "10s", "think_time": "50ms", "warmup": "2s"},
            "3 vus for 10s, 50ms between iterations, after 2s of warm-up",
        ),
        (
            {
                "executor": "ramping-vus",
                "stages": [{"target": 20, "duration": "10s"}, {"target": 0, "duration": "20s"}],
            },
            "ramping 1 → 20 → 0 vus over 30s",
        ),
        (
            {"executor": "ramping-vus", "stages": [{"target": 1, "duration": "1m30s"}], "think_time": {"paced": "1s"}},
            "ramping 1 → 1 vu over 90s, an iteration of each vu every 1s",
        ),
        (
            {"executor": "ramping-vus", "stages": [{"target": place, "duration": "1ms"} for place in range(2, 50)]},
            "ramping 1 → 2 → 3 → 4 → 5 → 6 → … → 49 vus over 48ms",
        ),
        (
            {"executor": "constant-arrival-rate", "rate": "100/s", "duration": "10s"},
            "100/s for 10s by at most 10 vus",
        ),
        (
            {
                "executor": "ramping-arrival-rate",
                "vus": 1,
                "start_rate": "60/m",
                "stages": [{"target": "200/s", "duration": "2h"}, {"target": "200/s", "duration": "1ns"}],
                "warmup": "2s",
            },
            "ramping 60/m → 200/s → 200/s over 7200000000001ns by 1 vu, after 2s of warm-up",
        ),
    ],
)
def test_describes_itself_in_one_line(settings: dict[str, object], line: str) -> None:
    assert load(**settings).describe() == line


@pytest.mark.parametrize(
    ("settings", "iterations", "elapsed_ns", "share"),
    [
        ({"executor": "shared-iterations", "vus": 2, "iterations": 8}, 2, 0, 0.25),
        ({"executor": "per-vu-iterations", "vus": 2, "iterations": 8}, 4, 0, 0.25),
        ({"executor": "constant-vus", "duration": "4ms"}, 100, 1 * MS, 0.25),
        ({"executor": "constant-vus", "duration": "4ms"}, 100, 9 * MS, 1.0),
        ({"executor": "ramping-vus", "stages": [{"target": 1, "duration": "4ms"}]}, 100, 1 * MS, 0.25),
        ({"executor": "constant-arrival-rate", "rate": "9/s", "duration": "400ms"}, 0, 100 * MS, 0.25),
    ],
)
def test_tells_how_much_is_done(settings: dict[str, object], iterations: int, elapsed_ns: int, share: float) -> None:
    assert load(**settings).share_done(iterations, elapsed_ns) == share


def test_vus_are_a_number_or_several() -> None:
    settings = load(executor="constant-vus", duration="1s", vus=[1, 5, 16])
    assert settings.vus == [1, 5, 16]
    assert settings.model_copy(update={"vus": 5}).describe() == "5 vus for 1s"


@pytest.mark.parametrize(
    ("vus", "places"),
    [
        ([], [("list",)]),
        ([4, 4], [("list",)]),
        ([1, 0, 1001, "2"], [("list", 1), ("list", 2), ("list", 3)]),
        (True, [("number",)]),
        (None, [("number",)]),
        ({}, [("number",)]),
    ],
)
def test_vus_that_are_none(vus: object, places: list[tuple[object, ...]]) -> None:
    with pytest.raises(ValidationError) as caught:
        load(executor="constant-vus", duration="1s", vus=vus)
    assert [error["loc"] for error in caught.value.errors()] == [("constant-vus", "vus", *place) for place in places]


@pytest.mark.parametrize(
    ("written", "start_after_ns", "graceful_stop_ns"),
    [
        ({}, None, 30_000 * MS),
        ({"start_after": None}, None, 30_000 * MS),
        ({"start_after": "0s", "graceful_stop": "0s"}, 0, 0),
        ({"start_after": "2s", "graceful_stop": "1m"}, 2_000 * MS, 60_000 * MS),
    ],
)
def test_start_and_stop(written: dict[str, object], start_after_ns: int | None, graceful_stop_ns: int) -> None:
    settings = load(executor="constant-vus", duration="1s", **written)
    assert (settings.start_after_ns, settings.graceful_stop_ns) == (start_after_ns, graceful_stop_ns)


@pytest.mark.parametrize(
    "settings",
    [
        {"executor": "shared-iterations", "vus": [1, 2], "iterations": 3, "think_time": {"paced": "1s"}},
        {"executor": "per-vu-iterations", "iterations": 3, "think_time": {"uniform": ["1s", "3s"]}},
        {"executor": "constant-vus", "duration": "1s", "think_time": {"normal": {"mean": "1s", "stddev": "1ms"}}},
        {"executor": "ramping-vus", "stages": [{"target": 3, "duration": "1s"}], "think_time": "1s"},
        {"executor": "constant-arrival-rate", "rate": "10/s", "duration": "1s"},
        {"executor": "ramping-arrival-rate", "stages": [{"target": "10/s", "duration": "1s"}], "start_after": "1s"},
    ],
)
def test_a_load_survives_its_way_to_the_engine_process(settings: dict[str, object]) -> None:
    written = load(**settings)
    assert LOAD.validate_json(written.model_dump_json()) == written
    assert written.model_dump(include=set(settings)) == settings


def test_all_mistakes_are_found_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        load(executor="shared-iterations", vus=0, iterations=True, max_duration="0s", think_time=5, extra=1)
    assert [error["loc"][-1] for error in caught.value.errors()] == [
        "pause",
        "number",
        "max_duration",
        "iterations",
        "extra",
    ]


@pytest.mark.parametrize(
    ("settings", "earlier", "share", "asks", "expected"),
    [
        pytest.param(
            {"executor": "shared-iterations", "vus": 2, "iterations": 5},
            Earlier([1, 2], 7),
            WHOLE,
            [(0, 8), (1, 8), (0, 9)],
            [8, 8, None],
            id="shared: what was not completed",
        ),
        pytest.param(
            {"executor": "shared-iterations", "vus": 4, "iterations": 7},
            Earlier([0, 1, 0, 1], 7),
            Share(1, 2),
            [(1, 8), (3, 8)],
            [8, None],
            id="shared: of the share alone",
        ),
        pytest.param(
            {"executor": "per-vu-iterations", "vus": 2, "iterations": 2},
            Earlier([2, 1], 7),
            WHOLE,
            [(0, 8), (1, 8), (1, 9)],
            [None, 8, None],
            id="per vu: each has its own rest",
        ),
        pytest.param(
            {"executor": "constant-vus", "duration": "10ms"},
            Earlier([99], 7 * MS),
            WHOLE,
            [(0, 9 * MS), (0, 10 * MS)],
            [9 * MS, None],
            id="constant: the time that is left",
        ),
        pytest.param(
            {"executor": "ramping-vus", "start_vus": 0, "stages": [{"duration": "10ms", "target": 4}]},
            Earlier([3, 0, 0, 0], 4 * MS),
            WHOLE,
            [(0, 6 * MS), (2, 6 * MS), (0, 10 * MS)],
            [6 * MS, 7.5 * MS, None],
            id="ramping: the time that is left",
        ),
        pytest.param(
            {"executor": "constant-arrival-rate", "rate": "1000/s", "duration": "10ms"},
            Earlier([2], 4 * MS),
            WHOLE,
            [(0, 8 * MS)] * 7,
            [4 * MS, 5 * MS, 6 * MS, 7 * MS, 8 * MS, 9 * MS, None],
            id="arrivals: those due since the kill, the late ones first",
        ),
        pytest.param(
            {"executor": "constant-arrival-rate", "rate": "1000/s", "duration": "10ms"},
            Earlier([2], 4 * MS + 1),
            Share(1, 2),
            [(0, 8 * MS)] * 4,
            [5 * MS, 7 * MS, 9 * MS, None],
            id="arrivals: every second one",
        ),
    ],
)
def test_a_process_that_replaces_another_does_the_rest(
    settings: dict[str, object],
    earlier: Earlier,
    share: Share,
    asks: list[tuple[int, int]],
    expected: list[int | None],
) -> None:
    schedule = load(**settings).rest_of_schedule(share, earlier)
    assert [schedule.next_start_ns(vu, now_ns) for vu, now_ns in asks] == expected
