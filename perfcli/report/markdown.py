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

from perfcli import units
from perfcli.errors import Verdict
from perfcli.regression.result import AbResult, Change, EngineSide, MetricComparison
from perfcli.report.blocks import NAME, Block, Chart, Code, Facts, Line, Notes, Plot, Section, Table
from perfcli.report.blocks import Verdict as Answer
from perfcli.report.change import amount, change_word, gravest_first, interval, is_same, value
from perfcli.report.comparison_verdict import comparison_line
from perfcli.report.figures import counted, cpus_in_words, engine_words, one_line, verdict_word, without_surrogates
from perfcli.report.run import outcome, run_document
from perfcli.report.saved import Reported
from perfcli.report.terminal import as_text
from perfcli.results import RunResult

_PLAIN_CODE: Final = re.compile(r"[^`|\\]+")
_OBEYED: Final = re.compile(r"[<>&*_`~|\[\]\\]")
_PUNCTUATION: Final = re.compile(r"[^\w\s.,;/()=+%-]|_")
_STATISTICS: Final = ("mean", "p50", "p95", "p99", "max")
_OPERATIONS: Final = ("operation", "ok", "failed", "rate", *_STATISTICS)
_METRICS: Final = ("", "metric", "base", "candidate", "change", "interval", "margin")

_ONE_LINE: Final = 10_000
_MOST_COLUMNS: Final = 9

Row = Sequence[str]


def render_markdown(results: Sequence[Reported]) -> str:
    """Each result under a heading with its verdict; of several, one line for each before."""
    overview = [_overview(results)] if len(results) > 1 else []
    parts = [*overview, *map(_reported, results)]
    return without_surrogates("\n\n".join(parts) + "\n")


def code(text: str) -> str:
    """Text as code, whatever is in it: also within a table, and with backticks of its own."""
    line = one_line(text)
    if not line:
        return ""
    if _PLAIN_CODE.fullmatch(line):
        return f"`{line}`"
    # hosts disagree about escapes in code within tables, but not about character references
    return f"<code>{_PUNCTUATION.sub(lambda match: f'&#{ord(match[0])};', line)}</code>"


def table(columns: Row, rows: Sequence[Row], *, words: int) -> str:
    """A table whose first columns, as many as `words`, stand to the left and the others to the right."""
    rule = ["---"] * words + ["---:"] * (len(columns) - words)
    return _lines([columns, rule, *rows])


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
                yield from (f"{_text(Text(sign))} {_text(meaning)}" for sign, meaning in block.explained(places))
        case Notes(items):
            yield "\n".join(f"- {_text(item)}" for item in items if item.plain.strip())
        case Line(text, lead):
            yield _text(text if lead is None else Text.assemble(lead, " ", text))
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


def _overview(results: Sequence[Reported]) -> str:
    return table(
        ("", "scenario", ""), [(f"**{_word(each)}**", _name(each), _outcome(each)) for each in results], words=3
    )


def _word(result: Reported) -> str:
    if isinstance(result, AbResult):
        trouble = Verdict.INTERRUPTED if result.interrupted else Verdict.INVALID if result.invalid else None
        return (verdict_word(trouble) if trouble else change_word(result.change)).plain
    regressed = result.exit_code != result.own_exit_code
    word = verdict_word(result.verdict).plain
    return f"{word}, REGRESSION" if regressed and result.baseline and result.baseline.change == "regression" else word


def _name(result: Reported) -> str:
    return code(result.scenario if isinstance(result, AbResult) else result.name)


def _outcome(result: Reported) -> str:
    if not isinstance(result, AbResult):
        return outcome(result)
    against = f"{code(result.candidate.name)} against {code(result.base.name)}"
    return f"{against}, {counted(result.pairing.pairs, 'pair')}"


def _reported(result: Reported) -> str:
    return "\n\n".join(_comparison(result)) if isinstance(result, AbResult) else _run(result)


def _run(result: RunResult) -> str:
    """A run; of one that passed all but its answer is folded."""
    answer, *rest = run_document(result)
    if result.verdict is Verdict.PASS and result.exit_code == result.own_exit_code:
        rest = [replace(section, detail=True) for section in rest]
    return to_markdown([answer, *rest])


def _comparison(result: AbResult) -> Iterator[str]:
    yield f"### {_word(result)}: {_name(result)}"
    yield _outcome(result)
    yield _listed([as_text(comparison_line(result), _ONE_LINE), *result.reasons])
    if result.metrics:
        yield table(_METRICS, list(map(_metric, gravest_first(result.metrics))), words=2)
    if troubles := _listed(list(chain(_troubles("base", result.base), _troubles("candidate", result.candidate)))):
        yield troubles
    yield _details(
        _about_comparison(result), "\n\n".join(side.problem for side in (result.base, result.candidate)).strip()
    )


def _metric(metric: MetricComparison) -> Row:
    word = metric.change.value
    return (
        f"**{word.upper()}**" if metric.change is Change.REGRESSION else word,
        code(metric.name),
        value(metric, metric.base),
        value(metric, metric.candidate),
        amount(metric),
        "" if is_same(metric) else interval(metric),
        units.format_percentage(metric.margin),
    )


def _troubles(who: str, side: EngineSide) -> Iterator[str]:
    for kind, count in side.errors.items():
        yield f"{who}: {units.format_count(count)} x {kind}"
    if side.lost_writes:
        yield f"{who}: {counted(side.lost_writes, 'acknowledged write')} lost"


def _about_comparison(result: AbResult) -> Iterator[str]:
    yield f"plan: {code(result.plan)}"
    yield f"seed: `{result.seed}`"
    for who, side in (("base", result.base), ("candidate", result.candidate)):
        yield f"{who}: {code(engine_words(side.name, side.version, side.commit, modified=side.modified))}"
    yield f"environment: {_environment(result)}"


def _environment(result: Reported) -> str:
    where = result.environment
    cpu = f"{cpus_in_words(where)}, {where.cpu_model or where.machine}"
    return code(f"{where.system}, {cpu}, {where.python}, SQLite {where.sqlite}, digipal-perf {where.tool_version}")


def _listed(items: Sequence[str]) -> str:
    return "\n".join(f"- {code(item)}" for item in items if item.strip())


def _details(about: Iterator[str], printed: str) -> str:
    """What few will ask for, folded; with what an engine printed last, word for word."""
    lines = ["<details><summary>What ran, and where</summary>", "\n".join(f"- {line}" for line in about)]
    if printed:
        lines.append(_fenced(printed))
    return "\n\n".join([*lines, "</details>"])


def _fenced(text: str) -> str:
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    kept = "\n".join(map(_printable, text.splitlines()))
    return f"{fence}text\n{kept}\n{fence}"


def _printable(line: str) -> str:
    """A line of somebody else's output, its spaces kept."""
    return "".join(char if char.isprintable() else " " for char in line)
