"""evict: the pet leaves the engine's active cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from perfcli.operations.base import StepSettings

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu
    from perfcli.operations.call import Call


class Evict(StepSettings):
    """The pet leaves the engine's active cache, so that the next step finds it cold."""

    right_when: ClassVar[str] = "it does not raise"
    operation: Literal["evict"] = "evict"

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """Any answer is right: the pet may not have been there."""
        cache = vu.core.active_pets
        return vu.on_pet(lambda user: cache.pop(user, None), lambda *_: "")
