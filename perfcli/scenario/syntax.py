"""Broken YAML in plain words."""

from __future__ import annotations

import re
from typing import Final

import yaml
from yaml.reader import ReaderError

from perfcli.scenario.problems import Location, Problem, location_at

_PLAIN_WORDS: Final = (
    # what PyYAML says, what it means
    ("'\\t' that cannot start", "a tab cannot indent YAML: use spaces"),
    ("that cannot start any token", "text cannot start with this character: put it in quotes"),
    ("mapping values are not allowed", "a ':' where no key can be: check the indentation, or put the text in quotes"),
    ("expected ':'", "a key without its ':' (write key: value)"),
    ("sequence entries are not allowed", "a '-' where no list can be: start the list on a line of its own"),
    ("expected <block end>", "the indentation does not fit the lines above"),
    ("found undefined alias", "no anchor of this name stands above: define it with &, or put the text in quotes"),
    ("second occurrence", "this anchor has been defined above: give it another name"),
    ("unknown escape character", "no escape is written like this: in single quotes a backslash stands for itself"),
    ("expected escape sequence", "an escape is cut short: in single quotes a backslash stands for itself"),
    ("found unexpected document separator", "a quote is opened above and never closed"),
    ("expected alphabetic or numeric character", "a name must follow & or *: put the text in quotes if it is text"),
    ("expected '<document start>'", "this does not belong to what stands above: check the indentation and the quotes"),
)
_TOLD_AT_THE_START: Final = (
    # where PyYAML was, what it says, what it means at the place where that began
    ("while scanning a directive", "", "a line that starts with % is no key or value: put the text in quotes"),
    ("while scanning a quoted scalar", "found unexpected end of stream", "this quote is never closed"),
    ("while parsing a flow sequence", "expected ',' or ']'", "this '[' is never closed, or a ',' is missing in it"),
    ("while parsing a flow mapping", "expected ',' or '}'", "this '{' is never closed, or a ',' is missing in it"),
)


def syntax_problem(error: Exception, text: str, source: str, loader: yaml.SafeLoader | None) -> Problem:
    """The problem that an error of PyYAML tells, at its place.

    Args:
        error: what PyYAML raised.
        text: what it was reading.
        source: the name that the place bears.
        loader: knows how far it came, where the error does not.
    """
    if isinstance(error, ReaderError):
        character = f"U+{ord(text[error.position]):04X}"
        wrong = f"the character {character} is not allowed in YAML: remove it"
        return location_at(source, text, error.position).problem((), wrong)
    if not isinstance(error, yaml.MarkedYAMLError):
        mark = loader.get_mark() if loader else None
        return _at(mark, source, text).problem((), "not YAML: a number here is out of bounds")
    said, context = error.problem or "", error.context or ""
    told = _without_space(error, text, source) or _bare_variable(error, text, source)
    if told:
        return told
    for opening, end, meaning in _TOLD_AT_THE_START:
        if opening in context and end in said:
            return _at(error.context_mark, source, text).problem((), meaning)
    meaning = next((meaning for phrase, meaning in _PLAIN_WORDS if phrase in said), f"not YAML: {said or context}")
    return _at(error.problem_mark or error.context_mark, source, text).problem((), meaning)


def _without_space(error: yaml.MarkedYAMLError, text: str, source: str) -> Problem | None:
    """An item such as -save_pet, in the line that PyYAML stumbled over or the one before it."""
    if error.problem_mark is None or "expected ':'" not in (error.problem or ""):
        return None
    last = error.problem_mark.line
    for at, line in list(enumerate(text.split("\n")[: last + 1]))[-2:]:
        item = re.match(r"\s*-(?=[A-Za-z_{])", line)
        if item:
            return Location(source, at + 1, item.end(), text).problem(
                (), "an item of a list needs a space after its '-'"
            )
    return None


def _bare_variable(error: yaml.MarkedYAMLError, text: str, source: str) -> Problem | None:
    """A variable without quotes inside braces or brackets, where its own braces are YAML."""
    if "flow" not in (error.context or "") or error.context_mark is None or error.problem_mark is None:
        return None
    start, end = error.context_mark.index, error.problem_mark.index
    variable = re.search(r"(?<![\"'\w])\$\{[^}\n]{0,80}\}", text[start : end + 90])
    if variable is None or start + variable.start() > end:
        return None
    location = location_at(source, text, start + variable.start())
    return location.problem((), f'write "{variable[0]}": inside {{…}} or […], YAML needs quotes around a variable')


def _at(mark: yaml.Mark | None, source: str, text: str) -> Location:
    return Location(source, mark.line + 1, mark.column + 1, text) if mark else Location(source)
