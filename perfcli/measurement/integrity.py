"""Nothing may be lost and nothing stored twice: what the engine acknowledged, against what its database holds.

The account is kept from the samples, in the tool's own process, so it costs the engine nothing and outlives it.
Interactions are compared by user, text and success, so that what was refused or timed out hides no loss but its equal.
Care is held to account by its interactions: the core need not write the table of care actions.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from typing import Final, NamedTuple

from perfcli.measurement.account import Account, Expected
from perfcli.measurement.conservation import Cared
from perfcli.measurement.stored import StoredInteractions, StoredPets, open_stored
from perfcli.plan import ExecutionPlan
from perfcli.recorder import Frame
from perfcli.results import Integrity
from perfcli.targets.naming import save_mark, saves_in

_MOST_EXAMPLES: Final = 5


class Finding(NamedTuple):
    """Writes that are missing or there too often, and what to say of them."""

    lost: int
    duplicates: int
    words: str


class Ledger:
    """Acknowledged writes: pets set up and created, interactions, saves."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self._account = Account(plan)

    def add(self, frame: Frame) -> None:
        """Take in what the samples of a frame acknowledge."""
        self._account.add(frame)

    def cared(self) -> Cared:
        """The care that was acknowledged until now, for `Conservation`."""
        return self._account.cared()

    def verify(self, database: Path, *, complete: bool = True) -> Integrity:
        """Open the database afresh and compare.

        Args:
            complete: whether all samples arrived. Where some may be missing, as the engine was killed or a vu left
                within a call, interactions beyond the account prove nothing: duplicates are then not known.
        """
        acknowledged = self._acknowledged()
        try:
            with open_stored(database) as stored:
                damaged = stored.damage()
                findings = [*self._of_pets(stored), *self._of_interactions(stored)]
        except sqlite3.Error as error:
            # an OperationalError says that the file is locked, missing or of other tables; not that it is damaged
            damaged = "" if isinstance(error, sqlite3.OperationalError) else str(error)
            complaint = f"the database cannot be read: {error}"
            return Integrity(acknowledged=acknowledged, lost=acknowledged, damaged=damaged, examples=[complaint])
        told = [finding for finding in findings if finding.lost or complete]
        return Integrity(
            acknowledged=acknowledged,
            lost=sum(finding.lost for finding in findings),
            duplicates=sum(finding.duplicates for finding in findings) if complete else None,
            damaged=damaged,
            examples=[finding.words for finding in told[:_MOST_EXAMPLES]],
        )

    def _acknowledged(self) -> int:
        account = self._account
        interactions = (expected.tally.acknowledged for _, all_of in account.interactions() for expected in all_of)
        saves = sum(count for _, count in account.saves()) or sum(account.notes().values())
        return sum(1 for _ in account.pets()) + sum(interactions) + saves

    def _of_pets(self, stored: StoredPets) -> Iterator[Finding]:
        names = {user: [name for _, name in pets] for user, pets in groupby(stored.pets(), itemgetter(0))}
        for user in self._account.pets():
            count = len(names.get(user, []))
            if count == 0:
                yield Finding(1, 0, f"the pet of {user} is not stored")
            elif count > 1:
                yield Finding(0, count - 1, f"{user} has {count} live pets stored")
        for user, acknowledged in self._account.saves():
            # the target counts a pet's saves in the pet itself, before it saves it: more may be stored, never fewer
            saves = max(map(saves_in, names.get(user, [])), default=0)
            if saves < acknowledged:
                yield Finding(
                    acknowledged - saves, 0, f"{user}: {acknowledged} saves acknowledged, {saves} in the pet stored"
                )

    def _of_interactions(self, stored: StoredPets) -> Iterator[Finding]:
        rows = {user: list(texts) for user, texts in groupby(stored.interactions(), attrgetter("user"))}
        for user, all_of in self._account.interactions():
            for expected in all_of:
                yield from _compare(user, expected, rows.get(user, []))
        notes = self._account.notes()
        for user in notes:
            yield from _compare_notes(user, notes[user], rows.get(user, []))


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


def _compare_notes(user: str, acknowledged: int, rows: Iterable[StoredInteractions]) -> Iterator[Finding]:
    """Each save bears a mark of its own, so its note can be stored once and no more."""
    notes = Counter({row.text: row.succeeded + row.refused for row in rows if save_mark(row.text)})
    lost, surplus = max(acknowledged - len(notes), 0), notes.total() - len(notes)
    if lost:
        yield Finding(lost, 0, f"{user}: {acknowledged} saves with a note acknowledged, {len(notes)} notes stored")
    if surplus:
        twice, count = notes.most_common(1)[0]
        yield Finding(0, surplus, f"{user}: the note {twice!r} of one save is stored {count} times")
