"""When iterations start: tables of schedules, asked as vus ask them."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from perfcli.executors import Load, LoadSettings

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
    ],
)
def test_tells_how_much_is_done(settings: dict[str, object], iterations: int, elapsed_ns: int, share: float) -> None:
    assert load(**settings).share_done(iterations, elapsed_ns) == share


def test_all_mistakes_are_found_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        load(executor="shared-iterations", vus=0, iterations=True, max_duration="0s", think_time=5, extra=1)
    assert [error["loc"][-1] for error in caught.value.errors()] == [
        "vus",
        "think_time",
        "max_duration",
        "iterations",
        "extra",
    ]
