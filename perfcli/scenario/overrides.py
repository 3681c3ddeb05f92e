"""Options that change a scenario before it is read: --set, --workers, --iterations, --duration, --fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from perfcli.errors import UsageError
from perfcli.executors import LOAD_MODELS
from perfcli.faults import fault_models
from perfcli.scenario.document import read_document
from perfcli.scenario.node import Node
from perfcli.scenario.problems import Location, Problem, ScenarioFileError, legible

_MOST_NAMED: Final = 5
_SET_ALL: Final = "all by --workers, --iterations or --duration"
_SET_HINT: Final = "write --set key=value, e.g. --set load.vus=3 or --set thresholds.0='latency.mean < 1ms'"


@dataclass(frozen=True)
class Override:
    """A value that an option puts in the place of the file's."""

    path: tuple[str, ...]  # keys, and the indexes of list items as digits
    value: Any  # plain data
    origin: str  # the option as it was typed
    executor: str = ""  # to change to where the scenario's own executor does not take this key
    every_phase: bool = False  # of a scenario with phases, the load of each is meant
    swept: bool = False  # by --sweep, with one of its values
    item: Node | None = None  # to add to the list at the path, instead of the value


def parse_set(text: str) -> Override:
    """The override that `--set key.sub=value` writes; the value is YAML, so 3 is a number and [a, b] a list.

    Raises:
        UsageError: there is no key, no value, or the value is not YAML.
    """
    origin = f"--set {legible(text)}"
    path, value = key_and_value(text, origin, _SET_HINT)
    return Override(path, plain_value(value, origin), origin)


def key_and_value(text: str, origin: str, hint: str) -> tuple[tuple[str, ...], str]:
    """The two sides of `key.sub=value`, the value as it was written.

    Raises:
        UsageError: one of them is missing.
    """
    key, equals, value = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not value.strip() or not all(path):
        raise UsageError(f"{origin}: expected key=value", hint=hint)
    return path, value


def plain_value(text: str, origin: str) -> Any:
    """The value that YAML writes so.

    Raises:
        UsageError: it is not YAML.
    """
    try:
        document, problems = read_document(text, origin)
    except ScenarioFileError as error:
        problems = error.problems
    if problems:
        raise UsageError(f"{origin}: the value is not YAML: {problems[0].message}", hint="put the value in quotes")
    return document.plain()


def fault(text: str) -> Override:
    """The fault that `--fault 'lock={at: 3s, for: 1s}'` adds, each of its values with its place in that text.

    Raises:
        UsageError: there is no kind or no settings, or they are not YAML.
    """
    kind, equals, settings = text.partition("=")
    kind = kind.strip()
    known = fault_models().get(kind)
    hint = f"write --fault '{kind if known else 'lock'}={(known or fault_models()['lock']).example}'"
    if not kind or not equals or not settings.strip():
        raise UsageError(f"--fault {legible(text)}: expected KIND={{at: …}}", hint=hint)
    source = f"--fault {legible(kind)}"
    try:
        # blanks keep the columns of the text as it was typed
        written, problems = read_document(" " * (len(text) - len(settings)) + settings, source)
    except ScenarioFileError as error:
        problems = error.problems
    if problems:
        raise ScenarioFileError([replace(problem, text=text) for problem in problems])
    place = Location(source, 1, 1, text)
    item = Node({kind: _quoting(replace(written, key_location=place), text)}, place, place)
    return Override(("faults",), None, f"--fault {legible(text)}", item=item)


def _quoting(node: Node, text: str) -> Node:
    """A tree whose places show this text."""
    value = node.value
    if isinstance(value, dict):
        value = {key: _quoting(child, text) for key, child in value.items()}
    elif isinstance(value, list):
        value = [_quoting(child, text) for child in value]
    location, key_location = (replace(place, text=text) for place in (node.location, node.key_location))
    return replace(node, value=value, location=location, key_location=key_location)


def workers(count: int) -> Override:
    """What --workers asks for: so many vus."""
    return Override(("load", "vus"), count, f"--workers {count}", every_phase=True)


def iterations(count: int) -> Override:
    """What --iterations asks for: so many, by shared-iterations where the scenario's executor counts none."""
    path, origin = ("load", "iterations"), f"--iterations {count}"
    return Override(path, count, origin, executor="shared-iterations", every_phase=True)


def duration(text: str) -> Override:
    """What --duration asks for: load for so long, by constant-vus where the scenario's executor counts iterations."""
    path, origin = ("load", "duration"), f"--duration {legible(text)}"
    return Override(path, text, origin, executor="constant-vus", every_phase=True)


def apply_overrides(root: Node, overrides: Sequence[Override]) -> list[Problem]:
    """Change `root`, in the order of the overrides, and tell which of them found no place."""
    return [problem for override in _reconciled(overrides) for problem in _apply(root, override)]


def _reconciled(overrides: Sequence[Override]) -> Iterator[Override]:
    """--iterations with --duration: so many iterations, for that long at most."""
    counts_iterations = any(override.executor and override.path[-1] == "iterations" for override in overrides)
    for override in overrides:
        if counts_iterations and override.executor and override.path[-1] == "duration":
            yield replace(override, path=("load", "max_duration"), executor="shared-iterations")
        else:
            yield override


def _apply(root: Node, override: Override) -> Iterator[Problem]:
    location = Location(override.origin)
    if override.item is not None:
        _add(root, override.path[0], override.item)
        return
    if override.path[0] == "extends":
        yield location.problem((), "--set cannot change extends: change it in the file")
        return
    if override.path[0] == "load" and not override.every_phase and (phases := _names_of_phases(root)):
        yield location.problem((), _each_has_its_own(override, phases))
        return
    for section in _meant_sections(root, override):
        try:
            _put(section, override.path, Node.at(location, override.value))
            if override.executor:
                _change_executor(section, override)
        except _NoPlaceError as error:
            yield location.problem((), str(error))


def _meant_sections(root: Node, override: Override) -> list[Node]:
    phases = root.child("phases")
    if override.every_phase and phases and isinstance(phases.value, list):
        return [phase for phase in phases.value if isinstance(phase.value, dict)]
    return [root]


def _names_of_phases(root: Node) -> list[str]:
    """The phases of a scenario without a load of its own."""
    phases = root.child("phases")
    items = phases.value if phases and isinstance(phases.value, list) and not root.child("load") else []
    return [str(name.value) if (name := item.child("name")) else "?" for item in items]


def _each_has_its_own(override: Override, phases: Sequence[str]) -> str:
    names = ", ".join(map(legible, phases[:_MOST_NAMED])) + (", …" if len(phases) > _MOST_NAMED else "")
    set_all = "a variable that all of them use (vars.NAME)" if override.swept else _SET_ALL
    return (
        f"the scenario has phases ({names}), each with a load of its own: "
        f"set phases.0.{legible('.'.join(override.path))} for the first, or {set_all}"
    )


def _add(root: Node, key: str, item: Node) -> None:
    """Add an item to a list; what is no list is the file's own mistake, and told as such."""
    here = root.child(key)
    if isinstance(root.value, dict) and (here is None or here.value is None):
        root.value[key] = Node([item], item.location, item.key_location)
    elif here is not None and isinstance(here.value, list):
        here.value.append(item)


class _NoPlaceError(Exception):
    """A path that leads nowhere."""


def _put(section: Node, path: tuple[str, ...], value: Node) -> None:
    here = section
    for depth, (part, following) in enumerate(pairwise(path), start=1):
        child = here.child(_index(part) if isinstance(here.value, list) else part)
        if child is None or child.value is None:
            child = Node.at(value.location, [] if following.isdecimal() else {})
            _store(here, part, child, path[: depth - 1])
        here = child
    _store(here, path[-1], value, path[:-1])


def _store(here: Node, part: str, value: Node, path: tuple[str, ...]) -> None:
    section = ".".join(path) or "the scenario"
    if isinstance(here.value, dict):
        here.value[part] = value
    elif isinstance(here.value, list):
        items, index = here.value, _index(part)
        if not part.isdecimal():
            raise _NoPlaceError(f"{section} is a list: name an item by its number, e.g. {section}.0")
        if not 0 <= index <= len(items):
            raise _NoPlaceError(f"{section} has {len(items)} items: {section}.{len(items)} would add one")
        items[index : index + 1] = [value]
    else:
        whole = f"set {section} as a whole, {section}={{{part:.60}: …}}"
        raise _NoPlaceError(f"{section} is a single value, without {part!r:.60}: {whole}")


def _index(part: str) -> int:
    return int(part) if part.isdecimal() and len(part) < 10 else -1


def _change_executor(section: Node, override: Override) -> None:
    load, executor = section.find("load"), section.find("load", "executor")
    if load is None or not isinstance(load.value, dict):
        return
    current = LOAD_MODELS.get(executor.value) if executor and isinstance(executor.value, str) else None
    # an executor that is none is the file's own mistake, and told as such
    if (executor and not current) or (current and override.path[-1] in current.model_fields):
        return
    load.value["executor"] = Node.at(Location(override.origin), override.executor)
    kept = LOAD_MODELS[override.executor].model_fields
    for key in list(load.value):
        if current and key in current.model_fields and key not in kept:
            del load.value[key]
