"""The table of what own operations counted and how long they prepared."""

from __future__ import annotations

from collections.abc import Callable

from perfcli.report.blocks import Table
from perfcli.report.operations import own_operations_section
from perfcli.results import CounterResult, OperationResult

COUNTERS = {
    "letters": CounterResult(unit="count", sum=12_400, per_op=7.75),
    "sent": CounterResult(unit="size", sum=3_200_000, per_op=2_000),
}


def cells(*operations: OperationResult) -> list[list[str]]:
    ((table,),) = [section.blocks for section in own_operations_section(operations)]
    assert isinstance(table, Table)
    return [[cell.plain for cell in row] for row in table.rows]


def operation(**more: object) -> OperationResult:
    return OperationResult.model_validate({"name": "rename", "ok": 1_600, "failed": 0, **more})


def test_each_counter_has_a_line() -> None:
    assert cells(operation(counters=COUNTERS, preparation_ns=120_000)) == [
        ["rename", "120 µs", "letters", "12,400", "7.75"],
        ["", "", "sent", "3.20 MB", "2.00 kB/op"],
    ]


def test_a_narrow_console_shows_names_and_means(printed: Callable[..., str]) -> None:
    slow = operation(name="restore_backup_of_a_pet", counters=COUNTERS, preparation_ns=1)
    titles, _, first, *_ = printed(own_operations_section([slow]), 60).splitlines()
    assert titles.split() == ["own", "operation", "counter", "per", "operation"]
    assert first.split() == ["restore_backup_of_a_pet", "letters", "7.75"]


def test_preparation_alone_is_shown_too() -> None:
    assert cells(operation(preparation_ns=1_500)) == [["rename", "1.50 µs", "", "", ""]]


def test_a_counter_without_a_success_has_no_mean() -> None:
    assert cells(operation(ok=0, failed=3, counters={"letters": CounterResult(unit="count")})) == [
        ["rename", "", "letters", "0", "–"]
    ]


def test_other_operations_have_no_such_table() -> None:
    assert own_operations_section([operation(), operation(preparation_ns=0)]) == []
