"""Is the answer of a tool right? Each check gives "" for a right answer, or the kind of failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perfcli.targets.checks import WRONG, identity, statistics
from perfcli.targets.naming import PetRef

__all__ = ["actions", "created", "evolution", "interaction", "statistics", "status"]

Answer = Mapping[str, Any]


def status(expected: PetRef, answer: Answer) -> str:
    """The state must be there, and of this user's pet."""
    if not answer.get("attributes"):
        return WRONG + "no state"
    return identity(expected, answer.get("user_id"), answer.get("id"))


def actions(expected: PetRef, answer: Answer) -> str:
    """There is always something to do, if only feeding."""
    return _user(expected.user_id, answer) or ("" if answer.get("actions") else WRONG + "no actions")


def evolution(expected: PetRef, answer: Answer) -> str:
    """Both stages must be told."""
    told = answer.get("old_stage") and answer.get("new_stage")
    return _user(expected.user_id, answer) or ("" if told else WRONG + "no stages")


def created(user_id: str, egg_type: str, answer: Answer) -> str:
    """A new pet of this user and egg type must come back."""
    if not answer.get("id"):
        return WRONG + "no pet"
    return _user(user_id, answer) or ("" if answer.get("egg_type") == egg_type else WRONG + "another egg type")


def interaction(user_id: str, said: str, echo: str, answer: Answer, *, accept_refusal: bool) -> str:
    """It must be about what was said, say something, and have succeeded unless a refusal is accepted."""
    if problem := _user(user_id, answer):
        return problem
    if answer.get(echo) != said:
        return WRONG + "an interaction about something else"
    if not answer.get("response"):
        return WRONG + "an empty response"
    if answer.get("success") is True or accept_refusal:
        return ""
    return f"refused: {answer.get('result')}"


def _user(user_id: str, answer: Answer) -> str:
    return "" if answer.get("user_id") == user_id else WRONG + "another user's pet"
