"""create_pet, and the tool create_new_pet: a new user with a new pet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

from pydantic import Field

from perfcli.operations.base import MOST_CHOICES, Effects, Order, StepSettings
from perfcli.operations.call import Call
from perfcli.operations.digipal_data import EGG_TYPES, WRONG, EggType, PetRef, ToolAnswer, expect_user

if TYPE_CHECKING:
    from perfcli.operations.binding import EmbeddedVu, ToolVu

_CREATES: Final = Effects(creates_pet=True)


class _CreationSettings(StepSettings):
    """A new user and a new pet; later steps of the same iteration act on it."""

    needs_pet: ClassVar[bool] = False

    egg_types: list[EggType] = Field(
        default=list(EGG_TYPES), min_length=1, max_length=MOST_CHOICES, description="types of eggs to choose from"
    )
    order: Order = "in_order"

    @property
    def choices(self) -> int:
        """One per egg type given."""
        return len(self.egg_types)

    @property
    def effects(self) -> Effects:
        """A pet of its own for a user who had none."""
        return _CREATES


class CreatePet(_CreationSettings):
    """A new user and a new pet; later steps of the same iteration act on it."""

    right_when: ClassVar[str] = "the pet belongs to the new user and has the egg type that was asked for"
    operation: Literal["create_pet"] = "create_pet"

    def bind_embedded(self, vu: EmbeddedVu, place: int) -> Call:
        """The user is stored first, as applications do."""
        from digipal.core import EggType as EngineEgg

        eggs, pets = [EngineEgg(egg) for egg in self.egg_types], vu.pets
        create_user, create_new_pet = vu.storage.create_user, vu.core.create_new_pet

        def create(user_id: str, egg: Any) -> Any:
            create_user(user_id, user_id)
            return create_new_pet(egg, user_id)

        def welcome(asked: tuple[Any, ...], answer: Any) -> str:
            user_id, egg = asked
            problem = _expect_newcomer(user_id, egg.value, answer)
            if not problem:
                pets.welcome(PetRef(user_id, answer.id))
            return problem

        return Call(lambda user, choice: (pets.newcomer(), eggs[choice]), create, welcome)


class CreateNewPet(_CreationSettings):
    """A new user's pet, by its tool; later steps of the same iteration act on it."""

    targets: ClassVar[tuple[str, ...]] = ("mcp",)
    right_when: ClassVar[str] = "the pet belongs to the new user and has the egg type that was asked for"
    operation: Literal["create_new_pet"] = "create_new_pet"

    def bind_mcp(self, vu: ToolVu, place: int) -> Call:
        """The tool stores no user."""
        eggs, pets = self.egg_types, vu.pets

        def welcome(asked: tuple[Any, ...], answer: ToolAnswer) -> str:
            (given,) = asked
            problem = _expect_newcomer_told(given["user_id"], given["egg_type"], answer)
            if not problem:
                pets.welcome(PetRef(given["user_id"], answer["id"]))
            return problem

        return Call(
            lambda user, choice: ({"user_id": pets.newcomer(), "egg_type": eggs[choice]},),
            vu.tool("create_new_pet"),
            welcome,
        )


def _expect_newcomer(user_id: str, egg_type: str, answer: Any) -> str:
    """A new pet of this user and egg type must come back."""
    if answer is None:
        return WRONG + "no pet"
    if answer.user_id != user_id:
        return WRONG + "another user's pet"
    return "" if answer.egg_type.value == egg_type else WRONG + "another egg type"


def _expect_newcomer_told(user_id: str, egg_type: str, answer: ToolAnswer) -> str:
    if not answer.get("id"):
        return WRONG + "no pet"
    return expect_user(user_id, answer) or ("" if answer.get("egg_type") == egg_type else WRONG + "another egg type")
