"""The faults of a run as a table: when each was there, what failed, and how long it took to be well again."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import BAD, DOUBTFUL, Block, Column, Notes, Section, Table
from perfcli.report.wording import name
from perfcli.results import FaultResult, RunResult

_COLUMNS = (
    Column("fault", "word"),
    *map(Column, ("inflicted at", "lasted", "in flight", "failed", "outage", "recovery")),
)
_MOST_ROWS = 20


def faults_section(result: RunResult) -> Iterator[Section]:
    """Each time that a fault was due; nothing if there was none."""
    if not result.faults:
        return
    rows = [_row(fault) for fault in result.faults[:_MOST_ROWS]]
    left = len(result.faults) - len(rows)
    notes = [Text(f"{left} more are in the JSON")] if left else []
    notes += [Text(doubt, DOUBTFUL) for doubt in _doubts(result)]
    parts: list[Block] = [
        Table(_COLUMNS, rows, "faults", first_to_go=("in flight", "lasted")),
        *([Notes(notes)] if notes else []),
    ]
    yield Section("faults", parts, brief=parts)


def _row(fault: FaultResult) -> list[Text]:
    label = fault.name if fault.name == fault.kind else f"{fault.name} ({fault.kind})"
    at = Text(units.format_duration(fault.at_ns))
    if fault.lasted_ns is None:
        return [name(label), Text("–", BAD), *[Text("–")] * 5]
    recovery = Text("never", BAD) if fault.recovery_ns is None else Text(units.format_duration(fault.recovery_ns))
    return [
        name(label),
        at,
        Text(units.format_duration(fault.lasted_ns)),
        Text(units.format_count(fault.in_flight)),
        Text(f"{units.format_count(fault.failed)} of {units.format_count(fault.operations)}", BAD * bool(fault.failed)),
        Text(units.format_duration(fault.outage_ns or 0)),
        recovery,
    ]


def _doubts(result: RunResult) -> Iterator[str]:
    """Where a load hides an outage, or makes one larger than it is."""
    for phase in result.phases:
        of_phase = [fault for fault in result.faults if fault.phase == phase.name and fault.lasted_ns]
        if not of_phase:
            continue
        where = f"{phase.name}: " if len(result.phases) > 1 else ""
        if phase.offered_line is None:
            yield (
                f"{where}each vu waits for its answer, so few operations see an outage: "
                "an arrival rate shows all that were due"
            )
            continue
        longest = max(of_phase, key=lambda fault: fault.lasted_ns or 0)
        due = (phase.offered_per_s or 0.0) * (longest.lasted_ns or 0) / units.NS_PER_S
        if due > phase.vus:
            yield (
                f"{where}{due:,.0f} iterations were due during {longest.name}, and there are {phase.vus:,} vus: "
                "operations that it does not touch waited for a free vu"
            )
