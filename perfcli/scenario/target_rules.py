"""What goes with the target of a scenario, and what does not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import TypeAdapter

from perfcli.scenario.outline import Outline
from perfcli.scenario.problems import Problem
from perfcli.scenario.steps import STEP_MODELS
from perfcli.scenario.target import EmbeddedSettings, McpSettings, Target, TargetSettings
from perfcli.scenario.threshold_rules import readable_thresholds
from perfcli.scenario.written import Written
from perfcli.thresholds import did_you_mean

_TARGET: Final[TypeAdapter[EmbeddedSettings | McpSettings]] = TypeAdapter(Target)
_USELESS_AT_A_URL: Final = (("engine",), ("pool",), ("target", "mcp", "transport"), ("target", "transport"))


def target_problems(outline: Outline) -> Iterator[Problem]:
    """Operations, settings and metrics that the target does not have; nothing where it cannot be read."""
    target = _read_target(outline.root)
    if target is not None:
        yield from _operations(target, outline)
        yield from _settings_without_use(target, outline.root)
        yield from _unknowable_metrics(target, outline)


def _read_target(root: Written) -> TargetSettings | None:
    written = root.find("target")
    try:
        return _TARGET.validate_python(written.plain()) if written else EmbeddedSettings()
    except ValueError:
        return None


def _operations(target: TargetSettings, outline: Outline) -> Iterator[Problem]:
    own = [name for name, model in STEP_MODELS.items() if target.name in model.targets]
    for step in (step for flow in outline.flows for step in flow.steps):
        if not step.belongs_to(target):
            (other,) = STEP_MODELS[step.operation].targets
            meant = did_you_mean([step.operation], own) or f": it has {', '.join(own)}"
            message = f"{step.operation} goes with target: {other}, not with {target.name}{meant}"
            yield step.place.problem(step.path, message)


def _settings_without_use(target: TargetSettings, root: Written) -> Iterator[Problem]:
    pool = root.find("pool")
    if target.starts_engine and isinstance(target, McpSettings) and pool is not None:
        yield pool.key_place.problem(("pool",), "does not go with target mcp, whose server is one process: remove it")
    if target.starts_engine:
        return
    for path in _USELESS_AT_A_URL:
        written = root.find(*path)
        if written is not None:
            message = "does not go with the url of a server that runs already: remove it"
            yield written.key_place.problem(path, message)


def _unknowable_metrics(target: TargetSettings, outline: Outline) -> Iterator[Problem]:
    for read in readable_thresholds(outline):
        metric = read.threshold.metric
        if why := target.why_not(metric):
            yield read.place.problem(read.path, f"{metric.name} cannot be measured: {why}")
