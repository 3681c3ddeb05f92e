"""The tables of a run: what it was judged by, its operations, its phases, what it used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.text import Text

from perfcli import units
from perfcli.report.blocks import BAD, DOUBTFUL, GOOD
from perfcli.report.compared import comparison_word
from perfcli.report.figures import counted, figure, outcome_word, share, signed
from perfcli.report.html.markup import Content, Markup, element, escaped, joined, listed, table, without_directories
from perfcli.report.operations import STATISTICS, Measured, is_open, latency, slowest_first, waiting_shows
from perfcli.report.thresholds import describe, failed_first, limit_used, observed_in_words
from perfcli.results import OperationChange, OperationResult, PhaseResult, RunResult, ThresholdResult

Row = Sequence[Content]
_OPERATION_COLUMNS: Final = ("<operation", "ok", "failed", "skipped", "rate", *STATISTICS)


def thresholds_table(result: RunResult) -> Markup:
    """Every threshold, the failed ones first; or that there is none."""
    if not result.thresholds:
        judged = "not judged: the run did not get that far" if result.scenario.get("thresholds") else "none was set"
        return element("p", f"{judged.capitalize()}.")
    columns = ("<", "<threshold", "observed", "of the limit", "<remark")
    return table("thresholds", columns, map(_threshold, failed_first(result.thresholds)))


def operations_table(part: Measured) -> Markup:
    """Each operation, the slowest first, and last all of them together."""
    several = len(part.operations) > 1
    open_model = is_open(part) if isinstance(part, PhaseResult) else any(map(is_open, part.phases))
    shown = [*slowest_first(part.operations), *([part.total] if several else [])]
    rows = [row for each in shown for row in _operation(each, part, open_model=open_model)]
    return table("operations", _OPERATION_COLUMNS, rows)


def errors_table(result: RunResult) -> Markup:
    """Failed operations by kind, the commonest first, then one of each kind in full; nothing if none failed."""
    kinds = [(count, each.name, kind) for each in result.operations for kind, count in each.errors.items()]
    rows = [
        (operation, element("code", without_directories(kind)), Text(units.format_count(count), BAD))
        for count, operation, kind in sorted(kinds, key=lambda kind: -kind[0])
    ]
    return joined([table("errors", ("<operation", "<error", "count"), rows), error_examples(result.error_examples)])


def error_examples(examples: Mapping[str, str]) -> Markup:
    """One failure of each kind in full, folded."""
    return joined(
        element(
            "details",
            element("summary", element("code", without_directories(kind))),
            element("pre", without_directories(example), tabindex="0"),
        )
        for kind, example in examples.items()
    )


def phases_table(phases: Sequence[PhaseResult]) -> Markup:
    """Each phase: what it was to do, and what it did."""
    columns = ("<phase", "<plan", "vus", "time", "iterations", "dropped", "rate", "p50", "p99", "failed")
    return table("phases", columns, map(_phase, phases))


def baseline_table(result: RunResult) -> Markup:
    """The comparison with the baseline in words and by operation; nothing for a run that had none."""
    compared = result.baseline
    if compared is None:
        return Markup()
    remarks = [*compared.reasons, *(f"{each.name}: {each.reason}" for each in compared.operations if each.reason)]
    columns = ("<", "<operation", "p50 then", "p50 now", "change", "p slower")
    rows = map(_changed, compared.operations)
    return joined([element("p", comparison_word(compared)), table("baseline", columns, rows), listed(remarks)])


def _threshold(threshold: ThresholdResult) -> Row:
    style = {"fail": BAD, "miss": DOUBTFUL}.get(threshold.outcome, "")
    remarks = ["" if threshold.strict else "soft", "" if threshold.exit_code is None else f"exit {threshold.exit_code}"]
    remark = "; ".join(filter(None, [*remarks, threshold.reason]))
    observed = Text(observed_in_words(threshold), style)
    return (
        outcome_word(threshold),
        element("code", _breakable(describe(threshold))),
        observed,
        _used(threshold),
        remark,
    )


def _breakable(expr: str) -> Markup:
    """A line may end after a dot."""
    return Markup(escaped(expr).replace(".", ".<wbr>"))


def _used(threshold: ThresholdResult) -> Content:
    """How much of an upper limit was used, in figures and as a bar."""
    used = limit_used(threshold)
    if used is None:
        return None
    over = " over" if threshold.outcome in ("fail", "miss") else ""
    bar = element("span", class_=f"used{over}", style=f"--used:{min(1.0, max(0.0, used)):.3f}")
    return joined([share(used), bar])


def _operation(operation: OperationResult, part: Measured, *, open_model: bool) -> Iterator[Row]:
    name = element("strong", "total") if operation is part.total else operation.name
    rate = operation.throughput_per_s if part.duration_ns is not None and operation.attempts else None
    statistics = [latency(statistic, operation.latency, operation.ok) for statistic in STATISTICS]
    failed = figure(operation.failed, units.format_count, BAD if operation.failed else "")
    skipped = units.format_count(operation.skipped) if operation.skipped else None
    yield name, units.format_count(operation.ok), failed, skipped, figure(rate, units.format_rate), *statistics
    if operation.service_time and (open_model or waiting_shows(operation)):
        served = [latency(statistic, operation.service_time, operation.ok) for statistic in STATISTICS]
        yield Text("\u00a0\u00a0service\u00a0time", "dim"), None, None, None, None, *served


def _phase(phase: PhaseResult) -> Row:
    total = phase.total
    dropped = Text(units.format_count(phase.dropped_iterations), DOUBTFUL) if phase.dropped_iterations else None
    return (
        phase.name,
        phase.plan,
        units.format_count(phase.vus),
        figure(phase.duration_ns, units.format_duration),
        units.format_count(phase.iterations),
        dropped,
        figure(total.throughput_per_s if phase.duration_ns is not None else None, units.format_rate),
        latency("p50", total.latency, total.ok),
        latency("p99", total.latency, total.ok),
        Text(counted(total.failed, "operation"), BAD) if total.failed else None,
    )


def _changed(operation: OperationChange) -> Row:
    style = {"regression": f"bold {BAD}", "improvement": GOOD, "inconclusive": DOUBTFUL}.get(operation.change, "")
    change = None if operation.ratio is None else operation.ratio - 1
    return (
        Text(operation.change, style),
        operation.name,
        figure(operation.base_p50_ns, units.format_duration),
        figure(operation.p50_ns, units.format_duration),
        figure(change, signed(share), style),
        figure(operation.p_slower, lambda p: f"{p:.3f}" if p >= 0.001 else "<0.001"),
    )
