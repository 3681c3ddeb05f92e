"""What the time since the last interaction costs a pet, the same however often anyone asks.

It costs what the table of AttributeEngine.apply_time_decay says. The smallest step of that table is half an hour: a
pet pays when one is over, and what is left counts towards the next. Nothing is paid twice and nothing forgotten:

- Asking again takes the difference between two entries of the table, so that any number of settlements costs what
  the last of them would have cost alone.
- An interaction is preceded by a settlement and does not interrupt the spell that is being paid for: a pet that
  somebody talks to every twenty minutes grows as tired as any other. Whole periods of the table are dropped from the
  spell then, so that a pet that becomes tired does not pay for all its past.
- The account of a pet made here begins with the pet. That of one made by hand or by another engine begins with the
  first settlement, or with the first interaction, for which it then pays nothing: whoever kept it saw to that.
- A `last_interaction` that was set by hand is taken at its word. Set back, it makes time pass, and what is paid stays
  paid; set forward, it is one more interaction, and all the time since it is due.
"""

from datetime import datetime, timedelta

from digipal.core.attribute_engine import AttributeEngine
from digipal.core.decay import Decay
from digipal.core.models import DigiPal

_STEP = timedelta(minutes=30)


def settle_time(pet: DigiPal, engine: AttributeEngine, now: datetime) -> float:
    """Take from the pet what is due by `now`; the hours that were completed, in halves: 0.0 when nothing is due."""
    before = pet.decay_so_far()
    elapsed, spell = now - pet.last_interaction, before.spell
    # Where a clock was set back, or an interaction lies in the future, nothing is undone: it counts from here.
    if elapsed > before.paid:
        spell += elapsed - before.paid
    pet.decay = Decay(pet.last_interaction, elapsed, spell)
    due, paid = spell // _STEP, before.spell // _STEP
    if due > paid:
        engine.apply_time_decay(pet, due / 2, paid / 2)
    return (due - paid) / 2
