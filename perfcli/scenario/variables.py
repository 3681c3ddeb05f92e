"""Variables, `${name}` for a value of `vars` or the environment; and `extends`, a scenario made from another one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from perfcli.errors import did_you_mean
from perfcli.executors import LOAD_MODELS
from perfcli.scenario.document import read_document
from perfcli.scenario.library import read_text, shipped_scenarios
from perfcli.scenario.node import Node, Scalar, typed
from perfcli.scenario.problems import KeyPath, Location, Problem, ScenarioFileError, located, shown

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
        raise _wrong(reference, f"extends itself by way of {path}: remove one extends")
    if len(files) > _MOST_BASES:
        raise _wrong(reference, f"extends more than {_MOST_BASES} scenarios in a row")
    files.append(real)
    try:
        root, mistakes = read_document(read_text(path), str(path))
    except ScenarioFileError as error:
        raise ScenarioFileError(located(error, reference.location, ("extends",))) from None
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
        unknown = "variables cannot be used here" if "${" in name else "no such file in the same directory"
        meant = did_you_mean([name], shipped)
        raise _wrong(reference, f"{unknown}, and no shipped scenario is named {shown(name)}{meant}")
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


MOST_CHARACTERS: Final = 10_000  # of one value
_MOST_IN_ALL: Final = 1024 * 1024
_MOST_IN_A_ROW: Final = 50
_REFERENCE: Final = re.compile(r"\$(?P<escaped>\$\{)|\$\{(?P<inside>[^}]*)(?P<end>\}?)")
_INSIDE: Final = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Environment = Callable[[str], str | None]
"""The value of a variable that is set outside of the file, by its name."""

_HOW: Final = "write ${name} or ${NAME:-default}; $${ stands for ${ itself"


def put_in_variables(root: Node, environment: Environment) -> tuple[list[Problem], set[Location]]:
    """Put the values of variables in their places.

    A scalar that is one `${name}` from end to end gets the type of the value; elsewhere it is text among text.

    Returns:
        The mistakes, and the places that are left without a value.
    """
    variables = _Variables(root, environment)
    for path, written in _scalars(root, ()):
        if path[0] != "vars":
            variables.put_into(written, path)
    variables.settle_all()
    return variables.problems, variables.holes


def unused_variables(root: Node) -> Iterator[Problem]:
    """Variables of a scenario's own file, or of options, that nothing names: those of a base are free to be left out.

    To be asked before they are put in.
    """
    named = {
        inside["name"]
        for _, written in _scalars(root, ())
        for match in _REFERENCE.finditer(written.value if isinstance(written.value, str) else "")
        if (inside := _INSIDE.fullmatch(match["inside"] or ""))
    }
    section = root.child("vars")
    for name, written in section.value.items() if section and isinstance(section.value, dict) else ():
        location = written.key_location
        if name not in named and (location.source == root.location.source or not location.line):
            meant = did_you_mean([name], named) or _other_notation(name, root)
            yield location.problem(("vars", name), f"${{{name}}} is used nowhere{meant}: use it, or remove it")


def _other_notation(name: str, root: Node) -> str:
    """ " (write ${name}, not $name)" if a value names a variable as a shell or a template does; else nothing."""
    notation = re.compile(rf"\${re.escape(name)}\b|{{{{\s*{re.escape(name)}\s*}}}}")
    values = (str(written.value) for _, written in _scalars(root, ()))
    found = next((match[0] for value in values if (match := notation.search(value[:MOST_CHARACTERS]))), "")
    return f" (write ${{{name}}}, not {found})" if found else ""


def _scalars(here: Node, path: KeyPath) -> Iterator[tuple[KeyPath, Node]]:
    if isinstance(here.value, dict):
        for key, child in here.value.items():
            yield from _scalars(child, (*path, key))
    elif isinstance(here.value, list):
        for index, child in enumerate(here.value):
            yield from _scalars(child, (*path, index))
    else:
        yield path, here


class _Value(NamedTuple):
    value: Scalar
    text: str


class _Unknown(Exception):  # noqa: N818 - never leaves this module
    """A variable without a value; the text says why, or nothing where that is told already."""


class _Variables:
    def __init__(self, root: Node, environment: Environment) -> None:
        self.problems: list[Problem] = []
        self.holes: set[Location] = set()
        self._environment = environment
        self._broken: set[str] = set()
        self._own = dict(self._readable(root))
        self._settled: set[str] = set()
        self._settling: list[str] = []
        self._characters = 0

    def put_into(self, written: Node, path: KeyPath) -> bool:
        """Put in what is named, and tell whether all of it has a value."""
        if not isinstance(written.value, str) or "${" not in written.value:
            return True
        try:
            written.value, written.text = self._filled(written.value)
        except _Unknown as unknown:
            self.holes.add(written.location)
            if str(unknown):
                self.problems.append(written.location.problem(path, str(unknown)))
            return False
        return True

    def settle_all(self) -> None:
        """Put variables into variables, those that nothing has named too."""
        for name in self._own:
            self._settle(name)

    def _settle(self, name: str) -> None:
        """Put its own variables into a variable; what is wrong with it is told once, where it stands."""
        if name in self._settled:
            return
        if name in self._settling:
            raise _Unknown(f"refers to itself: {' → '.join([*self._settling, name])}: give one of them a value")
        if len(self._settling) >= _MOST_IN_A_ROW:
            raise _Unknown(f"refers through more than {_MOST_IN_A_ROW} variables in a row")
        self._settling.append(name)
        if not self.put_into(self._own[name], ("vars", name)):
            self._broken.add(name)
        self._settling.pop()
        self._settled.add(name)

    def _readable(self, root: Node) -> Iterator[tuple[str, Node]]:
        section = root.child("vars")
        for name, written in section.value.items() if section and isinstance(section.value, dict) else ():
            if not _NAME.fullmatch(name):
                message = "a variable's name holds letters, digits and _ only, and does not begin with a digit"
                self._is_broken(name, written.key_location, message)
            elif isinstance(written.value, (dict, list)) or written.value is None:
                message = f"expected text, a number, true or false, not {shown(written.plain())}"
                self._is_broken(name, written.location, message)
            else:
                yield name, written

    def _is_broken(self, name: str, location: Location, message: str) -> None:
        self._broken.add(name)
        self.holes.add(location)
        self.problems.append(location.problem(("vars", name), message))

    def _filled(self, text: str) -> _Value:
        whole = _REFERENCE.fullmatch(text)
        if whole and not whole["escaped"]:
            return self._counted(self._named(whole))
        parts, length, end = [], 0, 0
        for match in _REFERENCE.finditer(text):
            value = "${" if match["escaped"] else self._named(match).text
            parts += [text[end : match.start()], value]
            length, end = length + len(value), match.end()
            if length > MOST_CHARACTERS:
                raise _Unknown(f"its variables expand to more than {MOST_CHARACTERS:,} characters")
        filled = "".join([*parts, text[end:]])
        return self._counted(_Value(filled, filled))

    def _counted(self, value: _Value) -> _Value:
        self._characters += len(value.text)
        if self._characters > _MOST_IN_ALL:
            raise _Unknown("the variables expand to too many values")
        return value

    def _named(self, match: re.Match[str]) -> _Value:
        if not match["end"]:
            raise _Unknown(f"a ${{ has no closing brace: {_HOW}")
        inside = _INSIDE.fullmatch(match["inside"])
        if inside is None or "${" in match["inside"]:
            raise _Unknown(f"{shown('${' + match['inside'] + '}')} is not a variable: {_HOW}")
        name, default = inside["name"], inside["default"]
        if name in self._own or name in self._broken:
            return self._value_of_own(name)
        text = self._environment(name)
        # as a shell has it, `:-` stands in for what is set to nothing too
        text = default if default is not None and not text else text
        if text is None:
            raise _Unknown(self._unset(name))
        return _Value(typed(text), text)

    def _value_of_own(self, name: str) -> _Value:
        if name in self._own:
            self._settle(name)
        if name in self._broken:
            raise _Unknown("")
        written = self._own[name]
        assert not isinstance(written.value, (dict, list))
        text = str(written.value).lower() if isinstance(written.value, bool) else str(written.value)
        return _Value(written.value, text if written.text is None else written.text)

    def _unset(self, name: str) -> str:
        return (
            f"the variable {shown(name)} is not set{did_you_mean([name], self._own)}: write it under vars, "
            f"set it in the environment, or give a default, ${{{name[:60]}:-…}}"
        )
