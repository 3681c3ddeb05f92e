"""One failure of a kind in full: an exception with its traceback, or a wrong answer."""

from __future__ import annotations

import linecache
import os
import re
import traceback
from typing import Any, Final

_HEAD: Final = 2_000
_TAIL: Final = 6_000
_LONGEST_ARGUMENTS: Final = 500
_LONGEST_ANSWER: Final = 2_000
_SECRET_VARIABLE: Final = re.compile(r"token|secret|password|passwd|api_?key|credential", re.IGNORECASE)
_SHORTEST_SECRET: Final = 6
_SECRETS: Final = re.compile(
    r"(?P<name>\bbearer\s+|\b(?:\w*token|\w*secret|passw(?:or)?d|api[-_]?key|authorization)\b[\"']?\s*[=:]\s*[\"']?"
    r"(?:bearer\s+|basic\s+)?)"
    r"(?P<value>[^\s\"',;)]+)",
    re.IGNORECASE,
)


def example_of_error(error: BaseException) -> str:
    """An exception with its traceback and what it was raised from, within bounds."""
    try:
        text = "".join(traceback.format_exception(error, limit=-30))
    except Exception as unprintable:  # it is code of an engine
        text = f"{type(error).__name__} (its traceback cannot be printed: {type(unprintable).__name__})"
    # the lines of source code would be taken for memory of the engine
    linecache.clearcache()
    return clean(text)


def example_of_answer(arguments: tuple[Any, ...], answer: Any) -> str:
    """What was asked, and what was answered."""
    return clean(f"asked: {_written(arguments, _LONGEST_ARGUMENTS)}\nanswered: {_written(answer, _LONGEST_ANSWER)}")


def clean(text: str) -> str:
    """The two ends of a text without control characters, and without what looks like a secret."""
    if len(text) > _HEAD + _TAIL:
        text = f"{text[:_HEAD]}\n…\n{text[-_TAIL:]}"
    for name, value in os.environ.items():
        if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "…")
    text = _SECRETS.sub(lambda found: f"{found['name']}…", text)
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text.expandtabs(4)).strip()


def _written(value: Any, longest: int) -> str:
    try:
        text = repr(value)
    except Exception as unprintable:  # it is code of an engine
        return f"{type(value).__name__} (cannot be printed: {type(unprintable).__name__})"
    return text if len(text) <= longest else f"{text[:longest]}…"
