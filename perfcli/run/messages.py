"""Messages from engine processes: each read in a thread of its own, their order, and what of a wave they tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, Queue
from threading import Thread
from typing import Final

from perfcli.line import Line, Received, next_message
from perfcli.plan import INCARNATION, ExecutionPlan
from perfcli.recorder import Frame
from perfcli.wire import Checkpoint, FaultReport, Garbled, LoadOver, Message, PhaseOver, Rejoin, Stage, Wave

_MOST_WAITING: Final = 256
"""Messages kept until they are taken: the engine's frames wait in its socket beyond that."""


class Inbox:
    """What several lines bring, each in its own order."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._messages: Queue[tuple[int, Line, Received]] = Queue(_MOST_WAITING)
        self._lines: dict[int, Line] = {}
        self._read_from: Counter[Line] = Counter()
        self._taken_from: Counter[Line] = Counter()
        for number, line in enumerate(lines):
            self.follow(number, line)

    def follow(self, number: int, line: Line) -> None:
        """Read this line from now on, instead of the one of this number that it replaces."""
        self._lines[number] = line
        Thread(target=self._read, args=(number, line), name="digipal-perf-inbox", daemon=True).start()

    def take(self, timeout_s: float) -> tuple[int, Received] | None:
        """The next message with the number of its line; None if none came in time."""
        try:
            number, line, message = self._messages.get(timeout=timeout_s)
        except Empty:
            return None
        self._taken_from[line] += 1
        return (number, message) if line is self._lines[number] else None

    def holds_from(self, number: int) -> bool:
        """Whether something has arrived by this line that was not taken yet."""
        line = self._lines[number]
        return self._read_from[line] > self._taken_from[line] or line.poll(0)

    def _read(self, number: int, line: Line) -> None:
        while True:
            message = next_message(line)
            # each thread has a count of its own
            self._read_from[line] += 1
            self._messages.put((number, line, message))
            if message is None or isinstance(message, Garbled):
                return


_FOLLOWS: Final[Mapping[str, frozenset[str]]] = {
    key: frozenset(following.split(", "))
    for key, following in {
        "": "Checkpoint harness, Stage open",
        "Checkpoint harness": "Stage open",
        "Stage open": "LivesIn, Opened",
        "LivesIn": "Serving, Opened",
        "Serving": "Opened",
        "Opened": "Stage operations, Checkpoint opened, Stage set-up",
        "Stage operations": "Checkpoint opened, Stage set-up",
        "Checkpoint opened": "Stage set-up",
        "Stage set-up": "Checkpoint set up, Checkpoint baseline, Stage counting",
        "Checkpoint set up": "Stage warm-up, Checkpoint baseline",
        "Stage warm-up": "Checkpoint baseline, Checkpoint wave",
        "Checkpoint baseline": "Stage measuring",
        "Checkpoint wave": "Stage measuring",
        "Stage measuring": "Wave, Sliced, Checkpoint end",
        "Wave": "PhaseOver",
        "PhaseOver": "PhaseOver, Stage warm-up, Checkpoint wave, LoadOver",
        "Sliced": "Sliced, Checkpoint end",
        "LoadOver": "Checkpoint end",
        "Checkpoint end": "Stage counting, Checkpoint account, Stage clean-up",
        "Stage counting": "Checkpoint account, Stage clean-up, Stage counting, Counted",
        "Checkpoint account": "Stage asking for answers, Stage clean-up",
        "Stage asking for answers": "Answers, Stage clean-up",
        "Answers": "Answers, Stage clean-up",
        "Stage clean-up": "Checkpoint cleanup, Stage close",
        "Checkpoint cleanup": "Stage close",
        "Stage close": "Profiled, Inspected, Done",
        "Profiled": "Inspected",
        "Inspected": "Done",
        "Counted": "Stage close",
    }.items()
}
"""By the type of a message, with the name of a stage or checkpoint."""

_FOLLOWS_AFTER_KILL: Final[Mapping[str, frozenset[str]]] = {
    "Checkpoint set up": frozenset({"Checkpoint rejoin"}),
    "Checkpoint rejoin": frozenset({"Stage measuring"}),
    "Stage measuring": _FOLLOWS["Stage measuring"] | {"Rejoined"},
    # its phases may all be over, and a server has none
    "Rejoined": _FOLLOWS["PhaseOver"] | {"Checkpoint end"},
}
"""The same of a process that replaces another, where that differs."""

_AT_ANY_TIME: Final = frozenset({"ClockRead", "Failed", "FaultBegan", "FaultEnded", "HeldUp", "NoFault", "Outcome"})
_FRAMES_AFTER: Final = {
    True: frozenset({"Wave", "Rejoined", "PhaseOver", "Stage measuring", "Sliced"}),
    False: frozenset({"Stage warm-up", "Stage measuring", "Sliced", "Stage counting"}),
}
"""By whether they are measured."""


class MessageOrder:
    """Follows the messages of one engine process.

    Args:
        incarnation: how many processes of its number there were before.
    """

    def __init__(self, plan: ExecutionPlan, incarnation: int = 0) -> None:
        self._plan = plan
        self._follows = {**_FOLLOWS, **_FOLLOWS_AFTER_KILL} if incarnation else _FOLLOWS
        first = incarnation * INCARNATION
        self._vus = range(first, first + plan.vus)
        self._last = ""
        self._numbers: set[tuple[str, int]] = set()
        self.ordered_faults: set[int] = set()
        """Those that it may report on."""

    def check(self, message: Message) -> None:
        """Take note of the next message; raises Garbled if it comes out of turn."""
        if isinstance(message, Frame):
            if self._last not in _FRAMES_AFTER[message.measured] or message.vu not in self._vus:
                raise Garbled(f"samples of vu {message.vu} {self._when}")
            return
        key = type(message).__name__
        if isinstance(message, FaultReport) and message.number not in self.ordered_faults:
            raise Garbled(f"the message {key!r} of number {message.number}, which was not ordered")
        if key in _AT_ANY_TIME and (self._last or key == "HeldUp"):
            return
        if isinstance(message, (Checkpoint, Stage)):
            key = f"{key} {message.name}"
        if key not in self._follows.get(self._last, ()):
            raise Garbled(f"the message {key[:40]!r} {self._when}")
        if isinstance(message, (PhaseOver, Wave)):
            self._check_number(key, message.index if isinstance(message, PhaseOver) else message.number)
        self._last = key

    def _check_number(self, key: str, number: int) -> None:
        """Each phase ends once, and each wave begins once."""
        of = self._plan.phases if key == "PhaseOver" else self._plan.waves
        if (key, number) in self._numbers or not 0 <= number < len(of):
            raise Garbled(f"the message {key!r} of number {number} {self._when}")
        self._numbers.add((key, number))

    @property
    def _when(self) -> str:
        return f"after {self._last!r}" if self._last else "as the first one"


@dataclass(slots=True)
class WaveSoFar:
    """What an engine process, and those that it replaced, did of a wave."""

    number: int = -1
    began_ns: int = 0
    iterations: dict[int, int] = field(default_factory=dict)
    """By vu of any incarnation."""
    over: list[int] = field(default_factory=list)
    """Phases that are over."""
    load_over: LoadOver | None = None

    def with_message(self, message: Message) -> WaveSoFar:
        """Take note of what a process says; a new wave has nothing of the one before."""
        match message:
            case Wave(number, at_ns):
                return WaveSoFar(number, at_ns)
            case Frame(vu, True, iterations):
                self.iterations[vu] = iterations
            case PhaseOver(index):
                self.over.append(index)
            case LoadOver():
                self.load_over = message
        return self

    def of_next(self, plan: ExecutionPlan, killed_ns: int) -> Rejoin:
        """What the next incarnation is to know, by the clock of the tool."""
        assert self.number >= 0, "nothing was begun that could go on"
        done = [0] * plan.vus
        for vu, iterations in self.iterations.items():
            done[vu % INCARNATION] += iterations
        return Rejoin(self.number, self.began_ns, killed_ns, tuple(done), tuple(self.over))
