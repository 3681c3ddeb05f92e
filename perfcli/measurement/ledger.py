"""The ledger of a run: what its samples say must be stored, by user.

It is kept in the tool's own process, so it costs the engine nothing and outlives it. It is small: counts by draw for
pets of the setup, some bytes for each pet that the load created, and times only if steps clear histories.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from perfcli.measurement.cleared_histories import ClearedHistories
from perfcli.measurement.ledger_counts import Entry, Expected, FlowCounts, Newcomers, Tally
from perfcli.measurement.own_writes import OwnWrites
from perfcli.measurement.saves import SetUpSaves, shown_in
from perfcli.operations.digipal_data import created_user, set_up_user
from perfcli.plan import ExecutionPlan
from perfcli.recorder import Frame
from perfcli.scenario.canary_mode import lasting_fields, notes_vanish

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
