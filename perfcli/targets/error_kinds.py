"""Kinds of failure: what many failures have in common, without the parts that differ from case to case."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from typing import Final

from perfcli.errors import most_descriptors

_HEAD: Final = 60
_TAIL: Final = 59
_MOST_READ: Final = 4_000
_UNFINISHED: Final = tuple("([{,:;=")
_VARYING = re.compile(r"'[^']*'|\"[^\"]*\"|\b[0-9a-f-]{8,}\b|\d+")


def kind_of(message: str) -> str:
    """The first line of a message, with quoted parts, ids and numbers cut out; of a long one its head and its tail.

    A line that is not finished, as of a statement over several lines, is followed by the last line.
    """
    lines = [line for line in _ends(message, _MOST_READ // 2).splitlines() if line.strip()] or [""]
    first = lines[0].rstrip()
    text = f"{first} … {lines[-1]}" if len(lines) > 1 and first.endswith(_UNFINISHED) else first
    return _ends(_VARYING.sub("…", " ".join(text.split())), _HEAD, _TAIL)


def kind_of_error(error: BaseException) -> str:
    """The type of an exception and the kind of its message, and the last reason of what it was raised from."""
    kind = _own_kind(error)
    *_, root = causes(error, contexts=True)
    reason = _own_kind(root)
    message = reason.partition(": ")[2] or reason
    if root is not error and message not in kind:
        kind = f"{kind} ← {reason}"
    return f"{kind} (all {most_descriptors():,} file descriptors are in use)" if _lacks_descriptors(error) else kind


def message_of(error: BaseException) -> str:
    """What an exception says; "" for one that cannot even be printed."""
    try:
        return str(error)
    except Exception:  # it is code of an engine
        return ""


def named(error: BaseException) -> str:
    """The type of an exception and its message, whole; the type alone if it has none."""
    message = message_of(error)
    return f"{type(error).__name__}: {message}" if message.strip() else type(error).__name__


def causes(error: BaseException, *, contexts: bool = False) -> Iterator[BaseException]:
    """The exception and what it was raised from; each once, as an exception can be its own cause.

    Args:
        contexts: also what it was raised in the handling of.
    """
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        context = following.__context__ if contexts and not following.__suppress_context__ else None
        following = following.__cause__ or context


def _own_kind(error: BaseException) -> str:
    name, message = type(error).__name__, message_of(error)
    return f"{name}: {kind_of(message)}" if message.strip() else name


def _ends(text: str, head: int, tail: int = 0) -> str:
    """The text, or its two ends."""
    tail = tail or head
    return text if len(text) <= head + tail + 1 else f"{text[:head]}…{text[-tail:]}"


def _lacks_descriptors(error: BaseException) -> bool:
    """Whether the process has as many descriptors as it may; SQLite only says that it cannot open a file."""
    for each in causes(error, contexts=True):
        if isinstance(each, OSError) and each.errno == errno.EMFILE:
            return True
        if "unable to open" in message_of(each):
            return _cannot_open()
    return False


def _cannot_open() -> bool:
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno == errno.EMFILE
    return False
