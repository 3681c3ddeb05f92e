"""What golden files hold of a report: blocks, labels, columns, figures, names and verdict words, but no sentences.

A sentence leaves its figures, its names and its colours, so that its words are free to change.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.text import Text

from perfcli.report.blocks import NAME, Block, Chart, Code, Column, Facts, Line, Notes, Plot, Section, Table, Verdict

GOLDEN: Final = Path(__file__).parent / "golden"
_FIGURE: Final = re.compile(r"[~<>+-]?\d[\d,.]*(?:\s?(?:ns|µs|ms|s|min|h|[kMG]?B|%|x)(?![a-z]))?(?:/(?:s|op)\b)?")
_COLOURS: Final = ("green", "red", "yellow")


def matches(name: str, document: Sequence[Section]) -> None:
    """Check a document against its golden file, or rewrite the file if UPDATE_GOLDEN is set."""
    path = GOLDEN / f"{name}.txt"
    text = structure(document)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def structure(document: Sequence[Section]) -> str:
    """A document without its prose."""
    return "\n".join(line.rstrip() for section in document for line in _section(section)) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield f"== {section.title}{' (detail)' if section.detail else ''}"
    for block in section.blocks:
        yield from _block(block)
    if section.brief is not None:
        yield f"-- {section.title} in brief"
        for block in section.brief:
            yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Facts(rows):
            yield "facts"
            yield from (f"  {label}: {_gist(text)}" for label, text in rows)
        case Table():
            yield from _table(block)
        case Notes(items):
            yield f"notes: {len(items)}"
            yield from (f"  {_gist(item)}" for item in items)
        case Line(text, lead):
            yield f"line: {_gist(text if lead is None else Text.assemble(lead, ' ', text))}"
        case Verdict(word, name, text, reasons):
            yield f"verdict: {word.plain} | {name.plain} | {_gist(text)}"
            yield from (f"  {_gist(reason)}" for reason in reasons)
        case Code(text):
            yield f"code of {len(text.splitlines())} lines"
        case Plot() | Chart():
            yield type(block).__name__.lower()


def _table(table: Table) -> Iterator[str]:
    places = table.shown()
    columns = [table.columns[place] for place in places]
    yield f"table {table.label}: {' | '.join(column.title for column in columns)}"
    yield f"  first to go: {', '.join(table.first_to_go)}" if table.first_to_go else ""
    for index, row in enumerate(table.rows):
        if table.totals and index == len(table.rows) - table.totals:
            yield "  --"
        yield "  " + " | ".join(_cell(row[place], table.columns[place]) for place in places)
    yield from (f"  explained: {sign}" for sign, _ in table.explained(places))


def _cell(text: Text, column: Column) -> str:
    is_prose = column.kind == "prose" and len(text.plain.split()) > 3
    return _gist(text) if is_prose else text.plain.strip()


def _gist(text: Text) -> str:
    """The figures and names of a text in their order, after its colours."""
    styles = {str(style) for style in (text.style, *(span.style for span in text.spans))}
    colours = [colour for colour in _COLOURS if any(colour in style.split() for style in styles)]
    names = [(span.start, text.plain[span.start : span.end]) for span in text.spans if span.style == NAME]
    taken = [range(span.start, span.end) for span in text.spans if span.style == NAME]
    figures = [
        (found.start(), found[0])
        for found in _FIGURE.finditer(text.plain)
        if not any(found.start() in place for place in taken)
    ]
    parts = [part for _, part in sorted([*names, *figures])]
    return " ".join([*(f"[{colour}]" for colour in colours), "; ".join(parts)])
