"""The report of `capacity`: a search, or a line for each variation of a sweep, in every format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from rich.text import Text

from perfcli.capacity.result import CapacityResult
from perfcli.errors import Verdict
from perfcli.report.blocks import DOUBTFUL, QUIET, Chart, Column, Facts, Line, Section, Table
from perfcli.report.capacity_search import (
    capacity_verdict,
    comparison,
    interval_text,
    load_text,
    reasons,
    safe_text,
    search_sections,
    sentence,
    verdict_of,
    verdict_on_search,
)
from perfcli.report.console import as_text, to_console
from perfcli.report.junit import Case, Outcome, suite_of, to_xml
from perfcli.report.summary import key_columns
from perfcli.report.wording import counted, figure, name, one_line, verdict_word
from perfcli.results import value_text, variation_text
from perfcli.units import NS_PER_S
from perfcli.version import VERSION

_FIGURES: Final = ("holds", "fails", "90% interval", "safe", "knee")
_FIRST_TO_GO: Final = ("knee", "safe", "90% interval")
_CHART_NOTE: Final = "The load at which half of the runs hold, with its 90% interval."


def capacity_document(results: Sequence[CapacityResult], not_searched: Sequence[str] = ()) -> list[Section]:
    """The report of one search, of two engines that were searched in turns, or of a sweep.

    Args:
        not_searched: titles of the variations that an interrupt left out.
    """
    if not any(result.variation for result in results):
        return search_sections(results)
    details = [section for of_one in _by_variation(results) for section in search_sections(of_one)]
    return [
        Section("sweep", list(_sweep(results, not_searched))),
        *(Section(f"{each.title}", each.blocks, brief=(), detail=True) for each in details),
    ]


def _by_variation(results: Sequence[CapacityResult]) -> list[list[CapacityResult]]:
    """The engines of each variation."""
    groups: dict[str, list[CapacityResult]] = {}
    for result in results:
        groups.setdefault(result.title, []).append(result)
    return list(groups.values())


def _title(results: Sequence[CapacityResult]) -> str:
    return f"capacity of {results[0].scenario} by {' and '.join(results[0].variation)}"


def _sweep(results: Sequence[CapacityResult], not_searched: Sequence[str]) -> Iterator[Line | Table | Facts | Chart]:
    title = _title(results)
    yield Line(Text(one_line(title), "bold"), Text())
    compares = len(_by_variation(results)[0]) > 1
    columns = (
        Column("", "word"),
        *key_columns([result.variation for result in results]),
        *([Column("engine", "word")] if compares else []),
        *map(Column, _FIGURES),
        Column("fails by, or reason", "prose", least=24),
    )
    rows = [_row(result, compares=compares) for result in results]
    yield Table(columns, rows, title, first_to_go=_FIRST_TO_GO)
    if compared := list(_compared(results)):
        yield Facts(compared)
    yield Chart(title, lambda: _chart(results), Text(_CHART_NOTE))
    if not_searched:
        left_out = f"{counted(len(not_searched), 'variation')}: {'; '.join(map(one_line, not_searched))}"
        yield Line(Text(f"not searched: {left_out}", DOUBTFUL), Text())
    seconds = sum(result.seconds for result in results)
    runs = sum(len(result.probes) for result in results)
    yield Line(Text(f"{counted(runs, 'run')} in {seconds:.0f} s; seed {results[0].seed}", QUIET), Text())


def _row(result: CapacityResult, *, compares: bool) -> list[Text]:
    def load(value: float | None) -> Text:
        return figure(value, lambda known: load_text(result, known))

    interval = Text(interval_text(result)) if result.half else Text()
    return [
        verdict_word(verdict_of(result)),
        *(name(value_text(value)) for value in result.variation.values()),
        *([name(result.engine)] if compares else []),
        load(result.holds.load if result.holds else None),
        load(result.fails.load if result.fails else None),
        interval,
        Text(safe_text(result)),
        load(result.knee) if result.knee is not None else Text(),
        Text(one_line(_why(result))),
    ]


def _why(result: CapacityResult) -> str:
    """What fails at the end that fails; of an answer without both ends the answer itself; then the first reason."""
    has_edge = result.outcome in ("found", "unfinished") and result.holds and result.fails
    told = result.fails.words if has_edge and result.fails else sentence(result)
    return "; ".join([told, *(reason.partition(": ")[0] for reason in list(reasons(result))[:1])])


def _compared(results: Sequence[CapacityResult]) -> Iterator[tuple[str, Text]]:
    for of_one in _by_variation(results):
        if len(of_one) == 2 and (told := comparison(*of_one)):
            yield variation_text(of_one[0].variation), told.copy()


def _chart(results: Sequence[CapacityResult]) -> dict[str, Any]:
    from perfcli.report.html.chart import Drawing, axis, line
    from perfcli.report.html.over_values import axis_of_values, key_of_axis, place_of

    variations = [result.variation for result in results]
    key = key_of_axis(variations)
    groups: dict[str, list[CapacityResult]] = {}
    for result in results:
        others = variation_text({name: value for name, value in result.variation.items() if name != key})
        if result.half:
            groups.setdefault(", ".join(filter(None, (others, result.engine))), []).append(result)
    traces = []
    for index, (title, found) in enumerate(groups.items()):
        points = [(place_of(each.variation[key]), each.half, f"{each.title}: {sentence(each)}") for each in found]
        ends = [(each.half or 0.0, each.lower or 0.0, each.upper or each.half or 0.0) for each in found]
        interval = {
            "array": [upper - half for half, _, upper in ends],
            "arrayminus": [half - lower for half, lower, _ in ends],
        }
        traces.append(line(title, points, index, mode="lines+markers", cliponaxis=False, error_y=interval))
    unit = "iterations/s" if results[0].of == "rate" else "vus"
    layout = {
        "xaxis": axis_of_values(variations, key),
        "yaxis": axis(unit, rangemode="tozero"),
        "showlegend": len(groups) > 1,
    }
    return Drawing(_title(results), _CHART_NOTE, traces, layout).figure


def capacity_html(results: Sequence[CapacityResult], not_searched: Sequence[str] = ()) -> str:
    """The report as a page."""
    from perfcli.report.html.page import render_document

    verdict = capacity_verdict(results[0])
    title = _title(results) if results[0].variation else f"{verdict.word.plain}: {verdict.name.plain}"
    return render_document(capacity_document(results, not_searched), title)


def capacity_junit(results: Sequence[CapacityResult], *, strict: bool) -> str:
    """The answer as JUnit XML: a suite for each search, with a case for it and one for `at_least`."""
    return to_xml(
        suite_of(
            number,
            result.title,
            list(_cases(result, strict=strict)),
            started_at=result.started_at,
            duration_ns=round(result.seconds * NS_PER_S),
            properties={"seed": str(result.seed), "tool_version": VERSION, "engine": result.engine},
            printed=as_text(to_console(search_sections([result]))),
        )
        for number, result in enumerate(results)
    )


def _cases(result: CapacityResult, *, strict: bool) -> Iterator[Case]:
    told = sentence(result)
    verdict = verdict_on_search(result)
    outcome: Outcome = "pass" if verdict is Verdict.PASS else "failure" if verdict is Verdict.FAIL else "error"
    yield Case("capacity", outcome, verdict.value, "" if outcome == "pass" else told, told)
    if result.at_least is not None:
        asked = f"{told}; asked for {load_text(result, result.at_least)}"
        fails = result.meets is False or (strict and result.meets is None)
        of_goal: Outcome = "failure" if fails else "skipped" if result.meets is None else "pass"
        yield Case("at_least", of_goal, "capacity", "" if of_goal == "pass" else asked, asked)
