"""Numbers for kinds of failure, so that a sample stays a row of integers."""

from __future__ import annotations

import linecache
import os
import re
import traceback
from collections.abc import Callable
from functools import partial
from itertools import count
from threading import Lock
from typing import Any, Final

from perfcli.agent.timed_calls import TimedOut
from perfcli.operations.call import StepImpossible
from perfcli.operations.digipal_data import CATEGORIES
from perfcli.targets.protocol import EngineGone, Failure

_HEAD: Final = 2_000
_TAIL: Final = 6_000
_LONGEST_ARGUMENTS: Final = 500
_LONGEST_ANSWER: Final = 2_000
_SECRET_VARIABLE: Final = re.compile(r"token|secret|password|passwd|api_?key|credential", re.IGNORECASE)
_SHORTEST_SECRET: Final = 6
_SECRETS: Final = re.compile(
    r"(?P<name>\bbearer\s+|\b(?:\w*token|\w*secret|passw(?:or)?d|api[-_]?key|authorization)\b[\"']?\s*[=:]\s*[\"']?"
    r"(?:bearer\s+|basic\s+)?)"
    r"(?P<value>[^\s\"',;)]+)",
    re.IGNORECASE,
)


def example_of_error(error: BaseException) -> str:
    """An exception with its traceback and what it was raised from, within bounds."""
    try:
        text = "".join(traceback.format_exception(error, limit=-30))
    except Exception as unprintable:  # it is code of an engine
        text = f"{type(error).__name__} (its traceback cannot be printed: {type(unprintable).__name__})"
    # the lines of source code would be taken for memory of the engine
    linecache.clearcache()
    return clean(text)


def example_of_answer(arguments: tuple[Any, ...], answer: Any) -> str:
    """What was asked, and what was answered."""
    return clean(f"asked: {_written(arguments, _LONGEST_ARGUMENTS)}\nanswered: {_written(answer, _LONGEST_ANSWER)}")


def clean(text: str) -> str:
    """The two ends of a text without control characters, and without what looks like a secret."""
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]}\n…\n{text[-_TAIL:]}"
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "…")
    text = _SECRETS.sub(lambda found: f"{found['name']}…", text)
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text.expandtabs(4)).strip()


def _written(value: Any, longest: int) -> str:
    try:
        text = repr(value)
    except Exception as unprintable:  # it is code of an engine
        return f"{type(value).__name__} (cannot be printed: {type(unprintable).__name__})"
    return text if len(text) <= longest else f"{text[:longest]}…"


MOST_KINDS: Final = 50
"""Beyond this many kinds, new ones are counted under their first word: a message that never repeats is no kind."""

_MOST_NUMBERS: Final = 10_000
"""Of one process, whatever each kind's categories and first words."""


class Outcomes:
    """Hands out the number of each kind of failure; a new kind is announced before its number is used.

    Args:
        announce: receives (number, kind, category, example) of every new kind.
        classify: the kind and category of an exception of the engine.
        process: the number of this engine process, one of `processes` that share the numbers.
        incarnation: how many processes of this number there were before.
    """

    def __init__(
        self,
        announce: Callable[[int, str, str, str], None],
        classify: Callable[[BaseException], Failure],
        process: int = 0,
        processes: int = 1,
        incarnation: int = 0,
    ) -> None:
        self._announce = announce
        self._classify = classify
        self._numbers: dict[tuple[str, str], int] = {}
        self._next = count(1 + process + incarnation * _MOST_NUMBERS * processes, processes)
        self._adding = Lock()

    def wrong(self, problem: str, arguments: tuple[Any, ...], answer: Any) -> int:
        """The number of a wrong answer."""
        return self.number(problem, CATEGORIES.get(problem, ""), partial(example_of_answer, arguments, answer))

    def unreadable(self, error: BaseException, answer: Any) -> int:
        """The number of an answer that could not be checked: of another shape than the API's, it is wrong.

        Raises:
            BaseException: what ends a process, such as SystemExit: it came from the harness.
        """
        if not isinstance(error, Exception):
            raise error
        kind = f"wrong answer: {type(answer).__name__} ({type(error).__name__} on reading it)"
        return self.number(kind, "", partial(example_of_error, error))

    def raised(self, error: BaseException) -> int:
        """The number of what a call raised: an engine may raise anything, SystemExit too.

        Raises:
            EngineGone: there is nothing left to operate on.
        """
        if isinstance(error, EngineGone):
            raise error
        if isinstance(error, TimedOut):
            return self.number(f"timeout: {error}", "timeout")
        if isinstance(error, StepImpossible):
            return self.number(str(error))
        return self.number(*self._classify(error), partial(example_of_error, error))

    def number(self, kind: str, category: str = "", example: Callable[[], str] = str) -> int:
        """The number of a kind of failure, 1 or more.

        Args:
            example: writes one such failure in full; called for the first of each kind.
        """
        known = self._numbers.get((kind, category))
        return known if known is not None else self._add(kind, category, example)

    def _add(self, kind: str, category: str, example: Callable[[], str]) -> int:
        with self._adding:
            if len(self._numbers) >= MOST_KINDS:
                kind = kind.partition(":")[0] + " (various)"
            if (kind, category) not in self._numbers:
                number = next(self._next)
                self._announce(number, kind, category, example())
                self._numbers[kind, category] = number
            return self._numbers[kind, category]
