"""Durations, sizes, rates, percentages and plain numbers: parse what people write, print what they read."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

NS_PER_S: Final = 1_000_000_000

_DURATION_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, the micro sign keyboards give
    "μs": 1_000,  # U+03BC, the Greek letter Unicode recommends
    "ms": 1_000_000,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3_600 * NS_PER_S,
}
_SIZE_BYTES: Final = {
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_RATE_PER_S: Final = {"/s": 1.0, "/m": 1 / 60, "/min": 1 / 60, "/h": 1 / 3_600}
DURATION_SUFFIXES: Final = tuple(_DURATION_NS)
RATE_SUFFIXES: Final = tuple(_RATE_PER_S)
_LONGEST: Final = 100  # characters of a quantity; nobody writes more, and patterns stay quick
_LARGEST: Final = 2**53  # every whole number up to here is exact as a float, in JSON readers too

_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*(.*?)\s*", re.ASCII | re.DOTALL)
_DURATION_PARTS = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([^\d\s.]+)", re.ASCII)


class UnitError(ValueError):
    """A quantity without its unit, with another's, or out of bounds."""


class Unit(StrEnum):
    """The kinds of quantity a metric can have."""

    DURATION = "duration"
    SIZE = "size"
    SIZE_PER_OPERATION = "size per operation"
    RATE = "rate"
    PERCENTAGE = "percentage"
    COUNT = "count"
    NUMBER = "number"

    @property
    def form(self) -> str:
        """What to write for it, with examples."""
        return f"a {self.value} ({_EXAMPLES[self]})"


_EXAMPLES: Final = {
    Unit.DURATION: "50ms, 2s, 1m30s",
    Unit.SIZE: "50MB, 512kB, 1GiB",
    Unit.SIZE_PER_OPERATION: "16B/op",
    Unit.RATE: "10/s",
    Unit.PERCENTAGE: "95%",
    Unit.COUNT: "300",
    Unit.NUMBER: "1.5",
}

_LIKELY_SUFFIXES: Final = {
    Unit.DURATION: ("ms", "s"),
    Unit.SIZE: ("MB", "kB"),
    Unit.SIZE_PER_OPERATION: ("B/op",),
    Unit.RATE: ("/s",),
}
_UNITS_ELSEWHERE: Final = {
    **dict.fromkeys(("sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("usec", "micros", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "m"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("rps", "tps", "qps", "ops", "req/s", "ops/s", "/sec", "/second", "per second"), "/s"),
    **dict.fromkeys(("rpm", "/minute", "per minute"), "/m"),
    **dict.fromkeys(("percent", "pct"), "%"),
}
_LONGEST_GUESS: Final = 20


def parse_duration_ns(text: object) -> int:
    """Nanoseconds in "50ms", "1.5s" or "1m30s"."""
    written = _written(text, Unit.DURATION)
    total, position = 0.0, 0
    while match := _DURATION_PARTS.match(written, position):
        number, unit = match.groups()
        total += float(number) * _factor(unit, _DURATION_NS, written)
        position = match.end()
    if position == 0 or written[position:].strip():
        raise UnitError(_misread(written, Unit.DURATION))
    return round(_bounded(total, written))


def parse_size_bytes(text: object) -> int:
    """Bytes in "50MB" (powers of ten) or "50MiB" (powers of two); a minus sign is allowed, as memory can shrink."""
    return round(_quantity(text, Unit.SIZE, _SIZE_BYTES))


def parse_size_per_operation(text: object) -> float:
    """Bytes per operation in "16B/op"."""
    return _quantity(text, Unit.SIZE_PER_OPERATION, {f"{u}/op": f for u, f in _SIZE_BYTES.items()})


def parse_rate_per_s(text: object) -> float:
    """Events per second in "10/s", "600/m" or "100/h"."""
    return _quantity(text, Unit.RATE, _RATE_PER_S)


def parse_fraction(text: object) -> float:
    """The fraction (0.95) in a percentage ("95%")."""
    # divided, as 57 * 0.01 is not 0.57
    return _quantity(text, Unit.PERCENTAGE, {"%": 1}) / 100


def parse_count(text: object) -> int:
    """A whole number without a unit."""
    match = re.fullmatch(r"\s*(\d{1,16})\s*", str(text), re.ASCII)
    if isinstance(text, bool) or match is None:
        raise UnitError(_misread(str(text), Unit.COUNT))
    return int(_bounded(int(match[1]), text))


def parse_number(text: object) -> float:
    """A plain number without a unit, such as 1.5."""
    written = str(text)
    match = re.fullmatch(rf"\s*({_NUMBER})\s*", written, re.ASCII) if len(written) <= _LONGEST else None
    if isinstance(text, bool) or match is None:
        raise UnitError(_misread(written, Unit.NUMBER))
    return _bounded(float(match[1]), text)


_PARSERS: Final = {
    Unit.DURATION: parse_duration_ns,
    Unit.SIZE: parse_size_bytes,
    Unit.SIZE_PER_OPERATION: parse_size_per_operation,
    Unit.RATE: parse_rate_per_s,
    Unit.PERCENTAGE: parse_fraction,
    Unit.COUNT: parse_count,
    Unit.NUMBER: parse_number,
}


def parse(unit: Unit, text: object) -> float:
    """The value of a quantity of a given kind: ns, bytes, B/op, per second, a fraction, or a count."""
    return _PARSERS[unit](text)


def format_duration(ns: float) -> str:
    """A duration at three significant digits in the unit that suits it, e.g. "7.42 µs", "50.3 ms"."""
    return _scaled(ns, ((1, "ns"), (1e3, "µs"), (1e6, "ms"), (1e9, "s")))


def format_size(size_bytes: float) -> str:
    """A size in powers of ten at three significant digits, e.g. "12.3 MB"."""
    return _scaled(size_bytes, ((1, "B"), (1e3, "kB"), (1e6, "MB"), (1e9, "GB")))


def format_rate(per_s: float) -> str:
    """A rate per second, e.g. "9.98/s", "12,400/s"."""
    return f"{_digits(per_s)}/s"


def format_percentage(fraction: float) -> str:
    """A percentage with the digits that tell 99.98 % from 100 %."""
    percent = fraction * 100
    text = f"{percent:.2f}".rstrip("0").rstrip(".")
    if text == "100" and fraction < 1:
        return "99.99%"
    return f"{'0' if text == '-0' else text}%"


def format_count(count: float) -> str:
    """A count with thousands separated, e.g. "12,400"."""
    return f"{count:,.0f}"


def format_number(number: float) -> str:
    """A plain number at three significant digits, e.g. "1.5", "0.07"."""
    digits = _digits(number)
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def format_size_per_operation(bytes_per_operation: float) -> str:
    """Bytes per operation, e.g. "16 B/op"."""
    return f"{format_size(bytes_per_operation)}/op"


_FORMATTERS: Final = {
    Unit.DURATION: format_duration,
    Unit.SIZE: format_size,
    Unit.SIZE_PER_OPERATION: format_size_per_operation,
    Unit.RATE: format_rate,
    Unit.PERCENTAGE: format_percentage,
    Unit.COUNT: format_count,
    Unit.NUMBER: format_number,
}


def format_quantity(unit: Unit, value: float) -> str:
    """A value of a given kind, with its unit."""
    return _FORMATTERS[unit](value)


def _written(text: object, unit: Unit) -> str:
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        raise UnitError(f"{text} has no unit: write {_with_unit(str(text), unit)}")
    if not isinstance(text, str):
        raise UnitError(f"expected {unit.form}, not {text!r:.60}")
    if len(text) > _LONGEST:
        raise UnitError(_misread(text, unit))
    return text


def _quantity(text: object, unit: Unit, factors: dict[str, float] | dict[str, int]) -> float:
    written = _written(text, unit)
    match = _QUANTITY.fullmatch(written)
    if match is None or not match[2]:
        raise UnitError(_misread(written, unit))
    number, suffix = match.groups()
    return _bounded(float(number) * _factor(suffix, factors, written), written)


def _factor(suffix: str, factors: dict[str, float] | dict[str, int], written: str) -> float:
    if suffix in factors:
        return factors[suffix]
    by_case = {known.lower(): known for known in factors}
    nearest = by_case.get(suffix.lower()) or _UNITS_ELSEWHERE.get(suffix.lower().strip())
    meant = f" (did you mean {nearest!r}?)" if nearest in factors else f": use one of {', '.join(factors)}"
    raise UnitError(f"unknown unit {suffix!r:.30} in {written!r:.60}{meant}")


def _misread(written: str, unit: Unit) -> str:
    bare = re.fullmatch(rf"\s*{_NUMBER}\s*", written, re.ASCII)
    if bare and unit not in (Unit.COUNT, Unit.NUMBER):
        return f"{written.strip()!r:.60} has no unit: write {_with_unit(written.strip(), unit)}"
    if unit is Unit.DURATION and re.fullmatch(r"\s*-\s*\d.*", written, re.DOTALL):
        return f"{written!r:.60} is negative: write {unit.form}"
    return f"{written!r:.60} is not {unit.form}"


def with_likely_unit(unit: Unit, written: str) -> str:
    """A bare number with the unit it most likely lacks; anything else as it is."""
    bare = re.fullmatch(rf"\s*{_NUMBER}\s*", written, re.ASCII) and unit not in (Unit.COUNT, Unit.NUMBER)
    return _with_unit(written.strip(), unit).split(" or ")[0] if bare else written


def _with_unit(bare: str, unit: Unit) -> str:
    """What a number without its unit most likely meant."""
    if len(bare) > _LONGEST_GUESS:
        return unit.form
    if unit is not Unit.PERCENTAGE:
        return " or ".join(f"{bare}{suffix}" for suffix in _LIKELY_SUFFIXES[unit])
    fraction = f"{float(bare) * 100:g}%"
    return fraction if 0 < abs(float(bare)) < 1 else f"{bare}%" if float(bare) != 1 else f"{fraction} or {bare}%"


def _bounded(value: float, written: object) -> float:
    if abs(value) > _LARGEST:
        raise UnitError(f"{written!r:.60} is too large")
    return value


def _scaled(value: float, scales: tuple[tuple[float, str], ...]) -> str:
    factor, unit = scales[0]
    for larger, name in scales[1:]:
        # 999.6 ns would print as "1000 ns": step up where rounding reaches the next unit
        if abs(value) >= larger * 0.9995:
            factor, unit = larger, name
    return f"{_digits(value / factor)} {unit}"


def _digits(value: float) -> str:
    magnitude = abs(value)
    if magnitude >= 99.95 or value == 0:
        return f"{value:,.0f}"
    if magnitude >= 9.995:
        return f"{value:.1f}"
    if magnitude >= 0.0995:
        return f"{value:.2f}"
    return f"{value:.3g}"
