"""The frame that every article has: its sections, the links to them, and where it ran."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from perfcli.report.html.markup import Content, Markup, element, facts, joined
from perfcli.results import Environment

Section = tuple[str, Content]
"""A title and what stands below it."""


def sectioned(sections: Iterable[Section], anchor: str) -> Markup:
    """The sections that hold anything, after links to them; anchors of their headings begin with the article's."""
    shown = [(title, content) for title, content in sections if content]
    return joined([_contents(shown, anchor), *(_section(title, content, anchor) for title, content in shown)])


def _contents(sections: Sequence[Section], anchor: str) -> Markup:
    links = (element("a", title, href=f"#{_place(anchor, title)}") for title, _ in sections)
    return element("nav", *links, aria_label="sections", class_="contents")


def _section(title: str, content: Content, anchor: str) -> Markup:
    return element("section", element("h3", title, id=_place(anchor, title)), content)


def environment_facts(environment: Environment) -> Markup:
    """Where it ran."""
    known = environment.model_dump(exclude_defaults=True)
    return facts(
        (field.replace("_", " "), f"{value:g}" if isinstance(value, float) else str(value))
        for field, value in known.items()
    )


def _place(anchor: str, title: str) -> str:
    return f"{anchor}-{title.lower().replace(' ', '-')}"
