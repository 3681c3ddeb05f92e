"""The account of a run's writes: what its samples say must be stored, by user."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence, Set
from typing import NamedTuple

from perfcli.measurement.conservation import CareCounts, Cared
from perfcli.measurement.ledger_counts import Entry, FlowCounts, Newcomers, Tally
from perfcli.measurement.saves import SetUpSaves, shown_in
from perfcli.operations.digipal_data import created_user, set_up_user
from perfcli.plan import ExecutionPlan
from perfcli.recorder import Frame


class Expected(NamedTuple):
    """The interactions of one user with some texts."""

    texts: Set[str]
    tally: Tally


class Account:
    """What was acknowledged, kept small: by draw for pets of the setup, in a few bytes for each that was created."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self._plan = plan
        self._flows: list[FlowCounts] = []
        self._of_vu: dict[int, FlowCounts] = {}
        self._newcomers: dict[int, Newcomers] = {}
        self.set_up_saves = SetUpSaves(plan)
        """Saves of the set-up's pets."""

    def add(self, frame: Frame) -> None:
        """Take in the samples of a frame."""
        tallies = self._of_vu.get(frame.vu) or self._open(frame.vu)
        if tallies.speaks:
            tallies.add(frame.draws, frame.failures)
        shown = shown_in(frame, self.set_up_saves.reads_of(frame.vu))
        self.set_up_saves.add(frame, shown)
        if tallies.creates:
            self._newcomers[frame.vu].add(frame.draws, frame.failures, shown)

    def pets(self) -> Iterator[str]:
        """The users whose pet must be stored."""
        yield from map(set_up_user, range(self._plan.scenario.setup.pets))
        for vu, newcomers in self._newcomers.items():
            yield from (created_user(vu, number) for number, created in enumerate(newcomers.created) if created)

    @property
    def newcomers(self) -> Collection[Newcomers]:
        """What each vu did to pets that it created."""
        return self._newcomers.values()

    def newcomers_saves(self) -> Iterator[tuple[str, int]]:
        """How many saves a pet that the load created must count at least."""
        for vu, newcomers in self._newcomers.items():
            yield from ((created_user(vu, number), count) for number, count in enumerate(newcomers.saves) if count)

    def interactions(self) -> Iterator[tuple[str, Sequence[Expected]]]:
        """The interactions of every user: of the setup by text, of newcomers all together."""
        by_user: defaultdict[int, defaultdict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
        for entry in self._entries():
            text = entry.effects.texts[entry.choice]
            by_user[entry.user][text].add(entry.effects.proof(entry.choice), entry.right, entry.unsure)
        for user, tallies in by_user.items():
            yield set_up_user(user), [Expected({text}, tally) for text, tally in tallies.items()]
        for vu, newcomers in self._newcomers.items():
            for number in range(len(newcomers.created)):
                yield created_user(vu, number), [Expected(newcomers.words, newcomers.interactions(number))]

    def cared(self) -> Cared:
        """The care of pets of the setup, by user and action; without users who were talked to."""
        by_user: defaultdict[str, defaultdict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
        if any(step.effects.may_do_anything for tallies in self._flows for step in tallies.flow):
            return {}
        talked_to = set()
        for entry in self._entries():
            user = set_up_user(entry.user)
            if entry.effects.changes_attributes:
                talked_to.add(user)
            elif entry.effects.gains is not None:
                action = entry.effects.texts[entry.choice]
                by_user[user][action].add(entry.effects.proof(entry.choice), entry.right, entry.unsure)
        return {
            user: {action: CareCounts(tally.acknowledged, tally.unsure) for action, tally in tallies.items()}
            for user, tallies in by_user.items()
            if user not in talked_to
        }

    def _open(self, vu: int) -> FlowCounts:
        flow = self._plan.flow_of(vu)
        tallies = next((known for known in self._flows if known.flow is flow), None)
        if tallies is None:
            tallies = FlowCounts(flow)
            self._flows.append(tallies)
        if tallies.creates:
            self._newcomers[vu] = Newcomers(flow, self.set_up_saves.reads_of(vu))
        self._of_vu[vu] = tallies
        return tallies

    def _entries(self) -> Iterator[Entry]:
        for tallies in self._flows:
            yield from tallies.entries()
