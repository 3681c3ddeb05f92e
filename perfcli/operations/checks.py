"""Checks that several operations share. Each gives "" for a right answer, or the kind of failure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from perfcli.operations.pets import PetRef

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
