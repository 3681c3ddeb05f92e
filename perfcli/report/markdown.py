"""Markdown for a comment on a merge request, or for the summary of a CI job: GitHub's flavour, which GitLab reads too.

All that comes from outside stands as code, in which a host neither formats nor links nor mentions anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, groupby, pairwise
from operator import attrgetter
from typing import Final

from rich.text import Text

from perfcli.report.blocks import NAME, Block, Chart, Code, Column, Document, Facts, Line, Notes, Plot, Section, Table
from perfcli.report.blocks import Verdict as Answer
from perfcli.report.reported import Reported, document_of
from perfcli.report.summary import sweep_sections
from perfcli.report.wording import name_as_is, one_line, without_surrogates
from perfcli.results import RunResult

_PLAIN_CODE: Final = re.compile(r"[^`|\\]+")
_OBEYED: Final = re.compile(r"[<>&*_`~|\[\]\\]")
_PUNCTUATION: Final = re.compile(r"[^\w\s.,;/()=+%-]|_")
_MOST_COLUMNS: Final = 9

Row = Sequence[str]


def render_markdown(results: Sequence[Reported]) -> str:
    """Each result under a heading with its verdict, those that passed last; above several, a table with a line each."""
    sweeps = sweep_sections([each for each in results if isinstance(each, RunResult)])
    swept = [isinstance(each, RunResult) and bool(each.variation) for each in results]
    in_order = sorted(zip(map(document_of, results), swept, strict=True), key=lambda each: _answer(each[0]).passed)
    documents = [document for document, _ in in_order]
    single = [_answer(document) for document, is_swept in in_order if not is_swept]
    overview = [Section("overview", [_overview(single)])] if single and len(documents) > 1 else []
    parts = [to_markdown(document) for document in (overview, sweeps, *map(_folded, documents)) if document]
    return "\n\n".join(parts) + "\n"


def _folded(document: Document) -> Document:
    """A report; of what passed all but its answer is folded."""
    if not _answer(document).passed:
        return document
    return [document[0], *(replace(section, detail=True) for section in document[1:])]


def code(text: str) -> str:
    """Text as code, whatever is in it: also within a table, and with backticks of its own."""
    line = one_line(text)
    if not line:
        return ""
    if _PLAIN_CODE.fullmatch(line):
        return f"`{line}`"
    # hosts disagree about escapes in code within tables, but not about character references
    return f"<code>{_PUNCTUATION.sub(lambda match: f'&#{ord(match[0])};', line)}</code>"


def _lines(rows: Iterable[Row]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def to_markdown(document: Iterable[Section]) -> str:
    """A document in Markdown; details that follow one another are folded together."""
    parts: list[str] = []
    filled = (section for section in document if section.blocks)
    for detail, sections in groupby(filled, key=attrgetter("detail")):
        group = list(sections)
        blocks = [list(chain.from_iterable(map(_block, section.blocks))) for section in group]
        if not detail:
            parts += chain.from_iterable(blocks)
            continue
        titles = [_text(Text(section.title)) for section in group]
        parts.append(f"<details><summary>{', '.join(titles).capitalize()}</summary>")
        for title, written in zip(titles, blocks, strict=True):
            parts += [*([f"**{title.capitalize()}**"] if len(group) > 1 else []), *written]
        parts.append("</details>")
    return without_surrogates("\n\n".join(filter(None, parts)))


def _block(block: Block) -> Iterator[str]:
    match block:
        case Facts(rows):
            # another bullet: a list of remarks that follows is another list
            yield "\n".join(f"* {label}: {_text(text)}" for label, text in rows if text)
        case Table(columns, rows):
            places = _places(block)
            if places:
                rule = ["---:" if columns[place].kind == "figure" else "---" for place in places]
                titles = [_text(Text(columns[place].title)) for place in places]
                yield _lines([titles, rule, *([_text(row[place]) for place in places] for row in rows)])
                signs = block.explained(places)
                yield from (_text(Text.assemble((sign, "bold"), " ", meaning)) for sign, meaning in signs)
        case Notes(items):
            yield "\n".join(f"- {_text(item)}" for item in items if item.plain.strip())
        case Line(text, lead):
            yield _text(Text.assemble(lead, " ", text) if lead else text)
        case Answer(word, named, text, reasons):
            yield f"### {word.plain}: {code(named.plain)}"
            yield _text(text)
            yield from _block(Notes(reasons)) if reasons else ()
        case Code(text):
            yield _fenced(text)
        case Plot() | Chart():
            pass


def _places(table: Table) -> list[int]:
    """The columns that a comment has room for."""
    places = table.shown()
    for title in table.first_to_go:
        if len(places) <= _MOST_COLUMNS:
            break
        places = [place for place in places if table.columns[place].title != title]
    return places


def _text(text: Text) -> str:
    """A text on one line: names as code, what is bold in bold, and no character that Markdown would obey."""
    ends = sorted({0, len(text), *(place for span in text.spans for place in (span.start, span.end))})
    return "".join(_stretch(text, start, end) for start, end in pairwise(ends))


def _stretch(text: Text, start: int, end: int) -> str:
    plain = text.plain[start:end]
    styles = " ".join([str(text.style), *(str(span.style) for span in text.spans if span.start <= start < span.end)])
    if NAME in styles.split():
        return code(plain)
    escaped = _OBEYED.sub(lambda match: f"&#{ord(match[0])};", plain).replace("\n", "<br>")
    is_bold = "bold" in styles.split() and escaped == escaped.strip() != ""
    return f"**{escaped}**" if is_bold else escaped


def _overview(verdicts: Sequence[Answer]) -> Table:
    columns = (Column("", "word"), Column("scenario", "prose"), Column("outcome", "prose"))
    rows = [[Text(each.word.plain, "bold"), each.name, each.text] for each in verdicts]
    return Table(columns, rows, "results")


def _answer(document: Document) -> Answer:
    """The verdict, which every report begins with."""
    answer = document[0].blocks[0]
    assert isinstance(answer, Answer)
    return answer


def _fenced(text: str) -> str:
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    kept = "\n".join(name_as_is(line).plain for line in text.splitlines())
    return f"{fence}text\n{kept}\n{fence}"
