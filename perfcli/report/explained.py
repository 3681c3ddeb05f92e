"""What a metric means and how it is computed; what an operation does."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator
from math import isfinite
from typing import Final

from pydantic import BaseModel
from rich.console import Group, RenderableType
from rich.text import Text

from perfcli.ab.result import COMPARED_METRICS
from perfcli.errors import UsageError, did_you_mean
from perfcli.faults import FaultSettings, fault_models
from perfcli.figures import METRICS, PER_OPERATION, STATISTICS, Metric, counter_metrics, is_statistic
from perfcli.operations import STEP_MODELS, step_models
from perfcli.operations.base import StepSettings
from perfcli.operations.own.step import known_operations
from perfcli.report.layout import INDENT, Hanging, labelled
from perfcli.report.openmetrics import PREFIX, families_of
from perfcli.report.wording import one_line
from perfcli.scenario.target import TARGET_MODELS
from perfcli.units import format_quantity

_METHODOLOGY: Final = "docs/methodology.md"
_OWN_OPERATIONS: Final = "docs/operations.md"
_OF_STARVED_RUN: Final = {
    "no": "judged",
    "yes": "not judged",
    "partly": "not judged if timeouts and busy errors decide it",
}
_REPORTED: Final = "the report names the reason"
_SCOPES: Final = {"run": "the whole run", "phase": "each phase", "operation": "each operation"}
_OPERATIONS: Final = "docs/reference/operations.md"
_FAULTS: Final = "docs/reference/faults.md"


def render_all() -> RenderableType:
    """Every metric and every operation, a line each; with the own ones of the scenario that `knowing` names."""
    sections = {
        "metrics": [(metric.name, metric.meaning) for metric in _metrics().values()],
        "operations": [(operation, _does(model)) for operation, model in STEP_MODELS.items()],
        "faults": [(fault, _in_one_line(model)) for fault, model in fault_models().items()],
        "your own operations": [(name, _does(model)) for name, model in known_operations().models.items()],
    }
    parts: list[RenderableType] = []
    for title, rows in sections.items():
        if not rows:
            continue
        parts += [*([Text()] if parts else []), Text(title, "bold"), *labelled([(n, Text(m)) for n, m in rows])]
    return Group(*parts)


def render_explanation(subject: str) -> RenderableType:
    """One metric, alone or as a threshold or `ab` names it, one operation or one fault.

    Raises:
        UsageError: there is no such thing; the message tells what is near.
    """
    title, meaning, facts = _explained(subject)
    headline = Hanging(Text(title, "bold").append(INDENT), Text(meaning))
    return Group(headline, *labelled((label, Text(text)) for label, text in facts))


def _explained(subject: str) -> tuple[str, str, Iterable[tuple[str, str]]]:
    """The name, what it means, and what else to know of it."""
    if (metric := _metric_in(subject)) is not None:
        return metric.name, metric.meaning, [fact for fact in _of_metric(metric, subject) if fact[1]]
    if (model := step_models().get(subject)) is not None:
        return subject, _does(model), _of_operation(subject, model)
    if (fault := fault_models().get(subject)) is not None:
        return subject, _in_one_line(fault), _of_fault(subject, fault)
    if name := _compared_by_ab(subject):
        return subject, COMPARED_METRICS[name].meaning, [fact for fact in _of_compared(name) if fact[1]]
    raise _unknown(subject)


def _compared_by_ab(subject: str) -> str:
    """The metric of `ab` that a text names: "time", or "OPERATION.p50" for "load_pet.p50"; "" if it names none."""
    operation, _, statistic = subject.partition(".")
    name = f"OPERATION.{statistic}" if operation in step_models() else subject
    return name if name in COMPARED_METRICS else ""


def _of_compared(name: str) -> Iterator[tuple[str, str]]:
    yield "compared by", "digipal-perf ab; no threshold can name it"
    yield "better", "less"
    yield "margin", COMPARED_METRICS[name].margin
    yield "not shown", COMPARED_METRICS[name].unseen
    yield "more", "docs/regression.md#what-is-compared"


def _unknown(subject: str) -> UsageError:
    if is_statistic(subject):
        return UsageError(f"{subject} is a statistic, not a metric", hint=f"try digipal-perf explain latency.{subject}")
    near = did_you_mean([subject], [*_metrics(), *step_models(), *fault_models()])
    hint = "digipal-perf explain lists them all; --scenario FILE adds your own operations"
    return UsageError(f"no metric, operation or fault is named {subject!r:.80}{near}", hint=hint)


def _in_one_line(fault: type[FaultSettings]) -> str:
    """What it does: the first sentence of its docstring."""
    return " ".join((fault.__doc__ or "").partition("\n\n")[0].split())


def _of_fault(name: str, fault: type[FaultSettings]) -> Iterator[tuple[str, str]]:
    yield "effect", " ".join((fault.__doc__ or "").partition("\n\n")[2].split())
    yield "needs", fault.needs.meaning
    yield from _settings(fault, {*FaultSettings.model_fields, "fault"})
    yield "also", f"{', '.join(FaultSettings.model_fields)}, as for every fault"
    yield "example", f"faults: [{name}: {fault.example}]"
    yield "thresholds", f"{name}.recovery < 1s, {name}.outage < 2s, success_rate >= 99% during {name}"
    yield "more", f"{_FAULTS}#{name}"


def _metrics() -> dict[str, Metric]:
    return {**METRICS, **counter_metrics(known_operations().counters)}


def _metric_in(subject: str) -> Metric | None:
    """The metric that a text names: as "latency", within "load_pet.latency.p95", or as reports do, "RSS growth"."""
    metrics = _metrics()
    by_label: dict[str, Metric] = {metric.label: metric for metric in metrics.values()}
    if subject in by_label:
        return by_label[subject]
    parts = subject.split(".")
    spans = ((first, last) for first in range(min(2, len(parts))) for last in range(len(parts), first, -1))
    return next((metrics[name] for first, last in spans if (name := ".".join(parts[first:last])) in metrics), None)


def _of_metric(metric: Metric, subject: str) -> Iterator[tuple[str, str]]:
    asked = metric.name + ".p99" * metric.needs_statistic
    yield "unit", metric.unit.form.removeprefix("a ")
    yield "values", _range(metric)
    yield "better", str(metric.better)
    if metric.needs_statistic:
        yield "statistic", f"needed: {', '.join(STATISTICS)}, or any percentile such as p99.5"
    yield "computed", metric.computed
    yield "scope", ", ".join(_SCOPES[part] for part in metric.scope.parts)
    yield "needs", metric.needs.meaning
    for target in TARGET_MODELS.values():
        if why := target().why_not(metric):
            yield "except", f"target {target().name}: {why}"
    yield from [("missing if", metric.why_none)] if isinstance(metric.why_none, str) else [("if missing", _REPORTED)]
    yield "starved run", _OF_STARVED_RUN[metric.depends_on_time]
    yield "threshold", metric.example
    if metric.windowed:
        yield "", f"{metric.example} within 30s, or for 10s"
    if metric.per_operation:
        models = known_operations().models.items()
        own = (name for name, model in models if metric.name in counter_metrics(model.declared.counters))
        yield "", f"{next(own, 'load_pet')}.{metric.example} (one operation)"
    if metric.per_fault:
        yield "", f"lock.{metric.example} (one fault)"
    if metric.per_phase:
        yield "", "in the thresholds of a phase (that phase)"
    yield "trend", f"digipal-perf trend SCENARIO --metric {asked}{' [--phase NAME]' * metric.per_phase}"
    is_counter = metric.name not in METRICS
    families = (PREFIX + family.name for family in families_of(metric))
    yield "OpenMetrics", _counter_family(metric) if is_counter else ", ".join(families)
    if metric.at_end:
        yield "available", "only after the load: not for the live view or abort_on_fail"
    yield "in reports", f"{metric.label} ({metric.group})"
    yield "more", f"{_OWN_OPERATIONS if is_counter else _METHODOLOGY}#{metric.section}"
    if subject in COMPARED_METRICS:
        yield "in ab", COMPARED_METRICS[subject].meaning


def _counter_family(metric: Metric) -> str:
    counter = metric.name.removesuffix(PER_OPERATION)
    family = "own_counter" if counter == metric.name else "own_counter_per_operation"
    return f'{PREFIX}{family}{{counter="{counter}"}}'


def _range(metric: Metric) -> str:
    """The least and the most that it can be."""
    least, most = (
        format_quantity(metric.unit, limit) if isfinite(limit) else "" for limit in (metric.least, metric.most)
    )
    if least and most:
        return f"{least} to {most}"
    return f"{least} or more" if least else "any, also below 0"


def _of_operation(operation: str, model: type[StepSettings]) -> Iterator[tuple[str, str]]:
    own = known_operations().models.get(operation)
    declared = own.declared if own else None
    if declared:
        yield from [("", one_line(paragraph)) for paragraph in declared.details.splitlines()]
    yield "target", " and ".join(model.targets)
    yield from _settings(model, {*StepSettings.model_fields, "operation"})
    if declared:
        yield from [("types", ", ".join(f"{each.name}: {each.type}" for each in declared.parameters) or "no settings")]
        yield from [(name, f"counts: a {unit}, for thresholds") for name, unit in declared.counters.items()]
    yield "also", f"{', '.join(StepSettings.model_fields)}, as for every step"
    if model.is_pause:
        yield "step", f"{operation}: 50ms"
    else:
        yield (
            "needs",
            "existing pets: set setup.pets, or put a step that makes one before it" if model.needs_pet else "nothing",
        )
        yield "step", f"{operation}, or {operation}: {{weight: 8}}"
        yield "threshold", f"{operation}.latency.p95 < 100ms; {operation}.success_rate >= 99%"
        counted = counter_metrics(declared.counters) if declared else {}
        yield "metrics", ", ".join([*counted, *(metric.name for metric in METRICS.values() if metric.per_operation)])
        yield "correct if", model.right_when
    yield from [("file", known_operations().places[operation])] if declared else []
    yield "more", _OWN_OPERATIONS if declared else f"{_OPERATIONS}#{operation}"


def _settings(model: type[BaseModel], of_all: Container[str]) -> Iterator[tuple[str, str]]:
    """The settings that this model alone has."""
    for name, field in model.model_fields.items():
        if name not in of_all:
            default = "required" if field.is_required() else json.dumps(field.default)
            yield field.alias or name, one_line(f"{field.description or ''} ({default})")


def _does(model: type[StepSettings]) -> str:
    return one_line((model.__doc__ or "").split("\n")[0]).rstrip(".")
