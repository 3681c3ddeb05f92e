"""How far a pet has paid for the time that went by; `digipal.core.time_decay` has the rules."""

from datetime import datetime, timedelta
from typing import NamedTuple

_PERIOD = timedelta(hours=2)
"""After so long the table of decay repeats itself."""


class Decay(NamedTuple):
    """An account of paid time.

    `paid` is how much of the time since `interaction` is paid for, negative where some before it is not. `spell` is
    how long the pet has been paying for altogether: where it stands in the table of decay.
    """

    interaction: datetime
    paid: timedelta = timedelta()
    spell: timedelta = timedelta()

    def as_of(self, interaction: datetime) -> "Decay":
        """The account for a last interaction that was set by hand: set forward, nothing after it is paid."""
        if self.interaction < interaction:
            return Decay(interaction, spell=self._folded_spell())
        return self if self.interaction == interaction else self._replace(interaction=interaction)

    def touched(self, now: datetime) -> "Decay":
        """The account after another interaction: what is owed stays owed."""
        return Decay(now, self.paid - (now - self.interaction), self._folded_spell())

    def _folded_spell(self) -> timedelta:
        """The spell without the periods that are over, but for one: the next hours cost the same."""
        return self.spell if self.spell < 2 * _PERIOD else _PERIOD + self.spell % _PERIOD
