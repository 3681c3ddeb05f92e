"""Quantities: what people write is read exactly, what they read has its unit, and mistakes say what to write."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perfcli import units
from perfcli.units import Unit, UnitError

anything = st.one_of(st.text(), st.none(), st.booleans(), st.integers(), st.floats(), st.lists(st.text(), max_size=2))
quantity_texts = st.text(alphabet="0123456789.+- smhµnkKMGiB/op%", max_size=20)


@pytest.mark.parametrize(
    ("unit", "text", "value"),
    [
        (Unit.DURATION, "50ms", 50_000_000),
        (Unit.DURATION, "1.5s", 1_500_000_000),
        (Unit.DURATION, "1m30s", 90_000_000_000),
        (Unit.DURATION, " 1h 2m 3s ", 3_723_000_000_000),
        (Unit.DURATION, "7us", 7_000),
        (Unit.DURATION, "7µs", 7_000),
        (Unit.DURATION, "7μs", 7_000),
        (Unit.DURATION, "0s", 0),
        (Unit.SIZE, "50MB", 50_000_000),
        (Unit.SIZE, "50 MiB", 52_428_800),
        (Unit.SIZE, "-1kB", -1_000),
        (Unit.SIZE, "1.5GiB", 1_610_612_736),
        (Unit.SIZE_PER_OPERATION, "16B/op", 16),
        (Unit.RATE, "10/s", 10),
        (Unit.RATE, "600/m", 10),
        (Unit.RATE, "36000/h", 10),
        (Unit.PERCENTAGE, "95%", 0.95),
        (Unit.PERCENTAGE, "99.9 %", 0.999),
        (Unit.COUNT, "300", 300),
    ],
)
def test_quantities_are_read(unit: Unit, text: str, value: float) -> None:
    assert units.parse(unit, text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("unit", "text", "message"),
    [
        (Unit.DURATION, 50, "50 has no unit: write 50ms or 50s"),
        (Unit.DURATION, "50", "'50' has no unit: write 50ms or 50s"),
        (Unit.DURATION, "50MS", "unknown unit 'MS' in '50MS' (did you mean 'ms'?)"),
        (Unit.DURATION, "2 sec", "unknown unit 'sec' in '2 sec' (did you mean 's'?)"),
        (Unit.DURATION, "1 minute", "unknown unit 'minute' in '1 minute' (did you mean 'm'?)"),
        (Unit.DURATION, "2 d", "unknown unit 'd' in '2 d': use one of ns, us, µs, μs, ms, s, m, h"),
        (Unit.RATE, "100 rps", "unknown unit 'rps' in '100 rps' (did you mean '/s'?)"),
        (Unit.DURATION, "-5ms", "'-5ms' is negative: write a duration (50ms, 2s, 1m30s)"),
        (Unit.DURATION, "1m30", "'1m30' is not a duration (50ms, 2s, 1m30s)"),
        (Unit.DURATION, "soon", "'soon' is not a duration (50ms, 2s, 1m30s)"),
        (Unit.DURATION, None, "expected a duration (50ms, 2s, 1m30s), not None"),
        (Unit.DURATION, True, "expected a duration (50ms, 2s, 1m30s), not True"),
        (Unit.DURATION, "999999999h", "'999999999h' is too large"),
        (Unit.DURATION, "9" * 90 + "s", "'" + "9" * 59 + " is too large"),
        (Unit.SIZE, "50", "'50' has no unit: write 50MB or 50kB"),
        (Unit.SIZE, "50mb", "unknown unit 'mb' in '50mb' (did you mean 'MB'?)"),
        (Unit.SIZE, "50ms", "unknown unit 'ms' in '50ms': use one of B, kB, KB, MB, GB, KiB, MiB, GiB"),
        (Unit.RATE, "10", "'10' has no unit: write 10/s"),
        (Unit.PERCENTAGE, "0.95", "'0.95' has no unit: write 95%"),
        (Unit.PERCENTAGE, "95", "'95' has no unit: write 95%"),
        (Unit.COUNT, "1.5", "'1.5' is not a count (300)"),
        (Unit.COUNT, "5ms", "'5ms' is not a count (300)"),
        (Unit.COUNT, True, "'True' is not a count (300)"),
        (Unit.COUNT, "9" * 16, "'9999999999999999' is too large"),
    ],
)
def test_mistakes_say_what_to_write(unit: Unit, text: object, message: str) -> None:
    with pytest.raises(UnitError) as caught:
        units.parse(unit, text)
    assert str(caught.value) == message


@pytest.mark.slow
@pytest.mark.parametrize("text", ["9" * 100_000 + "s", "5 a" + " " * 100_000 + "b", " " * 100_000, "1s" * 100_000])
@pytest.mark.parametrize("unit", list(Unit))
def test_long_text_is_refused_without_much_thought(unit: Unit, text: str) -> None:
    with pytest.raises(UnitError) as caught:
        units.parse(unit, text)
    assert len(str(caught.value)) < 200


@given(st.sampled_from(list(Unit)), anything | quantity_texts)
@example(Unit.DURATION, "9" * 400 + "s")
def test_nothing_but_a_finite_number_or_a_unit_error_comes_out(unit: Unit, text: Any) -> None:
    try:
        value = units.parse(unit, text)
    except UnitError as error:
        assert str(error)  # noqa: PT017
    else:
        assert math.isfinite(value)


@given(st.integers(0, 10_000))
def test_percentage_is_the_nearest_fraction(hundredths: int) -> None:
    """57 % must be 0.57 itself, or 57 successes of 100 would miss a limit of 57 %."""
    assert units.parse_fraction(f"{hundredths / 100}%") == hundredths / 100 / 100
    assert units.parse_fraction("57%") == 57 / 100


@given(st.integers(0, 2**53))
def test_whole_units_are_read_exactly(value: int) -> None:
    assert units.parse_duration_ns(f"{value}ns") == value
    assert units.parse_size_bytes(f"{value}B") == value
    assert units.parse_size_bytes(f"-{value}B") == -value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (units.format_duration(0), "0 ns"),
        (units.format_duration(999.4), "999 ns"),
        (units.format_duration(999.6), "1.00 µs"),
        (units.format_duration(7_420), "7.42 µs"),
        (units.format_duration(50_300_000), "50.3 ms"),
        (units.format_duration(90_000_000_000), "90.0 s"),
        (units.format_duration(5_400_000_000_000), "5,400 s"),
        (units.format_size(12_300_000), "12.3 MB"),
        (units.format_size(-512_000), "-512 kB"),
        (units.format_rate(9.98), "9.98/s"),
        (units.format_rate(12_400), "12,400/s"),
        (units.format_percentage(1), "100%"),
        (units.format_percentage(0.99999), "99.99%"),
        (units.format_percentage(0.9998), "99.98%"),
        (units.format_percentage(-0.000001), "0%"),
        (units.format_count(12_400), "12,400"),
        (units.format_size_per_operation(16), "16.0 B/op"),
    ],
)
def test_quantities_are_printed(text: str, expected: str) -> None:
    assert text == expected


@given(
    st.sampled_from([Unit.DURATION, Unit.SIZE, Unit.SIZE_PER_OPERATION, Unit.RATE]),
    st.integers(1, 10**14),
)
def test_what_is_printed_reads_back_within_three_digits(unit: Unit, value: float) -> None:
    printed = units.format_quantity(unit, value).replace(",", "")
    assert units.parse(unit, printed) == pytest.approx(value, rel=0.006)


@given(st.floats(min_value=-10, max_value=10))
def test_percentages_read_back_within_a_hundredth(fraction: float) -> None:
    assert units.parse_fraction(units.format_percentage(fraction)) == pytest.approx(fraction, abs=0.000101)
