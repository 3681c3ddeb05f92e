"""A run against an earlier one, as blocks: what became of each operation, and the answer in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import QUIET, Block, Column, Facts, Line, Notes, Section, Table
from perfcli.report.exact_counters import counter_blocks, counters_named
from perfcli.report.wording import (
    UNKNOWN,
    change_style,
    change_word,
    engine_words,
    figure,
    name,
    one_line,
    percent,
    ratio_interval,
)
from perfcli.results import TOTAL, BaselineComparison, OperationChange, RunResult

_COLUMNS: Final = (
    Column("", "word"),
    Column("operation", "prose", least=14),
    *map(Column, ("p50 then", "p50 now", "change", "interval", "p-value")),
)
_FIRST_TO_GO: Final = ("p-value", "interval", "p50 then", "p50 now")
_IN_TIME: Final = "~"
_TIMED: Final = "as timed, because it waits for the simulated AI"


def baseline_section(result: RunResult) -> Section:
    """The comparison with a baseline; nothing for a run that was compared with none."""
    compared = result.baseline
    if compared is None:
        return Section("baseline", ())
    is_clear = compared.change == "no change" or (compared.change == "incomparable" and not compared.operations)
    shown = [Facts([("baseline", _which(compared))]), *comparison_blocks(compared)]
    return Section("baseline", shown, brief=() if is_clear else None)


def baseline_in_brief(result: RunResult) -> Iterator[tuple[str, Text]]:
    """The outcome on a line."""
    if baseline_section(result).brief is not None and result.baseline is not None:
        yield "baseline", comparison_word(result.baseline)


def comparison_word(compared: BaselineComparison) -> Text:
    """What became of it, and what bears it: `REGRESSION against main: create_pet +31.0%`."""
    bearing = what_bears(compared)
    return Text.assemble(_outcome(compared), f": {bearing}" if bearing else "")


def what_bears(compared: BaselineComparison) -> str:
    """The operations that are slower; of what is incomparable, the reasons."""
    if compared.change == "incomparable":
        return _first_of(compared.reasons)
    if compared.change != "regression":
        return ""
    slower = [f"{one_line(each.name)} {_change(each)}" for each in compared.operations if each.change == "regression"]
    return ", ".join(filter(None, [*slower, counters_named(compared.counters, "regression")]))


def _first_of(reasons: Sequence[str]) -> str:
    """The first of several reasons; the others stand below."""
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"{one_line(reasons[0])}{more}" if reasons else ""


def _outcome(compared: BaselineComparison) -> Text:
    relation = "with" if compared.change == "incomparable" else "against"
    rests = f" by {compared.rests_on}" if compared.rests_on == "exact counters" else ""
    return Text.assemble(change_word(compared.change), f" {relation} {one_line(compared.name)}{rests}")


def comparison_blocks(compared: BaselineComparison, *, with_times: bool = True) -> Iterator[Block]:
    """What became of each operation, and why, if that is not plain.

    Args:
        with_times: whether to show the medians; no if another table does.
    """
    if compared.operations:
        totals = int(compared.operations[-1].name == TOTAL)
        rows = [_change_row(each, with_times=with_times) for each in compared.operations]
        timed = (_IN_TIME, Text(_TIMED))
        yield Table(_COLUMNS, rows, "baseline", totals=totals, first_to_go=_FIRST_TO_GO, legend=[timed])
        yield from _footnotes(compared)
    yield from counter_blocks(compared.counters, ("then", "now"))
    lead = "times are incomparable: " if compared.rests_on == "exact counters" else ""
    remarks = [
        *(f"{lead}{reason}" for reason in compared.reasons),
        *(f"{each.name}: {each.reason}" for each in compared.operations if each.reason),
    ]
    if remarks:
        yield Notes([name(remark) for remark in remarks])


def _which(compared: BaselineComparison) -> Text:
    """The outcome, what the baseline was, and what the outcome means for the exit code if that is not plain."""
    engine = engine_words("", compared.engine_version, compared.commit, modified=False)
    margin = f"margin {units.format_percentage(compared.margin)}"
    forgiven = compared.change in ("incomparable", "inconclusive") and not compared.strict
    more = [compared.started_at, engine, margin, "with --strict it fails" if forgiven else ""]
    return Text.assemble(_outcome(compared), (f"  ({', '.join(filter(None, more))})", QUIET))


def _change_row(operation: OperationChange, *, with_times: bool) -> list[Text]:
    style = change_style(operation.change)
    label = "total" if operation.name == TOTAL else operation.name
    medians = (operation.base_p50_ns, operation.p50_ns)
    return [
        change_word(operation.change),
        name(label),
        *(figure(each, units.format_duration) if with_times else Text() for each in medians),
        Text(_change(operation) if operation.ratio is not None else UNKNOWN, style),
        Text(_interval(operation)),
        figure(operation.p_slower if _slows(operation) else operation.p_faster, _probability),
    ]


def _slows(operation: OperationChange) -> bool:
    return operation.ratio is None or operation.ratio >= 1


def _change(operation: OperationChange) -> str:
    if operation.ratio is None:
        return UNKNOWN
    return (_IN_TIME if operation.in_time else "") + percent(operation.ratio)


def _interval(operation: OperationChange) -> str:
    if operation.lower is None and operation.upper is None:
        return ""
    return ratio_interval(operation.lower, operation.upper, certain=percent(operation.lower or 1.0))


def _probability(p: float) -> str:
    return f"{p:.3f}" if p >= 0.001 else "<0.001"


def _footnotes(compared: BaselineComparison) -> Iterator[Block]:
    in_units = any(each.ratio is not None and not each.in_time for each in compared.operations)
    if compared.base_reference_ns and compared.reference_ns and in_units:
        then, now = map(units.format_duration, (compared.base_reference_ns, compared.reference_ns))
        yield Line(Text(f"changes are normalised by the reference kernel: {then} then, {now} now", QUIET))
