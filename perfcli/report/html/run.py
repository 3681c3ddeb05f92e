"""One run as an article: the verdict first, then what it rests on, then everything that is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import yaml
from rich.text import Text

from perfcli import units
from perfcli.report.compared import comparison_word
from perfcli.report.figures import UNKNOWN, engine_of, figure, share, signed, verdict_word
from perfcli.report.html.article import Section, environment_facts, sectioned
from perfcli.report.html.chart import render_charts
from perfcli.report.html.latency import latency_charts
from perfcli.report.html.markup import Markup, element, facts, joined, listed, without_directories
from perfcli.report.html.over_time import load_charts
from perfcli.report.html.process import process_charts
from perfcli.report.html.tables import (
    baseline_table,
    errors_table,
    operations_table,
    phases_table,
    thresholds_table,
)
from perfcli.report.html.tiles import render_tiles
from perfcli.report.process import inspection_lines
from perfcli.report.run import earlier_tries, outcome
from perfcli.report.stability import describe_integrity
from perfcli.results import RunResult

_WIDEST: Final = 100


def render_run(result: RunResult, anchor: str) -> Markup:
    """The article of a run.

    Args:
        anchor: of its heading; those of its sections begin with it.
    """
    return element(
        "article",
        _head(result, anchor),
        sectioned(_sections(result), anchor),
        class_=f"run {result.verdict.value}",
        aria_labelledby=anchor,
    )


def _sections(result: RunResult) -> Iterator[Section]:
    yield "Thresholds", thresholds_table(result)
    yield "Errors", errors_table(result)
    yield "Baseline", baseline_table(result)
    yield "Operations", operations_table(result) if result.operations else None
    yield "Latency", render_charts(latency_charts(result))
    yield "Over time", render_charts(load_charts(result))
    yield "Phases", phases_table(result.phases) if len(result.phases) > 1 else None
    yield "Memory and resources", joined([render_charts(process_charts(result)), _resources(result)])
    yield "Integrity", facts([("writes", describe_integrity(result)), *inspection_lines(result.inspection)])
    yield "Environment", joined([environment_facts(result.environment), _identity(result)])
    yield "Scenario", _scenario(result)


def _head(result: RunResult, anchor: str) -> Markup:
    verdict = element("p", verdict_word(result.verdict), class_=f"verdict {result.verdict.value}")
    reasons = [without_directories(reason) for reason in (earlier_tries(result), *result.reasons) if reason]
    against = element("p", "Against the baseline: ", comparison_word(result.baseline)) if result.baseline else None
    return element(
        "header",
        verdict,
        element("h2", result.name, id=anchor),
        element("p", _judged(result), class_="outcome"),
        against,
        listed(reasons),
        element("pre", without_directories(result.details), tabindex="0") if result.details else None,
        element("p", result.description, class_="quiet") if result.description else None,
        element("p", result.plan, class_="plan"),
        render_tiles(result),
    )


def _judged(result: RunResult) -> str:
    said = outcome(result)
    code = f"exit code {result.exit_code}"
    return f"{said[0].upper()}{said[1:]}." if code in said else f"{said[0].upper()}{said[1:]}; {code}."


def _resources(result: RunResult) -> Markup:
    memory, resources = result.memory, result.resources
    size = units.format_size
    known: list[tuple[str, Text]] = [
        ("peak", figure(memory.peak, size)),
        ("per active pet", figure(memory.per_pet, size)),
        ("left after cleanup", figure(memory.after_cleanup, signed(size))),
        ("harness, not counted", figure(memory.harness_rss, size)),
        ("CPU mean", figure(resources.cpu_mean, share)),
        ("CPU max", figure(resources.cpu_max, share)),
        ("threads", figure(resources.threads_max, units.format_count)),
        ("open files", figure(resources.open_files_max, units.format_count)),
        ("read", figure(resources.read_bytes, size)),
        ("written", figure(resources.written_bytes, size)),
        ("degradation", figure(result.total.degradation, signed(share))),
    ]
    return facts((label, value) for label, value in known if value.plain != UNKNOWN)


def _identity(result: RunResult) -> Markup:
    return facts(
        [
            ("started at", result.started_at),
            ("seed", f"{result.seed} (repeat with --seed {result.seed})"),
            ("engine", without_directories(engine_of(result))),
            ("commit", result.commit),
            ("processes", str(result.processes)),
            ("digest of the work", f"{result.digest}, {'as' if result.performed_as_planned else 'not as'} planned"),
        ]
    )


def _scenario(result: RunResult) -> Markup | None:
    if not result.scenario:
        return None
    written = yaml.safe_dump(result.scenario, sort_keys=False, allow_unicode=True, width=_WIDEST)
    code = element("pre", element("code", without_directories(written)), tabindex="0", aria_label="scenario")
    return element("details", element("summary", "As it ran, overrides included"), code)
