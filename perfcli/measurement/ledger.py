"""Nothing may be lost and nothing stored twice: what the engine acknowledged, against what its database holds.

The account is kept from the samples, in the tool's own process, so it costs the engine nothing and outlives it.
Interactions are compared by user, text and success, so that what was refused or timed out hides no loss but its equal.
Care is held to account by its interactions: the core need not write the table of care actions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Final, NamedTuple

from perfcli.measurement.account import Account, Expected
from perfcli.measurement.conservation import Cared
from perfcli.measurement.own_writes import OwnFindings, OwnWrites
from perfcli.measurement.registers import Registers, Stored
from perfcli.operations.digipal_data import set_up_user
from perfcli.operations.save_canaries import UNSAVED, key_in, save_canary, saves_in, split_key
from perfcli.operations.stored import StoredInteractions, StoredPets, open_stored
from perfcli.plan import ExecutionPlan
from perfcli.recorder import Frame
from perfcli.results import Integrity, SaveCounts
from perfcli.scenario.canary_mode import lasting_fields

_MOST_EXAMPLES: Final = 5

_Names = Mapping[str, Sequence[str]]
"""The names of the live pets stored, by user."""


class Finding(NamedTuple):
    """Writes that are missing or there too often, and what to say of them."""

    lost: int
    duplicates: int
    words: str


class Ledger:
    """Acknowledged writes: pets set up and created, interactions, saves."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self._set_up = plan.scenario.setup.pets
        self._account = Account(plan)
        self._own = OwnWrites()
        self._lasting = lasting_fields(plan.scenario)
        flows = [phase.flow for phase in plan.phases]
        self._others_may_talk = any(step.effects.may_do_anything for flow in flows for step in flow)

    def add(self, frame: Frame) -> None:
        """Take in what the samples of a frame acknowledge."""
        self._account.add(frame)
        if frame.page.writes:
            self._own.add(frame.page, frame.starts[0])

    def cared(self) -> Cared:
        """The care that was acknowledged until now, for `Conservation`."""
        return self._account.cared()

    def verify(self, database: Path, *, complete: bool = True) -> Integrity:
        """Open the database afresh and compare.

        Args:
            complete: whether all samples arrived. Where some may be missing, as the engine was killed or a vu left
                within a call, interactions beyond the account prove nothing: duplicates are then not known.
        """
        account = self._account
        saves = account.set_up_saves
        saves.registers.judge_all()
        self._own.settle_all()
        acknowledged = self._acknowledged()
        try:
            with open_stored(database) as stored:
                damaged = stored.damage()
                names = _names(stored)
                own = self._own.verify(stored.fields(self._own.fields), self._lasting)
                findings = [*self._of_pets(names), *self._of_interactions(stored, names), *_of_own(own)]
        except sqlite3.Error as error:
            # an OperationalError says that the file is locked, missing or of other tables; not that it is damaged
            damaged = "" if isinstance(error, sqlite3.OperationalError) else str(error)
            complaint = f"the database cannot be read: {error}"
            return Integrity(
                acknowledged=acknowledged,
                set_up=self._set_up,
                lost=acknowledged,
                damaged=damaged,
                saves=self._counts({}, OwnFindings(self._own.acknowledged)),
                examples=[complaint],
            )
        counts = self._counts(names, own)
        stale_reads = saves.registers.stale_reads + sum(each.stale_reads for each in account.newcomers)
        lost = sum(finding.lost for finding in findings) + stale_reads
        duplicates = sum(finding.duplicates for finding in findings)
        written = acknowledged - self._set_up
        looked_for = written - counts.superseded - counts.unchecked
        told = [finding.words for finding in findings if finding.lost or complete]
        return Integrity(
            acknowledged=acknowledged,
            set_up=self._set_up,
            # what the load did not write, or nobody can look for, proves nothing as long as nothing is missing
            lost=lost if lost or looked_for else None,
            stale_reads=stale_reads,
            duplicates=duplicates if complete and (duplicates or written) else None,
            damaged=damaged,
            saves=counts,
            examples=[*told, *self._stale_reads()][:_MOST_EXAMPLES],
        )

    def _acknowledged(self) -> int:
        account = self._account
        interactions = (expected.tally.acknowledged for _, all_of in account.interactions() for expected in all_of)
        return sum(1 for _ in account.pets()) + sum(interactions) + self._saves()

    def _saves(self) -> int:
        account = self._account
        saves = account.set_up_saves.acknowledged + sum(each.acknowledged_saves for each in account.newcomers)
        return saves + self._own.acknowledged

    def _counts(self, names: _Names, own: OwnFindings) -> SaveCounts:
        """How many saves were checked, and why the others were not."""
        saves = self._account.set_up_saves
        checked = saves.noted.total() + saves.registers.checked
        checked += sum(each.checked_saves for each in self._account.newcomers)
        checked += sum(stored.checked for _, stored in self._registered(names)) + own.checked
        acknowledged, unchecked = self._saves(), saves.unchecked + own.unchecked
        return SaveCounts(
            acknowledged=acknowledged,
            checked=checked,
            superseded=acknowledged - checked - unchecked,
            unchecked=unchecked,
        )

    def _registered(self, names: _Names) -> Iterator[tuple[str, Stored]]:
        """What the stored name says of the saves of each pet of the setup; of a pet stored twice, the better one."""
        registers = self._account.set_up_saves.registers
        for pet in registers.saved_pets():
            user = set_up_user(pet)
            keys = map(key_in, names.get(user, ())) if names.get(user) else [UNSAVED]
            yield user, min(registers.stored(pet, key) for key in keys)

    def _of_pets(self, names: _Names) -> Iterator[Finding]:
        for user in self._account.pets():
            count = len(names.get(user, []))
            if count == 0:
                yield Finding(1, 0, f"the pet of {user} is not stored")
            elif count > 1:
                yield Finding(0, count - 1, f"{user} has {count} live pets stored")
        for user, acknowledged in self._account.newcomers_saves():
            # the target counts a pet's saves in the pet itself, before it saves it: more may be stored, never fewer
            saves = max(map(saves_in, names.get(user, [])), default=0)
            if saves < acknowledged:
                lost = acknowledged - saves
                yield Finding(lost, 0, f"{user}: {acknowledged} saves acknowledged, {saves} in the pet stored")

    def _of_interactions(self, stored: StoredPets, names: _Names) -> Iterator[Finding]:
        rows = {user: list(texts) for user, texts in groupby(stored.interactions(), attrgetter("user"))}
        for user, all_of in self._account.interactions():
            for expected in all_of:
                for finding in _compare(user, expected, rows.get(user, [])):
                    # a function of the user's own may have said the same
                    if finding.lost or not self._others_may_talk:
                        yield finding
        saves = self._account.set_up_saves
        without_notes = set()
        for pet, acknowledged in saves.noted.items():
            user = set_up_user(pet)
            for finding in _compare_notes(user, acknowledged, rows.get(user, []), saves.registers):
                yield finding
                if finding.lost:
                    without_notes.add(user)
        for user, found in self._registered(names):
            # a save that is missing with its note is missing once
            if found.lost and user not in without_notes:
                shown = ", ".join(map(repr, names.get(user, ()))) or "none"
                yield Finding(found.lost, 0, f"{user}: saves acknowledged that the pet stored does not show: {shown}")

    def _stale_reads(self) -> Iterator[str]:
        for pet, shown, latest in self._account.set_up_saves.registers.examples:
            yield f"{set_up_user(pet)}: a read showed {_in_words(shown)}, after {_in_words(latest)} was acknowledged"


def _of_own(own: OwnFindings) -> Iterator[Finding]:
    return (Finding(1, 0, words) for words in own.lost)


def _names(stored: StoredPets) -> _Names:
    return {user: [name for _, name in pets] for user, pets in groupby(stored.pets(), itemgetter(0))}


def _in_words(key: int) -> str:
    if key == UNSAVED:
        return "the pet as it was set up"
    number, vu = split_key(key)
    return f"save {number} of vu{vu}"


def _compare(user: str, expected: Expected, rows: Sequence[StoredInteractions]) -> Iterator[Finding]:
    found = [row for row in rows if row.text in expected.texts]
    succeeded, refused = sum(row.succeeded for row in found), sum(row.refused for row in found)
    tally = expected.tally
    lost, surplus = tally.lost(succeeded, refused), tally.surplus(succeeded, refused)
    if lost or surplus:
        text = f" {min(expected.texts)!r:.40}" if len(expected.texts) == 1 else ""
        tried = f" and {tally.unsure} only tried" if surplus and tally.unsure else ""
        as_refused = f", {refused} of them as refused" if refused else ""
        words = f"{user}: {tally.acknowledged} interactions{text} acknowledged{tried}, {succeeded + refused} stored"
        yield Finding(lost, surplus, words + as_refused)


def _compare_notes(
    user: str, acknowledged: int, rows: Iterable[StoredInteractions], registers: Registers
) -> Iterator[Finding]:
    """Each save bears a mark of its own, so its note can be stored once and no more."""
    marked = ((row, save_canary(row.text)) for row in rows)
    notes = {mark: row.succeeded + row.refused for row, mark in marked if mark}
    # what was not acknowledged may be stored or not, and makes good for nothing
    lost = acknowledged - sum(not registers.is_unsure(mark.key) for mark in notes)
    surplus = sum(notes.values()) - len(notes)
    if lost > 0:
        yield Finding(lost, 0, f"{user}: {acknowledged} saves with a note acknowledged, {acknowledged - lost} stored")
    if surplus:
        twice = max(notes, key=lambda mark: notes[mark])
        words = f"{user}: the note {twice.text!r} of one save is stored {notes[twice]} times"
        yield Finding(0, surplus, words)
