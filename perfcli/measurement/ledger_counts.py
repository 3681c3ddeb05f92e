"""What vus did to stored pets, counted from their packed draws: what must be stored, and what may be."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
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
    gone: int = 0  # acknowledged, then cleared

    @property
    def required(self) -> int:
        """Those that must be stored."""
        return self.succeeded + self.stored

    @property
    def acknowledged(self) -> int:
        """Those that must be stored, or must be gone."""
        return self.required + self.gone

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
        """How many are missing if so many are stored."""
        return max(self.succeeded - succeeded, self.required - succeeded - refused, 0)

    def surplus(self, succeeded: int, refused: int) -> int:
        """How many are stored beyond what was asked for, cleared ones included."""
        return max(succeeded + refused - self.required - self.unsure, 0)


class Expected(NamedTuple):
    """The interactions of one user with some texts."""

    texts: Set[str]
    tally: Tally


class Entry(NamedTuple):
    """What was said to one pet of the setup with one variant of one step."""

    effects: Effects
    user: int
    choice: int
    right: int  # answered rightly
    unsure: int  # only tried

    @property
    def text(self) -> str:
        """What is stored as `user_input`."""
        return self.effects.texts[self.choice]

    def add_to(self, tally: Tally) -> None:
        """Count it."""
        tally.add(self.effects.proof(self.choice), self.right, self.unsure)


class FlowCounts:
    """What one flow said to pets of the setup, by packed draw: one number for each different draw."""

    def __init__(self, flow: Sequence[StepSettings]) -> None:
        self.flow = flow
        self.effects = [step.effects for step in flow]
        self.creates = any(each.creates_pet for each in self.effects)
        self._talks = frozenset(place for place, each in enumerate(self.effects) if each.texts)
        self._right: Counter[int] = Counter()
        self._unsure: Counter[int] = Counter()

    def add(self, draws: array[int], failures: Mapping[int, int]) -> None:
        """Count the samples of a frame."""
        talks = self._talks
        if not talks:
            return
        if len(talks) == len(self.flow):
            self._right.update(draws)
        else:
            self._right.update(draw for draw, place in zip(draws, places(draws), strict=True) if place in talks)
        for index, outcome in failures.items():
            draw = draws[index]
            if unpack(draw)[0] in talks:
                self._right[draw] -= 1
                self._unsure[draw] += outcome != SKIPPED

    def entries(self) -> Iterator[Entry]:
        """All that was said to pets of the setup."""
        for draw, right in self._right.items():
            place, user, choice = unpack(draw)
            if user >= 0:
                yield Entry(self.effects[place], user, choice, right, self._unsure[draw])


class Newcomers:
    """The pets that one vu tried to create, in their order, with what was done to each: 21 bytes a pet.

    Args:
        reads: the places in the flow whose reads tell what they saw, and whether the database told it.
    """

    def __init__(self, flow: Sequence[StepSettings], reads: Mapping[int, bool]) -> None:
        effects = [step.effects for step in flow]
        self.texts = frozenset(text for each in effects for text in each.texts)
        self.created = array("b")
        self.saves = array("l")
        """How many saves each must count in its name at least."""
        self.acknowledged_saves = 0
        self.stale_reads = 0
        """Reads that showed fewer saves than were acknowledged before."""
        self._checked_saves = 0
        self._last_is_unread = self._may_be_overwritten = self._may_be_cleared = False
        self._proven = {proof: array("i") for proof in Proof}
        self._gone = array("i")
        self._reads = reads
        self._effects = effects
        self._clears = any(each.clears_history for each in effects)
        self._concerns = [each.is_write or each.clears_history for each in effects]
        # where a right answer counts, by choice
        self._columns = [[self._proven[each.proof(choice)] for choice in range(len(each.texts))] for each in effects]

    def add(self, draws: array[int], failures: Mapping[int, int], shown: Mapping[int, int]) -> None:
        """Count the samples of a frame; `shown` are the saves that reads saw, by index."""
        created = self.created
        for index, (draw, place) in enumerate(zip(draws, places(draws), strict=True)):
            outcome = failures.get(index, OK)
            if outcome == SKIPPED or not (self._concerns[place] or index in shown):
                continue
            _, user, choice = unpack(draw)
            effects, right = self._effects[place], outcome == OK
            if effects.creates_pet:
                self._try_another(right=right)
            elif user != CREATED_PET or not created:
                continue
            elif index in shown:
                self._read(shown[index], checks=self._reads[place])
            elif effects.saves_pet:
                self._save(right=right)
            elif effects.clears_history:
                self._clear(right=right)
            elif effects.texts:
                is_sure = right and not self._may_be_cleared
                (self._columns[place][choice] if is_sure else self._proven[Proof.NOTHING])[-1] += 1

    @property
    def checked_saves(self) -> int:
        """Saves that a read showed before the next one, and the last one of each pet."""
        return self._checked_saves + self._last_is_unread

    def interactions(self, number: int) -> Tally:
        """Those of the n-th pet, whatever the text: one vu alone acts on it, in one iteration."""
        proven = self._proven
        succeeded, stored, unsure = (proven[proof][number] for proof in (Proof.SUCCEEDED, Proof.STORED, Proof.NOTHING))
        return Tally(succeeded, stored, unsure, self._gone[number] if self._clears else 0)

    def _save(self, *, right: bool) -> None:
        """Count a save; once one was not acknowledged, it may take effect after all that follow."""
        self.acknowledged_saves += right
        self._may_be_overwritten |= not right
        self._last_is_unread = not self._may_be_overwritten
        self.saves[-1] += self._last_is_unread

    def _clear(self, *, right: bool) -> None:
        """What was said is gone; once a clear was not acknowledged, it may be gone, then and later."""
        said = sum(self._proven[proof][-1] for proof in (Proof.SUCCEEDED, Proof.STORED))
        self._proven[Proof.SUCCEEDED][-1] = self._proven[Proof.STORED][-1] = 0
        if right:
            self._gone[-1] += said
        else:
            self._proven[Proof.NOTHING][-1] += said
            self._may_be_cleared = True

    def _read(self, saves: int, *, checks: bool) -> None:
        is_stale = saves < self.saves[-1]
        self.stale_reads += is_stale
        if checks or is_stale:
            self._checked_saves += self._last_is_unread
            self._last_is_unread = False

    def _try_another(self, *, right: bool) -> None:
        self._checked_saves += self._last_is_unread
        self._last_is_unread = self._may_be_overwritten = self._may_be_cleared = False
        for column in (self.saves, *self._proven.values(), *([self._gone] if self._clears else [])):
            column.append(0)
        self.created.append(right)
