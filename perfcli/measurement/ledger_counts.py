"""What vus did to stored pets, counted from their packed draws: what must be stored, and what may be."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from perfcli.operations.base import Effects, Proof, StepSettings
from perfcli.operations.digipal_data import CREATED_PET
from perfcli.recorder import OK, SKIPPED
from perfcli.workload import places, unpack


@dataclass(slots=True)
class Tally:
    """Interactions of one user with one text, or with any.

    What was not acknowledged (the call raised, was refused or timed out) may be stored or not: it is neither lost
    nor stored twice. It hides a loss only of the same user and text, and only if it was stored as a success itself.
    """

    succeeded: int = 0
    stored: int = 0  # beside those that succeeded
    unsure: int = 0

    @property
    def acknowledged(self) -> int:
        """Those that must be stored."""
        return self.succeeded + self.stored

    def add(self, proof: Proof, acknowledged: int, unsure: int = 0) -> None:
        """Count interactions that were answered rightly, and others that were only tried."""
        match proof:
            case Proof.SUCCEEDED:
                self.succeeded += acknowledged
            case Proof.STORED:
                self.stored += acknowledged
            case Proof.NOTHING:
                self.unsure += acknowledged
        self.unsure += unsure

    def lost(self, succeeded: int, refused: int) -> int:
        """How many are missing, where so many are stored."""
        return max(self.succeeded - succeeded, self.acknowledged - succeeded - refused, 0)

    def surplus(self, succeeded: int, refused: int) -> int:
        """How many are stored that nobody asked for."""
        return max(succeeded + refused - self.acknowledged - self.unsure, 0)


class Entry(NamedTuple):
    """What was said to one pet of the setup with one variant of one step."""

    effects: Effects
    user: int
    choice: int
    right: int  # answered rightly
    unsure: int  # only tried


class FlowCounts:
    """What one flow said to pets of the setup, by packed draw: as many numbers as there are different draws."""

    def __init__(self, flow: Sequence[StepSettings]) -> None:
        self.flow = flow
        self._effects = [step.effects for step in flow]
        self.speaks = any(each.texts for each in self._effects)
        self.creates = any(each.creates_pet for each in self._effects)
        self._speaking = frozenset(place for place, each in enumerate(self._effects) if each.texts)
        self._right: Counter[int] = Counter()
        self._unsure: Counter[int] = Counter()

    def add(self, draws: array[int], failures: Mapping[int, int]) -> None:
        """Count the samples of a frame."""
        speaking = self._speaking
        if len(speaking) == len(self.flow):
            self._right.update(draws)
        else:
            self._right.update(draw for draw, place in zip(draws, places(draws), strict=True) if place in speaking)
        for index, outcome in failures.items():
            draw = draws[index]
            if unpack(draw)[0] in speaking:
                self._right[draw] -= 1
                self._unsure[draw] += outcome != SKIPPED

    def entries(self) -> Iterator[Entry]:
        """All that was done to pets of the setup."""
        for draw, right in self._right.items():
            place, user, choice = unpack(draw)
            effects = self._effects[place]
            if user >= 0 and effects.texts:
                yield Entry(effects, user, choice, right, self._unsure[draw])


class Newcomers:
    """The pets that one vu tried to create, in their order, with what was done to each: 21 bytes a pet.

    Args:
        reads: the places in the flow whose reads tell what they saw, and whether the database told it.
    """

    def __init__(self, flow: Sequence[StepSettings], reads: Mapping[int, bool]) -> None:
        self.words = frozenset(text for step in flow for text in step.effects.texts)
        self.created = array("b")
        self.saves = array("l")
        """How many saves each must count in its name at least."""
        self.acknowledged_saves = 0
        self.stale_reads = 0
        """Reads that showed fewer saves than were acknowledged before."""
        self._checked_saves = 0
        self._last_is_unread = self._may_be_overwritten = False
        self._proven = {proof: array("i") for proof in Proof}
        self._reads = reads
        self._columns = [self._columns_of(step.effects) for step in flow]

    def add(self, draws: array[int], failures: Mapping[int, int], shown: Mapping[int, int]) -> None:
        """Count the samples of a frame; `shown` are the saves that reads saw, by index."""
        created, unsure = self.created, self._proven[Proof.NOTHING]
        for index, (draw, place) in enumerate(zip(draws, places(draws), strict=True)):
            outcome = failures.get(index, OK)
            columns = self._columns[place]
            if outcome == SKIPPED or not (columns or index in shown):
                continue
            _, user, choice = unpack(draw)
            if columns and columns[0] is created:
                self._try_another(right=outcome == OK)
            elif user != CREATED_PET or not created:
                continue
            elif not columns:
                self._read(shown[index], checks=self._reads[place])
            elif columns[0] is self.saves:
                self._save(right=outcome == OK)
            else:
                column = columns[choice] if outcome == OK else unsure
                column[-1] += 1

    @property
    def checked_saves(self) -> int:
        """Saves that a read showed before the next one, and the last one of each pet."""
        return self._checked_saves + self._last_is_unread

    def interactions(self, number: int) -> Tally:
        """Those of the n-th pet, whatever the text: one vu alone acts on it, in one iteration."""
        proven = self._proven
        return Tally(*(proven[proof][number] for proof in (Proof.SUCCEEDED, Proof.STORED, Proof.NOTHING)))

    def _columns_of(self, effects: Effects) -> Sequence[array[int]]:
        """Where a right answer counts, by choice; nowhere for steps that store nothing."""
        if effects.creates_pet:
            return [self.created]
        if effects.saves_pet:
            return [self.saves]
        return [self._proven[effects.proof(choice)] for choice in range(len(effects.texts))]

    def _save(self, *, right: bool) -> None:
        """Count a save; once one was not acknowledged, it may take effect after all that follow."""
        self.acknowledged_saves += right
        self._may_be_overwritten |= not right
        self._last_is_unread = not self._may_be_overwritten
        self.saves[-1] += self._last_is_unread

    def _read(self, saves: int, *, checks: bool) -> None:
        is_stale = saves < self.saves[-1]
        self.stale_reads += is_stale
        if checks or is_stale:
            self._checked_saves += self._last_is_unread
            self._last_is_unread = False

    def _try_another(self, *, right: bool) -> None:
        self._checked_saves += self._last_is_unread
        self._last_is_unread = self._may_be_overwritten = False
        for column in (self.saves, *self._proven.values()):
            column.append(0)
        self.created.append(right)
