"""What can be compared, as blocks: the exact counters of a run, and a run against an earlier one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.figures import METRICS
from perfcli.figures.count_changes import MARGIN
from perfcli.figures.engine import COUNTERS, KEPT, count_of
from perfcli.report.blocks import DOUBTFUL, QUIET, Block, Column, Facts, Line, Notes, Section, Table
from perfcli.report.wording import (
    UNKNOWN,
    change_style,
    change_word,
    counted,
    engine_words,
    figure,
    name,
    one_line,
    percent,
    ratio_interval,
)
from perfcli.results import (
    TOTAL,
    BaselineComparison,
    CounterChange,
    CounterOutcome,
    ExactCounters,
    OperationChange,
    RunResult,
)

_COLUMNS: Final = (
    Column("", "word"),
    Column("operation", "prose", least=14),
    *map(Column, ("p50 then", "p50 now", "change", "interval", "p-value")),
)
_FIRST_TO_GO: Final = ("p-value", "interval", "p50 then", "p50 now")
_IN_TIME: Final = "~"
_TIMED: Final = "as timed, because it waits for the simulated AI"
OF_AN_OPERATION: Final = tuple(metric for metric in COUNTERS if metric != KEPT)
"""The counters that each operation has of its own."""

_SIGN: Final = "≈"
ABOUT: Final = (_SIGN, Text("varies between counts: not compared"))
"""The sign before a count that is not exact, with its meaning."""


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


def exact_section(result: RunResult) -> Iterator[Section]:
    """The counts of each operation; nothing if there are none."""
    counters = result.exact
    if counters is None:
        return
    rows = [_row_of_counts(counters, label) for label in counters.operations]
    labels = [METRICS[metric].label for metric in OF_AN_OPERATION]
    table = Table(
        (Column("operation", "prose", least=14), *map(Column, (*labels, "counted"))),
        rows,
        "exact counters, per operation",
        first_to_go=("counted",),
        legend=[ABOUT],
    )
    kept = counters.kept_bytes
    facts = [] if kept is None else [("kept", Text(f"{units.format_size(kept)} of memory per operation"))]
    # the verdict lists its reasons by itself
    notes = [Text(note) for note in _not_counted(counters) if note not in result.reasons]
    parts: list[Block] = [
        *([table] if rows else []),
        *([Facts(facts)] if facts else []),
        *([Notes(notes)] if notes else []),
    ]
    if parts:
        yield Section("exact counters", parts, brief=[part for part in parts if not isinstance(part, Facts)])


def _not_counted(counters: ExactCounters) -> Iterator[str]:
    """Each reason, after the metrics that have no value for it."""
    by_reason: dict[str, list[str]] = {}
    for metric, reason in counters.not_counted.items():
        by_reason.setdefault(reason, []).append(metric)
    for reason, metrics in by_reason.items():
        which = "nothing was counted" if len(metrics) == len(COUNTERS) else ", ".join(metrics)
        yield f"{which}: {reason}"


def counts_in_brief(counters: ExactCounters) -> Text:
    """ "80 operations counted, none timed"."""
    done = sum(each.done for each in counters.operations.values())
    return Text(f"{counted(done, 'operation')} counted, none timed")


def _row_of_counts(counters: ExactCounters, label: str) -> list[Text]:
    operation = counters.operations[label]
    counted_cell = Text(units.format_count(operation.done), QUIET)
    return [name(label), *(count_cell(counters, metric, label) for metric in OF_AN_OPERATION), counted_cell]


def count_cell(counters: ExactCounters, metric: str, label: str) -> Text:
    """A count, with a sign if it varies between counts; empty if it was not counted."""
    value = count_of(counters, metric, label)
    if value is None:
        return Text()
    text = f"{value:,.1f}".removesuffix(".0")
    return Text(text) if counters.is_exact(metric, label) else Text(f"{_SIGN}{text}", DOUBTFUL)


def counter_blocks(counters: Sequence[CounterChange], sides: tuple[str, str]) -> Iterator[Block]:
    """The counters that changed, and how many did not.

    Args:
        sides: the titles of their columns.
    """
    changed = [each for each in counters if each.change in ("regression", "improvement")]
    if changed:
        columns = Column("", "word"), Column("exact counter", "prose", least=24), *map(Column, (*sides, "change"))
        yield Table(columns, list(map(_counter_row, changed)), "exact counters", first_to_go=sides)
    if same := sum(each.change == "no change" for each in counters):
        yield Line(Text(f"{counted(same, 'exact counter')} within {units.format_percentage(MARGIN)}", QUIET))
    reasons = Counter(each.reason for each in counters if each.reason)
    yield from (
        Line(Text(f"{counted(count, 'exact counter')} not compared: {one_line(why)}")) for why, count in reasons.items()
    )


def counters_named(counters: Sequence[CounterChange], change: CounterOutcome) -> str:
    """The one that changed most of those that changed so, and how many more; "" if none did."""
    changed = [each for each in counters if each.change == change]
    if not changed:
        return ""
    most = max(changed, key=_size)
    more = f" and {counted(len(changed) - 1, 'more exact counter')}" if len(changed) > 1 else ""
    return f"{counter_name(most)} {counter_change(most)}{more}"


def _size(counter: CounterChange) -> float:
    """How far the larger count exceeds the smaller, as their ratio."""
    least, most = sorted((counter.base or 0.0, counter.now or 0.0))
    return most / least if least > 0 else math.inf


def counter_name(counter: CounterChange) -> str:
    """As a threshold names it."""
    return ".".join(filter(None, (one_line(counter.operation), counter.metric)))


def counter_change(counter: CounterChange) -> str:
    """By how much, as a share of the base; if that is 0, the new value."""
    base, now = counter.base or 0.0, counter.now or 0.0
    return percent(now / base) if base > 0 else f"+{units.format_number(now)}"


def counter_values(counter: CounterChange) -> tuple[Text, Text]:
    """Both counts in their unit."""
    write = partial(units.format_quantity, METRICS[counter.metric].unit)
    return figure(counter.base, write), figure(counter.now, write)


def _counter_row(counter: CounterChange) -> list[Text]:
    change = Text(counter_change(counter), change_style(counter.change))
    return [change_word(counter.change), name(counter_name(counter)), *counter_values(counter), change]
