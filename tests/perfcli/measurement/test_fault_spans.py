"""Which operations a fault touches, and what is counted of them."""

from __future__ import annotations

import pytest

from perfcli.measurement.fault_spans import FaultSpan

MS = 1_000_000


@pytest.mark.parametrize(
    ("due", "end", "overlaps"), [(0, 99, False), (0, 100, True), (150, 160, True), (200, 300, True), (201, 300, False)]
)
def test_an_operation_overlaps_from_the_time_it_was_due_to_its_end(due: int, end: int, overlaps: bool) -> None:
    assert FaultSpan("lock", 100 * MS, 200 * MS).overlaps(due * MS, end * MS) is overlaps


def test_a_fault_that_goes_on_overlaps_all_that_follows() -> None:
    assert FaultSpan("lock", 100 * MS).overlaps(900 * MS, 901 * MS)


def test_operations_that_had_to_wait_for_a_vu_are_late() -> None:
    span = FaultSpan("lock", 100 * MS, 200 * MS)
    span.add(90 * MS, 90 * MS, 201 * MS, "load", ok=True)
    span.add(110 * MS, 119 * MS, 130 * MS, "load", ok=False)
    span.add(110 * MS, 120 * MS, 130 * MS, "load", ok=True)
    assert (span.operations, span.failed, span.in_flight, span.late["load"], span.longest_ns) == (3, 1, 1, 1, 111 * MS)


def test_what_is_in_flight_as_a_fault_begins_belongs_to_it_from_the_time_it_was_due() -> None:
    span = FaultSpan("cut", 100 * MS, 200 * MS)
    assert span.reaches_ns == 100 * MS
    span.add(150 * MS, 150 * MS, 160 * MS, "load", ok=False)
    assert span.reaches_ns == 100 * MS
    span.add(70 * MS, 70 * MS, 101 * MS, "load", ok=False)
    assert span.reaches_ns == 70 * MS
