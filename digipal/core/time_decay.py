"""What the time since the last interaction costs a pet."""

from datetime import datetime

from digipal.core.attribute_engine import AttributeEngine
from digipal.core.models import DigiPal

_HOUR_S = 3600
_LONGEST_FALL_HOURS = 200
"""After this long without care every number that falls has reached its end."""


def settle_time(pet: DigiPal, engine: AttributeEngine, now: datetime) -> int:
    """Take what every whole hour costs that has not been paid for yet; how many hours that were.

    Hours are settled one by one and the rest of an hour stays owed, so that it makes no difference whether this is
    asked for once a day or every few minutes.
    """
    elapsed_s = (now - pet.last_interaction).total_seconds()
    owed_s = elapsed_s - pet.decayed_seconds
    if owed_s < 0:
        # The clock was set back, or the last interaction forward by hand: count from here.
        pet.decayed_seconds = elapsed_s
        return 0
    hours = int(owed_s // _HOUR_S)
    for _ in range(min(hours, _LONGEST_FALL_HOURS)):
        engine.apply_time_decay(pet, 1.0)
    pet.decayed_seconds += hours * _HOUR_S
    return hours
