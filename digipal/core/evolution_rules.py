"""When a pet may grow, what it gains by it, and the values that say how it went."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from digipal.core.arguments import all_name_arguments
from digipal.core.enums import AttributeType, EggType, LifeStage

A = AttributeType
S = LifeStage
Numbers = dict[AttributeType, int]


@all_name_arguments
@dataclass
class EvolutionRequirement:
    """What a pet must be to reach a stage; ages in hours, both ends of a range included."""

    min_attributes: Numbers = field(default_factory=dict)
    max_attributes: Numbers = field(default_factory=dict)
    max_care_mistakes: int = 999
    min_age_hours: float = 0.0
    max_age_hours: float = math.inf
    required_actions: list[str] = field(default_factory=list)
    happiness_threshold: int = 0
    discipline_range: tuple[int, int] = (0, 100)
    weight_range: tuple[int, int] = (1, 99)

    def to_dict(self) -> dict[str, Any]:
        """A copy with attributes as their values."""
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "min_attributes": by_name(self.min_attributes),
            "max_attributes": by_name(self.max_attributes),
            "required_actions": list(self.required_actions),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of to_dict; ranges may come as lists."""
        known = dict(data)
        for name in ("min_attributes", "max_attributes"):
            known[name] = by_attribute(data.get(name, {}))
        for name in ("discipline_range", "weight_range"):
            if name in known:
                known[name] = tuple(known[name])
        known["required_actions"] = list(data.get("required_actions", []))
        return cls(**known)


@all_name_arguments
@dataclass
class EvolutionResult:
    """How an attempt to grow ended; `attribute_changes` are nominal, by attribute name."""

    success: bool
    old_stage: LifeStage
    new_stage: LifeStage
    attribute_changes: dict[str, int] = field(default_factory=dict)
    message: str = ""
    requirements_met: dict[str, bool] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; stages as their values."""
        return {
            "success": self.success,
            "old_stage": self.old_stage.value,
            "new_stage": self.new_stage.value,
            "attribute_changes": dict(self.attribute_changes),
            "message": self.message,
            "requirements_met": dict(self.requirements_met),
        }


def by_name(numbers: Numbers) -> dict[str, int]:
    """The same numbers under the attributes' names."""
    return {attribute.value: number for attribute, number in numbers.items()}


def by_attribute(numbers: dict[str, int]) -> Numbers:
    """The inverse of by_name."""
    return {AttributeType(name): number for name, number in numbers.items()}


TIMINGS: Mapping[LifeStage, float] = {
    S.EGG: 0.5,
    S.BABY: 24.0,
    S.CHILD: 72.0,
    S.TEEN: 120.0,
    S.YOUNG_ADULT: 168.0,
    S.ADULT: 240.0,
    S.ELDERLY: 72.0,
}
"""The age in hours at which each stage is due to end."""

DEATH_AGE_HOURS = sum(TIMINGS.values())
"""696.5: a life lived to the end of every stage."""


def _requirement(
    age: float, mistakes: int, happiness: int, discipline: tuple[int, int], weight: tuple[int, int], **least: int
) -> EvolutionRequirement:
    return EvolutionRequirement(
        min_attributes=by_attribute(least),
        max_care_mistakes=mistakes,
        min_age_hours=age,
        happiness_threshold=happiness,
        discipline_range=discipline,
        weight_range=weight,
    )


def build_requirements() -> dict[LifeStage, EvolutionRequirement]:
    """A fresh table of requirements by the stage to reach, for one controller to own."""
    anyone, any_weight = (0, 100), (1, 99)
    return {
        S.BABY: _requirement(0, 0, 0, anyone, any_weight),
        S.CHILD: _requirement(20, 5, 30, anyone, any_weight, hp=80, energy=20),
        S.TEEN: _requirement(60, 10, 40, (20, 80), (15, 50), hp=120, offense=15, defense=15),
        S.YOUNG_ADULT: _requirement(
            100, 15, 50, (30, 70), (15, 40), hp=150, offense=25, defense=25, speed=20, brains=20
        ),
        S.ADULT: _requirement(150, 20, 60, (40, 60), (20, 35), hp=200, offense=40, defense=40, speed=35, brains=35),
        S.ELDERLY: _requirement(200, 999, 0, anyone, any_weight),
    }


def _growth(hp: int, mp: int, each: int) -> Numbers:
    return {A.HP: hp, A.MP: mp, A.OFFENSE: each, A.DEFENSE: each, A.SPEED: each, A.BRAINS: each}


STAGE_BONUSES: Mapping[LifeStage, Numbers] = {
    S.BABY: {A.HP: 20, A.MP: 10, A.HAPPINESS: 10},
    S.CHILD: _growth(30, 15, 5),
    S.TEEN: _growth(40, 20, 10),
    S.YOUNG_ADULT: _growth(50, 25, 15),
    S.ADULT: _growth(60, 30, 20),
    S.ELDERLY: {A.HP: -20, A.OFFENSE: -10, A.DEFENSE: -5, A.SPEED: -15, A.BRAINS: 10, A.MP: 20},
}

EGG_BONUSES: Mapping[EggType, Numbers] = {
    EggType.RED: {A.OFFENSE: 5, A.SPEED: 3, A.HP: 2},
    EggType.BLUE: {A.DEFENSE: 5, A.MP: 5, A.BRAINS: 3},
    EggType.GREEN: {A.HP: 8, A.DEFENSE: 3, A.BRAINS: 2},
}

EGG_BONUS_FACTORS: Mapping[LifeStage, float] = {S.CHILD: 1.0, S.TEEN: 1.5, S.YOUNG_ADULT: 2.0}
