"""Names and messages from outside, for files that other programs read."""

from __future__ import annotations

from perfcli.streams import EMOJI_PARTS


def on_one_line(text: str) -> str:
    """The text on one line, its emoji whole, without anything that a reader's screen would obey."""
    return " ".join("".join(char if char.isprintable() or char in EMOJI_PARTS else " " for char in text).split())


def without_surrogates(text: str) -> str:
    """The text as UTF-8 can write it: a replacement character for each half of a character."""
    return text.encode("utf-8", errors="surrogatepass").decode("utf-8", errors="replace")
