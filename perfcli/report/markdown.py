"""Markdown for a comment on a merge request, or for the summary of a CI job: GitHub's flavour, which GitLab reads too.

All that comes from outside stands as code, in which a host neither formats nor links nor mentions anybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
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
from perfcli.report.compared import comparison_word
from perfcli.report.comparison_verdict import comparison_line
from perfcli.report.engine import engine_of, engine_words
from perfcli.report.figures import UNKNOWN, counted, cpus_in_words, share, signed, verdict_word
from perfcli.report.judgement import earlier_tries, outcome
from perfcli.report.operations import latency, slowest_first
from perfcli.report.outside import on_one_line, without_surrogates
from perfcli.report.saved import Reported
from perfcli.report.terminal import as_text
from perfcli.report.thresholds import describe, failed_first, limit_in_words, observed_in_words
from perfcli.results import BaselineComparison, OperationResult, RunResult, ThresholdResult

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
    parts = [_overview(results)] if len(results) > 1 else []
    for result in results:
        lines = _comparison(result) if isinstance(result, AbResult) else _run(result)
        parts.append("\n\n".join(lines))
    return without_surrogates("\n\n".join(parts) + "\n")


def code(text: str) -> str:
    """Text as code, whatever is in it: also within a table, and with backticks of its own."""
    line = on_one_line(text)
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
            yield "\n".join(f"- {label}: {_text(text)}" for label, text in rows if text)
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
            yield f"### {_text(word)}: {_text(named)}"
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


def _run(result: RunResult) -> Iterator[str]:
    yield f"### {_word(result)}: {_name(result)}"
    yield outcome(result)
    if told := [*filter(None, [earlier_tries(result)]), *result.reasons]:
        yield _listed(told)
    if result.thresholds:
        yield _thresholds(result.thresholds)
    if result.baseline is not None:
        yield from _baseline(result.baseline)
    if result.total.attempts:
        yield _operations(result)
    if failures := _failures(result.operations):
        yield failures
    yield _details(_about_run(result), result.details)


def _thresholds(thresholds: Sequence[ThresholdResult]) -> str:
    rows = list(map(_threshold, failed_first(thresholds)))
    return table(("", "threshold", "observed", "limit", "margin"), rows, words=2)


def _threshold(threshold: ThresholdResult) -> Row:
    word = "**FAIL**" if threshold.outcome == "fail" else threshold.outcome
    told = threshold.margin is not None and threshold.judged and not threshold.reason
    margin = signed(share)(threshold.margin) if told and threshold.margin is not None else UNKNOWN
    limit = limit_in_words(threshold).replace("<", "&lt;").replace(">", "&gt;")
    return word, code(describe(threshold)), observed_in_words(threshold), limit, margin


def _operations(result: RunResult) -> str:
    several = len(result.operations) > 1
    shown = [*slowest_first(result.operations), *([result.total] if several else [])]
    return table(_OPERATIONS, [_operation(each, result.total) for each in shown], words=1)


def _operation(operation: OperationResult, total: OperationResult) -> Row:
    figures = [latency(statistic, operation.latency, operation.ok).plain for statistic in _STATISTICS]
    return (
        "total" if operation is total else code(operation.name),
        units.format_count(operation.ok),
        units.format_count(operation.failed),
        units.format_rate(operation.throughput_per_s) if operation.attempts else UNKNOWN,
        *figures,
    )


def _failures(operations: Sequence[OperationResult]) -> str:
    kinds = [(count, each.name, kind) for each in operations for kind, count in each.errors.items()]
    rows = [(code(name), code(kind), units.format_count(count)) for count, name, kind in sorted(kinds, reverse=True)]
    return table(("failed operation", "error", "count"), rows, words=2) if rows else ""


def _baseline(compared: BaselineComparison) -> Iterator[str]:
    yield f"Baseline: {code(comparison_word(compared).plain)}"
    rows = []
    for each in compared.operations:
        p50s = (UNKNOWN if ns is None else units.format_duration(ns) for ns in (each.base_p50_ns, each.p50_ns))
        by = UNKNOWN if each.ratio is None else signed(share)(each.ratio - 1)
        rows.append((each.change, code(each.name), *p50s, by))
    if rows:
        yield table(("", "operation", "p50 then", "p50 now", "change"), rows, words=2)


def _about_run(result: RunResult) -> Iterator[str]:
    yield f"plan: {code(result.plan)}"
    yield f"seed: `{result.seed}`"
    yield f"engine: {code(engine_of(result))}"
    yield f"environment: {_environment(result)}"


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
