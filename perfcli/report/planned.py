"""What will run, before anything does: a line for each phase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from perfcli.plan import ExecutionPlan
from perfcli.report.figures import name
from perfcli.report.layout import INDENT, Hanging, labelled


def render_plans(plans: Sequence[ExecutionPlan]) -> RenderableType:
    """Each scenario with its phases, what they run on, and how many thresholds judge them."""
    parts: list[RenderableType] = []
    for plan in plans:
        parts += [Text()] if parts else []
        parts += _render(plan)
    return Group(*parts)


def _render(plan: ExecutionPlan) -> Iterator[RenderableType]:
    yield Hanging(name(plan.scenario.name, "bold").append(INDENT), name(plan.scenario.description))
    yield from labelled(
        [
            *((phase.name, name(plan.describe_phase(phase))) for phase in plan.phases),
            ("engine", name("; ".join(plan.describe_engine()) or "one process, an empty database")),
            ("thresholds", Text(_thresholds(plan))),
        ]
    )


def _thresholds(plan: ExecutionPlan) -> str:
    of_run = len(plan.scenario.thresholds)
    of_phases = [f"{len(rules)} on {phase.name}" for phase in plan.phases if (rules := phase.phase.thresholds)]
    if of_phases:
        return ", ".join([f"{of_run} on the whole run", *of_phases])
    return str(of_run) if of_run else "none: it would be measured, not judged"
