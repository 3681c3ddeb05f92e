"""What functions of the user's own counted, and how long they prepared, as a block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.figures import counter_metrics
from perfcli.report.blocks import Column, Section, Table
from perfcli.report.wording import figure, name
from perfcli.results import OperationResult

_COLUMNS: Final = (
    Column("own operation", "prose", least=14),
    Column("preparation"),
    Column("counter", "word"),
    Column("sum"),
    Column("per operation"),
)
_PREPARATION: Final = Text("mean time before ctx.timed(): in no latency, but it delays what follows")


def own_operations_section(operations: Sequence[OperationResult]) -> list[Section]:
    """A table of the operations that prepare or count; none without such."""
    rows = [row for operation in operations for row in _rows(operation)]
    table = Table(_COLUMNS, rows, "own operations", legend=[("preparation", _PREPARATION)])
    return [Section("own operations", [table], brief=[table])] if rows else []


def _rows(operation: OperationResult) -> Iterator[list[Text]]:
    # of a function that is timed as a whole nothing is preparation
    prepares = bool(operation.preparation_ns)
    lead = [name(operation.name), figure(operation.preparation_ns, units.format_duration) if prepares else Text()]
    metrics = counter_metrics({counter: each.unit for counter, each in operation.counters.items()})
    for counter, each in operation.counters.items():
        of_sum, of_mean = metrics[counter].unit, metrics[f"{counter}_per_op"].unit
        total = figure(each.sum, partial(units.format_quantity, of_sum))
        yield [*lead, name(counter), total, figure(each.per_op, partial(units.format_quantity, of_mean))]
        lead = [Text(), Text()]
    if prepares and not operation.counters:
        yield [*lead, Text(), Text(), Text()]
