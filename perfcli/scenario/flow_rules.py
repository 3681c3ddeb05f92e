"""What the steps of a flow ask of one another, and of the set-up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from perfcli.scenario.operation import CreationSettings
from perfcli.scenario.outline import Outline, ReadFlow, ReadStep
from perfcli.scenario.problems import Problem, legible, shown
from perfcli.scenario.steps import STEP_MODELS
from perfcli.scenario.written import Written
from perfcli.thresholds import did_you_mean


def flow_problems(outline: Outline) -> Iterator[Problem]:
    """Weights, names, pets and conditions that do not fit."""
    for flow in outline.flows:
        yield from _weights(flow)
        yield from _labels(flow)
        yield from _conditions(flow)
        if flow.steps and flow.is_whole and not flow.measured:
            place = flow.steps[0].place
            yield place.problem(flow.path, "only sleeps, so nothing is measured: add an operation")
    yield from _pets(outline)


def _weights(flow: ReadFlow) -> Iterator[Problem]:
    weighted = sum(step.weighted for step in flow.steps)
    bare = next((step for step in flow.steps if not step.weighted), None)
    if bare and weighted:
        yield bare.place.problem(
            bare.path,
            f"has no weight, though other steps have one ({weighted} of {len(flow.steps)}): "
            "give one to every step (a mix), or to none (in order)",
        )


def _labels(flow: ReadFlow) -> Iterator[Problem]:
    first: dict[str, ReadStep] = {}
    for step in flow.steps:
        known = first.setdefault(step.label, step)
        if known.operation != step.operation:
            yield step.place.problem(
                step.path,
                f"{step.label!r:.60} is already the name of a {legible(known.operation)} step: "
                "samples of two operations cannot share one name",
            )


def _conditions(flow: ReadFlow) -> Iterator[Problem]:
    for index, step in enumerate(flow.steps):
        written = step.only_if
        if written is None or not isinstance(written.value, str) or flow.may_hold(written.value):
            continue
        message = _misfit(written.value, flow, flow.steps[:index])
        if message:
            yield written.place.problem((*step.settings_path, "only_if"), message)


def _misfit(needed: str, flow: ReadFlow, before: Sequence[ReadStep]) -> str:
    """Why a step cannot wait for the one called `needed`; nothing where it can."""
    if flow.is_mix:
        return "a mix draws one step for each iteration, so no other has run before: remove the weights, or only_if"
    labels = [step.label for step in before if not step.is_sleep]
    if needed in labels:
        return ""
    if any(step.label == needed for step in before):
        return f"{shown(needed)} is a sleep, which neither succeeds nor fails"
    if needed in flow.measured:
        return f"{shown(needed)} does not come before this step: move it up"
    listing = f": before it {'come' if len(labels) > 1 else 'comes'} {', '.join(labels[:10])}" if labels else ""
    return f"no step before this one is called {shown(needed)}{did_you_mean([needed], labels) or listing}"


def _pets(outline: Outline) -> Iterator[Problem]:
    setup, pets = outline.root.find("setup"), outline.root.find("setup", "pets")
    if (setup and not isinstance(setup.value, dict)) or (pets and pets.value != 0):
        return
    for flow in outline.flows_that_run:
        step = _first_without_pet(flow) if flow.is_whole else None
        if step:
            yield _needs_pets(step, flow, pets)
            return


def _first_without_pet(flow: ReadFlow) -> ReadStep | None:
    for step in flow.steps:
        if step.creates_pet and not flow.is_mix:
            return None
        if step.needs_pet:
            return step
    return None


def _needs_pets(step: ReadStep, flow: ReadFlow, pets: Written | None) -> Problem:
    before = "" if flow.is_mix else f", or put {_creation_like(step)} before it"
    message = f"{step.operation} needs pets that exist: set setup.pets to 1 or more{before}"
    return pets.place.problem(("setup", "pets"), message) if pets else step.place.problem(step.path, message)


def _creation_like(step: ReadStep) -> str:
    """The operation that makes a pet, of the target that the step belongs to."""
    targets = STEP_MODELS[step.operation].targets
    return next(
        name for name, model in STEP_MODELS.items() if issubclass(model, CreationSettings) and model.targets == targets
    )
