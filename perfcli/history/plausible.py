"""Figures that no run can have measured: a file of elsewhere may hold any number, and would be taken at its word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from perfcli.ab.result import AbResult
from perfcli.errors import UsageError
from perfcli.results import RunResult

_MOST: Final = 10**18
"""In whatever unit: 31 years in ns, an exabyte, a thousand million operations each ns."""

_BUCKET: Final = "histogram_ns."
_MOST_IN_BUCKET: Final = 10**12
"""Samples of one bucket: eleven days of one operation each µs."""

_NOT_MEASURED: Final = {"scenario", "seed"}
_NEVER_BELOW_ZERO: Final = ("total.", "operations.", "resources.", "inspection.", "duration_ns", "reference_ns")


def check_plausible(result: RunResult | AbResult, path: Path) -> None:
    """See that a result can have been measured.

    Raises:
        UsageError: a figure cannot have been, or the time that it began at is none.
    """
    name = result.scenario if isinstance(result, AbResult) else result.name
    if absurd := absurdity(result):
        raise UsageError(f"{path}: {absurd}, which no run of {name:.80} can have measured")
    try:
        began(result)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{path}: started_at: {result.started_at!r:.60} is no time in ISO 8601") from error


def began(result: RunResult | AbResult) -> datetime:
    """When a run began, in UTC.

    Raises:
        ValueError: it does not tell.
        OverflowError: in UTC, it was before the year 1 or is after 9999.
    """
    time = datetime.fromisoformat(result.started_at)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def absurdity(result: RunResult | AbResult) -> str:
    """The first figure that cannot have been measured, with its place, e.g. `total.latency.p50_ns is -5`; "" if none.

    Times (`_ns`) of operations are not negative, nor are counts of a histogram, and nothing is beyond 10^18 in its base
    unit, or no number (NaN).
    """
    for place, value in _numbers(result.model_dump(exclude=_NOT_MEASURED)):
        is_time = place.endswith("_ns") and place.startswith(_NEVER_BELOW_ZERO)
        is_bucket = _BUCKET in place
        if not (0 if is_time or is_bucket else -_MOST) <= value <= (_MOST_IN_BUCKET if is_bucket else _MOST):
            return f"{place} is {_short(value)}"
    return ""


def _short(value: float) -> str:
    text = str(value)
    return text if len(text) <= 25 else f"{text[:8]}… ({len(text)} digits)"


def _numbers(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    if place.endswith("histogram_ns") and value:
        # thousands of buckets: the extremes are found without a loop of ours
        for extreme in (min, max):
            floor = extreme(value, key=value.get)
            yield place, extreme(value)
            yield f"{place}.{floor}", value[floor]
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, f"{place}.{key}".lstrip("."))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            yield from _numbers(inner, f"{place}.{index}".lstrip("."))
    elif isinstance(value, (int, float)):
        yield place, value
