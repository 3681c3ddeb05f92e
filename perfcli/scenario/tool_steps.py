"""The steps of the target `mcp`: one model per tool of the engine's MCP server."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

from pydantic import Field

from perfcli.scenario.operation import CareSettings, CreationSettings, StepSettings, TalkSettings

_OF_MCP: Final = ("mcp",)


class GetPetStatus(StepSettings):
    """The pet's state, by its tool."""

    targets: ClassVar[tuple[str, ...]] = _OF_MCP
    operation: Literal["get_pet_status"] = "get_pet_status"


class InteractWithPet(TalkSettings):
    """Something the user says to the pet, by its tool."""

    targets: ClassVar[tuple[str, ...]] = _OF_MCP
    operation: Literal["interact_with_pet"] = "interact_with_pet"


class ApplyCareAction(CareSettings):
    """A care action, by its tool."""

    targets: ClassVar[tuple[str, ...]] = _OF_MCP
    operation: Literal["apply_care_action"] = "apply_care_action"


class CreateNewPet(CreationSettings):
    """A new user's pet, by its tool; later steps of the same iteration act on it."""

    targets: ClassVar[tuple[str, ...]] = _OF_MCP
    operation: Literal["create_new_pet"] = "create_new_pet"


class GetPetStatistics(StepSettings):
    """The pet's statistics, by their tool."""

    targets: ClassVar[tuple[str, ...]] = _OF_MCP
    operation: Literal["get_pet_statistics"] = "get_pet_statistics"


class TriggerEvolution(StepSettings):
    """The pet evolves, if it is ready or forced to."""

    targets: ClassVar[tuple[str, ...]] = _OF_MCP
    operation: Literal["trigger_evolution"] = "trigger_evolution"
    force: bool = Field(default=False, description="evolve even a pet that is not ready")
    accept_refusal: bool = Field(default=False, description="count a pet that does not evolve as a success")


class GetAvailableActions(StepSettings):
    """The care actions the pet is ready for."""

    targets: ClassVar[tuple[str, ...]] = _OF_MCP
    operation: Literal["get_available_actions"] = "get_available_actions"


ToolStep = (
    GetPetStatus
    | InteractWithPet
    | ApplyCareAction
    | CreateNewPet
    | GetPetStatistics
    | TriggerEvolution
    | GetAvailableActions
)
