"""interact, and the tool interact_with_pet: something the user says to the pet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from perfcli.operations.base import MOST_CHOICES, Effects, Order, Proof, StepSettings

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu, ToolVu
    from perfcli.operations.call import Call


def _something_to_say(text: str) -> str:
    if not text.strip():
        raise ValueError("a text cannot be empty: write one, or remove it")
    return text


_SpokenText = Annotated[str, AfterValidator(_something_to_say), WithJsonSchema({"type": "string", "minLength": 1})]


class _TalkSettings(StepSettings):
    """Something the user says to the pet."""

    waits_for_ai: ClassVar[bool] = True
    list_key: ClassVar[str] = "texts"

    texts: list[_SpokenText] = Field(
        default=["good job", "eat some food", "time to sleep", "well done"],
        min_length=1,
        max_length=MOST_CHOICES,
        description="texts to choose from",
    )
    order: Order = "in_order"
    accept_refusal: bool = Field(default=False, description="count a pet that does not obey as a success")

    @property
    def choices(self) -> int:
        """One per text."""
        return len(self.texts)

    @property
    def effects(self) -> Effects:
        """The interaction is stored whatever the pet makes of it; what it does to the pet, the AI decides."""
        proof = Proof.STORED if self.accept_refusal else Proof.SUCCEEDED
        return Effects(texts=self.texts, proof=lambda choice: proof, changes_attributes=True)


class Interact(_TalkSettings):
    """Something the user says to the pet."""

    right_when: ClassVar[str] = "the record has the same text, an answer, and success"
    operation: Literal["interact"] = "interact"

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """The answer must be about what was said."""
        return vu.talk(vu.core.process_interaction, self.texts, "user_input", accept_refusal=self.accept_refusal)


class InteractWithPet(_TalkSettings):
    """Something the user says to the pet, by its tool."""

    targets: ClassVar[tuple[str, ...]] = ("mcp",)
    right_when: ClassVar[str] = "the answer has the same text and user, a response, and success"
    operation: Literal["interact_with_pet"] = "interact_with_pet"

    def bind_mcp(self, vu: ToolVu, place: int) -> Call:
        """The answer must be about what was said."""
        return vu.talk("interact_with_pet", "message", self.texts, "user_input", accept_refusal=self.accept_refusal)
