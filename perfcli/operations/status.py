"""status, and the tool get_pet_status: the pet's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from perfcli.operations.base import StepSettings
from perfcli.operations.digipal_data import WRONG, PetRef, ToolAnswer, expect_identity

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu, ToolVu
    from perfcli.operations.call import Call


class Status(StepSettings):
    """The pet's state."""

    right_when: ClassVar[str] = "the state has the expected user and id, and has no canaries of two saves"
    reads: ClassVar[bool] = True

    operation: Literal["status"] = "status"

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """The state must be of a whole pet, the user's own."""
        return vu.read(place, vu.core.get_pet_state)


class GetPetStatus(StepSettings):
    """The pet's state, by its tool."""

    targets: ClassVar[tuple[str, ...]] = ("mcp",)
    right_when: ClassVar[str] = "the state is there, and of this user and pet"
    operation: Literal["get_pet_status"] = "get_pet_status"

    def bind_mcp(self, vu: ToolVu, place: int) -> Call:
        """The state must be there, and of this user's pet."""
        return vu.on_pet("get_pet_status", _expect_state)


def _expect_state(expected: PetRef, answer: ToolAnswer) -> str:
    if not answer.get("attributes"):
        return WRONG + "no state"
    return expect_identity(expected, answer.get("user_id"), answer.get("id"))
