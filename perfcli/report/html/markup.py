"""HTML from Python: whatever is not Markup is text from outside, and is escaped."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Final

from rich.text import Text

from perfcli.report.figures import without_surrogates

_UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_DIRECTORIES: Final = re.compile(r"(?<![\w.:/])/(?:[^\s/\"'<>|:]+/)+(?=[^\s/\"'<>|:]+/[^\s/\"'<>|:]+)")
_CLASSES: Final = {
    "green": "good",
    "red": "bad",
    "yellow": "doubtful",
    "dim": "quiet",
    "bold": "strong",
    "name": "name",
    "spark": "spark",
}


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Text | None
"""Markup as it is, other text escaped, a rich text with its styles as classes; None is nothing."""


def escaped(text: str) -> Markup:
    """Text as HTML shows it, in an attribute too; what no document may hold becomes the replacement character."""
    return Markup(html.escape(_UNPRINTABLE.sub("\ufffd", without_surrogates(text))))


def joined(contents: Iterable[Content]) -> Markup:
    """Contents one after another."""
    return Markup("".join(map(_markup, contents)))


def element(tag: str, *contents: Content, **attributes: str | None) -> Markup:
    """An element with its contents. `class_` is class, `aria_label` is aria-label; None leaves an attribute out."""
    written = (
        f' {name.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{tag}{''.join(written)}>{joined(contents)}</{tag}>")


def script_json(document: Any) -> Markup:
    """JSON that can stand in a script element: nothing in it ends the element or begins a comment."""
    written = json.dumps(document, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return Markup(written)


def without_directories(text: str) -> str:
    """Text with absolute paths cut to their last two parts: a page is shared, and a machine is nobody's business."""
    return _DIRECTORIES.sub("…/", text)


def _markup(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Text):
        return "".join(_styled(content))
    return content if isinstance(content, Markup) else escaped(content)


def _styled(text: Text) -> Iterator[str]:
    """Each stretch of one style; a style's words are classes of the page, and a link is one."""
    ends = {0, len(text), *(place for span in text.spans for place in (span.start, span.end))}
    for start, end in pairwise(sorted(ends)):
        styles = [text.style, *(span.style for span in text.spans if span.start <= start and end <= span.end)]
        words = [word for style in styles for word in str(style).split()]
        classes = " ".join(_CLASSES[word] for word in words if word in _CLASSES) or None
        stretch = without_directories(text.plain[start:end])
        if "link" in words:
            yield element("a", stretch, href=words[words.index("link") + 1], class_=classes)
        else:
            yield element("span", stretch, class_=classes) if classes else escaped(stretch)
