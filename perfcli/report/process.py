"""What the engine process used, and what was seen from inside it, as blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.figures import METRICS, Group, Metric, View, in_group
from perfcli.metrics.memory import LEAST_GROWTH_BYTES, LEAST_SLOPE
from perfcli.report.blocks import BAD, DOUBTFUL, QUIET, Facts, Section
from perfcli.report.wording import counted, name, share, signed, why_not
from perfcli.results import Inspection, LeakResult, RunResult
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
    if leak.judged:
        slope, grown = _SLOPE(leak.slope), units.format_size(leak.growth_bytes)
        if failed:
            return Text(f"{_SLOPE(leak.lower_bound)} at least; slope {slope}, {grown} in all", BAD)
        what = "; a leak, or caches and histories that still fill: run longer"
        return Text.assemble(f"memory still grew, by {slope}, {grown} in all", (what, QUIET))
    if not _is_short(leak):
        return Text("none")
    needed, has = map(units.format_size, (LEAST_GROWTH_BYTES, leak.growth_bytes))
    return Text.assemble("unproven", (f": needs {needed} of growth, has {has}: run longer", QUIET))


def statements(inspection: Inspection) -> Text:
    """How many an operation of each kind ran; empty if nothing counted them."""
    most_first = sorted(inspection.statements_per_operation.items(), key=lambda each: -each[1])
    return Text(", ").join(Text.assemble(name(label), f" {units.format_number(count)}") for label, count in most_first)


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
