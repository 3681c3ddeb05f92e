"""What the keys of a scenario ask of one another: checked on its models, each mistake at the place of its key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from perfcli.errors import did_you_mean, name_to_use
from perfcli.figures import METRICS, counter_metrics
from perfcli.operations import STEP_MODELS, Step, step_models
from perfcli.operations.save_canaries import CANARY_FIELDS
from perfcli.scenario.fault_rules import fault_problems, unknown_fault
from perfcli.scenario.models import MOST_PHASES, Phase, Scenario, ThresholdRule
from perfcli.scenario.node import Node
from perfcli.scenario.pool_rules import pool_problems
from perfcli.scenario.problems import KeyPath, Problem, legible, shown
from perfcli.thresholds import Threshold


@dataclass(frozen=True)
class _Flow:
    """A list of steps, with its path."""

    path: KeyPath
    steps: Sequence[Step]

    @cached_property
    def measured(self) -> dict[str, Step]:
        """The steps that are no pauses, by their labels."""
        return {step.label: step for step in self.steps if not step.is_pause}

    @property
    def is_mix(self) -> bool:
        """Whether any step has a weight."""
        return any(step.weight is not None for step in self.steps)


class LocatedRule(NamedTuple):
    """An item of a list of thresholds, with its path and the phase it judges; None: the whole load."""

    path: KeyPath
    rule: ThresholdRule
    phase: Phase | None

    @property
    def expr(self) -> KeyPath:
        """The path of its expression."""
        return (*self.path, "expr")


def located_rules(scenario: Scenario) -> Iterator[LocatedRule]:
    """The thresholds of the whole, then those of each phase."""
    for index, rule in enumerate(scenario.thresholds):
        yield LocatedRule(("thresholds", index), rule, None)
    for at, phase in enumerate(scenario.phases):
        for index, rule in enumerate(phase.thresholds):
            yield LocatedRule(("phases", at, "thresholds", index), rule, phase)


def rule_problems(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """What does not fit together.

    Args:
        scenario: what was read from `root`, without a mistake of its shape.
    """
    yield from _loads(scenario, root)
    yield from _names(scenario, root)
    yield from _required_flows(scenario, root)
    for flow in _flows(scenario):
        yield from _steps(flow, root)
        yield from _conditions(flow, root)
        yield from _operations(flow, scenario, root)
    yield from _pets(scenario, root)
    yield from _fields_written_twice(scenario, root)
    yield from _growth_cleared(scenario, root)
    yield from _settings_without_use(scenario, root)
    yield from pool_problems(scenario, root)
    yield from fault_problems(scenario, root)
    yield from _capacity(scenario, root)
    for located in located_rules(scenario):
        yield from _subject(located, scenario, root)
        yield from _ending_the_load(located, root)
        yield from _uncounted(located, root)


def _sections(scenario: Scenario) -> list[tuple[KeyPath, Phase | Scenario]]:
    """What has a load: the phases, or else the scenario itself, whose path is empty."""
    phases: list[tuple[KeyPath, Phase | Scenario]] = [
        (("phases", at), phase) for at, phase in enumerate(scenario.phases)
    ]
    return phases or [((), scenario)]


def _own_flow(path: KeyPath, section: Phase | Scenario) -> list[_Flow]:
    return [_Flow((*path, "flow"), section.flow)] if section.flow else []


def _flows(scenario: Scenario) -> list[_Flow]:
    """Every flow that is written, once, in the order of the keys."""
    own = (_own_flow(("phases", index), phase) for index, phase in enumerate(scenario.phases))
    return [*_own_flow((), scenario), *(flow for flows in own for flow in flows)]


def _running_flows(scenario: Scenario) -> list[_Flow]:
    """The flows of the phases; without phases, the scenario's own."""
    shared = _own_flow((), scenario)
    running = (_own_flow(path, section) or shared for path, section in _sections(scenario))
    return list({flow.path: flow for flows in running for flow in flows}.values())


def _loads(scenario: Scenario, root: Node) -> Iterator[Problem]:
    if scenario.load and scenario.phases:
        message = "cannot be combined with load: write one load, or phases with a load each"
        yield root.problem(("phases",), message, key=True)
    elif not (scenario.load or scenario.phases):
        message = "required key is missing (when iterations start, and how many): write a load, or phases"
        yield root.location.problem(("load",), message)


def _required_flows(scenario: Scenario, root: Node) -> Iterator[Problem]:
    for path, section in _sections(scenario):
        if not (section.flow or scenario.flow):
            elsewhere = ": neither the phase nor the scenario has one" if path else ""
            message = f"required key is missing (steps of an iteration){elsewhere}"
            yield root.trace(path)[1].location.problem((*path, "flow"), message)


def _names(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """Phases that would be called the same when they run: there is one for each number of vus."""
    lines: dict[str, int] = {}
    runs = 0
    for index, phase in enumerate(scenario.phases):
        path: KeyPath = ("phases", index, "name")
        for name in phase.names_when_run:
            runs += 1
            if name in lines:
                message = f"two phases are named {shown(name)} (the other on line {lines[name]}): rename one"
                yield root.problem(path, message)
                break
            lines[name] = root.trace(path)[1].location.line
    if runs > MOST_PHASES:
        message = f"the lists of vus make {runs} phases, at most {MOST_PHASES} can run: remove some numbers"
        yield root.problem(("phases",), message, key=True)


def _steps(flow: _Flow, root: Node) -> Iterator[Problem]:
    """Weights and labels that do not fit, and a flow that only waits."""
    weighted = sum(step.weight is not None for step in flow.steps)
    first: dict[str, Step] = {}
    for index, step in enumerate(flow.steps):
        if weighted and step.weight is None:
            message = (
                f"has no weight, though other steps have one ({weighted} of {len(flow.steps)}): "
                "give one to every step (a mix), or to none (in order)"
            )
            yield root.problem((*flow.path, index), message)
            weighted = 0
        other = first.setdefault(step.label, step)
        if other.operation != step.operation:
            message = (
                f"{shown(step.label)} is already the name of a {other.operation} step: "
                "samples of two operations cannot share one name"
            )
            yield root.problem((*flow.path, index), message)
    if not flow.measured:
        message = "has only sleep, so nothing is measured: add an operation"
        yield root.trace((*flow.path, 0))[1].location.problem(flow.path, message)


def _conditions(flow: _Flow, root: Node) -> Iterator[Problem]:
    for index, step in enumerate(flow.steps):
        message = _misfit(step.only_if, flow, flow.steps[:index]) if "only_if" in step.model_fields_set else ""
        if message:
            yield root.problem((*flow.path, index, step.operation, "only_if"), message)


def _misfit(needed: str, flow: _Flow, before: Sequence[Step]) -> str:
    """Why a step cannot wait for the one called `needed`; "" if it can."""
    if flow.is_mix:
        return "a mix runs one step per iteration, so no step runs before this one: remove the weights, or only_if"
    labels = [step.label for step in before if not step.is_pause]
    if needed in labels:
        return ""
    if any(step.label == needed for step in before):
        return f"{shown(needed)} is a sleep, which never fails: name an operation"
    if needed in flow.measured:
        return f"{shown(needed)} does not come before this step: move it up"
    listing = f": before it {'come' if len(labels) > 1 else 'comes'} {', '.join(labels[:10])}" if labels else ""
    return f"no step before this one is named {shown(needed)}{did_you_mean([needed], labels) or listing}"


def _operations(flow: _Flow, scenario: Scenario, root: Node) -> Iterator[Problem]:
    """Steps that the target does not have."""
    target = scenario.target
    offered = [name for name, model in step_models().items() if target.name in model.targets]
    for index, step in enumerate(flow.steps):
        if why := step.why_not_on(target.name):
            meant = did_you_mean([step.operation], offered) or f": it has {', '.join(offered)}"
            yield root.problem((*flow.path, index), f"{why}{meant}" if step.operation in STEP_MODELS else why)


def _pets(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """The first step that has no pet to act on."""
    if scenario.setup.pets:
        return
    for flow in _running_flows(scenario):
        index = _first_without_pet(flow)
        if index is not None:
            step, pets = flow.steps[index], root.find("setup", "pets")
            before = "" if flow.is_mix else f", or put {_creation_on(scenario.target.name)} before it"
            message = f"{step.operation} needs pets that exist: set setup.pets to 1 or more{before}"
            yield root.problem(("setup", "pets") if pets else (*flow.path, index), message)
            return


def _fields_written_twice(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """Own operations that write what saves write: the run could not say which of them was lost."""
    flows = _running_flows(scenario)
    if not any(step.effects.saves_pet for flow in flows for step in flow.steps):
        return
    for flow in flows:
        for index, step in enumerate(flow.steps):
            if both := [field for field in step.effects.fields if field in CANARY_FIELDS]:
                message = f"{step.operation} and save_pet both write {both[0]}, which hides losses: remove one"
                yield root.problem((*flow.path, index), message)


def _growth_cleared(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """Steps that delete the interactions whose number the cost of operations is held against."""
    growths = (scenario.growth, *(phase.growth for phase in scenario.phases))
    if not any(growth and growth.over == "interactions" for growth in growths):
        return
    for flow in _running_flows(scenario):
        for index, step in enumerate(flow.steps):
            if step.effects.clears_history:
                message = f"{step.operation} deletes the interactions that growth counts: remove one of them"
                yield root.problem((*flow.path, index), message)


def _first_without_pet(flow: _Flow) -> int | None:
    for index, step in enumerate(flow.steps):
        if step.effects.creates_pet and not flow.is_mix:
            return None
        if step.needs_pet:
            return index
    return None


def _creation_on(target: str) -> str:
    """The operation of a target that makes a pet."""
    models = ((name, model) for name, model in STEP_MODELS.items() if target in model.targets)
    return next(name for name, model in models if model.model_construct().effects.creates_pet)


def _settings_without_use(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """What is written and has no meaning for the target."""
    for path in scenario.target.useless_keys:
        written_path, _ = root.trace(path)
        if written_path[-1:] == path[-1:]:
            yield root.problem(path, scenario.target.why_useless, key=True)


def _subject(located: LocatedRule, scenario: Scenario, root: Node) -> Iterator[Problem]:
    """Operations that nobody does, metrics that nobody measures."""
    threshold = located.rule.threshold
    flows = _judged_flows(located.phase, scenario)
    operation = "" if threshold.metric.per_fault else threshold.operation
    messages = (
        _unknown_operation(operation, flows),
        unknown_fault(threshold, scenario),
        _unmeasured_metric(threshold, located.phase, scenario),
        _uncounted_metric(threshold, flows),
        _unknowable_metric(threshold, scenario),
    )
    yield from (root.problem(located.expr, message) for message in messages if message)


def _judged_flows(phase: Phase | None, scenario: Scenario) -> list[_Flow]:
    return _running_flows(scenario) if phase is None else _own_flow((), phase) or _own_flow((), scenario)


def _unknown_operation(operation: str, flows: Sequence[_Flow]) -> str:
    if not operation or not flows or any(operation in flow.measured for flow in flows):
        return ""
    if any(step.label == operation for flow in flows for step in flow.steps):
        return f"{shown(operation)} is a sleep, which is not measured: name an operation"
    labels = list(dict.fromkeys(label for flow in flows for label in flow.measured))
    where = "the flow" if len(flows) == 1 else "any phase"
    return f"no step of {where} is named {shown(operation)}{name_to_use([operation], map(legible, labels))}"


def _unmeasured_metric(threshold: Threshold, phase: Phase | None, scenario: Scenario) -> str:
    metric = threshold.metric
    if phase and not metric.per_phase:
        return f"{metric.name} belongs to the whole run: move it to the scenario's own thresholds"
    growth = (scenario.growth, *(each.growth for each in ([phase] if phase else scenario.phases)))
    if metric.needs_growth and not any(growth):
        return f"{metric.name} needs a size: add growth: {{over: pets}} or growth: {{over: interactions}}"
    return ""


def _uncounted_metric(threshold: Threshold, flows: Sequence[_Flow]) -> str:
    """A counter that no step counts, or not the step that is named."""
    name = threshold.metric.name
    if name in METRICS:
        return ""
    steps = {label: step for flow in flows for label, step in flow.measured.items()}
    counting = [label for label, step in steps.items() if name in counter_metrics(step.counters)]
    if not counting:
        return f"no step counts {name}" if flows else ""
    if threshold.operation not in steps or threshold.operation in counting:
        return ""
    who = f"{', '.join(counting[:10])} {'does' if len(counting) == 1 else 'do'}"
    return f"{shown(threshold.operation)} counts no {name}: {who}"


def _unknowable_metric(threshold: Threshold, scenario: Scenario) -> str:
    why = scenario.target.why_not(threshold.metric)
    return f"{threshold.metric.name} cannot be measured: {why}; remove this threshold" if why else ""


def _capacity(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """Loads in another unit than what is raised, and what `capacity` cannot search."""
    asked = scenario.capacity
    if asked is None or not (scenario.load or scenario.phases):
        return
    phases = scenario.phases_to_run
    if len(phases) > 1:
        message = f"needs a scenario with one phase, not {len(phases)}: remove it, or the other phases"
        yield root.problem(("capacity",), message, key=True)
        return
    of = asked.of or ("rate" if phases[0].load.is_open else "vus")
    for key, text in (("at_least", asked.at_least), ("from", asked.from_)):
        if text and ("/" in text) != (of == "rate"):
            example = "write a rate, e.g. 800/s" if of == "rate" else "write a number of vus, e.g. 16"
            yield root.problem(("capacity", key), f"{text} does not fit of: {of}: {example}")


def _ending_the_load(located: LocatedRule, root: Node) -> Iterator[Problem]:
    rule, threshold = located.rule, located.rule.threshold
    if rule.delay_abort_eval is not None and not rule.abort_on_fail:
        message = "needs abort_on_fail: true: without it a threshold is judged only at the end"
        yield root.problem((*located.path, "delay_abort_eval"), message, key=True)
    elif rule.abort_on_fail and rule.delay_abort_eval is None and _fails_at_first(threshold):
        name = threshold.metric.name
        message = f"{name} starts at 0, so this limit would end the load at once: remove abort_on_fail"
        yield root.problem((*located.path, "abort_on_fail"), message)


def _fails_at_first(threshold: Threshold) -> bool:
    return threshold.metric.counts_up and not threshold.holds(0)


def _uncounted(located: LocatedRule, root: Node) -> Iterator[Problem]:
    if located.rule.strict:
        return
    if located.rule.abort_on_fail:
        message = "a threshold with strict: false cannot end the load: remove one of the two"
        yield root.problem((*located.path, "abort_on_fail"), message, key=True)
    if located.rule.exit_code is not None:
        message = "a threshold with strict: false cannot set the exit code: remove one of the two"
        yield root.problem((*located.path, "exit_code"), message, key=True)
