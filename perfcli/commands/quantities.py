"""Options that are a time, a share or a load: parsed, and refused with the option's name."""

from __future__ import annotations

from collections.abc import Callable

from perfcli.errors import UsageError
from perfcli.units import UnitError, parse_duration_ns, parse_fraction


def quantity(option: str, text: str, parse: Callable[[object], float]) -> float:
    """What `parse` makes of the text.

    Raises:
        UsageError: it has no unit, or another's.
    """
    try:
        return parse(text)
    except UnitError as error:
        raise UsageError(f"{option}: {error}") from error


def time_ns(option: str, text: str) -> int:
    """A time of more than 0, in nanoseconds.

    Raises:
        UsageError: it is none.
    """
    time = round(quantity(option, text, parse_duration_ns))
    if not time:
        raise UsageError(f"{option} {text}: expected more than 0", hint=f"for example {option} 30s")
    return time


def share(option: str, text: str) -> float:
    """A share of more than 0 and at most 1.

    Raises:
        UsageError: it is none.
    """
    fraction = quantity(option, text, parse_fraction)
    if not 0 < fraction <= 1:
        raise UsageError(f"{option} {text}: expected more than 0% and at most 100%")
    return fraction
