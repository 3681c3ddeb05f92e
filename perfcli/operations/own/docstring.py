"""What a docstring says of each parameter, in Google's style: below "Args:", a line "length: of the name"."""

from __future__ import annotations

import ast
import re
from typing import Final

_HEADINGS: Final = re.compile(r"(Args|Arguments|Parameters):", re.IGNORECASE)
_ENTRY: Final = re.compile(r"(?P<indent>\s+)(?P<name>\w+)(?:\s*\([^)]*\))?\s*:\s*(?P<text>.*)")


def docstring_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Its docstring without indentation; a half of a character, which JSON cannot carry, as a question mark."""
    return (ast.get_docstring(function) or "").encode(errors="replace").decode()


def parameter_descriptions(doc: str) -> dict[str, str]:
    """One line for each parameter that is described.

    Args:
        doc: a docstring without indentation, as `inspect.cleandoc` leaves it.
    """
    described: dict[str, str] = {}
    for name, line in _lines(doc):
        described[name] = f"{described.get(name, '')} {line}".strip()
    return described


def _lines(doc: str) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    inside, indent = False, ""
    for line in doc.splitlines():
        entry = _ENTRY.fullmatch(line)
        if not line[:1].isspace() and line:
            inside, indent = bool(_HEADINGS.fullmatch(line.strip())), ""
        elif inside and entry and (not indent or entry["indent"] == indent):
            indent = entry["indent"]
            lines.append((entry["name"], entry["text"].strip()))
        elif inside and lines and line.strip():
            lines.append((lines[-1][0], line.strip()))
    return lines
