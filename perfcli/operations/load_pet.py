"""load_pet: a pet by its user."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from perfcli.operations.base import StepSettings

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu
    from perfcli.operations.call import Call


class LoadPet(StepSettings):
    """A pet by its user: from the database, or from the engine (its cache first)."""

    right_when: ClassVar[str] = "the pet has the expected user and id, and has no canaries of two saves"
    reads: ClassVar[bool] = True

    operation: Literal["load_pet"] = "load_pet"
    source: Literal["database", "engine"] = Field(
        default="database", description="where to load from: the database, or the engine, which asks its cache first"
    )

    @property
    def reads_database(self) -> bool:
        """By the setting `source`."""
        return self.source == "database"

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """The pet must be whole and the user's own."""
        return vu.read(place, vu.storage.load_pet if self.reads_database else vu.core.load_existing_pet)
