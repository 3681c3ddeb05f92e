"""Numbers for kinds of failure, so that a sample stays a row of integers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from threading import Lock
from typing import Final

MOST_KINDS: Final = 50
"""Beyond this many kinds, new ones are counted under their first word: a message that never repeats is no kind."""


class Outcomes:
    """TimedCaller out the number of each kind of failure; a new kind is announced before its number is used.

    Args:
        announce: told (number, kind, category, example) of every new kind.
        process: the number of this engine process, one of `processes` that share the numbers.
    """

    def __init__(self, announce: Callable[[int, str, str, str], None], process: int = 0, processes: int = 1) -> None:
        self._announce = announce
        self._numbers: dict[tuple[str, str], int] = {}
        self._next = count(1 + process, processes)
        self._adding = Lock()

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
