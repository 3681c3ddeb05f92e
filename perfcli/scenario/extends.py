"""A scenario that is made from another one: `extends` names a file, or a shipped scenario."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from perfcli.executors import LOAD_MODELS
from perfcli.scenario.document import read_document
from perfcli.scenario.library import read_text, shipped_scenarios
from perfcli.scenario.node import Node
from perfcli.scenario.problems import Problem, ScenarioFileError, shown
from perfcli.thresholds import did_you_mean

_MOST_BASES: Final = 10
_ALTERNATIVES: Final = {"load": "phases", "phases": "load"}
_REPLACED_WHOLE: Final = (("target",), ("users",), ("growth",), ("load", "think_time"))


def with_bases(root: Node) -> tuple[Node, list[Problem], bool]:
    """A scenario over those it extends, the mistakes of their form, and whether all of them could be read.

    Each value keeps the place it was written at, so that what is wrong with it is told there.
    """
    merged, here, problems = root, root, list[Problem]()
    files = [os.path.realpath(root.location.source)]
    while reference := here.child("extends"):
        try:
            here = _base(reference, files, problems)
        except ScenarioFileError as error:
            return merged, problems + error.problems, False
        merged = _over(merged, here)
    return merged, problems, True


def _base(reference: Node, files: list[str], problems: list[Problem]) -> Node:
    path = _path_of(reference)
    real = os.path.realpath(path)
    if real in files:
        raise _wrong(reference, f"leads back to {path}: a scenario cannot be made from itself")
    if len(files) > _MOST_BASES:
        raise _wrong(reference, f"a scenario can be made from {_MOST_BASES} others in a row, not more")
    files.append(real)
    root, mistakes = read_document(read_text(path), str(path))
    problems += mistakes
    if not isinstance(root.value, dict):
        message = f"expected keys such as load and flow, not {shown(root.plain())}"
        raise ScenarioFileError([root.location.problem((), message)])
    return root


def _path_of(reference: Node) -> Path:
    name = reference.value
    if not isinstance(name, str) or not name.strip():
        raise _wrong(reference, f"expected the name of a shipped scenario or a file, not {shown(reference.plain())}")
    shipped = {path.stem: path for path in shipped_scenarios()}
    if name in shipped:
        return shipped[name]
    path = Path(reference.location.source).parent / os.path.expanduser(name)
    if not os.path.exists(path):
        unknown = "variables are not known yet here" if "${" in name else "no such file beside this one"
        meant = did_you_mean([name], shipped)
        raise _wrong(reference, f"{unknown}, and no shipped scenario is called {shown(name)}{meant}")
    return path


def _over(own: Node, base: Node) -> Node:
    """A scenario in the place of its base, with what cannot stand beside one another taken from the base."""
    assert isinstance(own.value, dict)
    assert isinstance(base.value, dict)
    inherited = {key: child for key, child in base.value.items() if key != "name" and not _excludes(own, key)}
    base = Node(inherited, base.location, base.key_location)
    for *section, key in _REPLACED_WHOLE:
        written = base.find(*section)
        if own.find(*section, key) and written and isinstance(written.value, dict):
            written.value.pop(key, None)
    _drop_keys_of_another_executor(own, base)
    return own.over(base)


def _excludes(own: Node, key: str) -> bool:
    return key in _ALTERNATIVES and own.child(_ALTERNATIVES[key]) is not None


def _drop_keys_of_another_executor(own: Node, base: Node) -> None:
    load, executor, other = base.find("load"), own.find("load", "executor"), base.find("load", "executor")
    if not load or not isinstance(load.value, dict) or not executor or not other:
        return
    kept, known = (_keys_of(written) for written in (executor, other))
    if kept:
        load.value = {key: child for key, child in load.value.items() if key in kept or key not in known}


def _keys_of(executor: Node) -> set[str]:
    model = LOAD_MODELS.get(executor.value) if isinstance(executor.value, str) else None
    return set(model.model_fields) if model else set()


def _wrong(reference: Node, message: str) -> ScenarioFileError:
    return ScenarioFileError([reference.location.problem(("extends",), message)])
