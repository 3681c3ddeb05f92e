"""The tool get_available_actions: the care actions the pet is ready for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from perfcli.operations.base import StepSettings
from perfcli.operations.digipal_data import WRONG, PetRef, ToolAnswer, expect_user

if TYPE_CHECKING:
    from perfcli.operations.binding import ToolVu
    from perfcli.operations.call import Call


class GetAvailableActions(StepSettings):
    """The care actions the pet is ready for."""

    targets: ClassVar[tuple[str, ...]] = ("mcp",)
    right_when: ClassVar[str] = "the server lists actions, for this user"
    operation: Literal["get_available_actions"] = "get_available_actions"

    def bind_mcp(self, vu: ToolVu, place: int) -> Call:
        """There is always something to do, if only feeding."""
        return vu.on_pet("get_available_actions", _expect_actions)


def _expect_actions(expected: PetRef, answer: ToolAnswer) -> str:
    return expect_user(expected.user_id, answer) or ("" if answer.get("actions") else WRONG + "no actions")
