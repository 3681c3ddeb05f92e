"""The steps of a flow: those of the embedded engine, and the table of all."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import BaseModel, BeforeValidator, Field, field_validator

from perfcli.executors.fields import PositiveDurationText
from perfcli.scenario.operation import CareSettings, CreationSettings, StepSettings, TalkSettings
from perfcli.scenario.target import TARGET_MODELS
from perfcli.scenario.tool_steps import ToolStep
from perfcli.units import parse_duration_ns


class CreatePet(CreationSettings):
    """A new user and a new pet; later steps of the same iteration act on it."""

    operation: Literal["create_pet"] = "create_pet"


class LoadPet(StepSettings):
    """A pet by its user: from the database, or from the engine (its cache first)."""

    operation: Literal["load_pet"] = "load_pet"
    source: Literal["database", "engine"] = Field(
        default="database", description="from the database, or from the engine, which looks into its cache first"
    )


class SavePet(StepSettings):
    """A pet, changed a little, into the database."""

    operation: Literal["save_pet"] = "save_pet"
    history: bool = Field(default=False, description="save a new interaction with it, which bears the same mark")


class Interact(TalkSettings):
    """Something the user says to the pet."""

    operation: Literal["interact"] = "interact"


class Care(CareSettings):
    """A care action."""

    operation: Literal["care"] = "care"


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
    targets: ClassVar[tuple[str, ...]] = tuple(TARGET_MODELS)

    operation: Literal["sleep"] = "sleep"
    duration: PositiveDurationText = Field(description="how long")

    @field_validator("timeout")
    @classmethod
    def _needs_none(cls, timeout: str | None) -> str | None:
        if timeout is not None:
            raise ValueError("a sleep has its duration: a timeout goes with operations")
        return timeout

    @property
    def duration_ns(self) -> int:
        """The pause, in nanoseconds."""
        return parse_duration_ns(self.duration)


_AnyStep = CreatePet | LoadPet | SavePet | Interact | Care | Status | Statistics | Evict | ToolStep | Sleep

STEP_MODELS: Final[dict[str, type[StepSettings]]] = {
    model.model_fields["operation"].default: model for model in get_args(_AnyStep)
}
OPERATIONS: Final = tuple(STEP_MODELS)


_WORDS_OF: Final = {"care": "actions", "interact": "texts"}


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
        words = _WORDS_OF.get(operation) if isinstance(settings, str) else None
        if words:
            raise ValueError(f"{operation} has settings: write {operation}: {{{words}: [{settings:.60}]}}")
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


Step = Annotated[_AnyStep, Field(discriminator="operation"), BeforeValidator(spread)]
