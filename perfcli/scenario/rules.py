"""What the keys of a scenario ask of one another. Read from the tree, so that it is told beside all other mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter

from perfcli.scenario.operation import CreationSettings
from perfcli.scenario.problems import KeyPath, Place, Problem, legible, shown
from perfcli.scenario.steps import STEP_MODELS, spread
from perfcli.scenario.target import EmbeddedSettings, McpSettings, Target, TargetSettings
from perfcli.scenario.written import Written
from perfcli.thresholds import ThresholdError, did_you_mean, parse_threshold

_TARGET: Final[TypeAdapter[EmbeddedSettings | McpSettings]] = TypeAdapter(Target)
_MOST_READ: Final = 500  # steps, and thresholds; more are a mistake of their own


@dataclass(frozen=True)
class _ReadStep:
    path: KeyPath
    place: Place
    operation: str
    name: str
    weighted: bool

    @property
    def label(self) -> str:
        return self.name or self.operation

    @property
    def is_sleep(self) -> bool:
        return self.operation == "sleep"

    @property
    def needs_pet(self) -> bool:
        return self.operation in STEP_MODELS and STEP_MODELS[self.operation].needs_pet

    @property
    def creates_pet(self) -> bool:
        return issubclass(STEP_MODELS.get(self.operation, object), CreationSettings)

    def belongs_to(self, target: TargetSettings) -> bool:
        """Whether the target has this operation; one that is unknown is a mistake of its own."""
        return self.operation not in STEP_MODELS or target.name in STEP_MODELS[self.operation].targets


@dataclass(frozen=True)
class _Flow:
    steps: list[_ReadStep]
    unread: list[Any]  # steps that are none, as they were written

    @property
    def is_whole(self) -> bool:
        return not self.unread

    @property
    def is_mix(self) -> bool:
        return any(step.weighted for step in self.steps)

    @property
    def measured(self) -> dict[str, _ReadStep]:
        return {step.label: step for step in self.steps if not step.is_sleep}


def rule_problems(root: Written) -> Iterator[Problem]:
    """What does not fit together, as far as the parts can be read."""
    flow = _read_flow(root)
    yield from _weights(flow)
    yield from _labels(flow)
    yield from _pets(flow, root)
    if flow.steps and flow.is_whole and not flow.measured:
        yield flow.steps[0].place.problem(("flow",), "only sleeps, so nothing is measured: add an operation")
    yield from _threshold_operations(flow, root)
    target = _read_target(root)
    if target is not None:
        yield from _operations_of_target(flow, target)
        yield from _settings_without_use(target, root)
        yield from _unknowable_metrics(target, root)


def _read_target(root: Written) -> TargetSettings | None:
    written = root.find("target")
    try:
        return _TARGET.validate_python(written.plain()) if written else EmbeddedSettings()
    except ValueError:
        return None


def _operations_of_target(flow: _Flow, target: TargetSettings) -> Iterator[Problem]:
    own = [name for name, model in STEP_MODELS.items() if target.name in model.targets]
    for step in flow.steps:
        if not step.belongs_to(target):
            (other,) = STEP_MODELS[step.operation].targets
            meant = did_you_mean([step.operation], own) or f": it has {', '.join(own)}"
            message = f"{step.operation} goes with target: {other}, not with {target.name}{meant}"
            yield step.place.problem(step.path, message)


def _settings_without_use(target: TargetSettings, root: Written) -> Iterator[Problem]:
    if target.starts_engine:
        return
    for path in (("engine",), ("target", "mcp", "transport"), ("target", "transport")):
        written = root.find(*path)
        if written is not None:
            message = "does not go with the url of a server that runs already: remove it"
            yield written.key_place.problem(path, message)


def _unknowable_metrics(target: TargetSettings, root: Written) -> Iterator[Problem]:
    for path, written in _threshold_texts(root):
        try:
            metric = parse_threshold(str(written.value)).metric.name
        except ThresholdError:
            continue
        if metric in target.unknowable:
            yield written.place.problem(path, f"{metric} cannot be measured: {target.unknowable[metric]}")


def _read_flow(root: Written) -> _Flow:
    written = root.find("flow")
    items = written.value if written and isinstance(written.value, list) else []
    read = [_read_step(index, item) or item.plain() for index, item in enumerate(items[:_MOST_READ])]
    steps = [step for step in read if isinstance(step, _ReadStep)]
    return _Flow(steps, unread=[step for step in read if not isinstance(step, _ReadStep)])


def _read_step(index: int, item: Written) -> _ReadStep | None:
    plain = item.plain()
    try:
        settings = spread(plain)
    except ValueError:
        return None
    if settings["operation"] not in STEP_MODELS and isinstance(plain, dict):
        settings = {**settings, **_settings_of_unknown(plain)}
    name = settings.get("name")
    return _ReadStep(
        ("flow", index),
        item.place,
        str(settings["operation"]),
        name if isinstance(name, str) else "",
        settings.get("weight") is not None,
    )


def _settings_of_unknown(step: dict[str, Any]) -> dict[str, Any]:
    inner = next(iter(step.values()))
    settings = inner if isinstance(inner, dict) else {}
    return {key: settings[key] for key in ("name", "weight") if key in settings}


def _weights(flow: _Flow) -> Iterator[Problem]:
    weighted = sum(step.weighted for step in flow.steps)
    bare = next((step for step in flow.steps if not step.weighted), None)
    if bare and weighted:
        yield bare.place.problem(
            bare.path,
            f"has no weight, though other steps have one ({weighted} of {len(flow.steps)}): "
            "give one to every step (a mix), or to none (in order)",
        )


def _labels(flow: _Flow) -> Iterator[Problem]:
    first: dict[str, _ReadStep] = {}
    for step in flow.steps:
        known = first.setdefault(step.label, step)
        if known.operation != step.operation:
            yield step.place.problem(
                step.path,
                f"{step.label!r:.60} is already the name of a {legible(known.operation)} step: "
                "samples of two operations cannot share one name",
            )


def _pets(flow: _Flow, root: Written) -> Iterator[Problem]:
    pets = root.find("setup", "pets")
    setup = root.find("setup")
    if (setup and not isinstance(setup.value, dict)) or (pets and pets.value != 0) or not flow.is_whole:
        return
    for step in flow.steps:
        if step.creates_pet and not flow.is_mix:
            return
        if step.needs_pet:
            before = "" if flow.is_mix else f", or put {_creation_like(step)} before it"
            message = f"{step.operation} needs pets that exist: set setup.pets to 1 or more{before}"
            yield pets.place.problem(("setup", "pets"), message) if pets else step.place.problem(step.path, message)
            return


def _creation_like(step: _ReadStep) -> str:
    """The operation that makes a pet, of the target that the step belongs to."""
    targets = STEP_MODELS[step.operation].targets
    return next(
        name for name, model in STEP_MODELS.items() if issubclass(model, CreationSettings) and model.targets == targets
    )


def _threshold_operations(flow: _Flow, root: Written) -> Iterator[Problem]:
    for path, written in _threshold_texts(root):
        try:
            operation = parse_threshold(str(written.value)).operation
        except ThresholdError:
            continue
        if not operation or operation in flow.measured:
            continue
        if any(step.label == operation for step in flow.steps):
            yield written.place.problem(path, f"{shown(operation)} is a sleep, which is never measured")
        # a step that cannot be read may bear any name that stands in it
        elif not any(operation in repr(step) for step in flow.unread):
            yield written.place.problem(path, _no_such_step(operation, list(flow.measured)))


def _no_such_step(operation: str, labels: list[str]) -> str:
    meant = did_you_mean([operation], labels)
    listing = ", ".join(map(legible, labels[:10])) + (", …" if len(labels) > 10 else "")
    return f"no step of the flow is called {shown(operation)}{meant}: it has {listing or 'none that is measured'}"


def _threshold_texts(root: Written) -> Iterator[tuple[KeyPath, Written]]:
    written = root.find("thresholds")
    for index, item in enumerate(written.value[:_MOST_READ] if written and isinstance(written.value, list) else []):
        expr = item.child("expr")
        if expr is not None:
            yield ("thresholds", index, "expr"), expr
        elif isinstance(item.value, str):
            yield ("thresholds", index), item
