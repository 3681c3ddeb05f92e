"""A YAML text as a tree of plain values, each with its place; bounded in depth and size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final, TypeAlias

import yaml

from perfcli.scenario.node import Node, Scalar, is_plain_tag, scalar
from perfcli.scenario.problems import KeyPath, Location, Problem, ScenarioFileError
from perfcli.scenario.yaml_mistakes import character_name, syntax_problem

MOST_LEVELS: Final = 50
MOST_NODES: Final = 12_000  # PyYAML takes 40 µs for each: a bomb of them is refused in half a second
MOST_CHARACTERS: Final = 1024 * 1024
_MERGE: Final = "tag:yaml.org,2002:merge"

_THOUSANDS: Final = re.compile(r"\d{3}", re.ASCII)
_Entries: TypeAlias = dict[str, tuple[yaml.Node, yaml.Node]]


def read_document(text: str, source: str) -> tuple[Node, list[Problem]]:
    """The tree of the one YAML document in `text`, and the mistakes of its form that leave the rest readable.

    Args:
        text: YAML, without Python's tags; anchors, aliases and merges are expanded.
        source: the name that places bear.

    Raises:
        ScenarioFileError: it is not YAML, or holds no document or several, or more than the bounds allow.
    """
    node = _composed(text, source)
    reading = _Reading(source, text)
    return reading.written(node), reading.problems


def _composed(text: str, source: str) -> yaml.Node:
    quick = _quickly_composed(text)
    if quick is not None:
        return quick
    loader: _BoundedLoader | None = None
    try:
        loader = _BoundedLoader(text)
        node = loader.get_node() if loader.check_node() else None
        if node is None:
            raise ScenarioFileError(
                [
                    Location(source).problem(
                        (), "is empty: a scenario needs a name, a load and a flow (digipal-perf init writes one)"
                    )
                ]
            )
        if loader.check_node():
            raise _refused(
                source, text, loader.event_mark(), "a file holds one scenario: move this to a file of its own"
            )
    # PyYAML lets the errors of int() and chr() escape where a %YAML version or an escape is absurd
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ScenarioFileError([syntax_problem(error, text, source, loader)]) from None
    except _TooMuch as error:
        raise _refused(source, text, error.mark, error.message) from None
    return node


class _TooMuch(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, message: str, mark: yaml.Mark) -> None:
        super().__init__(message)
        self.message = message
        self.mark = mark


class _Bounds:
    """For a loader: composes nodes, but neither deep nor many."""

    _level = 0
    _nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._level += 1
        self._nodes += 1
        if self._level > MOST_LEVELS:
            raise _TooMuch(f"nested deeper than {MOST_LEVELS} levels", self.event_mark())
        if self._nodes > MOST_NODES:
            raise _TooMuch(
                f"more than {MOST_NODES:,} values; if it is a result: digipal-perf report FILE", self.event_mark()
            )
        node: yaml.Node | None = super().compose_node(parent, index)  # type: ignore[misc]
        self._level -= 1
        return node

    def event_mark(self) -> yaml.Mark:
        """Where the next node starts."""
        mark: yaml.Mark = self.peek_event().start_mark  # type: ignore[attr-defined]
        return mark


class _BoundedLoader(_Bounds, yaml.SafeLoader):
    """Composes nodes as SafeLoader does; constructs nothing."""


_READ_OTHERWISE: Final = re.compile("[\t?!|\ufeff\x85\u2028\u2029]|[:,\\[{-] *>|^ *>", re.MULTILINE)
"""What libyaml may take for something else than PyYAML does, or may accept alone."""


def _quickly_composed(text: str) -> yaml.Node | None:
    """The tree by libyaml, five times as fast; None if it is not there, finds a mistake, or could differ from PyYAML.

    The words and places of mistakes are those that PyYAML finds.
    """
    if not yaml.__with_libyaml__ or _READ_OTHERWISE.search(text):
        return None
    try:
        loader = _quick_loader()(text)
        node: yaml.Node | None = loader.get_node() if loader.check_node() else None
        return None if node is None or loader.check_node() else node
    except (yaml.YAMLError, ValueError, OverflowError, _TooMuch):
        return None


@cache
def _quick_loader() -> Any:
    """The class of a loader that parses by libyaml and composes as SafeLoader does."""
    from yaml._yaml import CParser
    from yaml.composer import Composer
    from yaml.resolver import Resolver

    class QuickLoader(_Bounds, Composer, CParser, Resolver):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Composer.__init__(self)
            Resolver.__init__(self)

        def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
            node = super().compose_node(parent, index)
            if isinstance(node, yaml.ScalarNode) and not node.value and not node.style:
                raise ValueError("the two disagree on the place of a value that is left out")
            return node

    return QuickLoader


class _Reading:
    """One walk over the nodes of a document: aliases expand here, so the bounds are kept here too."""

    def __init__(self, source: str, text: str) -> None:
        self.problems: list[Problem] = []
        self._wrong_locations: set[Location] = set()
        self._source = source
        self._text = text
        self._path: list[str | int] = []
        self._ancestors: list[yaml.Node] = []
        self._nodes = 0
        self._characters = 0

    def written(self, node: yaml.Node, key: yaml.Node | None = None) -> Node:
        location = self._location(node)
        key_location = self._location(key) if key else location
        if not is_plain_tag(node):
            self._mistake(node, f"the tag {node.tag!r:.60} is not allowed: remove the tag")
        if isinstance(node, yaml.ScalarNode):
            return Node(self._scalar(node), location, key_location)
        with self._inside(node):
            if isinstance(node, yaml.SequenceNode):
                return Node(self._items(node), location, key_location)
            return Node(self._section(node), location, key_location)

    def _scalar(self, node: yaml.ScalarNode) -> Scalar:
        self._count(node, 1, len(node.value))
        if not _is_text(node.value):
            self._mistake(node, r"\u escapes half of a character: write the character itself")
            return ""
        return scalar(node)

    def _items(self, node: yaml.SequenceNode) -> list[Node]:
        return [self._child(index, item, None) for index, item in enumerate(node.value)]

    def _section(self, node: yaml.Node) -> dict[str, Node]:
        return {name: self._child(name, value, key) for name, (key, value) in self._entries(node).items()}

    def _child(self, part: str | int, node: yaml.Node, key: yaml.Node | None) -> Node:
        self._path.append(part)
        child = self.written(node, key)
        self._path.pop()
        return child

    def _entries(self, node: yaml.Node) -> _Entries:
        self._count(node, 1 + len(node.value))
        entries: _Entries = {}
        for key, value in node.value:
            if key.tag != _MERGE and self._is_new_key(key, entries):
                entries[key.value] = key, value
        for merged in self._merged(node):
            with self._inside(merged):
                for name, entry in self._entries(merged).items():
                    entries.setdefault(name, entry)
        return entries

    def _is_new_key(self, key: yaml.Node, entries: _Entries) -> bool:
        if number := _split_number(key, entries):
            self._mistake(key, f"a ',' ends a value: write {number}")
            return False
        if not isinstance(key, yaml.ScalarNode) or not isinstance(scalar(key), str) or not _is_text(key.value):
            written = f"{key.value!r:.60}" if isinstance(key, yaml.ScalarNode) else "a list or section"
            self._mistake(key, f"a key must be text, not {written}")
            return False
        if key.value[:1].isspace() and not key.style:
            self._mistake(key, f"{character_name(key.value[0])} cannot indent YAML: use spaces")
            return False
        if key.value in entries:
            first = entries[key.value][0].start_mark.line + 1
            self._mistake(key, f"written twice, first on line {first}: remove one of them", (key.value,))
            return False
        return True

    def _merged(self, node: yaml.Node) -> Iterator[yaml.MappingNode]:
        for key, value in node.value:
            if key.tag != _MERGE:
                continue
            for section in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(section, yaml.MappingNode):
                    yield section
                else:
                    self._mistake(section, "<< needs an anchor: write <<: *anchor")

    @contextmanager
    def _inside(self, node: yaml.Node) -> Iterator[None]:
        if any(node is ancestor for ancestor in self._ancestors):
            raise _refused(
                self._source, self._text, node.start_mark, "an anchor contains itself: remove the inner alias"
            )
        if len(self._ancestors) >= MOST_LEVELS:
            raise _refused(self._source, self._text, node.start_mark, f"nested deeper than {MOST_LEVELS} levels")
        self._ancestors.append(node)
        yield
        self._ancestors.pop()

    def _count(self, node: yaml.Node, nodes: int, characters: int = 0) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MOST_NODES or self._characters > MOST_CHARACTERS:
            raise _refused(
                self._source, self._text, node.start_mark, "the aliases expand to too many values: write fewer aliases"
            )

    def _mistake(self, node: yaml.Node, message: str, below: KeyPath = ()) -> None:
        location = self._location(node)
        # a section that is merged is walked again in each place that it is merged into
        if location not in self._wrong_locations:
            self._wrong_locations.add(location)
            self.problems.append(location.problem((*self._path, *below), message))

    def _location(self, node: yaml.Node) -> Location:
        return _location(self._source, self._text, node.start_mark)


def _split_number(key: yaml.Node, entries: _Entries) -> str:
    """The number that `{pets: 1,000}` means, where YAML reads a key 000; "" for any other key."""
    _, before = next(reversed(entries.values()), (None, None))
    if not isinstance(key, yaml.ScalarNode) or not isinstance(before, yaml.ScalarNode):
        return ""
    return before.value + key.value if before.value.isdecimal() and _THOUSANDS.fullmatch(key.value) else ""


def _is_text(characters: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in characters)


def _location(source: str, text: str, mark: yaml.Mark) -> Location:
    return Location(source, mark.line + 1, mark.column + 1, text)


def _refused(source: str, text: str, mark: yaml.Mark, message: str) -> ScenarioFileError:
    return ScenarioFileError([_location(source, text, mark).problem((), message)])
