"""Is an answer right? Each check gives "" for a right answer, or the kind of failure."""

from __future__ import annotations

from typing import Any, Final

from perfcli.targets.naming import PetRef

WRONG = "wrong answer: "
TORN = WRONG + "torn read"
"""The kind of failure whose count is the metric `torn_reads`."""

CATEGORIES: Final = {TORN: "torn"}
"""What these failures say of the engine."""


def pet(expected: PetRef, answer: Any) -> str:
    """A pet must come back, and it must be this one."""
    if answer is None:
        return WRONG + "no pet"
    return identity(expected, answer.user_id, answer.id)


def identity(expected: PetRef, user_id: Any, pet_id: Any) -> str:
    """User and pet must be the expected ones."""
    if user_id != expected.user_id:
        return WRONG + "another user's pet"
    return "" if pet_id == expected.pet_id else WRONG + "another pet"


def statistics(expected: PetRef, answer: Any) -> str:
    """The statistics must be there, and of this pet."""
    basic = answer.get("basic_info") if isinstance(answer, dict) else None
    if not basic:
        return WRONG + "no statistics"
    return identity(expected, expected.user_id, basic.get("id"))


def created(user_id: str, egg_type: str, answer: Any) -> str:
    """A new pet of this user and egg type must come back."""
    if answer is None:
        return WRONG + "no pet"
    if answer.user_id != user_id:
        return WRONG + "another user's pet"
    return "" if answer.egg_type.value == egg_type else WRONG + "another egg type"


def saved(answer: Any) -> str:
    """A save must answer with True itself."""
    return "" if answer is True else WRONG + f"save_pet returned {answer!r:.30}"


def interaction(text: str, field: str, answer: Any, *, accept_refusal: bool) -> str:
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
