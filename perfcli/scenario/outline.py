"""What the rules see of a scenario: its phases and their steps, as far as the tree of a file can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from perfcli.scenario.models import MOST_PHASES, MOST_STEPS
from perfcli.scenario.operation import CreationSettings
from perfcli.scenario.problems import KeyPath, Place
from perfcli.scenario.steps import STEP_MODELS, spread
from perfcli.scenario.target import TargetSettings
from perfcli.scenario.written import Written


@dataclass(frozen=True)
class ReadStep:
    """A step whose operation is known by name, though perhaps to nobody else."""

    path: KeyPath
    place: Place
    operation: str
    name: str
    weighted: bool
    only_if: Written | None
    settings_path: KeyPath

    @property
    def label(self) -> str:
        """The name samples are recorded under."""
        return self.name or self.operation

    @property
    def is_sleep(self) -> bool:
        """Whether it is a pause, which is never a sample."""
        return self.operation == "sleep"

    @property
    def needs_pet(self) -> bool:
        """Whether there must be a pet to act on."""
        return self.operation in STEP_MODELS and STEP_MODELS[self.operation].needs_pet

    @property
    def creates_pet(self) -> bool:
        """Whether the steps after it have a pet to act on."""
        return issubclass(STEP_MODELS.get(self.operation, object), CreationSettings)

    def belongs_to(self, target: TargetSettings) -> bool:
        """Whether the target has this operation; one that is unknown is a mistake of its own."""
        return self.operation not in STEP_MODELS or target.name in STEP_MODELS[self.operation].targets


@dataclass(frozen=True)
class ReadFlow:
    """A list of steps: those that can be read, and the others as they were written."""

    path: KeyPath
    written: Written
    steps: list[ReadStep]
    unread: list[Any]

    @property
    def is_whole(self) -> bool:
        """Whether every step can be read."""
        return not self.unread

    @property
    def is_mix(self) -> bool:
        """Whether any step has a weight."""
        return any(step.weighted for step in self.steps)

    @property
    def measured(self) -> Mapping[str, ReadStep]:
        """The steps that are no pauses, by their labels."""
        return {step.label: step for step in self.steps if not step.is_sleep}

    def may_hold(self, label: str) -> bool:
        """Whether a step that cannot be read bears this name: any that stands somewhere in it."""
        return any(label in repr(step) for step in self.unread)


@dataclass(frozen=True)
class ReadPhase:
    """A part of the load; of a scenario without phases the scenario itself, whose path is empty."""

    path: KeyPath
    written: Written
    flow: ReadFlow | None
    has_own_flow: bool


@dataclass(frozen=True)
class Outline:
    """The scenario as a tree, with what it says of its phases and flows."""

    root: Written
    shared_flow: ReadFlow | None
    phases: list[ReadPhase]

    @property
    def flows(self) -> list[ReadFlow]:
        """Every flow that is written, once, in the order of the keys."""
        own = [phase.flow for phase in self.phases if phase.flow and phase.has_own_flow]
        return ([self.shared_flow] if self.shared_flow else []) + own

    @property
    def flows_that_run(self) -> list[ReadFlow]:
        """The flows of the phases; where there are no phases that can be read, any that is written."""
        running = {phase.flow.path: phase.flow for phase in self.phases if phase.flow}
        return list(running.values()) or self.flows


def outline_of(root: Written) -> Outline:
    """What can be read of a scenario's phases."""
    shared = _read_flow(root, ())
    written = root.find("phases")
    if written is None or root.child("load") is not None:
        return Outline(root, shared, [ReadPhase((), root, shared, has_own_flow=False)])
    items = written.value if isinstance(written.value, list) else []
    phases = [_read_phase(index, item, shared) for index, item in enumerate(items[:MOST_PHASES])]
    return Outline(root, shared, [phase for phase in phases if isinstance(phase.written.value, dict)])


def settings_of(step: Written) -> Written | None:
    """The section that holds the settings of a step, in the long form or in the short one."""
    if not isinstance(step.value, dict) or not step.value:
        return None
    if "operation" in step.value:
        return step
    settings = next(iter(step.value.values()))
    return settings if len(step.value) == 1 and isinstance(settings.value, dict) else None


def settings_path(path: KeyPath, step: Written) -> KeyPath:
    """The path of the section that `settings_of` finds in the step at `path`."""
    is_short = isinstance(step.value, dict) and "operation" not in step.value
    return (*path, *step.value) if is_short and isinstance(step.value, dict) else path


def steps_of(section: Written, path: KeyPath) -> Iterator[tuple[KeyPath, Written]]:
    """Each step under the key `flow` of a scenario or a phase, with its path."""
    written = section.child("flow")
    items = written.value if written and isinstance(written.value, list) else []
    yield from (((*path, "flow", index), item) for index, item in enumerate(items[:MOST_STEPS]))


def _read_phase(index: int, item: Written, shared: ReadFlow | None) -> ReadPhase:
    path = ("phases", index)
    own = _read_flow(item, path)
    return ReadPhase(path, item, own or shared, has_own_flow=own is not None)


def _read_flow(section: Written, path: KeyPath) -> ReadFlow | None:
    written = section.child("flow")
    if written is None:
        return None
    read = [_read_step(place, item) or item.plain() for place, item in steps_of(section, path)]
    steps = [step for step in read if isinstance(step, ReadStep)]
    return ReadFlow((*path, "flow"), written, steps, [step for step in read if not isinstance(step, ReadStep)])


def _read_step(path: KeyPath, item: Written) -> ReadStep | None:
    try:
        operation = str(spread(item.plain())["operation"])
    except ValueError:
        return None
    settings = settings_of(item)
    name, weight, only_if = (settings.child(key) if settings else None for key in ("name", "weight", "only_if"))
    return ReadStep(
        path,
        item.place,
        operation,
        name.value if name and isinstance(name.value, str) else "",
        weight is not None and weight.value is not None,
        only_if,
        settings_path(path, item),
    )
