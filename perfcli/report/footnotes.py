"""What the signs and words of the tables of operations mean, where they are used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from perfcli import units
from perfcli.metrics.statistics import EXACT_MOST, LEAST_BEYOND, is_thin
from perfcli.report.blocks import QUIET
from perfcli.report.figures import HINT
from perfcli.report.layout import labelled
from perfcli.report.operations import STATISTICS, Measured, waiting_shows
from perfcli.results import OperationResult

_THIN: Final = f"a hint only: fewer than {LEAST_BEYOND} samples lie beyond this percentile"
_SERVICE_TIME: Final = "from the actual start of an operation; latency counts from the intended one"
_INEXACT: Final = f"of more than {units.format_count(EXACT_MOST)} samples are right to 0.1 %"
_SKIPPED: Final = "not tried, as a step they build upon had failed"


def render_footnotes(parts: Iterable[Measured], *, from_due_time: bool = False) -> Iterator[RenderableType]:
    """The meaning of what stands in the tables of these parts; nothing where nothing needs explaining."""
    shown = [operation for part in parts for operation in (*part.operations, part.total)]
    notes = [
        (HINT, _THIN, any(map(_has_hints, shown))),
        ("service time", _SERVICE_TIME, from_due_time or any(map(waiting_shows, shown))),
        ("percentiles", _INEXACT, any(each.latency is not None and not each.latency.exact for each in shown)),
        ("skipped", _SKIPPED, any(each.skipped for each in shown)),
    ]
    yield from _aligned([(sign, meaning) for sign, meaning, is_used in notes if is_used])


def _has_hints(operation: OperationResult) -> bool:
    latency = operation.latency
    return latency is not None and any(is_thin(each, latency.count or operation.ok) for each in STATISTICS)


def _aligned(notes: Sequence[tuple[str, str]]) -> list[RenderableType]:
    return [*labelled([(sign, Text(meaning, QUIET)) for sign, meaning in notes])]
