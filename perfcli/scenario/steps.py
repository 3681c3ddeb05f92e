"""The steps of a flow: one model per operation, with what it can be told."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from perfcli.executors.base import PositiveDurationText
from perfcli.metrics.catalog import METRICS
from perfcli.thresholds import did_you_mean
from perfcli.units import parse_duration_ns

Order = Literal["in_order", "random"]
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
NAME_PATTERN: Final = r"^[a-zA-Z][a-zA-Z0-9_-]{0,63}$"


def _known_action(action: str) -> str:
    if action not in CARE_ACTIONS:
        meant = did_you_mean([action], CARE_ACTIONS) or f": use one of {', '.join(CARE_ACTIONS)}"
        raise ValueError(f"unknown care action {action!r:.60}{meant}")
    return action


CareActionName = Annotated[str, AfterValidator(_known_action)]


class StepSettings(BaseModel):
    """What any step can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    needs_pet: ClassVar[bool] = True

    name: str = Field(default="", max_length=64, description="name in tables and thresholds; the operation by default")
    weight: float | None = Field(
        default=None, gt=0, le=1e9, allow_inf_nan=False, description="share of a mix; on every step or on none"
    )

    @field_validator("name")
    @classmethod
    def _plain(cls, name: str) -> str:
        if name and not re.fullmatch(NAME_PATTERN, name):
            raise ValueError("a name holds letters, digits, _ and - only, and begins with a letter")
        if name in METRICS:
            raise ValueError(f"{name!r} is a metric: thresholds could not tell them apart")
        return name

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
    def picks_at_random(self) -> bool:
        """Whether the variant is drawn at random instead of taken in order."""
        return getattr(self, "order", "in_order") == "random"


class CreatePet(StepSettings):
    """A new user and a new pet; later steps of the same iteration act on it."""

    needs_pet: ClassVar[bool] = False

    operation: Literal["create_pet"] = "create_pet"
    egg_types: list[EggType] = Field(default=["red", "blue", "green"], min_length=1, max_length=1_000)
    order: Order = "in_order"

    @property
    def choices(self) -> int:
        """One per egg type given."""
        return len(self.egg_types)


class LoadPet(StepSettings):
    """A pet by its user: from the database, or from the engine (its cache first)."""

    operation: Literal["load_pet"] = "load_pet"
    source: Literal["database", "engine"] = "database"


class SavePet(StepSettings):
    """A pet, changed a little, into the database."""

    operation: Literal["save_pet"] = "save_pet"


class Interact(StepSettings):
    """Something the user says to the pet."""

    operation: Literal["interact"] = "interact"
    texts: list[str] = Field(
        default=["good job", "eat some food", "time to sleep", "well done"], min_length=1, max_length=10_000
    )
    order: Order = "in_order"
    accept_refusal: bool = Field(default=False, description="count a pet that does not obey as a success")

    @field_validator("texts")
    @classmethod
    def _say_something(cls, texts: list[str]) -> list[str]:
        if any(not text.strip() for text in texts):
            raise ValueError("a text to say cannot be empty")
        return texts

    @property
    def choices(self) -> int:
        """One per text."""
        return len(self.texts)


class Care(StepSettings):
    """A care action."""

    operation: Literal["care"] = "care"
    actions: list[CareActionName] = Field(default=["meat", "rest", "praise", "play"], min_length=1, max_length=1_000)
    order: Order = "in_order"
    accept_refusal: bool = Field(default=False, description="count an action the pet is too tired for as a success")

    @property
    def choices(self) -> int:
        """One per action."""
        return len(self.actions)


class Status(StepSettings):
    """The pet's state."""

    operation: Literal["status"] = "status"


class Statistics(StepSettings):
    """The pet's statistics."""

    operation: Literal["statistics"] = "statistics"


class Evict(StepSettings):
    """The pet leaves the engine's active cache, so that the next step finds it cold."""

    operation: Literal["evict"] = "evict"


class Sleep(StepSettings):
    """A pause of the vu; not an operation of the engine, so never a sample."""

    needs_pet: ClassVar[bool] = False

    operation: Literal["sleep"] = "sleep"
    duration: PositiveDurationText

    @property
    def duration_ns(self) -> int:
        """The pause, in nanoseconds."""
        return parse_duration_ns(self.duration)


STEP_MODELS: Final[dict[str, type[StepSettings]]] = {
    model.model_fields["operation"].default: model
    for model in (CreatePet, LoadPet, SavePet, Interact, Care, Status, Statistics, Evict, Sleep)
}
OPERATIONS: Final = tuple(STEP_MODELS)


def spread(step: Any) -> Any:
    """`- load_pet`, `- load_pet: {weight: 8}` and `- sleep: 50ms` as the models read them.

    Raises:
        ValueError: the step is not one operation with its settings.
    """
    if isinstance(step, BaseModel):
        return step
    operation, settings = (step, None) if isinstance(step, str) else _single_key(step)
    if operation not in STEP_MODELS:
        return {"operation": operation}
    if operation == "sleep" and not isinstance(settings, dict):
        if settings is None:
            raise ValueError("sleep needs its time: write sleep: 50ms")
        settings = {"duration": settings}
    if not isinstance(settings, dict | None):
        raise ValueError(f"{operation}: expected settings such as {{weight: 8}}, not {settings!r:.60}")
    return {**(settings or {}), "operation": operation}


def _single_key(step: Any) -> tuple[str, Any]:
    if not isinstance(step, dict) or not step:
        raise ValueError("a step is the name of an operation, alone or with its settings: load_pet: {weight: 8}")
    if isinstance(step.get("operation"), str):
        return step["operation"], {key: value for key, value in step.items() if key != "operation"}
    if len(step) > 1:
        raise ValueError(_crowded(step))
    operation, settings = next(iter(step.items()))
    return str(operation), settings


def _crowded(step: dict[Any, Any]) -> str:
    operations = [key for key in step if key in STEP_MODELS]
    if len(operations) == 1:
        setting = next(key for key in step if key not in STEP_MODELS)
        return f"{str(setting)!r:.60} stands beside {operations[0]}: indent it below, to be one of its settings"
    return f"a step holds one operation, not {len(step)}: start each with its own dash"


Step = Annotated[
    CreatePet | LoadPet | SavePet | Interact | Care | Status | Statistics | Evict | Sleep,
    Field(discriminator="operation"),
    BeforeValidator(spread),
]
