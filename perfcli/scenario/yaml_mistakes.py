"""What PyYAML says about a text that is not YAML, in plain words and at the place of the mistake."""

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
    ("expected ':'", "a key without a ':': write key: value"),
    ("sequence entries are not allowed", "a '-' where no list can be: start the list on a line of its own"),
    ("expected the node content", "a value is missing here: write one"),
    ("expected <block end>", "the indentation does not fit the lines above: align it with the lines it belongs to"),
    ("found undefined alias", "no anchor above has this name: define it with &, or put the text in quotes"),
    ("second occurrence", "this anchor has been defined above: give it another name"),
    ("unknown escape character", "unknown escape: use single quotes, in which a backslash stands for itself"),
    ("expected escape sequence", "incomplete escape: use single quotes, in which a backslash stands for itself"),
    ("found unexpected document separator", "a quote is opened above and never closed: close it"),
    ("expected alphabetic or numeric character", "a name must follow & or *: put the text in quotes if it is text"),
    ("expected '<document start>'", "this does not fit the lines above: check the indentation and the quotes"),
)
_TOLD_AT_THE_START: Final = (
    # where PyYAML was, what it says, what it means at the place where that began
    ("while scanning a directive", "", "a line that starts with % is not a key or value: put the text in quotes"),
    ("while scanning a quoted scalar", "found unexpected end of stream", "this quote is never closed: close it"),
    (
        "while parsing a flow sequence",
        "expected ',' or ']'",
        "this '[' is never closed, or a ',' is missing in it: add it",
    ),
    (
        "while parsing a flow mapping",
        "expected ',' or '}'",
        "this '{' is never closed, or a ',' is missing in it: add it",
    ),
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
        wrong = f"{character_name(text[error.position])} is not allowed in YAML: remove it"
        return location_at(source, text, error.position).problem((), wrong)
    if not isinstance(error, yaml.MarkedYAMLError):
        mark = loader.get_mark() if loader else None
        return _at(mark, source, text).problem((), "not YAML: a number is out of range")
    said, context = error.problem or "", error.context or ""
    told = _faulty_line(error, text, source) or _bare_variable(error, text, source)
    if told:
        return told
    for opening, end, meaning in _TOLD_AT_THE_START:
        if opening in context and end in said:
            return _at(error.context_mark, source, text).problem((), meaning)
    meaning = next((meaning for phrase, meaning in _PLAIN_WORDS if phrase in said), f"not YAML: {said or context}")
    return _at(error.problem_mark or error.context_mark, source, text).problem((), meaning)


_FAULTY_LINES: Final = (
    # what a line begins with, its place of the mistake, what is wrong there
    (re.compile(r"\s*(?P<place>-)[A-Za-z_{]"), "an item of a list needs a space after its '-'"),
    (re.compile(r"\s*(?:- +)?[A-Za-z_][\w-]*(?P<place>:)[\w\"'{\[$]"), "a key needs a space after its ':'"),
    (re.compile(r" *(?P<place>[^\S \t\r\n])"), "{} cannot indent YAML: use spaces"),
)


def _faulty_line(error: yaml.MarkedYAMLError, text: str, source: str) -> Problem | None:
    """A mistake in the line that PyYAML stumbled over, or in the one before it, such as -save_pet and vus:3."""
    said = error.problem or ""
    if error.problem_mark is None or not any(phrase in said for phrase in ("expected ':'", "mapping values")):
        return None
    last = error.problem_mark.line
    for at, line in list(enumerate(text.split("\n")[: last + 1]))[-2:]:
        for beginning, wrong in _FAULTY_LINES:
            if match := beginning.match(line):
                place = Location(source, at + 1, match.start("place") + 1, text)
                return place.problem((), wrong.format(character_name(match["place"])))
    return None


def character_name(character: str) -> str:
    """What a message calls a character that cannot be seen."""
    return f"the character U+{ord(character):04X}"


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
