"""What the engine says, as results of tool calls."""

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

import mcp_types as types


def answered(answer: Mapping[str, Any]) -> types.CallToolResult:
    """An answer: as JSON for those who read text, and as it is for programs."""
    plain = _plain(answer)
    text = json.dumps(plain, ensure_ascii=False)
    return types.CallToolResult(
        content=[types.TextContent(text=text)], structured_content=plain if isinstance(plain, dict) else None
    )


def failed(reason: str, details: Mapping[str, Any]) -> types.CallToolResult:
    """A failure: the reason in words, and what more there is to say for programs."""
    # an error may quote what was sent, and that may be no character at all
    text = reason.encode(errors="backslashreplace").decode()
    return types.CallToolResult(
        content=[types.TextContent(text=text)], structured_content=_plain(details) or None, is_error=True
    )


def _plain(value: Any) -> Any:
    """A value in the terms of JSON: an enum is its value, and what JSON has no word for is what it prints as."""
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(_plain(key)): _plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(each) for each in value]
    return str(value)
