"""What an operation leaves allocated is weighed once what is only made once has been made."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial

import pytest

from perfcli.agent.inspection.repeatable import drop_cursor_references, weigh
from perfcli.plan import MOST_PASSES

pytestmark = pytest.mark.slow

OPERATIONS = 60


def weighed(operation: Callable[[int], None]) -> tuple[float, int]:
    """What an operation keeps, and how many passes it took; the operation is told its number."""
    passes, done = 0, 0

    def do() -> None:
        nonlocal passes, done
        passes += 1
        for _ in range(OPERATIONS):
            done += 1
            operation(done)

    return weigh(do, lambda: None) / OPERATIONS, passes


def test_what_fills_once_over_several_passes_is_not_counted() -> None:
    kept: list[bytes] = []

    def fills(number: int) -> None:
        if number <= (MOST_PASSES - 1) * OPERATIONS:
            kept.append(bytes(1_000))

    left, passes = weighed(fills)
    assert left < 32
    assert passes == MOST_PASSES


def test_what_every_operation_leaves_is_counted_in_as_many_passes() -> None:
    kept: list[bytes] = []
    left, passes = weighed(lambda _: kept.append(bytes(500)))
    assert left == pytest.approx(533, abs=40)
    assert passes == MOST_PASSES


@pytest.mark.parametrize("before", [0, 7, 150])
def test_cursors_that_are_gone_are_nothing_that_is_kept(before: int) -> None:
    alive: list[sqlite3.Cursor] = []
    with closing(sqlite3.connect(":memory:")) as connection:
        for _ in range(before):
            connection.execute("SELECT 1")
        operations = (lambda: connection.execute("SELECT 1").close(), lambda: alive.append(connection.cursor()))
        kept, more = (
            weigh(partial(each, operation), partial(drop_cursor_references, [connection])) / OPERATIONS
            for operation in operations
        )
    assert kept < 32
    assert more > 100


def each(operation: Callable[[], object]) -> None:
    for _ in range(OPERATIONS):
        operation()
