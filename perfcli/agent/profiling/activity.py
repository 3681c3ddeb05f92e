"""What each thread is doing now, and how long it did what: parts that exclude one another and make up the whole."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from enum import IntEnum
from functools import wraps
from typing import Any, Final

from perfcli.results.findings import OperationParts


class Part(IntEnum):
    """What the time of an operation goes into."""

    ENGINE = 0
    AI = 1
    DATABASE = 2
    LOCKS = 3


IN_THE_BACKGROUND: Final = ""
"""What a thread of the engine's own works for, instead of an operation."""


class Here(threading.local):
    """The state of one thread."""

    is_vu = False
    measured = False
    label: str = IN_THE_BACKGROUND
    part = Part.ENGINE
    since_ns = 0

    def __init__(self) -> None:
        self.outer: list[Part] = []
        self.spent_ns = [0] * len(Part)


class Activity:
    """Follows operations through the parts that hooks tell of. Hooks are called from any thread.

    Args:
        now_ns: the clock.
    """

    def __init__(self, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self.here = Here()
        self.now_ns = now_ns
        self.is_loading = False
        """From the first wave on: the engine's own threads count from then."""

        self._counts: Counter[str] = Counter()
        self._spent_ns: defaultdict[str, list[int]] = defaultdict(lambda: [0] * (len(Part) + 1))
        self._adding = threading.Lock()

    @property
    def counts_here(self) -> bool:
        """Whether what this thread does now is to be counted: within a measured operation, or in the background."""
        here = self.here
        return bool(here.label) or (self.is_loading and not here.is_vu)

    def enter(self, part: Part) -> None:
        """From now on this thread's time goes into `part`."""
        here = self.here
        now_ns = self.now_ns()
        here.spent_ns[here.part] += now_ns - here.since_ns
        here.outer.append(here.part)
        here.part, here.since_ns = part, now_ns

    def leave(self) -> int:
        """Back to the part it was in before; the ns since it last changed."""
        here = self.here
        now_ns = self.now_ns()
        lasted_ns = now_ns - here.since_ns
        here.spent_ns[here.part] += lasted_ns
        here.part, here.since_ns = here.outer.pop(), now_ns
        return lasted_ns

    def within(self, part: Part, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function whose time goes into `part`."""

        @wraps(function)
        def told(*arguments: Any, **settings: Any) -> Any:
            self.enter(part)
            try:
                return function(*arguments, **settings)
            finally:
                self.leave()

        return told

    def operation(self, label: str, invoke: Callable[..., Any], over: Callable[[str], None]) -> Callable[..., Any]:
        """A call whose parts are counted while its thread is measured.

        Args:
            over: told the label at the end of each.
        """

        def followed(*arguments: Any) -> Any:
            here = self.here
            if not here.measured:
                return invoke(*arguments)
            here.label, here.part, here.spent_ns = label, Part.ENGINE, [0] * len(Part)
            began_ns = here.since_ns = self.now_ns()
            try:
                return invoke(*arguments)
            finally:
                ended_ns = self.now_ns()
                here.spent_ns[here.part] += ended_ns - here.since_ns
                here.label = IN_THE_BACKGROUND
                self._add(label, here.spent_ns, ended_ns - began_ns)
                over(label)

        return followed

    def _add(self, label: str, spent_ns: list[int], whole_ns: int) -> None:
        with self._adding:
            self._counts[label] += 1
            sums = self._spent_ns[label]
            for part, part_ns in enumerate((*spent_ns, whole_ns)):
                sums[part] += part_ns

    def parts(self) -> list[OperationParts]:
        """The breakdown, the operation that took longest in all first."""
        found = [
            OperationParts(
                operation=label,
                count=self._counts[label],
                whole_ns=sums[-1],
                ai_ns=sums[Part.AI],
                database_ns=sums[Part.DATABASE],
                lock_wait_ns=sums[Part.LOCKS],
                engine_ns=sums[Part.ENGINE],
            )
            for label, sums in self._spent_ns.items()
        ]
        return sorted(found, key=lambda parts: -parts.whole_ns)
