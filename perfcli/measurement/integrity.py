"""Nothing may be lost and nothing stored twice: what the engine acknowledged, against what its database holds.

Interactions are compared by user, text and success, so that what was refused or timed out hides no loss but its equal.
Care is held to account by its interactions: the core need not write the table of care actions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple

from perfcli.measurement.ledger import Cared, Ledger
from perfcli.measurement.ledger_counts import Expected, Tally
from perfcli.measurement.own_writes import OwnFindings
from perfcli.measurement.saves import Registers, Stored
from perfcli.operations.digipal_data import GAINS, GROWING_TO, set_up_user
from perfcli.operations.save_canaries import UNSAVED, key_in, save_canary, saves_in, split_key
from perfcli.operations.stored import GrowingPet, Readable, StoredInteractions, StoredPets, open_stored
from perfcli.results import Integrity, SaveCounts

_MOST_EXAMPLES: Final = 5

_Names = Mapping[str, Sequence[str]]
"""The names of the live pets stored, by user."""


class Finding(NamedTuple):
    """Writes that are missing or there too often, and what to say of them."""

    lost: int
    duplicates: int
    words: str
    is_left: bool = False
    """Whether the writes that were lost are clears: rows are there that must be gone."""


def check_integrity(ledger: Ledger, database: Readable, *, complete: bool = True) -> Integrity:
    """Open the database afresh and compare.

    Args:
        complete: whether all samples arrived. If some may be missing, as the engine was killed or a vu left within a
            call, interactions beyond the account prove nothing: duplicates, and what clears left, are then not known.
    """
    ledger.end()
    return _Check(ledger, complete=complete).of(database)


class _Check:
    def __init__(self, ledger: Ledger, *, complete: bool) -> None:
        self._ledger = ledger
        self._complete = complete

    def of(self, database: Readable) -> Integrity:
        ledger = self._ledger
        registers, acknowledged = ledger.set_up_saves.registers, ledger.acknowledged
        try:
            with open_stored(database) as stored:
                damaged = stored.damage()
                names = {user: [name for _, name in pets] for user, pets in groupby(stored.pets(), itemgetter(0))}
                own = ledger.own.verify(stored.fields(ledger.own.fields), ledger.lasting_fields)
                findings = [*self._of_pets(names), *self._of_interactions(stored, names)]
                findings += [Finding(1, 0, words) for words in own.lost]
        except sqlite3.Error as error:
            # an OperationalError says that the file is locked, missing or of other tables; not that it is damaged
            damaged = "" if isinstance(error, sqlite3.OperationalError) else str(error)
            complaint = f"the database cannot be read: {error}"
            return Integrity(
                acknowledged=acknowledged,
                set_up=ledger.set_up,
                lost=acknowledged,
                damaged=damaged,
                saves=self._counts({}, OwnFindings(ledger.own.acknowledged)),
                examples=[complaint],
            )
        counts = self._counts(names, own)
        stale_reads = registers.stale_reads + sum(each.stale_reads for each in ledger.newcomers)
        lost = sum(finding.lost for finding in findings) + stale_reads
        duplicates = sum(finding.duplicates for finding in findings)
        written = acknowledged - ledger.set_up
        looked_for = written - counts.superseded - counts.unchecked
        examples = [finding.words for finding in findings if finding.lost or self._complete]
        return Integrity(
            acknowledged=acknowledged,
            set_up=ledger.set_up,
            # what the load did not write, or nobody can look for, proves nothing as long as nothing is missing
            lost=lost if lost or looked_for else None,
            stale_reads=stale_reads,
            duplicates=duplicates if self._complete and (duplicates or written) else None,
            damaged=damaged,
            saves=counts,
            examples=[*examples, *self._stale_reads()][:_MOST_EXAMPLES],
        )

    def _counts(self, names: _Names, own: OwnFindings) -> SaveCounts:
        """How many saves were checked, and why the others were not."""
        saves = self._ledger.set_up_saves
        checked = sum(tally.acknowledged for _, tally in self._ledger.notes()) + saves.registers.checked
        checked += sum(each.checked_saves for each in self._ledger.newcomers)
        checked += sum(stored.checked for _, stored in self._registered(names)) + own.checked
        acknowledged, unchecked = self._ledger.saves, saves.unchecked + own.unchecked
        return SaveCounts(
            acknowledged=acknowledged,
            checked=checked,
            superseded=acknowledged - checked - unchecked,
            unchecked=unchecked,
        )

    def _registered(self, names: _Names) -> Iterator[tuple[str, Stored]]:
        """What the stored name says of the saves of each pet of the setup; of a pet stored twice, the better one."""
        registers = self._ledger.set_up_saves.registers
        for pet in registers.saved_pets():
            user = set_up_user(pet)
            keys = map(key_in, names.get(user, ())) if names.get(user) else [UNSAVED]
            yield user, min(registers.stored(pet, key) for key in keys)

    def _of_pets(self, names: _Names) -> Iterator[Finding]:
        for user in self._ledger.pets():
            count = len(names.get(user, []))
            if count == 0:
                yield Finding(1, 0, f"the pet of {user} is not stored")
            elif count > 1:
                yield Finding(0, count - 1, f"{user} has {count} live pets stored")
        for user, acknowledged in self._ledger.newcomers_saves():
            # the target counts a pet's saves in the pet itself, before it saves it: more may be stored, never fewer
            saves = max(map(saves_in, names.get(user, [])), default=0)
            if saves < acknowledged:
                lost = acknowledged - saves
                yield Finding(lost, 0, f"{user}: {acknowledged} saves acknowledged, {saves} in the pet stored")

    def _of_interactions(self, stored: StoredPets, names: _Names) -> Iterator[Finding]:
        rows = {user: list(texts) for user, texts in groupby(stored.interactions(), attrgetter("user"))}
        # a function of the user's own may have said the same, and samples that did not arrive too
        is_account_whole = self._complete and not self._ledger.others_may_talk
        for user, all_of in self._ledger.interactions():
            for expected in all_of:
                for finding in _compare(user, expected, rows.get(user, []), finds_left=is_account_whole):
                    if finding.lost or not self._ledger.others_may_talk:
                        yield finding
        registers = self._ledger.set_up_saves.registers
        without_notes = set()
        for pet, tally in self._ledger.notes():
            user = set_up_user(pet)
            for finding in _compare_notes(user, tally, rows.get(user, []), registers, finds_left=self._complete):
                yield finding
                if finding.lost and not finding.is_left:
                    without_notes.add(user)
        for user, found in self._registered(names):
            # a save that is missing with its note is missing once
            if found.lost and user not in without_notes:
                shown = ", ".join(map(repr, names.get(user, ()))) or "none"
                yield Finding(found.lost, 0, f"{user}: saves acknowledged that the pet stored does not show: {shown}")

    def _stale_reads(self) -> Iterator[str]:
        for pet, shown, latest in self._ledger.set_up_saves.registers.examples:
            user = set_up_user(pet)
            yield f"{user}: a read returned {_in_words(shown)}, although {_in_words(latest)} was acknowledged"


def _in_words(key: int) -> str:
    if key == UNSAVED:
        return "the pet as it was set up"
    number, vu = split_key(key)
    return f"save {number} of vu{vu}"


def _compare(
    user: str, expected: Expected, rows: Sequence[StoredInteractions], *, finds_left: bool
) -> Iterator[Finding]:
    """Interactions that are missing, or stored too often.

    Args:
        finds_left: whether those that are stored too often, and were cleared, count as clears that were lost.
    """
    found = [row for row in rows if row.text in expected.texts]
    succeeded, refused = sum(row.succeeded for row in found), sum(row.refused for row in found)
    tally = expected.tally
    text = f" {min(expected.texts)!r:.40}" if len(expected.texts) == 1 else ""
    lost, surplus = tally.lost(succeeded, refused), tally.surplus(succeeded, refused)
    left = min(surplus, tally.gone) if finds_left else 0
    if left:
        words = f"{user}: {tally.gone} interactions{text} cleared, {left} of them still stored"
        yield Finding(left, 0, words, is_left=True)
    if lost or surplus > left:
        tried = f" and {tally.unsure} only tried" if surplus and tally.unsure else ""
        as_refused = f", {refused} of them as refused" if refused else ""
        words = f"{user}: {tally.required} interactions{text} acknowledged{tried}, {succeeded + refused} stored"
        yield Finding(lost, surplus - left, words + as_refused)


def _compare_notes(
    user: str, tally: Tally, rows: Iterable[StoredInteractions], registers: Registers, *, finds_left: bool
) -> Iterator[Finding]:
    """Each save has a canary of its own, so its note can be stored once and no more."""
    canaries = ((row, save_canary(row.text)) for row in rows)
    notes = {canary: row.succeeded + row.refused for row, canary in canaries if canary}
    # what was not acknowledged may be stored or not, and makes good for nothing
    stored = sum(not registers.is_unsure(canary.key) for canary in notes)
    surplus = sum(notes.values()) - len(notes)
    left = min(tally.surplus(stored, 0), tally.gone) if finds_left else 0
    if left:
        words = f"{user}: {tally.gone} saves with a note cleared, {left} of their notes still stored"
        yield Finding(left, 0, words, is_left=True)
    if lost := tally.lost(stored, 0):
        words = f"{user}: {tally.required} saves with a note acknowledged, {tally.required - lost} stored"
        yield Finding(lost, 0, words)
    if surplus:
        twice = max(notes, key=lambda canary: notes[canary])
        words = f"{user}: the note {twice.text!r} of one save is stored {notes[twice]} times"
        yield Finding(0, surplus, words)


class Balance(NamedTuple):
    """What became of acknowledged changes."""

    lost_updates: int | None
    """Changes that are missing, or one too many; None where there was nothing that could be judged."""
    examples: list[str]


class Conservation:
    """N acknowledged changes of +k end as +N·k, however many threads, processes and cold caches took part.

    Care actions are what is summed: each has fixed effects on a pet's numbers (the table of the engine's public API),
    and those on the numbers below only ever add. Being clamped at the top, a number ends as start + sum, or at the
    top: so one is judged as long as its sum stays below. What else changes these numbers (talk that the AI takes for a
    command, evolution) is not acknowledged with an amount: pets it happened to are left out.

    Args:
        database: before the load, while the engine stands still.
        cared: the ledger's account until now, warm-up included.

    Raises:
        sqlite3.Error: the pets cannot be read.
    """

    def __init__(self, database: Readable, cared: Cared) -> None:
        self._pets = _growing(database)
        self._before = cared

    def verify(self, database: Readable, cared: Cared) -> Balance:
        """Hold the pets as they are stored now against what was acknowledged since; raises sqlite3.Error."""
        pets = _growing(database)
        judged, lost, examples = 0, 0, []
        for user, actions in cared.items():
            if user not in self._pets or user not in pets or pets[user].life_stage != self._pets[user].life_stage:
                continue
            gains = _gains(actions, self._before.get(user, {}))
            start, now = self._pets[user].numbers, pets[user].numbers
            fit = {name: gain for name, gain in gains.items() if start[name] + gain.most <= GROWING_TO}
            judged += len(fit)
            missing = {name: gain.missing(now[name] - start[name]) for name, gain in fit.items()}
            # one care action that is lost is missing in several numbers
            lost += max(missing.values(), default=0)
            examples += [fit[name].describe(user, name, start[name], now[name]) for name in missing if missing[name]]
        return Balance(lost if judged else None, examples[:_MOST_EXAMPLES])


@dataclass(slots=True)
class _Gain:
    """What one number must have gained: at least what was acknowledged, at most what was tried beside it too."""

    least: int = 0
    most: int = 0
    largest: int = 0  # of one change

    def missing(self, gained: int) -> int:
        """How many changes at least it takes to explain the difference."""
        difference = max(self.least - gained, gained - self.most, 0)
        return -(-difference // self.largest)

    def describe(self, user: str, name: str, start: int, now: int) -> str:
        expected = f"{start + self.least}" + (f" to {start + self.most}" if self.most > self.least else "")
        return f"{user}: {name} is {now} in the database, expected {expected} from acknowledged actions"


def _gains(actions: Mapping[str, Tally], before: Mapping[str, Tally]) -> dict[str, _Gain]:
    gains: dict[str, _Gain] = {}
    for action, tally in actions.items():
        new = tally.acknowledged - before.get(action, Tally()).acknowledged
        for name, change in GAINS.get(action, {}).items():
            gain = gains.setdefault(name, _Gain())
            gain.least += new * change
            # what was tried before may take effect late
            gain.most += (new + tally.unsure) * change
            gain.largest = max(gain.largest, change)
    return gains


def _growing(database: Readable) -> dict[str, GrowingPet]:
    with open_stored(database) as stored:
        return stored.growing()
