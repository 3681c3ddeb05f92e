"""What a metric means and how it is computed; what an operation does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from perfcli.errors import UsageError
from perfcli.figures import METRICS, STATISTICS, Metric, is_statistic
from perfcli.operations import STEP_MODELS
from perfcli.operations.base import StepSettings
from perfcli.report.layout import INDENT, Hanging, labelled
from perfcli.report.openmetrics import PREFIX, families_of
from perfcli.scenario.target import McpSettings
from perfcli.thresholds import did_you_mean
from perfcli.units import format_quantity

_METHODOLOGY: Final = "docs/methodology.md"
_ON_BUSY_MACHINE: Final = {
    "no": "judged",
    "yes": "not judged if other processes starved the run",
    "partly": "not judged if timeouts and busy errors of a starved run decide it",
}
_REPORTED: Final = "the report says why"
_KNOWN_OF: Final = {"run": "the whole run", "phase": "each phase", "operation": "each operation"}
_REFERENCE: Final = "docs/scenario-reference.md"


def render_all() -> RenderableType:
    """Every metric and every operation, a line each."""
    metrics = [(metric.name, metric.meaning) for metric in METRICS.values()]
    operations = [(operation, _does(model)) for operation, model in STEP_MODELS.items()]
    parts: list[RenderableType] = []
    for title, rows in (("metrics", metrics), ("operations", operations)):
        parts += [*([Text()] if parts else []), Text(title, "bold"), *labelled([(n, Text(m)) for n, m in rows])]
    return Group(*parts)


def render_explanation(subject: str) -> RenderableType:
    """One metric, alone or as a threshold names it, or one operation.

    Raises:
        UsageError: there is no such thing; the message tells what is near.
    """
    metric = _metric_in(subject)
    if metric is not None:
        facts = [(label, Text(text)) for label, text in _of_metric(metric) if text]
        return Group(_headline(metric.name, metric.meaning), *labelled(facts))
    if subject in STEP_MODELS:
        model = STEP_MODELS[subject]
        lines = [(label, Text(text)) for label, text in _of_operation(subject, model)]
        return Group(_headline(subject, _does(model)), *labelled(lines))
    raise _unknown(subject)


def _unknown(subject: str) -> UsageError:
    if is_statistic(subject):
        return UsageError(
            f"{subject} is a statistic, not a metric", hint=f"name its metric: digipal-perf explain latency.{subject}"
        )
    near = did_you_mean([subject], [*METRICS, *STEP_MODELS])
    return UsageError(
        f"no metric and no operation is called {subject!r:.80}{near}", hint="digipal-perf explain lists them all"
    )


def _metric_in(subject: str) -> Metric | None:
    """The metric that a text names: as "latency", within "load_pet.latency.p95", or as reports do, "RSS growth"."""
    by_label: dict[str, Metric] = {metric.label: metric for metric in METRICS.values()}
    if subject in by_label:
        return by_label[subject]
    parts = subject.split(".")
    spans = ((first, last) for first in range(min(2, len(parts))) for last in range(len(parts), first, -1))
    return next((METRICS[name] for first, last in spans if (name := ".".join(parts[first:last])) in METRICS), None)


def _headline(name: str, meaning: str) -> RenderableType:
    return Hanging(Text(name, "bold").append(INDENT), Text(meaning))


def _of_metric(metric: Metric) -> Iterator[tuple[str, str]]:
    asked = metric.name + ".p99" * metric.needs_statistic
    yield "unit", metric.unit.form.removeprefix("a ")
    yield "values", _range(metric)
    yield "better", str(metric.better)
    if metric.needs_statistic:
        yield "statistic", f"needed: {', '.join(STATISTICS)}, or any percentile such as p99.5"
    yield "computed", metric.computed
    yield "known of", ", ".join(_KNOWN_OF[part] for part in metric.scope.parts)
    yield "needs", metric.needs.meaning
    if why := McpSettings().why_not(metric):
        yield "not of", f"target mcp: {why}"
    yield from [("missing if", metric.why_none)] if isinstance(metric.why_none, str) else [("if missing", _REPORTED)]
    yield "busy machine", _ON_BUSY_MACHINE[metric.depends_on_time]
    yield "threshold", metric.example
    if metric.windowed:
        yield "", f"{metric.example} within 30s, or for 10s"
    if metric.per_operation:
        yield "", f"load_pet.{metric.example}, of one operation"
    if metric.per_phase:
        yield "", "of one phase, in the thresholds of that phase"
    yield "trend", f"digipal-perf trend SCENARIO --metric {asked}{' [--phase NAME]' * metric.per_phase}"
    yield "OpenMetrics", ", ".join(PREFIX + family.name for family in families_of(metric))
    if metric.at_end:
        yield "meanwhile", "unknown to the live view and abort_on_fail until the load is over"
    yield "in reports", f"{metric.label} ({metric.group})"
    yield "more", f"{_METHODOLOGY}#{metric.section}"


def _range(metric: Metric) -> str:
    """The least and the most that it can be."""
    least, most = (
        format_quantity(metric.unit, limit) if isfinite(limit) else "" for limit in (metric.least, metric.most)
    )
    if least and most:
        return f"{least} to {most}"
    return f"{least} or more" if least else "any, also below 0"


def _of_operation(operation: str, model: type[StepSettings]) -> Iterator[tuple[str, str]]:
    own = [name for name in model.model_fields if name not in (*StepSettings.model_fields, "operation")]
    yield "target", " and ".join(model.targets)
    for name in own:
        yield name, _setting(model, name)
    yield "besides", f"{', '.join(StepSettings.model_fields)}, as of every step"
    if model.is_pause:
        yield "step", f"{operation}: 50ms"
    else:
        yield (
            "needs",
            "pets that exist: setup.pets, or a step before it that makes one" if model.needs_pet else "nothing",
        )
        yield "step", f"{operation}, or {operation}: {{weight: 8}}"
        yield "threshold", f"{operation}.latency.p95 < 100ms; {operation}.success_rate >= 99%"
        yield "metrics", ", ".join(metric.name for metric in METRICS.values() if metric.per_operation)
        yield "right when", f"{_METHODOLOGY}#answers"
    yield "more", f"{_REFERENCE}#flow-{operation}"


def _setting(model: type[StepSettings], name: str) -> str:
    field = model.model_fields[name]
    default = "required" if field.is_required() else json.dumps(field.default)
    return f"{field.description} ({default})"


def _does(model: type[StepSettings]) -> str:
    return (model.__doc__ or "").split("\n")[0].rstrip(".")
