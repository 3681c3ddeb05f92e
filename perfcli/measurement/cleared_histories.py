"""What was said to pets of the setup if steps clear histories: what must be stored, and what must be gone.

Vus may share a pet, so times decide. An interaction is gone if it ended before some acknowledged clear began, and must
be stored if it began after the last one had ended. One that overlaps the last clear may be either. A clear that was not
acknowledged may take effect at any later time, or never: it makes all that was said to its pet unsure, unless that is
gone by another clear.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from perfcli.measurement.ledger_counts import Expected, Tally
from perfcli.operations.base import Effects, Proof
from perfcli.recorder import OK, SKIPPED, Frame
from perfcli.workload import unpack

_BEFORE_ALL: Final = -1
_NOTE: Final = 0
"""The kind of the notes that saves leave; all other kinds stand for a text and what a right answer proves of it."""

_Said = tuple[int, int, int]


def _longs() -> array[int]:
    return array("q")


@dataclass(slots=True)
class _History:
    """One pet's: 24 bytes for each interaction since its last clear."""

    latest_begin_ns: int = _BEFORE_ALL
    latest_end_ns: int = _BEFORE_ALL
    may_be_cleared: bool = False
    gone: Counter[int] = field(default_factory=Counter)
    tried: Counter[int] = field(default_factory=Counter)
    _kinds: array[int] = field(default_factory=_longs)
    _begins: array[int] = field(default_factory=_longs)
    _ends: array[int] = field(default_factory=_longs)

    def say(self, kind: int, begin_ns: int, end_ns: int) -> None:
        """Take in an interaction that was acknowledged."""
        if end_ns < self.latest_begin_ns:
            self.gone[kind] += 1
            return
        self._kinds.append(kind)
        self._begins.append(begin_ns)
        self._ends.append(end_ns)

    def clear(self, begin_ns: int, end_ns: int) -> None:
        """Take in a clear that was acknowledged."""
        self.latest_end_ns = max(self.latest_end_ns, end_ns)
        if begin_ns > self.latest_begin_ns:
            self.latest_begin_ns = begin_ns
            said = list(self._said())
            self._kinds, self._begins, self._ends = _longs(), _longs(), _longs()
            for each in said:
                self.say(*each)

    def kept(self) -> Iterator[tuple[int, bool]]:
        """The kinds of what is not gone for certain, and whether it must be stored."""
        for kind, begin_ns, _ in self._said():
            yield kind, not self.may_be_cleared and begin_ns > self.latest_end_ns

    def _said(self) -> Iterator[_Said]:
        return zip(self._kinds, self._begins, self._ends, strict=True)


class ClearedHistories:
    """The histories of all pets of the setup, from the samples of every phase in any order."""

    def __init__(self) -> None:
        self._histories: defaultdict[int, _History] = defaultdict(_History)
        self._kinds: list[tuple[str, Proof]] = [("", Proof.SUCCEEDED)]
        self._numbers: dict[tuple[str, Proof], int] = {}

    def add(self, frame: Frame, effects: Sequence[Effects]) -> None:
        """Take in the samples of a frame of the flow with these effects."""
        for index, draw in enumerate(frame.draws):
            place, user, choice = unpack(draw)
            of_step, outcome = effects[place], frame.failures.get(index, OK)
            if user < 0 or outcome == SKIPPED:
                continue
            history, begin_ns = self._histories[user], frame.starts[index]
            end_ns, right = begin_ns + frame.durations[index], outcome == OK
            if of_step.clears_history and right:
                history.clear(begin_ns, end_ns)
            elif of_step.clears_history:
                history.may_be_cleared = True
            elif of_step.texts:
                kind = self._number(of_step.texts[choice], of_step.proof(choice))
                if right:
                    history.say(kind, begin_ns, end_ns)
                else:
                    history.tried[kind] += 1
            elif of_step.leaves_note and right:
                history.say(_NOTE, begin_ns, end_ns)

    def interactions(self) -> Iterator[tuple[int, Sequence[Expected]]]:
        """By pet and text, without the notes of saves."""
        for pet, history in self._histories.items():
            by_text: defaultdict[str, Tally] = defaultdict(Tally)
            for kind, tally in self._by_kind(history).items():
                if kind != _NOTE:
                    text, proof = self._kinds[kind]
                    whole = by_text[text]
                    whole.add(proof, tally.succeeded, tally.unsure)
                    # whatever a right answer proves of what is stored: after the clear nothing is
                    whole.gone += tally.gone
            yield pet, [Expected({text}, tally) for text, tally in by_text.items()]

    def notes(self, pet: int) -> Tally:
        """The notes of acknowledged saves of a pet."""
        return self._by_kind(self._histories[pet]).get(_NOTE, Tally())

    @staticmethod
    def _by_kind(history: _History) -> dict[int, Tally]:
        """As if a right answer proved success."""
        tallies: defaultdict[int, Tally] = defaultdict(Tally)
        for kind, is_required in history.kept():
            tallies[kind].add(Proof.SUCCEEDED if is_required else Proof.NOTHING, 1)
        for kind, count in history.gone.items():
            tallies[kind].gone += count
        for kind, count in history.tried.items():
            tallies[kind].unsure += count
        return tallies

    def _number(self, text: str, proof: Proof) -> int:
        kind = self._numbers.get((text, proof))
        if kind is None:
            kind = self._numbers[text, proof] = len(self._kinds)
            self._kinds.append((text, proof))
        return kind
