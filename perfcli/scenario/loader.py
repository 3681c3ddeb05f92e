"""A scenario from its file: read, changed by the options, checked; every mistake is told at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from perfcli.errors import UsageError
from perfcli.scenario.document import read_document
from perfcli.scenario.meant import take_executor_as_meant, take_operation_as_meant
from perfcli.scenario.models import Scenario
from perfcli.scenario.overrides import Override, apply_overrides
from perfcli.scenario.problems import KeyPath, Problem, ScenarioFileError, first_problems, in_order, shown
from perfcli.scenario.rules import rule_problems
from perfcli.scenario.source import read_text
from perfcli.scenario.wording import names_no_model, problems_of
from perfcli.scenario.written import Written
from perfcli.thresholds import did_you_mean

__all__ = ["Problem", "ScenarioFileError", "load_scenario", "load_scenarios"]


def load_scenario(path: Path, overrides: Sequence[Override] = ()) -> Scenario:
    """The scenario in a file, with `overrides` in the place of what the file says.

    Raises:
        ScenarioFileError: with every mistake of the file and of the overrides.
    """
    root, problems = read_document(read_text(path), str(path))
    if not isinstance(root.value, dict):
        message = f"expected keys such as name, load and flow, not {shown(root.plain())}"
        raise ScenarioFileError([*problems, root.place.problem((), message)])
    problems += apply_overrides(root, overrides)
    scenario = _validated(root, problems)
    problems += first_problems(rule_problems(root))
    if scenario is None or problems:
        raise ScenarioFileError(in_order(problems))
    return scenario


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
            if tags:
                # by the file alone: an option may not fit the scenarios that are left out
                own = load_scenario(path).tags
                known.update(own)
                if set(tags).isdisjoint(own):
                    continue
            scenarios.append(load_scenario(path, overrides))
        except ScenarioFileError as error:
            problems += error.problems
    if problems:
        raise ScenarioFileError(problems)
    if tags and not scenarios:
        raise _no_such_tag(tags, sorted(known))
    return scenarios


def _no_such_tag(tags: Collection[str], known: list[str]) -> UsageError:
    hint = f"tags in use: {', '.join(known)}" if known else "none of the scenarios has tags"
    return UsageError(f"no scenario has the tag {' or '.join(map(repr, tags))}{did_you_mean(tags, known)}", hint=hint)


def _validated(root: Written, problems: list[Problem]) -> Scenario | None:
    try:
        return Scenario.model_validate(root.plain())
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
    problems += problems_of(mistakes, root)
    unknown = [mistake["loc"] for mistake in mistakes if names_no_model(mistake)]
    if unknown:
        problems += _problems_beneath(root, unknown)
    return None


def _problems_beneath(root: Written, unknown: list[KeyPath]) -> list[Problem]:
    """What else is wrong once unknown executors and operations are taken for those that were likely meant."""
    executor_is_guessed = ("load",) in unknown and not take_executor_as_meant(root)
    for step in (root.find(*loc) for loc in unknown if loc[0] == "flow"):
        take_operation_as_meant(step)
    try:
        Scenario.model_validate(root.plain())
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
        # what a mere guess would require is not a mistake
        return problems_of([m for m in mistakes if not (executor_is_guessed and _lacks_load_key(m))], root)
    return []


def _lacks_load_key(mistake: ErrorDetails) -> bool:
    return mistake["type"] == "missing" and mistake["loc"][0] == "load" and len(mistake["loc"]) > 1
