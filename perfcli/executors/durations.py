"""Durations as scenario files write them."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

from perfcli import units

_UNITS_NS: Final = {
    "h": 3_600 * units.NS_PER_S,
    "m": 60 * units.NS_PER_S,
    "s": units.NS_PER_S,
    "ms": 10**6,
    "us": 10**3,
}


def kind(name: str) -> WithJsonSchema:
    """Marks a text as one of the kinds that the JSON Schema of scenario files defines by `name`."""
    return WithJsonSchema({"type": "string", "x-kind": name})


def _written_duration(value: object) -> str:
    units.parse_duration_ns(value)
    return str(value).strip()


def _positive_duration(value: object) -> str:
    if units.parse_duration_ns(value) == 0:
        raise units.UnitError(f"{value!r} is no time at all: write more than 0")
    return str(value).strip()


DurationText = Annotated[str, BeforeValidator(_written_duration), kind("Duration")]
"""A duration kept as it was written ("50ms"), known to parse."""

PositiveDurationText = Annotated[str, BeforeValidator(_positive_duration), kind("PositiveDuration")]
"""The same, and more than 0."""


def duration_text(duration_ns: int) -> str:
    """A duration as a person would write it, exact: "90s", "1500ms", "2h"."""
    unit, size_ns = next(((unit, ns) for unit, ns in _UNITS_NS.items() if duration_ns % ns == 0), ("ns", 1))
    return f"{duration_ns // size_ns}{unit}"
