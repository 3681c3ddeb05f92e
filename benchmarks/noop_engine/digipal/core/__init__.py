"""Pets that only bear their names."""

from enum import Enum


class EggType(Enum):
    """As in the engine."""

    RED = "red"
    BLUE = "blue"
    GREEN = "green"


class DigiPal:
    """A pet of a user."""

    def __init__(self, user_id: str, egg_type: EggType) -> None:
        self.user_id = user_id
        self.id = f"pet of {user_id}"
        self.egg_type = egg_type
        self.name = "pet"


class Interaction:
    """Never made."""
