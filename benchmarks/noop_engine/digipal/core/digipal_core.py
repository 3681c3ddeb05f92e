"""A core that keeps its pets in a dictionary."""

from digipal.core import DigiPal, EggType


class DigiPalCore:
    """What the harness needs of a core."""

    def __init__(self, storage: object, ai: object) -> None:
        self.active_pets: dict[str, DigiPal] = {}
        self.load_existing_pet = self.active_pets.get
        # the operation of the benchmark: one lookup, in C
        self.get_pet_state = self.active_pets.__getitem__

    def create_new_pet(self, egg_type: EggType, user_id: str) -> DigiPal:
        """A pet."""
        pet = self.active_pets[user_id] = DigiPal(user_id, egg_type)
        return pet

    def trigger_evolution(self, user_id: str, force: bool = False) -> None:
        """Nothing hatches."""

    def shutdown(self) -> None:
        """Nothing runs."""
