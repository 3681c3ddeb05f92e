"""Conservation: N acknowledged changes of +k end as +N·k, however many threads, processes and cold caches took part.

Care actions are what is summed: each has fixed effects on a pet's numbers (the table of the engine's public API), and
those on the numbers below only ever add. Being clamped at the top, a number ends as start + sum, or at the top: so
one is judged as long as its sum stays below. What else changes these numbers (talk that the AI takes for a command,
evolution) is not acknowledged with an amount: pets it happened to are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from perfcli.operations.digipal_data import GAINS, GROWING_TO
from perfcli.operations.stored import GrowingPet, Readable, open_stored

_MOST_EXAMPLES: Final = 5


class CareCounts(NamedTuple):
    """How often one action was acknowledged for one user, and how often it was tried beside that."""

    acknowledged: int
    unsure: int


Cared = Mapping[str, Mapping[str, CareCounts]]
"""By user and action; without users who were talked to."""


class CareAccount(Protocol):
    """Who knows what was acknowledged: the ledger."""

    def cared(self) -> Cared:
        """The care that was acknowledged until now, warm-up included."""


class Balance(NamedTuple):
    """What came of it."""

    lost_updates: int | None
    """Changes that are missing, or one too many; None where there was nothing that could be judged."""
    examples: list[str]


@dataclass(slots=True)
class Conservation:
    """Looks at the stored pets before the load, and at what became of them after it."""

    account: CareAccount
    _pets: dict[str, GrowingPet] = field(default_factory=dict)
    _before: Cared = field(default_factory=dict)

    def begin(self, database: Readable) -> None:
        """Note the pets as they are stored, while the engine stands still; raises sqlite3.Error."""
        self._pets = _stored(database)
        self._before = self.account.cared()

    def verify(self, database: Readable) -> Balance:
        """Hold the pets as they are stored now against what was acknowledged since; raises sqlite3.Error."""
        pets = _stored(database)
        judged, lost, examples = 0, 0, []
        for user, actions in self.account.cared().items():
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


def _gains(actions: Mapping[str, CareCounts], before: Mapping[str, CareCounts]) -> dict[str, _Gain]:
    gains: dict[str, _Gain] = {}
    for action, (acknowledged, unsure) in actions.items():
        new = acknowledged - before.get(action, CareCounts(0, 0)).acknowledged
        for name, change in GAINS.get(action, {}).items():
            gain = gains.setdefault(name, _Gain())
            gain.least += new * change
            # what was tried before may take effect late
            gain.most += (new + unsure) * change
            gain.largest = max(gain.largest, change)
    return gains


def _stored(database: Readable) -> dict[str, GrowingPet]:
    with open_stored(database) as stored:
        return stored.growing()
