"""The numbers every DigiPal is born with or bound by, as tables."""

from collections.abc import Mapping

from digipal.core.enums import AttributeType, EggType, LifeStage

A = AttributeType

ATTRIBUTE_BOUNDS: Mapping[AttributeType, tuple[int, int]] = {
    A.HP: (1, 999),
    A.MP: (0, 999),
    A.OFFENSE: (0, 999),
    A.DEFENSE: (0, 999),
    A.SPEED: (0, 999),
    A.BRAINS: (0, 999),
    A.DISCIPLINE: (0, 100),
    A.HAPPINESS: (0, 100),
    A.WEIGHT: (1, 99),
    A.CARE_MISTAKES: (0, 999),
    A.ENERGY: (0, 100),
}

PRIMARY_ATTRIBUTES = (A.HP, A.MP, A.OFFENSE, A.DEFENSE, A.SPEED, A.BRAINS)
"""What an egg decides and a parent can hand on."""

EGG_NUMBERS: Mapping[EggType, tuple[int, ...]] = {
    EggType.RED: (90, 40, 15, 8, 12, 8),
    EggType.BLUE: (110, 60, 8, 15, 8, 12),
    EggType.GREEN: (120, 50, 10, 12, 10, 10),
}
"""The primary attributes of a fresh egg, in the order of PRIMARY_ATTRIBUTES."""

_NEW_COMMANDS: Mapping[LifeStage, tuple[str, ...]] = {
    LifeStage.EGG: (),
    LifeStage.BABY: ("eat", "sleep", "good", "bad"),
    LifeStage.CHILD: ("play", "train"),
    LifeStage.TEEN: ("status", "talk"),
    LifeStage.YOUNG_ADULT: ("battle",),
    LifeStage.ADULT: ("teach",),
    LifeStage.ELDERLY: ("wisdom",),
}


def _commands_by_stage() -> dict[LifeStage, frozenset[str]]:
    known: frozenset[str] = frozenset()
    by_stage = {}
    for stage, new in _NEW_COMMANDS.items():
        known = known.union(new)
        by_stage[stage] = known
    return by_stage


STAGE_COMMANDS: Mapping[LifeStage, frozenset[str]] = _commands_by_stage()
"""What a pet of a stage understands without having learned anything of its own."""


_BOUNDS_BY_NAME = {attribute.value: bounds for attribute, bounds in ATTRIBUTE_BOUNDS.items()}


def clamp(name: str, value: int) -> int:
    """`value`, moved to the nearer end of the bounds of the attribute of that name if it lies outside."""
    low, high = _BOUNDS_BY_NAME[name]
    if value < low:
        return low
    return high if value > high else value
