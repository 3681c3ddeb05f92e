"""What could be run: the scenarios of `list`, and the phases of `plan`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.text import Text

from perfcli.report.blocks import QUIET, Facts, Line, Section
from perfcli.report.wording import name, one_line

if TYPE_CHECKING:
    from perfcli.plan import ExecutionPlan

_LONGEST_NAME: Final = 28


class ListedScenario(NamedTuple):
    """What `list` shows of a scenario."""

    name: str
    description: str
    tags: list[str]
    plan: str
    """What runs, in a line."""


def list_document(scenarios: Sequence[ListedScenario]) -> list[Section]:
    """What can be run: name, description, what runs, tags."""
    width = max((len(scenario.name) for scenario in scenarios if len(scenario.name) <= _LONGEST_NAME), default=0)
    lines = [_listed_scenario(scenario, width) for scenario in scenarios]
    return [Section("scenarios", lines or [Line(Text("No scenarios here."), Text())])]


def _listed_scenario(scenario: ListedScenario, width: int) -> Line:
    lines = [name(scenario.description)] if scenario.description.strip() else []
    tags = f"  [{', '.join(scenario.tags)}]" if scenario.tags else ""
    lines.append(Text(one_line(scenario.plan) + tags, QUIET))
    return Line(Text("\n").join(lines), Text(f"{scenario.name:<{width}}", "bold"))


def plans_document(plans: Sequence[ExecutionPlan]) -> list[Section]:
    """Each scenario with its phases, what they run on, and how many thresholds judge them; a sweep's in a line each."""
    sections: list[Section] = []
    for _, group in groupby(plans, key=lambda plan: plan.scenario.name):
        of_scenario = list(group)
        swept = bool(of_scenario[0].variation)
        sections += [_sweep_section(of_scenario)] if swept else map(_plan_section, of_scenario)
    return sections


def _plan_section(plan: ExecutionPlan) -> Section:
    facts = [
        *((phase.name, name(plan.describe_phase(phase))) for phase in plan.phases),
        ("engine", name("; ".join(plan.describe_engine()) or "one process, an empty database")),
        ("thresholds", Text(_thresholds(plan))),
    ]
    return Section(plan.scenario.name, [_named(plan), Facts(facts)])


def _sweep_section(plans: Sequence[ExecutionPlan]) -> Section:
    from perfcli.results import variation_text  # `list` does not wait for the models of results

    facts = [(one_line(variation_text(plan.variation)), _in_short(plan)) for plan in plans]
    judged = " | ".join(dict.fromkeys(map(_thresholds, plans)))
    return Section(plans[0].scenario.name, [_named(plans[0]), Facts([*facts, ("thresholds", Text(judged))])])


def _in_short(plan: ExecutionPlan) -> Text:
    """What runs on a line; of several phases, a line each."""
    if len(plan.phases) == 1:
        return name(plan.describe())
    phases = [name(f"{phase.name}: {plan.describe_phase(phase)}") for phase in plan.phases]
    engine = "; ".join(plan.describe_engine())
    return Text("\n").join([*phases, *([name(engine)] if engine else [])])


def _named(plan: ExecutionPlan) -> Line:
    return Line(name(plan.scenario.description), name(plan.scenario.name, "bold"))


def _thresholds(plan: ExecutionPlan) -> str:
    of_run = len(plan.scenario.thresholds)
    of_phases = [f"{len(rules)} on {phase.name}" for phase in plan.phases if (rules := phase.phase.thresholds)]
    if of_phases:
        return ", ".join([f"{of_run} on the whole run", *of_phases])
    return str(of_run) if of_run else "none: measured, not judged"
