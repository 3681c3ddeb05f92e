"""A document in HTML: its blocks as elements, its sections under headings, with links to them.

Whatever is not Markup is text from outside, and is escaped.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from typing import Any, Final

from rich.text import Text

from perfcli.report.blocks import (
    BAD,
    DOUBTFUL,
    GOOD,
    Block,
    Chart,
    Code,
    Facts,
    Line,
    Notes,
    Plot,
    Section,
    Table,
    Verdict,
)
from perfcli.report.wording import without_surrogates

_PACKED_FROM: Final = 20_000
_BEST: Final = 9
_OUTCOMES: Final = {GOOD: "pass", BAD: "fail", DOUBTFUL: "invalid"}
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


def to_html(document: Iterable[Section], anchor: str, links: Content = None) -> Markup:
    """A document as an article.

    Args:
        anchor: of its heading; those of its sections begin with it.
        links: to other articles.
    """
    first, *others = [section for section in document if section.blocks or section.brief]
    sections = [(f"{anchor}-{number}", *_section(section)) for number, section in enumerate(others, start=1)]
    shown = [(place, title, content) for place, title, content in sections if content]
    contents = [element("a", title, href=f"#{place}") for place, title, _ in shown if title]
    return element(
        "article",
        element("header", *(_header(block, anchor) for block in first.blocks)),
        element("nav", *contents, aria_label="sections", class_="contents") if contents else None,
        *(element("section", element("h3", title, id=place), content) for place, title, content in shown),
        links,
        class_=_outcome(first),
        aria_labelledby=anchor,
    )


def overview_html(document: Iterable[Section], anchor: str) -> Markup:
    """Sections without a verdict: what stands above the articles of a page."""
    first, *others = map(_section, document)
    title, content = first
    more = [part for title, content in others if content for part in (element("h3", title), content)]
    return element("section", element("h2", title, id=anchor), content, *more, class_="overview")


def _outcome(section: Section) -> str:
    return next((outcome_class(block.word) for block in section.blocks if isinstance(block, Verdict)), "invalid")


def outcome_class(word: Text) -> str:
    """The class of the page for what the word of a verdict says: pass, fail or invalid; failing wins."""
    styles = " ".join([str(word.style), *(str(span.style) for span in word.spans)]).split()
    return next((_OUTCOMES[style] for style in (BAD, DOUBTFUL, GOOD) if style in styles), "invalid")


def _section(section: Section) -> tuple[str, Markup]:
    """The title and the content; what is only told in brief is shown as such."""
    title = section.title[:1].upper() + section.title[1:]
    return title, joined(_grouped(section.blocks or section.brief or ()))


def _header(block: Block, anchor: str) -> Markup:
    if not isinstance(block, Verdict):
        return joined(_block(block, is_open=True))
    return joined(
        [
            element("p", block.word, class_=f"verdict {outcome_class(block.word)}"),
            element("h2", block.name, id=anchor),
            element("p", block.text, class_="outcome"),
            *_block(Notes(block.reasons)),
        ]
    )


def _grouped(blocks: Iterable[Block]) -> Iterator[Markup]:
    """Blocks one below the other, charts beside one another where there is room."""
    for are_charts, group in groupby(blocks, key=lambda block: isinstance(block, Chart)):
        shown = [part for block in group for part in _block(block)]
        if are_charts and shown:
            shown = [element("div", *shown, class_="charts")]
        yield from shown


def _block(block: Block, *, is_open: bool = False) -> Iterator[Markup]:
    match block:
        case Facts(rows):
            known = [element("div", element("dt", label), element("dd", text)) for label, text in rows if text]
            yield element("dl", *known, class_="facts") if known else Markup()
        case Table():
            yield from _table(block)
        case Notes(items):
            listed = [element("li", item) for item in items if item.plain.strip()]
            yield element("ul", *listed) if listed else Markup()
        case Line(text, lead):
            yield element("p", Text.assemble(lead or "", " " if lead else "", text))
        case Verdict(word, name, text, reasons):
            yield joined([element("p", Text.assemble(word, " ", name, " ", text)), *_block(Notes(reasons))])
        case Code(text, label):
            yield _code(text, label, is_open=is_open)
        case Chart(title, figure, caption):
            yield from _chart(title, figure(), caption or Text())
        case Plot():
            pass  # characters, where a page has a chart


def _table(table: Table) -> Iterator[Markup]:
    """A table that scrolls within its own frame; its first column of words stays in view."""
    places = table.shown()
    if not places:
        return
    sides: dict[int, str] = {place: table.columns[place].kind for place in places}
    titles = [element("th", table.columns[place].title, scope="col", class_=sides[place]) for place in places]
    totals_from = len(table.rows) - table.totals
    rows = [
        element(
            "tr",
            *(element("td", row[place], class_=sides[place]) for place in places),
            class_="total" if number >= totals_from else None,
        )
        for number, row in enumerate(table.rows)
    ]
    whole = element("table", element("thead", element("tr", *titles)), element("tbody", *rows))
    label = table.label or "table"
    yield element("div", whole, class_="scroll", tabindex="0", role="region", aria_label=label)
    yield from (
        element("p", Text.assemble((sign, "bold"), " ", meaning), class_="quiet")
        for sign, meaning in table.explained(places)
    )


def _code(text: str, label: str, *, is_open: bool) -> Markup:
    """Somebody else's words; folded if they have a label, as many are long."""
    shown = element("pre", without_directories(text), tabindex="0", aria_label=label or None)
    if not label:
        return shown
    summary = element("summary", without_directories(label))
    return element("details", summary, shown, open="" if is_open else None)


CHART: Final = Markup("<figure ")
"""How a chart begins, and nothing else: names from outside are escaped."""


def _chart(title: str, figure: dict[str, Any], caption: Text) -> Iterator[Markup]:
    if not figure["data"]:
        return
    height = figure["layout"]["height"]
    plot = element(
        "div",
        class_="plot",
        style=f"min-height:{height}px",
        tabindex="0",
        role="group",
        aria_roledescription="chart",
        aria_label=f"{title}. {caption.plain} Arrow keys step through its points.",
    )
    yield element(
        "figure",
        element("figcaption", element("h4", title), element("p", caption)),
        plot,
        element("p", class_="reading", aria_live="polite"),
        _data(script_json(figure)),
        class_="chart",
    )


def _data(figure: Markup) -> Markup:
    """What a chart draws; packed if it is long, as that of a load of many minutes is."""
    if len(figure) < _PACKED_FROM:
        return element("script", figure, type="application/json")
    return element("script", packed(figure), type="application/gzip")


def packed(text: str) -> Markup:
    """Text compressed, for a script of the page; always the same for the same text."""
    return Markup(base64.b64encode(gzip.compress(text.encode(), _BEST, mtime=0)).decode())
