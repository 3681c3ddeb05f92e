"""clear_history: everything said to a pet is forgotten, in the database too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from perfcli.operations.base import Effects, StepSettings
from perfcli.operations.digipal_data import WRONG, PetRef

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu
    from perfcli.operations.call import Call


class ClearHistory(StepSettings):
    """Everything said to the pet is forgotten; what is stored of it must be gone."""

    right_when: ClassVar[str] = "the engine returns True"
    operation: Literal["clear_history"] = "clear_history"

    @property
    def effects(self) -> Effects:
        """No interaction of the pet is left."""
        return Effects(clears_history=True)

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """The answer must be True itself: False means that the engine found no pet."""
        return vu.on_pet(vu.core.clear_conversation_history, _expect_cleared)


def _expect_cleared(_: PetRef, answer: Any) -> str:
    return "" if answer is True else WRONG + f"clear_conversation_history returned {answer!r:.30}"
