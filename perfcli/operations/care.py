"""care, and the tool apply_care_action: feed, train, praise and the like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from perfcli.errors import name_to_use
from perfcli.operations.base import MOST_CHOICES, Effects, Order, Proof, StepSettings
from perfcli.operations.digipal_data import CARE_ACTIONS, GAINS, NEEDS_ENERGY

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu, ToolVu
    from perfcli.operations.call import Call


def _known_action(action: str) -> str:
    if action not in CARE_ACTIONS:
        raise ValueError(f"unknown care action {action!r:.60}{name_to_use([action], CARE_ACTIONS)}")
    return action


_CareActionName = Annotated[
    str, AfterValidator(_known_action), WithJsonSchema({"type": "string", "enum": list(CARE_ACTIONS)})
]


class _CareSettings(StepSettings):
    """A care action."""

    list_key: ClassVar[str] = "actions"

    actions: list[_CareActionName] = Field(
        default=["meat", "rest", "praise", "play"],
        min_length=1,
        max_length=MOST_CHOICES,
        description="care actions to choose from",
    )
    order: Order = "in_order"
    accept_refusal: bool = Field(
        default=False, description="count an action that the pet is too tired for as a success"
    )

    @property
    def choices(self) -> int:
        """One per action."""
        return len(self.actions)

    @property
    def effects(self) -> Effects:
        """An interaction named as the action, and what the action adds; the core need not store a care action."""
        return Effects(texts=self.actions, proof=self._proof, gains=self._gains)

    def _proof(self, choice: int) -> Proof:
        if not self.accept_refusal:
            return Proof.SUCCEEDED
        return Proof.NOTHING if self.actions[choice] in NEEDS_ENERGY else Proof.STORED

    def _gains(self, choice: int) -> Mapping[str, int]:
        return GAINS.get(self.actions[choice], {})


class Care(_CareSettings):
    """A care action."""

    right_when: ClassVar[str] = "the record has the same action, an answer, and success"
    operation: Literal["care"] = "care"

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """The answer must be about the action."""
        care = vu.core.apply_care_action
        return vu.talk(care, self.actions, "interpreted_command", accept_refusal=self.accept_refusal)


class ApplyCareAction(_CareSettings):
    """A care action, by its tool."""

    targets: ClassVar[tuple[str, ...]] = ("mcp",)
    right_when: ClassVar[str] = "the answer has the same action and user, a response, and success"
    operation: Literal["apply_care_action"] = "apply_care_action"

    def bind_mcp(self, vu: ToolVu, place: int) -> Call:
        """The answer must be about the action."""
        return vu.talk("apply_care_action", "action", self.actions, "action", accept_refusal=self.accept_refusal)
