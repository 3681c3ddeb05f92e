"""What is known of the engine beyond its times, as blocks: resources, leak, degradation, growth, integrity, its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.figures import METRICS, Group, Metric, View, in_group
from perfcli.figures.integrity import UNCHECKED
from perfcli.metrics.leak import LEAST_GROWTH_BYTES, LEAST_SLOPE
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD, QUIET, Facts, Section
from perfcli.report.wording import counted, name, share, signed, why_not
from perfcli.results import GrowthResult, Inspection, Integrity, LeakResult, OperationResult, RunResult, SaveCounts
from perfcli.units import Unit

_MOST_NAMED: Final = 5
_ALWAYS: Final = (Group.MEMORY, Group.PROCESS)
_IN_BRIEF: Final = {
    "memory.growth": "memory {}",
    "cpu.mean": "CPU {}",
    "io.written_per_op": "{} written/op",
    "io.written": "{} written",
    "io.fsyncs_per_op": "{} fsyncs/op",
}
_SLOPE: Final = signed(units.format_size_per_operation)

Fact = tuple[str, Text]


def figures_section(result: RunResult) -> Section:
    """Each metric of a run that has one value, a line for each group; what did not happen is left out."""
    rows = [(group.value, Text(" · ").join(_figures(result, group))) for group in Group]
    if not any(text for group, text in rows if group in _ALWAYS):
        rows.append(("memory and process", why_not(result, "measured")))
    return Section("figures", [Facts([(group, text) for group, text in rows if text])], detail=True)


def resources_in_brief(result: RunResult) -> Text:
    """Memory, CPU and disk on a line."""
    view = View(result)
    known = {name: value for name in _IN_BRIEF if (value := METRICS[name].value(view)) is not None}
    if "io.written_per_op" in known:
        known.pop("io.written", None)
    parts = [Text(_IN_BRIEF[name].format(_written(METRICS[name], value))) for name, value in known.items()]
    if (leak := result.memory.leak) and not leak.judged and "memory.growth" in known:
        parts[0].append(f" ({_leak_in_brief(leak)})", QUIET)
    return Text(" · ").join(parts) if parts else why_not(result, "measured")


def describe_leak(leak: LeakResult, *, failed: bool) -> Text:
    """Whether memory grows for good, or how much longer a run must be to tell."""
    slope, bound, grown = _SLOPE(leak.slope), _SLOPE(leak.lower_bound), units.format_size(leak.growth_bytes)
    if leak.judged and failed:
        return Text(f"{slope} (99% lower bound {bound}), {grown} in total", BAD)
    if leak.judged:
        what = "; a leak, or caches that still fill: run longer"
        return Text.assemble(f"memory still grew: {slope}, {grown} in total", (what, QUIET))
    if not _is_short(leak):
        return Text("none")
    needs = f"Needs {units.format_size(LEAST_GROWTH_BYTES)} of growth, has {grown}: run longer"
    return Text.assemble("unproven", (f": {slope} (99% lower bound {bound}). {needs}", QUIET))


def what_it_left(inspection: Inspection) -> Iterator[Fact]:
    """What outlived the engine, errors that were logged, and what was printed."""
    if left := list(_left(inspection)):
        yield "left behind", Text("; ").join(left)
    if inspection.log_errors:
        yield "log", _log(inspection)
    if inspection.printed_bytes:
        printed = units.format_size(inspection.printed_bytes)
        yield "output", Text(f"{printed} printed by the engine to stdout and stderr", DOUBTFUL)


def _figures(result: RunResult, group: Group) -> list[Text]:
    view = View(result)
    single = [metric for metric in in_group(group) if not metric.needs_statistic]
    known = [(metric, value) for metric in single if (value := metric.value(view)) is not None]
    shown = [(metric, value) for metric, value in known if value or group in _ALWAYS]
    return [Text.assemble((f"{metric.label} ", QUIET), _written(metric, value)) for metric, value in shown]


def _written(metric: Metric, value: float) -> str:
    write = share if metric.unit is Unit.PERCENTAGE and (metric.is_change or metric.group is Group.PROCESS) else None
    written = write(value) if write else units.format_quantity(metric.unit, value)
    return f"+{written}" if value > 0 and metric.is_change else written


def _leak_in_brief(leak: LeakResult) -> str:
    return "leak: run too short" if _is_short(leak) else "no leak"


def _is_short(leak: LeakResult) -> bool:
    """Whether memory grew, and by less than would prove a leak."""
    return leak.lower_bound > LEAST_SLOPE and leak.growth_bytes <= LEAST_GROWTH_BYTES


def _left(inspection: Inspection) -> Iterator[Text]:
    if inspection.processes_left:
        yield _named("process left", "processes left", inspection.processes_left)
    if inspection.threads_left:
        yield _named("thread left", "threads left", inspection.threads_left)
    if inspection.connections_left:
        yield Text(counted(inspection.connections_left, "connection left", "connections left"), BAD)
    if inspection.files_left:
        yield _named("file left", "files left", inspection.files_left)


def _named(noun: str, plural: str, names: Sequence[str]) -> Text:
    beyond = len(names) - _MOST_NAMED
    shown = [*map(name, names[:_MOST_NAMED]), *([Text(f"{beyond} more")] if beyond > 0 else [])]
    return Text.assemble((counted(len(names), noun, plural), BAD), ": ", Text(", ").join(shown))


def _log(inspection: Inspection) -> Text:
    """How many errors were logged, then each logger with one of its records: what is swallowed shows here."""
    total = sum(inspection.log_errors.values())
    lines = [Text(counted(total, "record of level ERROR or above", "records of level ERROR or above"), BAD)]
    for logger, count in sorted(inspection.log_errors.items(), key=lambda each: -each[1]):
        example = inspection.log_examples.get(logger, "")
        said = Text.assemble(": ", name(example)) if example else Text()
        lines.append(Text.assemble(name(logger), f" {units.format_count(count)}", said))
    return Text("\n").join(lines)


_GROWS_FROM: Final = 0.5
"""From this exponent on, what an operation costs grows notably with the size."""
_GREW_FROM: Final = 1.5
_OVER: Final = {"pets": "pets stored", "interactions": "interactions of a session"}
_CHANGE: Final = signed(share)


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
    yield from _restarts(result)
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
    yield from _restarts(result)
    if result.inspection.fsyncs_not_told:
        yield "fsyncs", Text.assemble(("not known: ", QUIET), name(result.inspection.fsyncs_not_told))
    yield from what_it_left(result.inspection)


def _restarts(result: RunResult) -> Iterator[Fact]:
    """How often the engine was killed as planned, how long it was away, and the operations left unknown."""
    if not result.restarts:
        return
    down_ns = [restart.down_ns for restart in result.restarts if restart.down_ns is not None]
    parts = [counted(len(result.restarts), "planned kill")]
    if down_ns:
        parts.append(f"down for at most {units.format_duration(max(down_ns))}")
    unknown = sum(restart.unknown for restart in result.restarts)
    if unknown:
        parts.append(f"{counted(unknown, 'operation')} in flight: counted neither as lost nor as duplicate")
    yield "restarts", Text("; ".join(parts))


def _is_about(metric: str, result: RunResult) -> bool:
    """Whether a threshold on the metric does not hold."""
    return any(metric in threshold.expr and threshold.outcome in ("fail", "miss") for threshold in result.thresholds)


def _degradation(result: RunResult) -> Text:
    total = result.total
    if result.duration_ns is None:
        return why_not(result, "measured")
    if total.degradation is None:
        return Text("unknown: too few operations", QUIET)
    how = ", last fifth of the operations against the first"
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
    exponent = "no exponent: the size barely changed"
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
        words, style = [f"{counted(of_load, 'write')} acknowledged, none checked"], DOUBTFUL
    else:
        once = "" if integrity.duplicates is None else ", no duplicates"
        words, style = [f"{counted(integrity.acknowledged, 'write')} acknowledged: none lost{once}"], GOOD
    words += _unchecked(integrity.saves)
    if integrity.lost_updates is not None:
        words.append("all updates are present")
    if integrity.differences is not None:
        words.append("a new process reads the same")
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
