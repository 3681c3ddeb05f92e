"""What perfcli knows of DigiPal's data: users, pets, and what makes an answer right; imports nothing of the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, get_args

from perfcli.operations.call import StepImpossible

CREATED_PET: Final = -1
"""The user index of the pet that the same iteration created."""

NO_PET: Final = -2
"""The user index of a step that acts on no pet."""


class PetRef(NamedTuple):
    """A pet the load acts on."""

    user_id: str
    pet_id: str


def set_up_user(index: int) -> str:
    """The user id of the pet with this index in the setup."""
    return f"user-{index}"


def created_user(vu: int, number: int) -> str:
    """The user id of the n-th pet (from 0) that a vu tried to create."""
    return f"vu{vu}-{number}"


class VuPets:
    """The pets of one vu.

    Args:
        prefix: what the names of created users begin with.
    """

    def __init__(self, vu: int, set_up: Sequence[PetRef], prefix: str = "") -> None:
        self.vu = vu
        self.set_up = set_up
        self._prefix = prefix
        self._created: PetRef | None = None
        self._tried = 0

    def of(self, user: int) -> PetRef:
        """The pet of a user index.

        Raises:
            StepImpossible: it should have been created, and was not.
        """
        if user != CREATED_PET:
            return self.set_up[user]
        if self._created is None:
            raise StepImpossible("skipped: the pet was not created")
        return self._created

    def newcomer(self) -> str:
        """A user who has no pet yet."""
        self._created = None
        self._tried += 1
        return self._newcomer(self._tried - 1)

    def welcome(self, pet: PetRef) -> None:
        """The newcomer's pet is there."""
        self._created = pet

    def newcomers(self) -> Iterator[str]:
        """All users for whom it tried to create a pet, whether they got one or not."""
        return map(self._newcomer, range(self._tried))

    def _newcomer(self, number: int) -> str:
        return self._prefix + created_user(self.vu, number)


WRONG: Final = "wrong answer: "
TORN: Final = WRONG + "torn read"
"""The kind of failure whose count is the metric `torn_reads`."""

CATEGORIES: Final = {TORN: "torn"}
"""What these failures say of the engine."""

ToolAnswer = Mapping[str, Any]
"""What a tool of the MCP server answers for programs."""


def expect_identity(expected: PetRef, user_id: Any, pet_id: Any) -> str:
    """User and pet must be the expected ones."""
    if user_id != expected.user_id:
        return WRONG + "another user's pet"
    return "" if pet_id == expected.pet_id else WRONG + "another pet"


def expect_user(user_id: str, answer: ToolAnswer) -> str:
    """A tool's answer must be about this user."""
    return "" if answer.get("user_id") == user_id else WRONG + "another user's pet"


def expect_pet(expected: PetRef, answer: Any) -> str:
    """A pet must come back, and it must be this one."""
    if answer is None:
        return WRONG + "no pet"
    return expect_identity(expected, answer.user_id, answer.id)


def expect_interaction(text: str, field: str, answer: Any, *, accept_refusal: bool) -> str:
    """The interaction must be about `text`, say something, and have succeeded unless a refusal is accepted."""
    if not isinstance(answer, tuple) or len(answer) != 2:
        return WRONG + f"{type(answer).__name__} instead of (success, Interaction)"
    success, record = answer
    if getattr(record, field, None) != text:
        # an engine that found no pet answers with an Interaction that says so
        return WRONG + "an interaction about something else" if success else f"refused: {record.pet_response:.60}"
    if not record.pet_response:
        return WRONG + "an empty response"
    if success is True or accept_refusal:
        return ""
    return f"refused: {record.result.value}"


def expect_tool_interaction(user_id: str, said: str, echo: str, answer: ToolAnswer, *, accept_refusal: bool) -> str:
    """The same of a tool's answer, which repeats what was said under `echo`."""
    if problem := expect_user(user_id, answer):
        return problem
    if answer.get(echo) != said:
        return WRONG + "an interaction about something else"
    if not answer.get("response"):
        return WRONG + "an empty response"
    if answer.get("success") is True or accept_refusal:
        return ""
    return f"refused: {answer.get('result')}"


EggType = Literal["red", "blue", "green"]
EGG_TYPES: Final[tuple[EggType, ...]] = get_args(EggType)

GROWING: Final = ("hp", "mp", "offense", "defense", "speed", "brains")
"""The attributes that neither care nor time lowers."""

GROWING_TO: Final = 999
"""The largest value of these attributes: the engine clamps to it."""

GAINS: Final[Mapping[str, Mapping[str, int]]] = {
    "strength_training": {"offense": 3, "hp": 2},
    "defense_training": {"defense": 3, "hp": 2},
    "speed_training": {"speed": 3},
    "brain_training": {"brains": 3, "mp": 2},
    "endurance_training": {"hp": 4, "defense": 2},
    "agility_training": {"speed": 4, "offense": 1},
    "meat": {"hp": 1, "offense": 1},
    "fish": {"brains": 1, "mp": 1},
    "vegetables": {"defense": 1},
    "protein_shake": {"offense": 2, "hp": 1},
    "energy_drink": {"speed": 1, "mp": 1},
}
"""What care adds to them; the other actions add nothing."""

CARE_ACTIONS: Final = (*GAINS, "praise", "scold", "rest", "play")
NEEDS_ENERGY: Final = frozenset(name for name in CARE_ACTIONS if name.endswith("_training")) | {"play"}
"""The care actions that a tired pet refuses."""

PET_FIELDS: Final = (
    *("id", "user_id", "name", "egg_type", "life_stage", "generation"),
    *GROWING,
    *("discipline", "happiness", "weight", "care_mistakes", "energy"),
    *("birth_time", "last_interaction", "evolution_timer", "learned_commands", "personality_traits"),
    *("current_image_path", "image_generation_prompt"),
)
WRITABLE_FIELDS: Final = (
    *("name", "life_stage", "generation"),
    *GROWING,
    *("discipline", "happiness", "weight", "care_mistakes", "energy"),
    *("current_image_path", "image_generation_prompt"),
)
"""The fields of a pet that are stored as one plain value each, under their own names."""

INTERACTION_FIELDS: Final = (
    *("timestamp", "user_input", "interpreted_command", "pet_response"),
    *("attribute_changes", "success", "result"),
)
HISTORY: Final = "conversation_history"

HISTORY_LOADED: Final = 100
"""How many of its interactions a pet is loaded with, at most."""

TIRED_BELOW: Final = 20
"""The energy below which time takes weight from a pet."""
