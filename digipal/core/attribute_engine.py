"""How care and time change a pet's numbers."""

import random
from collections.abc import Callable
from datetime import datetime

from digipal.core.actions import CareAction
from digipal.core.arguments import all_name_arguments
from digipal.core.care_actions import RESPONSES, build_care_actions
from digipal.core.enums import AttributeType, CareActionType, InteractionResult, LifeStage
from digipal.core.models import DigiPal, Interaction
from digipal.core.species import ATTRIBUTE_BOUNDS, clamp

A = AttributeType
T = CareActionType

_TOO_YOUNG_TO_STRAIN = {LifeStage.EGG, LifeStage.BABY}
_TIRED_BELOW = 20
"""Below this energy a pet lives off its weight."""

_MISTAKE_RISKS: tuple[tuple[float, Callable[[DigiPal, CareActionType], bool]], ...] = (
    (0.3, lambda pet, kind: pet.energy < 20),
    (0.2, lambda pet, kind: pet.happiness < 20),
    (0.2, lambda pet, kind: pet.weight < 10 or pet.weight > 80),
    (0.4, lambda pet, kind: kind is T.TRAIN and pet.energy < 30),
    (0.3, lambda pet, kind: kind is T.FEED and pet.weight > 70),
    (0.25, lambda pet, kind: kind is T.SCOLD and pet.discipline > 80),
)

_AT_LEAST = {
    "energy": ((80, "excellent"), (60, "good"), (40, "fair"), (20, "poor"), (0, "critical")),
    "happiness": ((80, "very_happy"), (60, "happy"), (40, "neutral"), (20, "sad"), (0, "very_sad")),
    "discipline": ((71, "over_disciplined"), (40, "balanced"), (0, "undisciplined")),
}
_WEIGHT_WITHIN = ((15, 35, "healthy"), (10, 50, "slightly_off"), (5, 70, "concerning"))
_MISTAKES_AT_MOST = ((0, "perfect"), (3, "excellent"), (7, "good"), (15, "fair"))


@all_name_arguments
class AttributeEngine:
    """Applies care actions and the passing of time to pets. `care_actions` may be changed by its owner."""

    ATTRIBUTE_BOUNDS = ATTRIBUTE_BOUNDS
    ENERGY_DECAY_RATE = 2.0
    """Energy lost in an hour."""
    HAPPINESS_DECAY_RATE = 1.0
    """Happiness lost in an hour."""

    def __init__(self) -> None:
        self.care_actions = build_care_actions()

    def apply_care_action(self, pet: DigiPal, action_name: str) -> tuple[bool, Interaction]:
        """Carry out a care action and record it in the pet's history; an unknown name changes nothing.

        The interaction's attribute_changes are the nominal ones, before clamping.
        """
        action = self.care_actions.get(action_name)
        if action is None:
            return False, Interaction(
                user_input=action_name,
                interpreted_command=action_name,
                pet_response=f"Unknown care action: {action_name}",
                success=False,
                result=InteractionResult.INVALID_COMMAND,
            )
        done, changes = self._carry_out(pet, action)
        interaction = Interaction(
            timestamp=datetime.now(),
            user_input=action_name,
            interpreted_command=action_name,
            pet_response=RESPONSES[action.action_type] if done else f"I am too tired for {action.name.lower()}.",
            attribute_changes=changes,
            success=done,
            result=InteractionResult.SUCCESS if done else InteractionResult.INSUFFICIENT_ENERGY,
        )
        pet.touch(interaction.timestamp)
        pet.conversation_history.append(interaction)
        return done, interaction

    def apply_time_decay(self, pet: DigiPal, hours: float, paid_hours: float = 0.0) -> dict[str, int]:
        """What `hours` without care cost: the changes applied, without those that came to nothing.

        The first `paid_hours` of them have been taken before, so that only the difference is due.
        """
        hours = max(hours, paid_hours)
        changes = {}
        for attribute, rate in ((A.ENERGY, self.ENERGY_DECAY_RATE), (A.HAPPINESS, self.HAPPINESS_DECAY_RATE)):
            changes[attribute] = int(paid_hours * rate) - int(hours * rate)
        paid_weight = _weight_lost(pet, paid_hours)
        pet.modify_attribute(A.ENERGY, changes[A.ENERGY])
        pet.modify_attribute(A.HAPPINESS, changes[A.HAPPINESS])
        changes[A.WEIGHT] = paid_weight - _weight_lost(pet, hours)
        pet.modify_attribute(A.WEIGHT, changes[A.WEIGHT])
        return {attribute.value: change for attribute, change in changes.items() if change < 0}

    def calculate_care_mistake(self, pet: DigiPal, action_type: CareActionType) -> bool:
        """Whether this care goes wrong, by chance: the worse the pet's state, the likelier."""
        return random.random() < sum(risk for risk, holds in _MISTAKE_RISKS if holds(pet, action_type))

    def get_care_quality_assessment(self, pet: DigiPal) -> dict[str, str]:
        """One word each for energy, happiness, weight, discipline and the care as a whole."""
        words = {
            name: next((word for floor, word in steps if getattr(pet, name) >= floor), steps[-1][1])
            for name, steps in _AT_LEAST.items()
        }
        words["weight"] = next((word for low, high, word in _WEIGHT_WITHIN if low <= pet.weight <= high), "unhealthy")
        words["care_quality"] = next((word for most, word in _MISTAKES_AT_MOST if pet.care_mistakes <= most), "poor")
        return words

    def get_attribute_bounds(self, attribute: AttributeType) -> tuple[int, int]:
        """(lowest, highest) value of the attribute."""
        return self.ATTRIBUTE_BOUNDS[attribute]

    def validate_attribute_value(self, attribute: AttributeType, value: int) -> int:
        """`value` moved into the attribute's bounds."""
        return clamp(attribute.value, value)

    def get_available_actions(self, pet: DigiPal) -> list[str]:
        """Names of the actions the pet is old and rested enough for."""
        young = pet.life_stage in _TOO_YOUNG_TO_STRAIN
        return [
            name
            for name, action in self.care_actions.items()
            if action.energy_cost <= pet.energy and not (young and action.action_type in (T.TRAIN, T.PLAY))
        ]

    def get_care_action(self, action_name: str) -> CareAction | None:
        """The action of that name, or None."""
        return self.care_actions.get(action_name)

    def get_all_care_actions(self) -> dict[str, CareAction]:
        """A copy of the table of actions by name."""
        return dict(self.care_actions)

    def _carry_out(self, pet: DigiPal, action: CareAction) -> tuple[bool, dict[str, int]]:
        """Apply the action's effects, or those of its failure; (done, nominal changes)."""
        done = action.energy_cost <= 0 or pet.energy >= action.energy_cost
        changes: dict[str, int] = {}
        if done:
            if action.energy_cost:
                changes["energy"] = -action.energy_cost
            if action.happiness_change:
                changes["happiness"] = action.happiness_change
        for modifier in action.attribute_modifiers if done else action.failure_effects:
            name = modifier.attribute.value
            changes[name] = changes.get(name, 0) + modifier.change
        pet.modify_attributes(changes)
        return done, changes


def _weight_lost(pet: DigiPal, hours: float) -> int:
    """What `hours` cost a pet of this energy in weight."""
    return max(1, int(hours / 2)) if hours > 0 and pet.energy < _TIRED_BELOW else 0
