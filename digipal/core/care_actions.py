"""The table of care actions."""

from digipal.core.actions import AttributeModifier, CareAction
from digipal.core.enums import AttributeType, CareActionType

A = AttributeType
T = CareActionType

_TABLE: dict[str, tuple[CareActionType, int, int, dict[AttributeType, int]]] = {
    # name: type, energy cost, happiness, other changes
    "strength_training": (T.TRAIN, 15, -5, {A.OFFENSE: 3, A.HP: 2, A.WEIGHT: -1}),
    "defense_training": (T.TRAIN, 15, -5, {A.DEFENSE: 3, A.HP: 2, A.WEIGHT: -1}),
    "speed_training": (T.TRAIN, 12, -3, {A.SPEED: 3, A.WEIGHT: -2}),
    "brain_training": (T.TRAIN, 10, -2, {A.BRAINS: 3, A.MP: 2}),
    "endurance_training": (T.TRAIN, 20, -8, {A.HP: 4, A.DEFENSE: 2, A.WEIGHT: -2}),
    "agility_training": (T.TRAIN, 18, -6, {A.SPEED: 4, A.OFFENSE: 1, A.WEIGHT: -3}),
    "meat": (T.FEED, 0, 5, {A.WEIGHT: 2, A.HP: 1, A.OFFENSE: 1}),
    "fish": (T.FEED, 0, 3, {A.WEIGHT: 1, A.BRAINS: 1, A.MP: 1}),
    "vegetables": (T.FEED, 0, 2, {A.WEIGHT: 1, A.DEFENSE: 1}),
    "protein_shake": (T.FEED, 0, 1, {A.WEIGHT: 1, A.OFFENSE: 2, A.HP: 1}),
    "energy_drink": (T.FEED, -5, 3, {A.SPEED: 1, A.MP: 1}),
    "praise": (T.PRAISE, 0, 10, {A.DISCIPLINE: -2}),
    "scold": (T.SCOLD, 0, -8, {A.DISCIPLINE: 5}),
    "rest": (T.REST, -30, 3, {}),
    "play": (T.PLAY, 8, 8, {A.WEIGHT: -1}),
}

_STRAINING = {T.TRAIN, T.PLAY}
"""The kinds of care that, tried without the strength for it, are a mistake."""

RESPONSES = {
    T.TRAIN: "That was hard work, and I feel stronger!",
    T.FEED: "Yum, thank you!",
    T.PRAISE: "I am so happy you are proud of me!",
    T.SCOLD: "I am sorry, I will behave.",
    T.REST: "Zzz... I feel rested.",
    T.PLAY: "That was fun, again!",
}


def build_care_actions() -> dict[str, CareAction]:
    """A fresh set of all care actions by name, for one engine to own."""
    return {
        name: CareAction(
            name=name.replace("_", " ").title(),
            action_type=kind,
            energy_cost=cost,
            happiness_change=happiness,
            attribute_modifiers=[AttributeModifier(attribute, change) for attribute, change in changes.items()],
            success_conditions=[f"energy >= {cost}"] if cost > 0 else [],
            failure_effects=[AttributeModifier(A.CARE_MISTAKES, 1)] if kind in _STRAINING else [],
        )
        for name, (kind, cost, happiness, changes) in _TABLE.items()
    }
