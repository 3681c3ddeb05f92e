"""What operations have in common, whatever target they belong to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

from perfcli.executors.fields import PositiveDurationText
from perfcli.figures import METRICS
from perfcli.operations.own.declared import CounterUnit
from perfcli.thresholds import did_you_mean
from perfcli.units import parse_duration_ns

Order = Annotated[Literal["in_order", "random"], Field(description="in which order they are taken")]
EggType = Literal["red", "blue", "green"]
CARE_ACTIONS: Final = (
    "strength_training",
    "defense_training",
    "speed_training",
    "brain_training",
    "endurance_training",
    "agility_training",
    "meat",
    "fish",
    "vegetables",
    "protein_shake",
    "energy_drink",
    "praise",
    "scold",
    "rest",
    "play",
)
MOST_CHOICES: Final = 10_000  # as many as a CSV file may have rows
NAME_PATTERN: Final = r"^[a-zA-Z][a-zA-Z0-9_-]{0,63}$"

NEEDS_ENERGY: Final = frozenset(name for name in CARE_ACTIONS if name.endswith("_training")) | {"play"}
"""The care actions that a tired pet refuses."""


def _known_action(action: str) -> str:
    if action not in CARE_ACTIONS:
        meant = did_you_mean([action], CARE_ACTIONS) or f": use one of {', '.join(CARE_ACTIONS)}"
        raise ValueError(f"unknown care action {action!r:.60}{meant}")
    return action


CareActionName = Annotated[
    str, AfterValidator(_known_action), WithJsonSchema({"type": "string", "enum": list(CARE_ACTIONS)})
]


def _something_to_say(text: str) -> str:
    if not text.strip():
        raise ValueError("a text to say cannot be empty")
    return text


SpokenText = Annotated[str, AfterValidator(_something_to_say), WithJsonSchema({"type": "string", "minLength": 1})]


class StepSettings(BaseModel):
    """What any step can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    needs_pet: ClassVar[bool] = True
    targets: ClassVar[tuple[str, ...]] = ("embedded",)

    name: str = Field(default="", max_length=64, description="name in tables and thresholds; the operation by default")
    weight: float | None = Field(
        default=None, gt=0, le=1e9, allow_inf_nan=False, description="share of a mix; on every step or on none"
    )
    only_if: str = Field(default="", description="do it only if this step of the same iteration succeeded")
    timeout: PositiveDurationText | None = Field(default=None, description="give up on the operation after so long")

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if name and not re.fullmatch(NAME_PATTERN, name):
            raise ValueError("a name holds letters, digits, _ and - only, and begins with a letter")
        if name in METRICS:
            raise ValueError(f"{name!r} is a metric: thresholds could not tell them apart")
        return name

    @property
    def timeout_ns(self) -> int | None:
        """How long the operation may take, in nanoseconds; None without a limit."""
        return parse_duration_ns(self.timeout) if self.timeout else None

    @property
    def label(self) -> str:
        """The name samples are recorded under."""
        operation: str = self.operation  # type: ignore[attr-defined]
        return self.name or operation

    @property
    def choices(self) -> int:
        """How many variants the step chooses from (texts, actions); 1 where there is nothing to choose."""
        return 1

    @property
    def counters(self) -> Mapping[str, CounterUnit]:
        """What it counts beside its times, by name, with units."""
        return {}

    @property
    def picks_at_random(self) -> bool:
        """Whether the variant is drawn at random instead of taken in order."""
        return getattr(self, "order", "in_order") == "random"


def needed_steps(flow: Sequence[StepSettings]) -> list[int | None]:
    """For each step of a flow, the place of the one it is done only after; None where it needs none.

    Of several steps with the same label it is the last one before.
    """
    latest: dict[str, int] = {}
    needed = []
    for place, step in enumerate(flow):
        needed.append(latest.get(step.only_if))
        latest[step.label] = place
    return needed


class CreationSettings(StepSettings):
    """A new user and a new pet; later steps of the same iteration act on it."""

    needs_pet: ClassVar[bool] = False

    egg_types: list[EggType] = Field(
        default=["red", "blue", "green"], min_length=1, max_length=MOST_CHOICES, description="which eggs to take"
    )
    order: Order = "in_order"

    @property
    def choices(self) -> int:
        """One per egg type given."""
        return len(self.egg_types)


class TalkSettings(StepSettings):
    """Something the user says to the pet."""

    texts: list[SpokenText] = Field(
        default=["good job", "eat some food", "time to sleep", "well done"],
        min_length=1,
        max_length=MOST_CHOICES,
        description="what to say",
    )
    order: Order = "in_order"
    accept_refusal: bool = Field(default=False, description="count a pet that does not obey as a success")

    @property
    def choices(self) -> int:
        """One per text."""
        return len(self.texts)


class CareSettings(StepSettings):
    """A care action."""

    actions: list[CareActionName] = Field(
        default=["meat", "rest", "praise", "play"],
        min_length=1,
        max_length=MOST_CHOICES,
        description="what to do",
    )
    order: Order = "in_order"
    accept_refusal: bool = Field(default=False, description="count an action the pet is too tired for as a success")

    @property
    def choices(self) -> int:
        """One per action."""
        return len(self.actions)
