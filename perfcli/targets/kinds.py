"""Kinds of failure: what many failures have in common, without the parts that differ from case to case."""

from __future__ import annotations

import re
from typing import Final

_LONGEST: Final = 80
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9a-f-]{8,}\b|\d+")


def kind_of(message: str) -> str:
    """The first line of a message, with quoted parts, ids and numbers cut out."""
    return _VARYING.sub("…", message.partition("\n")[0])[:_LONGEST]


def kind_of_error(error: BaseException) -> str:
    """The type of an exception and the kind of its message."""
    name = type(error).__name__
    try:
        message = str(error)
    except Exception:  # an engine's exception that cannot even be printed
        return name
    return f"{name}: {kind_of(message)}" if message.strip() else name
