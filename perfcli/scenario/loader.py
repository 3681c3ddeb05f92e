"""A scenario from its file: read, changed by the options, checked.

Mistakes come in two rounds, each of them whole: those of the shape (YAML, keys, values), and once there are none, those
of the sense (what keys ask of one another).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from perfcli.errors import nearest
from perfcli.executors import EXECUTORS, LOAD_MODELS
from perfcli.operations import step_models
from perfcli.operations.own.step import knowing
from perfcli.scenario.data import put_in_data
from perfcli.scenario.document import read_document
from perfcli.scenario.library import bears_any, no_such_tag, read_text, read_variable
from perfcli.scenario.models import FROM_FILE, Scenario
from perfcli.scenario.node import Node
from perfcli.scenario.operation_files import KEY, OwnOperations, read_operation_files
from perfcli.scenario.problems import KeyPath, Location, Problem, ScenarioFileError, first_problems, in_order, shown
from perfcli.scenario.pydantic_errors import is_missing, names_no_model, problems_of, take_as_text
from perfcli.scenario.rules import rule_problems
from perfcli.scenario.variables import put_in_variables, unused_variables, with_bases


def take_operation_as_meant(step: Node | None) -> None:
    """Put the nearest operation in the place of an unknown one; leave a step that is near to none."""
    if step is None:
        return
    written = step.child("operation")
    if written is not None:
        written.value = _nearest(written.value, step_models()) or written.value
    elif isinstance(step.value, dict):
        step.value = {_nearest(key, step_models()) or key: settings for key, settings in step.value.items()}
    else:
        step.value = _nearest(step.value, step_models()) or step.value


def take_executor_as_meant(load: Node | None) -> bool:
    """Put the nearest executor in the place of an unknown one, else the one that takes most of the keys.

    Returns:
        Whether one was near; if not, the keys that only other executors take are dropped.
    """
    if load is None or not isinstance(load.value, dict):
        return False
    keys = load.value.keys()
    written = load.value.get("executor") or Node(None, load.location, load.key_location)
    near = _nearest(written.value, EXECUTORS)
    executor = near or max(EXECUTORS, key=lambda name: len(LOAD_MODELS[name].model_fields.keys() & keys))
    elsewhere = {key for model in LOAD_MODELS.values() for key in model.model_fields}
    dropped = elsewhere - LOAD_MODELS[executor].model_fields.keys() if not near else set()
    load.value = {key: child for key, child in load.value.items() if key not in dropped}
    load.value["executor"] = replace(written, value=executor)
    return bool(near)


def _nearest(value: object, known: Iterable[str]) -> str:
    return nearest(value, known) if isinstance(value, str) else ""


if TYPE_CHECKING:
    from perfcli.scenario.overrides import Override

__all__ = ["Problem", "ScenarioFileError", "load_scenario", "load_scenarios", "load_with_warnings"]


def load_scenario(path: Path, overrides: Sequence[Override] = ()) -> Scenario:
    """The scenario in a file, with `overrides` in the place of what the file says.

    Raises:
        ScenarioFileError: with all mistakes of a round, in the file, in those it brings in, and in the overrides.
    """
    return _loaded(path, overrides)[0]


def load_with_warnings(path: Path) -> tuple[Scenario, list[Problem]]:
    """The scenario in a file; and what is no mistake in it, but checks nothing, or fails whatever the engine does.

    Raises:
        ScenarioFileError: with every mistake of the file.
    """
    from perfcli.scenario.warnings import warnings

    scenario, root = _loaded(path, ())
    return scenario, warnings(scenario, root)


def _loaded(path: Path, overrides: Sequence[Override]) -> tuple[Scenario, Node]:
    root, problems = _read(path)
    root, mistakes, is_whole = with_bases(root)
    problems += mistakes
    if overrides:
        from perfcli.scenario.overrides import apply_overrides

        problems += apply_overrides(root, overrides)
    problems += unused_variables(root) if is_whole else []
    mistakes, holes = put_in_variables(root, read_variable)
    problems += mistakes
    own = read_operation_files(root)
    problems += own.problems
    with knowing(own.files):
        problems += put_in_data(root)
        scenario, mistakes = _validated(root, own, is_whole)
        # a place without a value, and one with a mistake above, is not reported again for the type of its value
        known = {Location(each.file, each.line, each.column) for each in problems if each.line} | holes
        problems += [each for each in mistakes if Location(each.file, each.line, each.column) not in known]
        if scenario is not None and not problems:
            problems += first_problems(rule_problems(scenario, root))
    if scenario is None or problems:
        raise ScenarioFileError(in_order(problems, str(path)))
    return scenario, root


def _read(path: Path) -> tuple[Node, list[Problem]]:
    root, problems = read_document(read_text(path), str(path))
    if not isinstance(root.value, dict):
        message = f"expected keys such as name, load and flow, not {shown(root.plain())}"
        raise ScenarioFileError([*problems, root.location.problem((), message)])
    return root, problems


def load_scenarios(
    paths: Iterable[Path], overrides: Sequence[Override] = (), *, tags: Collection[str] = ()
) -> list[Scenario]:
    """The scenarios in several files, or those of them that bear any of `tags`.

    Raises:
        ScenarioFileError: with every mistake of every file.
        UsageError: no scenario bears any of the tags.
    """
    scenarios: list[Scenario] = []
    problems: list[Problem] = []
    known: set[str] = set()
    for path in paths:
        try:
            scenario = load_scenario(path, overrides)
        except ScenarioFileError as error:
            own = _tags_of_file(path) if tags and overrides else None
            # an option need not fit a scenario that the tags leave out
            if own is None or bears_any(tags, own):
                problems += error.problems
            known.update(own or ())
            continue
        known.update(scenario.tags)
        if bears_any(tags, scenario.tags):
            scenarios.append(scenario)
    if problems:
        raise ScenarioFileError(problems)
    if tags and not scenarios:
        raise no_such_tag(tags, known)
    return scenarios


def _tags_of_file(path: Path) -> list[str] | None:
    """The tags of a file that does not load with the options; None if it does not load without them either."""
    try:
        return load_scenario(path).tags
    except ScenarioFileError:
        return None


def _validated(root: Node, own: OwnOperations, is_whole: bool) -> tuple[Scenario | None, list[Problem]]:
    """The scenario of a tree, or what is wrong; of a tree that is not whole, nothing that is missing."""
    scenario, mistakes = _validate(root, own)
    if take_as_text(mistakes, root):
        scenario, mistakes = _validate(root, own)
    mistakes = [mistake for mistake in mistakes if not _may_be_declared(mistake, own)]
    told = [mistake for mistake in mistakes if is_whole or not is_missing(mistake)]
    problems = problems_of(told, root)
    unknown = [mistake["loc"] for mistake in mistakes if names_no_model(mistake)]
    return scenario, problems + (_problems_beneath(root, own, unknown) if unknown else [])


def _may_be_declared(mistake: ErrorDetails, own: OwnOperations) -> bool:
    """Whether a file of own operations, if it had no mistakes, might declare what is unknown here."""
    loc, kind = mistake["loc"], mistake["type"]
    if kind == "extra_forbidden":
        return bool(own.problems) and any(part in own.places for part in loc)
    if own.is_whole:
        return False
    if kind == "value_error":
        return "thresholds" in loc and str(mistake["ctx"]["error"]).startswith("unknown")
    return "flow" in loc and names_no_model(mistake)


def _validate(root: Node, own: OwnOperations) -> tuple[Scenario | None, list[ErrorDetails]]:
    files = {KEY: own.files} if root.child(KEY) else {}
    try:
        return Scenario.model_validate({**root.plain(), **files}, context=FROM_FILE), []
    except ValidationError as error:
        return None, error.errors(include_url=False)


def _problems_beneath(root: Node, own: OwnOperations, unknown: list[KeyPath]) -> list[Problem]:
    """What else is wrong once unknown executors and operations are taken for those that were likely meant."""
    guessed: list[KeyPath] = []
    for loc in unknown:
        written = root.find(*loc)
        if loc[-1] == "load" and not take_executor_as_meant(written):
            guessed.append(loc)
        elif "flow" in loc:
            take_operation_as_meant(written)
    _, mistakes = _validate(root, own)
    # what a mere guess would require is not a mistake
    return problems_of([each for each in mistakes if not any(_lacks_key_of(loc, each) for loc in guessed)], root)


def _lacks_key_of(load: KeyPath, mistake: ErrorDetails) -> bool:
    loc = mistake["loc"]
    return is_missing(mistake) and loc[: len(load)] == load and len(loc) > len(load)
