"""Rates as scenario files write them, and as exact numbers."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Final

from pydantic import BeforeValidator

from perfcli import units
from perfcli.executors.durations import kind

_S_PER_H: Final = 3_600


def _written_rate(value: object) -> str:
    if units.parse_rate_per_s(value) < 0:
        raise units.UnitError(f"{value!r:.60} is less than none: write 0/s or more")
    return str(value).strip()


def _positive_rate(value: object) -> str:
    if exact_rate_per_s(_written_rate(value)) == 0:
        raise units.UnitError(f"{value!r:.60} is no rate at all: write more than 0/s")
    return str(value).strip()


RateText = Annotated[str, BeforeValidator(_written_rate), kind("Rate")]
"""A rate kept as it was written ("100/s"), known to parse, 0 or more."""

PositiveRateText = Annotated[str, BeforeValidator(_positive_rate), kind("PositiveRate")]
"""The same, and more than 0."""


def exact_rate_per_s(text: str) -> Fraction:
    """The rate that was written, to 15 digits an hour, as an exact number of events per second.

    "0.1/s" is 1/10 and "7/m" is 7/60, which no float is: with one, arrivals that share an instant with the end of a
    stage would fall to either side of it.
    """
    return Fraction(f"{units.parse_rate_per_s(text) * _S_PER_H:.15g}") / _S_PER_H
