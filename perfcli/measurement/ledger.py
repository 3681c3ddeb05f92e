"""The ledger of a run: what its samples say must be stored, by user.

It is kept in the tool's own process, so it costs the engine nothing and outlives it. It is small: counts by draw for
pets of the setup, some bytes for each pet that the load created, and times only if steps clear histories.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from perfcli.measurement.ledger_counts import Entry, Expected, FlowCounts, Newcomers, Tally
from perfcli.measurement.own_writes import OwnWrites
from perfcli.measurement.saves import SetUpSaves, shown_in
from perfcli.operations.base import Effects, Proof
from perfcli.operations.digipal_data import created_user, set_up_user
from perfcli.plan import ExecutionPlan
from perfcli.recorder import OK, SKIPPED, Frame
from perfcli.scenario.canary_mode import lasting_fields, notes_vanish
from perfcli.workload import unpack

_BEFORE_ALL: Final = -1
_NOTE: Final = 0
"""The kind of the notes that saves leave; all other kinds stand for a text and what a right answer proves of it."""

Cared = Mapping[str, Mapping[str, Tally]]
"""By user and action; without users who were talked to."""


class Ledger:
    """Acknowledged writes: pets set up and created, interactions, clears, saves, fields that own operations wrote."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self._plan = plan
        self._flows: list[FlowCounts] = []
        self._of_vu: dict[int, FlowCounts] = {}
        self._newcomers: dict[int, Newcomers] = {}
        self._cleared = ClearedHistories() if notes_vanish(plan.scenario) else None
        self.set_up = plan.scenario.setup.pets
        """Pets of the setup."""
        self.set_up_saves = SetUpSaves(plan)
        self.own = OwnWrites()
        self.lasting_fields = lasting_fields(plan.scenario)
        """The fields that stay as own operations wrote them."""
        self.others_may_talk = any(step.effects.may_do_anything for phase in plan.phases for step in phase.flow)
        """Whether own operations may have said anything to pets."""

    def add(self, frame: Frame) -> None:
        """Take in what the samples of a frame acknowledge."""
        flow = self._of_vu.get(frame.vu) or self._open(frame.vu)
        flow.add(frame.draws, frame.failures)
        if self._cleared is not None:
            self._cleared.add(frame, flow.effects)
        shown = shown_in(frame, self.set_up_saves.reads_of(frame.vu))
        self.set_up_saves.add(frame, shown)
        if flow.creates:
            self._newcomers[frame.vu].add(frame.draws, frame.failures, shown)
        if frame.page.writes:
            self.own.add(frame.page, frame.starts[0])

    def end(self) -> None:
        """Judge saves and fields: no frame will follow."""
        self.set_up_saves.registers.judge_all()
        self.own.settle_all()

    @property
    def acknowledged(self) -> int:
        """All writes that were acknowledged, those of the setup and those that were cleared later included."""
        interactions = (expected.tally.acknowledged for _, all_of in self.interactions() for expected in all_of)
        return sum(1 for _ in self.pets()) + sum(interactions) + self.saves

    @property
    def saves(self) -> int:
        """Acknowledged saves, and fields that own operations wrote."""
        of_newcomers = sum(each.acknowledged_saves for each in self.newcomers)
        return self.set_up_saves.acknowledged + of_newcomers + self.own.acknowledged

    @property
    def newcomers(self) -> Collection[Newcomers]:
        """What each vu did to pets that it created."""
        return self._newcomers.values()

    @property
    def created(self) -> Mapping[int, int]:
        """How many pets each vu has tried to create."""
        return {vu: len(newcomers.created) for vu, newcomers in self._newcomers.items()}

    def pets(self) -> Iterator[str]:
        """The users whose pet must be stored."""
        yield from map(set_up_user, range(self.set_up))
        for vu, newcomers in self._newcomers.items():
            yield from (created_user(vu, number) for number, created in enumerate(newcomers.created) if created)

    def newcomers_saves(self) -> Iterator[tuple[str, int]]:
        """How many saves a pet that the load created must count at least."""
        for vu, newcomers in self._newcomers.items():
            yield from ((created_user(vu, number), count) for number, count in enumerate(newcomers.saves) if count)

    def interactions(self) -> Iterator[tuple[str, Sequence[Expected]]]:
        """The interactions of every user: of the setup by text, of newcomers all together."""
        if self._cleared is not None:
            for pet, all_of in self._cleared.interactions():
                yield set_up_user(pet), all_of
        else:
            yield from self._by_text()
        for vu, newcomers in self._newcomers.items():
            for number in range(len(newcomers.created)):
                yield created_user(vu, number), [Expected(newcomers.texts, newcomers.interactions(number))]

    def notes(self) -> Iterator[tuple[int, Tally]]:
        """The notes of acknowledged saves, by pet of the setup."""
        for pet, count in self.set_up_saves.noted.items():
            yield pet, Tally(succeeded=count) if self._cleared is None else self._cleared.notes(pet)

    def cared(self) -> Cared:
        """The care of pets of the setup, by user and action; without users who were talked to."""
        by_user: defaultdict[str, defaultdict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
        if self.others_may_talk:
            return {}
        talked_to = set()
        for entry in self._entries():
            user = set_up_user(entry.user)
            if entry.effects.changes_attributes:
                talked_to.add(user)
            elif entry.effects.gains is not None:
                entry.add_to(by_user[user][entry.text])
        return {user: tallies for user, tallies in by_user.items() if user not in talked_to}

    def _by_text(self) -> Iterator[tuple[str, Sequence[Expected]]]:
        by_user: defaultdict[int, defaultdict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
        for entry in self._entries():
            entry.add_to(by_user[entry.user][entry.text])
        for user, tallies in by_user.items():
            yield set_up_user(user), [Expected({text}, tally) for text, tally in tallies.items()]

    def _open(self, vu: int) -> FlowCounts:
        flow = self._plan.flow_of(vu)
        counts = next((known for known in self._flows if known.flow is flow), None)
        if counts is None:
            counts = FlowCounts(flow)
            self._flows.append(counts)
        if counts.creates:
            self._newcomers[vu] = Newcomers(flow, self.set_up_saves.reads_of(vu))
        self._of_vu[vu] = counts
        return counts

    def _entries(self) -> Iterator[Entry]:
        for counts in self._flows:
            yield from counts.entries()


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

    def _said(self) -> Iterator[tuple[int, int, int]]:
        return zip(self._kinds, self._begins, self._ends, strict=True)


class ClearedHistories:
    """The histories of all pets of the setup if steps clear them, from the samples of every phase in any order.

    Vus may share a pet, so times decide. An interaction is gone if it ended before some acknowledged clear began, and
    must be stored if it began after the last one had ended. One that overlaps the last clear may be either. A clear
    that was not acknowledged may take effect at any later time, or never: it makes all that was said to its pet unsure,
    unless that is gone by another clear.
    """

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
