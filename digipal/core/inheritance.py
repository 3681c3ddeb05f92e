"""What a parent hands on to its offspring."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from digipal.core.arguments import all_name_arguments
from digipal.core.enums import AttributeType, EggType, LifeStage
from digipal.core.evolution_rules import Numbers, by_attribute, by_name
from digipal.core.models import DigiPal
from digipal.core.species import PRIMARY_ATTRIBUTES

_RATES = {"perfect": 0.25, "excellent": 0.20, "good": 0.15, "fair": 0.10, "poor": 0.05}
"""The share of what a parent has above _BASELINE that each quality of care hands on."""
_BASELINE = 100
_LUCK = (5, 15)
_VARIATION = (-2, 2)


@all_name_arguments
@dataclass
class DNAInheritance:
    """A parent's legacy; `generation` is the offspring's."""

    parent_attributes: Numbers = field(default_factory=dict)
    parent_care_quality: str = "fair"
    parent_final_stage: LifeStage = LifeStage.ADULT
    parent_egg_type: EggType = EggType.RED
    generation: int = 1
    inheritance_bonuses: Numbers = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; enums as their values, as keys too."""
        return {
            "parent_attributes": by_name(self.parent_attributes),
            "parent_care_quality": self.parent_care_quality,
            "parent_final_stage": self.parent_final_stage.value,
            "parent_egg_type": self.parent_egg_type.value,
            "generation": self.generation,
            "inheritance_bonuses": by_name(self.inheritance_bonuses),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of to_dict; `data` is left alone, what it lacks takes its default."""
        known = dict(data)
        for name in ("parent_attributes", "inheritance_bonuses"):
            known[name] = by_attribute(data.get(name, {}))
        if "parent_final_stage" in known:
            known["parent_final_stage"] = LifeStage(known["parent_final_stage"])
        if "parent_egg_type" in known:
            known["parent_egg_type"] = EggType(known["parent_egg_type"])
        return cls(**known)


def inheritance_bonuses(
    parent: DigiPal,
    care_quality: str,
    choice: Callable[[Sequence[AttributeType]], AttributeType],
    randint: Callable[[int, int], int],
) -> Numbers:
    """What each primary attribute of the offspring gains; perfect care adds a stroke of luck."""
    rate = _RATES.get(care_quality, _RATES["fair"])
    bonuses: dict[AttributeType, int] = {}
    for attribute in PRIMARY_ATTRIBUTES:
        surplus = parent.get_attribute(attribute) - _BASELINE
        if surplus > 0:
            bonuses[attribute] = max(1, int(surplus * rate))
    if care_quality == "perfect":
        lucky = choice(PRIMARY_ATTRIBUTES)
        bonuses[lucky] = bonuses.get(lucky, 0) + randint(*_LUCK)
    return bonuses


def inherit(offspring: DigiPal, dna: DNAInheritance, randint: Callable[[int, int], int]) -> None:
    """Give the offspring its generation, its bonuses and a little variation."""
    offspring.generation = dna.generation
    for attribute, bonus in dna.inheritance_bonuses.items():
        offspring.modify_attribute(attribute, bonus)
    for attribute in PRIMARY_ATTRIBUTES:
        offspring.modify_attribute(attribute, randint(*_VARIATION))
    offspring.personality_traits["inherited"] = True
    offspring.personality_traits["parent_care_quality"] = dna.parent_care_quality
