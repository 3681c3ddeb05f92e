"""Figures that no run can have measured: a file of elsewhere may hold any number, and would be taken at its word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from perfcli.results import RunResult

_MOST: Final = 10**18
"""In whatever unit: 31 years in ns, an exabyte, a thousand million operations each ns."""

_LOOKED_AT: Final = {
    *("total", "operations", "memory", "resources", "integrity", "inspection"),
    *("iterations", "dropped_iterations", "interrupted_iterations", "duration_ns", "reference_ns"),
}


def absurdity(run: RunResult) -> str:
    """The first figure that cannot have been measured, with its place, e.g. `total.latency.p50_ns is -5`; "" if none.

    Times (`_ns`) are not negative, and nothing is beyond 10^18 in its base unit, or no number at all (NaN).
    """
    shown = run.model_dump(
        include=_LOOKED_AT, exclude={"total": {"histogram_ns"}, "operations": {"__all__": {"histogram_ns"}}}
    )
    for place, value in _numbers(shown):
        least = 0 if place.endswith("_ns") else -_MOST
        if not least <= value <= _MOST:
            return f"{place} is {value!s:.25}"
    return ""


def _numbers(value: Any, place: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _numbers(inner, f"{place}.{key}".lstrip("."))
    elif isinstance(value, (int, float)):
        yield place, value
