"""One table for phases that differ in their vus alone: a flat total with a fat tail shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Column
from perfcli.report.figures import UNKNOWN, counted, figure, name
from perfcli.report.layout import INDENT, FittingTable, Hanging, labelled
from perfcli.report.operations import latency
from perfcli.results import OperationResult, PhaseResult

_STATISTICS: Final = ("p50", "p95", "p99", "max")
_COLUMNS: Final = (
    Column("operation", "prose", least=14),
    *map(Column, ("vus", "throughput", *_STATISTICS, "failed", "skipped", "iterations", "dropped", "interrupted")),
)
_FIRST_TO_GO: Final = ("iterations", "skipped", "p50", "interrupted", "dropped", "max")
_NO_ITERATIONS: Final = (Text(), Text(), Text())


def render_scaling_head(stem: str, family: Sequence[PhaseResult]) -> Iterator[RenderableType]:
    """What ran, by the first of the phases, and its warm-up."""
    first, *others = family
    *more, most = [units.format_count(phase.vus) for phase in others]
    also = f"{', '.join(more)} and {most}" if more else most
    plan = Text.assemble(name(first.plan), (f"; then the same with {also} vus", QUIET))
    yield Hanging(Text.assemble(("phase ", QUIET), name(stem, "bold"), INDENT), plan)
    warmup = sum(phase.warmup_iterations for phase in family)
    if warmup:
        yield from labelled([("warm-up", Text(f"{counted(warmup, 'iteration')} before, in none of the figures"))])


def render_scaling(family: Sequence[PhaseResult]) -> Iterator[RenderableType]:
    """Each operation at each number of vus, and last all of them together."""
    names = [operation.name for operation in family[0].operations]
    several = len(names) > 1
    rows: list[list[Text]] = []
    for index, operation in enumerate(names if several else []):
        rows += _rows(operation, family, [phase.operations[index] for phase in family], [_NO_ITERATIONS] * len(family))
    rows += _rows("total" if several else "", family, [phase.total for phase in family], list(map(_of_phase, family)))
    yield FittingTable(_COLUMNS, rows, first_to_go=_FIRST_TO_GO, totals=len(family) if several else 0)


def _rows(
    label: str,
    family: Sequence[PhaseResult],
    operations: Sequence[OperationResult],
    iterations: Sequence[Sequence[Text]],
) -> list[list[Text]]:
    """One row for each number of vus; the first bears the label."""
    labels = [label, *[""] * (len(family) - 1)]
    return [
        [name(shown), Text(units.format_count(phase.vus)), *_of_operation(operation, phase), *ends]
        for shown, phase, operation, ends in zip(labels, family, operations, iterations, strict=True)
    ]


def _of_operation(operation: OperationResult, phase: PhaseResult) -> list[Text]:
    rate = operation.throughput_per_s if phase.duration_ns is not None and operation.attempts else None
    return [
        figure(rate, units.format_rate),
        *(latency(statistic, operation.latency, operation.ok) for statistic in _STATISTICS),
        _if_any(operation.failed, BAD),
        _if_any(operation.skipped),
    ]


def _of_phase(phase: PhaseResult) -> list[Text]:
    if phase.duration_ns is None:
        return [Text(UNKNOWN, QUIET), Text(), Text()]
    iterations = figure(phase.iterations, units.format_count)
    return [iterations, _if_any(phase.dropped_iterations, DOUBTFUL), _if_any(phase.interrupted_iterations, DOUBTFUL)]


def _if_any(count: int, style: str = "") -> Text:
    return Text(units.format_count(count), style) if count else Text()
