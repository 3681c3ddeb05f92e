"""statistics, and the tool get_pet_statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from perfcli.operations.base import StepSettings
from perfcli.operations.digipal_data import WRONG, PetRef, expect_identity

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu, ToolVu
    from perfcli.operations.call import Call


class Statistics(StepSettings):
    """The pet's statistics."""

    right_when: ClassVar[str] = "the statistics are there, and of this pet"
    operation: Literal["statistics"] = "statistics"

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """The statistics must be of this pet."""
        return vu.on_pet(vu.core.get_pet_statistics, _expect_statistics)


class GetPetStatistics(StepSettings):
    """The pet's statistics, by their tool."""

    targets: ClassVar[tuple[str, ...]] = ("mcp",)
    right_when: ClassVar[str] = "the statistics are there, and of this pet"
    operation: Literal["get_pet_statistics"] = "get_pet_statistics"

    def bind_mcp(self, vu: ToolVu, place: int) -> Call:
        """The statistics must be of this pet."""
        return vu.on_pet("get_pet_statistics", _expect_statistics)


def _expect_statistics(expected: PetRef, answer: Any) -> str:
    basic = answer.get("basic_info") if isinstance(answer, dict) else None
    if not basic:
        return WRONG + "no statistics"
    return expect_identity(expected, expected.user_id, basic.get("id"))
