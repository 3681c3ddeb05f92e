"""What is known of the engine beyond its times, as blocks: leak, degradation, growth, integrity, its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.figures.integrity import UNCHECKED
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, QUIET, Facts, Section
from perfcli.report.process import describe_leak, statements, what_it_left
from perfcli.report.wording import counted, name, share, signed, why_not
from perfcli.results import GrowthResult, Integrity, OperationResult, RunResult, SaveCounts

_GROWS_FROM: Final = 0.5
"""From this exponent on, what an operation costs grows notably with the size."""
_GREW_FROM: Final = 1.5
_OVER: Final = {"pets": "pets stored", "interactions": "interactions of a session"}
_CHANGE: Final = signed(share)

Fact = tuple[str, Text]


def stability_section(result: RunResult) -> Section:
    """A line for each question that was asked."""
    return Section("stability", [Facts(list(_lines(result)))], detail=True)


def notable(result: RunResult) -> Iterator[Fact]:
    """What a brief report spells out, as it is not as it should be."""
    leak = result.memory.leak
    if leak and leak.judged:
        yield "leak", describe_leak(leak, failed=_is_about("memory.leak", result))
    if _is_about("degradation", result):
        yield "degradation", _degradation(result)
    if grown := [each for each in result.operations if each.growth and _is_notable(each.growth)]:
        yield "growth", _growth(grown)
    yield from what_it_left(result.inspection)


def describe_integrity(result: RunResult) -> Text:
    """What was acknowledged against what is stored, with examples of what is not the same."""
    integrity = result.integrity
    if integrity is None:
        return why_not(result, "checked")
    if troubles := list(_troubles(integrity)):
        examples = [Text.assemble("- ", name(example)) for example in integrity.examples]
        return Text("\n").join([*troubles, *map(Text, _unchecked(integrity.saves)), *examples])
    words, style = _all_is_well(integrity)
    return Text("; ".join(words), style)


def integrity_in_brief(result: RunResult) -> Text:
    """The same on a line if all is well."""
    integrity = result.integrity
    if integrity is None or integrity.lost is None or any(_troubles(integrity)):
        return describe_integrity(result)
    words, style = _all_is_well(integrity)
    if integrity.acknowledged == integrity.set_up:
        return Text(words[0], style)
    once = "" if integrity.duplicates is None else ", no duplicates"
    parts = [f"{counted(integrity.acknowledged, 'write')}: no loss{once}"]
    if saved := integrity.saves.acknowledged:
        checked = integrity.saves.checked
        share = "all" if checked == saved else f"{units.format_count(checked)}/{units.format_count(saved)}"
        parts.append(f"{share} saves checked")
    return Text.assemble((" · ".join(parts), style), *((f"; {why}", DOUBTFUL) for why in _unchecked(integrity.saves)))


def _lines(result: RunResult) -> Iterator[Fact]:
    if result.memory.leak:
        yield "leak", describe_leak(result.memory.leak, failed=_is_about("memory.leak", result))
    yield "degradation", _degradation(result)
    if grown := [operation for operation in result.operations if operation.growth]:
        yield "growth", _growth(grown)
    yield "integrity", describe_integrity(result)
    if ran := statements(result.inspection):
        yield "statements", ran
    if result.inspection.fsyncs_not_told:
        yield "fsyncs", Text.assemble(("not known: ", QUIET), name(result.inspection.fsyncs_not_told))
    yield from what_it_left(result.inspection)


def _is_about(metric: str, result: RunResult) -> bool:
    """Whether a threshold on the metric does not hold."""
    return any(metric in threshold.expr and threshold.outcome in ("fail", "miss") for threshold in result.thresholds)


def _degradation(result: RunResult) -> Text:
    total = result.total
    if result.duration_ns is None:
        return why_not(result, "measured")
    if total.degradation is None:
        return Text("not known: too few operations to tell", QUIET)
    how = ", the last fifth of the operations against the first"
    return Text.assemble(_CHANGE(total.degradation), (how, QUIET), _most_degraded(result.operations, total.degradation))


def _most_degraded(operations: Sequence[OperationResult], total: float) -> Text:
    each = [(operation.degradation, operation.name) for operation in operations if operation.degradation]
    if len(each) < 2:
        return Text()
    most, operation = max(each)
    if most * total <= 0:
        return Text()
    return Text.assemble(("; most in ", QUIET), name(operation), f" {_CHANGE(most)}")


def _is_notable(growth: GrowthResult) -> bool:
    return growth.exponent is not None and growth.exponent >= _GROWS_FROM and growth.ratio >= _GREW_FROM


def _growth(operations: Sequence[OperationResult]) -> Text:
    grown = [(operation.name, operation.growth) for operation in operations if operation.growth]
    grown.sort(key=lambda each: -each[1].ratio)
    width = max(name(operation).cell_len for operation, _ in grown)
    lines = [_growth_of(operation, growth, width) for operation, growth in grown]
    return Text("\n").join(lines)


def _growth_of(operation: str, growth: GrowthResult, width: int) -> Text:
    label = name(operation)
    padding = " " * (width - label.cell_len)
    sizes = [size for size, _ in growth.points]
    over = _OVER[growth.over]
    seen = f"{units.format_count(sizes[0])} to {units.format_count(sizes[-1])} {over}" if sizes else over
    exponent = "no exponent: the size hardly changed"
    if growth.exponent is not None:
        exponent = f"cost ~ size^{units.format_number(growth.exponent)}"
    return Text.assemble(
        label, padding, f"  {units.format_number(growth.ratio)}x", (f" over {seen}; {exponent}", QUIET)
    )


def _all_is_well(integrity: Integrity) -> tuple[list[str], str]:
    of_load = integrity.acknowledged - integrity.set_up
    if not of_load:
        words, style = ["the load wrote nothing"], ""
    elif integrity.lost is None:
        words, style = [f"{counted(of_load, 'write')} acknowledged, none could be checked"], DOUBTFUL
    else:
        once = "" if integrity.duplicates is None else ", none stored twice"
        words, style = [f"{counted(integrity.acknowledged, 'write')} acknowledged: none lost{once}"], GOOD
    words += _unchecked(integrity.saves)
    if integrity.lost_updates is not None:
        words.append("every change adds up")
    if integrity.differences is not None:
        words.append("a new process reads what was answered")
    return words, style


def _unchecked(saves: SaveCounts) -> Iterator[str]:
    """How many saves nothing can tell, and why; none of them may be right."""
    if saves.unchecked:
        yield f"{counted(saves.unchecked, 'save')} unchecked ({UNCHECKED})"


def _troubles(integrity: Integrity) -> Iterator[Text]:
    if integrity.damaged:
        yield Text.assemble(("the database is damaged: ", BAD), name(integrity.damaged))
    if missing := (integrity.lost or 0) - integrity.stale_reads:
        of = counted(integrity.acknowledged, "acknowledged write")
        yield Text(f"{units.format_count(missing)} of {of} lost", BAD)
    for count, noun, plural in (
        (integrity.stale_reads, "read missed an acknowledged save", "reads missed an acknowledged save"),
        (integrity.duplicates, "write stored twice", "writes stored twice"),
        (integrity.lost_updates, "update of a pet lost", "updates of pets lost"),
        (integrity.differences, "field differs in a new process", "fields differ in a new process"),
        (integrity.torn, "torn read", "torn reads"),
    ):
        if count:
            yield Text(counted(count, noun, plural), BAD)
