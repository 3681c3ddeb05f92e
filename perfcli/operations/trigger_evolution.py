"""The tool trigger_evolution: the pet evolves, if it is ready or forced to."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from perfcli.operations.base import StepSettings
from perfcli.operations.digipal_data import WRONG, PetRef, ToolAnswer, expect_user

if TYPE_CHECKING:
    from perfcli.operations.binding import ToolVu
    from perfcli.operations.call import Call


class TriggerEvolution(StepSettings):
    """The pet evolves, if it is ready or forced to."""

    targets: ClassVar[tuple[str, ...]] = ("mcp",)
    right_when: ClassVar[str] = "the answer names both stages of this user's pet"
    operation: Literal["trigger_evolution"] = "trigger_evolution"
    force: bool = Field(default=False, description="evolve even a pet that is not ready")
    accept_refusal: bool = Field(default=False, description="count a pet that does not evolve as a success")

    def bind_mcp(self, vu: ToolVu, place: int) -> Call:
        """The answer must name both stages."""
        return vu.on_pet("trigger_evolution", _expect_stages, {"force": self.force}, accept_refusal=self.accept_refusal)


def _expect_stages(expected: PetRef, answer: ToolAnswer) -> str:
    has_both = answer.get("old_stage") and answer.get("new_stage")
    return expect_user(expected.user_id, answer) or ("" if has_both else WRONG + "no stages")
