"""What to write in place of a name that nothing has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

_MOST_LISTED: Final = 24
_LONGEST: Final = 80
"""Characters of a name that are compared: more take seconds."""


def nearest(written: str, known: Iterable[str]) -> str:
    """The known name that a typo most likely meant; "" if it is near to none."""
    from difflib import get_close_matches  # takes 5 ms, and only a mistake needs it

    return next(iter(get_close_matches(written[:_LONGEST], list(known), n=1, cutoff=0.6)), "")


def did_you_mean(written: Iterable[str], known: Iterable[str]) -> str:
    """ " (did you mean 'x'?)" for the first of `written` that is near a known name; else an empty text."""
    names = list(known)
    meant = next(filter(None, (nearest(word, names) for word in written)), "")
    return f" (did you mean {meant!r}?)" if meant else ""


def name_to_use(written: Iterable[str], known: Iterable[str]) -> str:
    """`did_you_mean`, or what else can be written, as `listed`.

    Args:
        written: the name, and other spellings of it.
    """
    names = list(known)
    return did_you_mean(written, names) or listed(names)


def listed(known: Sequence[str]) -> str:
    """ ": use one of a, b", with the first 24 names; an empty text if there is none."""
    more = ", …" if len(known) > _MOST_LISTED else ""
    return f": use {'one of ' if len(known) > 1 else ''}{', '.join(known[:_MOST_LISTED])}{more}" if known else ""
