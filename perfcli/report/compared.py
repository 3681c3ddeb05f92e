"""A run against its baseline: the table of operations, and the verdict in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, QUIET, Block, Column, Facts, Line, Notes, Section, Table
from perfcli.report.wording import UNKNOWN, engine_words, figure, name, one_line, share, signed
from perfcli.results import TOTAL, BaselineComparison, OperationChange, RunResult

_COLUMNS: Final = (
    Column("", "word"),
    Column("operation", "prose", least=14),
    *map(Column, ("p50 then", "p50 now", "change", "p")),
)
_FIRST_TO_GO: Final = ("p", "p50 then", "p50 now")
_STYLES: Final = {"regression": f"bold {BAD}", "improvement": GOOD, "inconclusive": DOUBTFUL, "incomparable": DOUBTFUL}
_IN_TIME: Final = "~"
_UNITS: Final = "change in units of the reference kernel, which ran beside the load and took"
_TIMED: Final = "as timed: it waits for the simulated AI, whatever the machine's speed"


def baseline_section(result: RunResult) -> Section:
    """The comparison with a baseline; nothing for a run that was compared with none."""
    compared = result.baseline
    if compared is None:
        return Section("baseline", ())
    is_clear = compared.change == "no change" or (compared.change == "incomparable" and not compared.operations)
    return Section("baseline", list(_blocks(compared)), brief=() if is_clear else None)


def baseline_in_brief(result: RunResult) -> Iterator[tuple[str, Text]]:
    """The outcome on a line."""
    if baseline_section(result).brief is not None and result.baseline is not None:
        yield "baseline", comparison_word(result.baseline)


def comparison_word(compared: BaselineComparison) -> Text:
    """What became of it, with what is slower: `REGRESSION against main: create_pet +31%`."""
    slower = [f"{one_line(each.name)} {_change(each)}" for each in compared.operations if each.change == "regression"]
    more = {"regression": ", ".join(slower), "incomparable": one_line("; ".join(compared.reasons))}
    why = more.get(compared.change, "")
    return Text.assemble(_outcome(compared), f": {why}" if why else "")


def _outcome(compared: BaselineComparison) -> Text:
    relation = "with" if compared.change == "incomparable" else "against"
    return Text.assemble(_word(compared.change), f" {relation} {one_line(compared.name)}")


def _blocks(compared: BaselineComparison) -> Iterator[Block]:
    yield Facts([("baseline", _which(compared))])
    if compared.operations:
        totals = int(compared.operations[-1].name == TOTAL)
        rows = list(map(_row, compared.operations))
        timed = (_IN_TIME, Text(_TIMED))
        yield Table(_COLUMNS, rows, "baseline", totals=totals, first_to_go=_FIRST_TO_GO, legend=[timed])
        yield from _footnotes(compared)
    remarks = [*compared.reasons, *(f"{each.name}: {each.reason}" for each in compared.operations if each.reason)]
    if remarks:
        yield Notes([name(remark) for remark in remarks])


def _which(compared: BaselineComparison) -> Text:
    """The outcome, what the baseline was, and what the outcome means for the exit code if that is not plain."""
    engine = engine_words("", compared.engine_version, compared.commit, modified=False)
    margin = f"margin {units.format_percentage(compared.margin)}"
    forgiven = compared.change in ("incomparable", "inconclusive") and not compared.strict
    more = [compared.started_at, engine, margin, "--strict makes it fail" if forgiven else ""]
    return Text.assemble(_outcome(compared), (f"  ({', '.join(filter(None, more))})", QUIET))


def _row(operation: OperationChange) -> list[Text]:
    style = _STYLES.get(operation.change, "")
    label = "total" if operation.name == TOTAL else operation.name
    return [
        _word(operation.change),
        name(label),
        figure(operation.base_p50_ns, units.format_duration),
        figure(operation.p50_ns, units.format_duration),
        Text(_change(operation) if operation.ratio is not None else UNKNOWN, style),
        figure(operation.p_slower if _slows(operation) else operation.p_faster, _probability),
    ]


def _slows(operation: OperationChange) -> bool:
    return operation.ratio is None or operation.ratio >= 1


def _change(operation: OperationChange) -> str:
    if operation.ratio is None:
        return UNKNOWN
    return (_IN_TIME if operation.in_time else "") + signed(share)(operation.ratio - 1)


def _probability(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _word(change: str) -> Text:
    return Text(change.upper() if change == "regression" else change, _STYLES.get(change, ""))


def _footnotes(compared: BaselineComparison) -> Iterator[Block]:
    in_units = any(each.ratio is not None and not each.in_time for each in compared.operations)
    if compared.base_reference_ns and compared.reference_ns and in_units:
        then, now = map(units.format_duration, (compared.base_reference_ns, compared.reference_ns))
        yield Line(Text(f"{_UNITS} {then} then, {now} now", QUIET))
