"""Which message may follow which: what comes out of turn was not sent by the harness, or not by its own thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from perfcli.plan import ExecutionPlan
from perfcli.recorder import Frame
from perfcli.wire import Event, Garbled

_FOLLOWS: Final[Mapping[str, frozenset[str]]] = {
    key: frozenset(following.split(", "))
    for key, following in {
        "": "checkpoint harness, phase open",
        "checkpoint harness": "phase open",
        "phase open": "engine, opened",
        "engine": "opened",
        "opened": "checkpoint opened, phase set-up",
        "checkpoint opened": "phase set-up",
        "phase set-up": "checkpoint set up, checkpoint baseline",
        "checkpoint set up": "phase warm-up, checkpoint baseline",
        "phase warm-up": "checkpoint baseline, checkpoint wave",
        "checkpoint baseline": "phase measuring",
        "checkpoint wave": "phase measuring",
        "phase measuring": "wave, sliced, checkpoint end",
        "wave": "phase_over",
        "phase_over": "phase_over, phase warm-up, checkpoint wave, measured",
        "sliced": "sliced, checkpoint end",
        "measured": "checkpoint end",
        "checkpoint end": "phase counting, checkpoint account, phase clean-up",
        "phase counting": "checkpoint account, phase clean-up",
        "checkpoint account": "phase writing down answers, phase clean-up",
        "phase writing down answers": "phase clean-up",
        "phase clean-up": "checkpoint cleanup, phase close",
        "checkpoint cleanup": "phase close",
        "phase close": "inspected",
        "inspected": "done",
    }.items()
}
"""An event that there are several of is followed by its name."""

_AT_ANY_TIME: Final = frozenset({"failed", "held_up", "outcome"})
_WITH_NAMES: Final = frozenset({"checkpoint", "phase"})
_NUMBERS: Final[Mapping[str, str]] = {"wave": "number", "phase_over": "index"}
"""Events that come once for each number, and the field that it stands in."""

_FRAMES_AFTER: Final = {
    True: frozenset({"wave", "phase_over", "phase measuring", "sliced"}),
    False: frozenset({"phase warm-up", "phase measuring", "sliced", "phase counting"}),
}
"""By whether they are measured."""


class EventOrder:
    """Follows what one engine process says."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self._plan = plan
        self._last = ""
        self._numbers: set[tuple[str, Any]] = set()

    def check(self, message: Event | Frame) -> None:
        """Take note of the next message; raises Garbled if it comes out of turn."""
        if isinstance(message, Frame):
            if self._last not in _FRAMES_AFTER[message.measured] or message.vu >= self._plan.vus:
                raise Garbled(f"samples of vu {message.vu} {self._when}")
            return
        key = f"{message.name} {message.fields.get('name')}" if message.name in _WITH_NAMES else message.name
        if key in _AT_ANY_TIME and (self._last or key == "held_up"):
            return
        number = (key, message.fields.get(_NUMBERS.get(key, "")))
        if key not in _FOLLOWS.get(self._last, ()) or (key in _NUMBERS and number in self._numbers):
            raise Garbled(f"the message {key[:40]!r} {self._when}")
        self._numbers.add(number)
        self._last = key

    @property
    def _when(self) -> str:
        return f"after {self._last!r}" if self._last else "as the first one"
