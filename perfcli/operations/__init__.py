"""What a flow can do: one file per operation, with its settings, its binding to engines, its check and its effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

from pydantic import BaseModel, BeforeValidator

from perfcli.executors.fields import with_tag
from perfcli.executors.one_of import OneOf
from perfcli.operations.available_actions import GetAvailableActions
from perfcli.operations.base import StepSettings
from perfcli.operations.care import ApplyCareAction, Care
from perfcli.operations.clear_history import ClearHistory
from perfcli.operations.create_pet import CreateNewPet, CreatePet
from perfcli.operations.evict import Evict
from perfcli.operations.interact import Interact, InteractWithPet
from perfcli.operations.load_pet import LoadPet
from perfcli.operations.own.step import known_operations
from perfcli.operations.save_pet import SavePet
from perfcli.operations.sleep import Sleep
from perfcli.operations.statistics import GetPetStatistics, Statistics
from perfcli.operations.status import GetPetStatus, Status
from perfcli.operations.trigger_evolution import TriggerEvolution

if TYPE_CHECKING:
    from perfcli.operations.own.context import Context, operation

_AnyStep = (
    CreatePet
    | LoadPet
    | SavePet
    | Interact
    | Care
    | Status
    | Statistics
    | ClearHistory
    | Evict
    | GetPetStatus
    | InteractWithPet
    | ApplyCareAction
    | CreateNewPet
    | GetPetStatistics
    | TriggerEvolution
    | GetAvailableActions
    | Sleep
)


def __getattr__(name: str) -> Any:
    """What files of own operations import from here; commands that execute none do not wait for it."""
    if name not in ("Context", "operation"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from perfcli.operations.own import context

    return getattr(context, name)


STEP_MODELS: Final[dict[str, type[StepSettings]]] = {
    model.model_fields["operation"].default: model for model in get_args(_AnyStep)
}


def step_models() -> Mapping[str, type[StepSettings]]:
    """By operation: the tool's, and the own ones of the scenario that is being read."""
    return {**STEP_MODELS, **known_operations().models, **STEP_MODELS}


def spread(step: Any) -> Any:
    """`- load_pet`, `- load_pet: {weight: 8}` and `- sleep: 50ms` as the models read them.

    Raises:
        ValueError: the step is not one operation with its settings.
        ValidationError: these hold the key `operation`.
    """
    if isinstance(step, BaseModel):
        return step
    operation, settings = (step, None) if isinstance(step, str) else _single_key(step)
    model = step_models().get(operation)
    if model is None:
        return {"operation": operation}
    if model.short_key and not isinstance(settings, dict):
        if settings is None:
            raise ValueError(f"{operation} has no duration: write {operation}: 50ms")
        settings = {model.short_key: settings}
    if not isinstance(settings, dict | None):
        if model.list_key and isinstance(settings, str):
            raise ValueError(f"{operation} has settings: write {operation}: {{{model.list_key}: [{settings:.60}]}}")
        raise ValueError(f"{operation}: expected settings such as {{weight: 8}}, not {settings!r:.60}")
    return with_tag("operation", operation, settings or {})


def _single_key(step: Any) -> tuple[str, Any]:
    if not isinstance(step, dict) or not step:
        raise ValueError("expected an operation, with or without settings, e.g. load_pet: {weight: 8}")
    if isinstance(step.get("operation"), str):
        return step["operation"], {key: value for key, value in step.items() if key != "operation"}
    if len(step) > 1:
        raise ValueError(_crowded(step))
    operation, settings = next(iter(step.items()))
    return str(operation), settings


def _crowded(step: dict[Any, Any]) -> str:
    operations = [key for key in step if key in step_models()]
    if len(operations) == 1:
        setting = next(key for key in step if key not in step_models())
        return f"{str(setting)!r:.60} is beside {operations[0]}: indent it, to make it a setting of {operations[0]}"
    return f"a step holds one operation, not {len(step)}: start each with a dash"


Step = Annotated[_AnyStep, OneOf("operation", step_models), BeforeValidator(spread)]

__all__ = ["STEP_MODELS", "Context", "Step", "operation", "spread", "step_models"]
