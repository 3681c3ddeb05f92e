"""JUnit XML, as CI systems show it: a suite for each result, a case for each threshold.

There is no standard. What is written is valid against the schema of Jenkins' xUnit plugin and against that of Apache
Ant's JUnit task, which is why each suite has a host name (always `localhost`), a package and both outputs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from perfcli import units
from perfcli.ab.result import AbResult, Change, MetricComparison
from perfcli.errors import Verdict
from perfcli.report.change import sentence, value
from perfcli.report.compared import comparison_word, counter_change, counter_name, counter_values
from perfcli.report.console import as_text, to_console
from perfcli.report.reported import Reported, document_of
from perfcli.report.run import outcome
from perfcli.report.thresholds import describe, limit_in_words, observed_in_words
from perfcli.report.wording import engine_of, engine_words, one_line, share, signed
from perfcli.results import BaselineComparison, CounterChange, OperationChange, RunResult, ThresholdResult
from perfcli.units import NS_PER_S

Outcome = Literal["pass", "failure", "error", "skipped"]


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that could have failed; `kind` says of what kind that is, `text` all that is known of it."""

    name: str
    outcome: Outcome = "pass"
    kind: str = ""
    message: str = ""
    text: str = ""
    duration_ns: int = 0


def cases_of(result: Reported) -> list[Case]:
    """The run or comparison itself, then everything it was judged by."""
    if isinstance(result, AbResult):
        return [_comparison(result), *map(_metric, result.metrics), *map(_counter, result.counters)]
    why_not = result.starved or "this run only counted"
    thresholds = (_threshold(threshold, why_not) for threshold in result.thresholds)
    return [_run(result), *thresholds, *_baseline(result.baseline)]


def _run(result: RunResult) -> Case:
    """The run: that there is one, and that what it measured can be relied on."""
    damaged = result.integrity.damaged if result.integrity else ""
    outcome_of: Outcome = "error"
    if result.verdict is Verdict.PASS or (result.failed_thresholds and result.verdict is Verdict.FAIL and not damaged):
        outcome_of = "pass"
    elif result.verdict is Verdict.FAIL:
        outcome_of = "failure"
    told = [] if outcome_of == "pass" else result.reasons or [outcome(result)]
    return Case(
        "run",
        outcome_of,
        result.verdict.value,
        "; ".join(told),
        "\n".join(filter(None, [*told, result.details])),
        result.duration_ns or 0,
    )


def _threshold(threshold: ThresholdResult, why_not_judged: str) -> Case:
    name, observed, limit = describe(threshold), observed_in_words(threshold), limit_in_words(threshold)
    if threshold.passed:
        return Case(name)
    margin = "" if threshold.margin is None else f"margin: {signed(share)(threshold.margin)}"
    lines = (f"threshold: {name}", f"observed: {observed}", f"limit: {limit}", margin, threshold.reason)
    why = f": {threshold.reason}" if threshold.reason not in ("", observed) else ""
    message = f"observed {observed}, limit {limit}{why}"
    if not threshold.judged:
        return Case(name, "skipped", "not judged", f"not judged: {message}; {why_not_judged}")
    if not threshold.strict:
        return Case(name, "skipped", "soft threshold", f"missed, not counted: {message}")
    return Case(name, "failure", "threshold", message, "\n".join(filter(None, lines)))


def _baseline(compared: BaselineComparison | None) -> Iterator[Case]:
    if compared is None:
        return
    yield from (_operation(each, compared) for each in compared.operations)
    yield from (_counter(each, f"baseline {compared.name}: ") for each in compared.counters)
    if compared.change == "incomparable" or not compared.operations:
        fails: Outcome = "skipped" if not compared.exit_code else "error"
        told = comparison_word(compared).plain
        yield Case(f"baseline {compared.name}", fails, "baseline", told, "\n".join(compared.reasons))


def _counter(counter: CounterChange, prefix: str = "") -> Case:
    title = f"{prefix}{counter_name(counter)}"
    if counter.change in ("no change", "improvement"):
        return Case(title)
    base, now = counter_values(counter)
    told = counter.reason or f"{counter_change(counter)}: {base.plain} before, {now.plain} now"
    return Case(title, "failure" if counter.change == "regression" else "skipped", counter.change, told, told)


def _operation(operation: OperationChange, compared: BaselineComparison) -> Case:
    name = f"baseline {compared.name}: {operation.name}"
    if operation.change in ("no change", "improvement"):
        return Case(name)
    fails = operation.change == "regression" or compared.strict
    p50s = [
        f"p50 {when}: {units.format_duration(p50_ns)}"
        for when, p50_ns in (("then", operation.base_p50_ns), ("now", operation.p50_ns))
        if p50_ns is not None
    ]
    by = "" if operation.ratio is None else f" {signed(share)(operation.ratio - 1)}"
    told = "; ".join(filter(None, (f"{operation.change}{by}", operation.reason)))
    return Case(name, "failure" if fails else "skipped", "baseline", told, "\n".join([told, *p50s]))


def _comparison(result: AbResult) -> Case:
    """The comparison: that there is one, and that the candidate alone does not fail or lose writes."""
    trouble = result.interrupted or result.invalid
    changes = [*(each.change.value for each in result.metrics), *(each.change for each in result.counters)]
    regressed = Change.REGRESSION.value in changes
    fails = result.change is Change.REGRESSION and not regressed
    outcome_of: Outcome = "error" if trouble else "failure" if fails else "pass"
    kind = "interrupted" if result.interrupted else "invalid" if result.invalid else result.change.value
    told = list(filter(None, (trouble, *result.reasons))) if outcome_of != "pass" else []
    problems = [side.problem for side in (result.base, result.candidate) if side.problem]
    message = "; ".join(told) or (kind if outcome_of != "pass" else "")
    return Case("comparison", outcome_of, kind, message, "\n".join([*told, *problems]), result.duration_ns)


def _metric(metric: MetricComparison) -> Case:
    if metric.change not in (Change.REGRESSION, Change.INCONCLUSIVE):
        return Case(metric.name)
    values = f"base: {value(metric, metric.base)}\ncandidate: {value(metric, metric.candidate)}"
    fails = metric.change is Change.REGRESSION
    told = sentence(metric)
    return Case(metric.name, "failure" if fails else "skipped", metric.change.value, told, f"{told}\n{values}")


_PACKAGE: Final = "digipal-perf"
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped (section 2.2 of its specification)."""


def render_junit(results: Sequence[Reported]) -> str:
    """A document of all results, in XML 1.0."""
    return to_xml(_suite(number, result) for number, result in enumerate(results))


def to_xml(each: Iterable[Element]) -> str:
    """A document of suites, in XML 1.0."""
    suites = Element("testsuites")
    suites.extend(each)
    indent(suites)
    stream = io.BytesIO()
    ElementTree(suites).write(stream, encoding="utf-8", xml_declaration=True)
    return stream.getvalue().decode("utf-8") + "\n"


def _suite(number: int, result: Reported) -> Element:
    return suite_of(
        number,
        result.scenario if isinstance(result, AbResult) else result.title,
        cases_of(result),
        started_at=result.started_at,
        duration_ns=result.duration_ns or 0,
        properties=_properties(result),
        printed=as_text(to_console(document_of(result))),
        details="" if isinstance(result, AbResult) else result.details,
    )


def suite_of(
    number: int,
    scenario: str,
    cases: Sequence[Case],
    *,
    started_at: str,
    duration_ns: int,
    properties: Mapping[str, str],
    printed: str,
    details: str = "",
) -> Element:
    """The suite of a scenario.

    Args:
        started_at: UTC, ISO 8601.
        printed: the report as the console shows it.
    """
    suite = Element("testsuite", _attributes(number, scenario, cases, started_at, duration_ns))
    listed = SubElement(suite, "properties")
    for name, written in properties.items():
        SubElement(listed, "property", name=name, value=_clean(one_line(written)))
    for case in cases:
        suite.append(_case(case, f"{_PACKAGE}.{scenario}"))
    SubElement(suite, "system-out").text = _clean(printed)
    SubElement(suite, "system-err").text = _clean(details)
    return suite


def _attributes(number: int, scenario: str, cases: Sequence[Case], started_at: str, duration_ns: int) -> dict[str, str]:
    outcomes = [case.outcome for case in cases]
    return {
        "name": _clean(one_line(scenario)),
        "package": _PACKAGE,
        "id": str(number),
        "hostname": "localhost",
        "timestamp": _timestamp(started_at),
        "tests": str(len(cases)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
        "time": _seconds(duration_ns),
    }


def _case(case: Case, class_name: str) -> Element:
    named = {"name": _clean(one_line(case.name)), "classname": _clean(one_line(class_name))}
    element = Element("testcase", {**named, "time": _seconds(case.duration_ns)})
    if case.outcome != "pass":
        message = _clean(one_line(case.message))
        kind = {} if case.outcome == "skipped" else {"type": case.kind}
        SubElement(element, case.outcome, {"message": message, **kind}).text = _clean(case.text) or None
    return element


def _properties(result: Reported) -> Mapping[str, str]:
    told = {"plan": result.plan, "seed": str(result.seed), "tool_version": result.environment.tool_version}
    if isinstance(result, AbResult):
        engines = {
            who: engine_words(side.name, side.version, side.commit, modified=side.modified)
            for who, side in (("base", result.base), ("candidate", result.candidate))
        }
        return {**told, **engines, "change": result.change.value}
    of_run = {"verdict": result.verdict.value, "engine_version": result.environment.engine_version}
    of_run |= {"tries": str(len(result.earlier_tries) + 1)} if result.earlier_tries else {}
    engine = {"engine": engine_of(result), "commit": result.commit}
    return {**told, **of_run, **{key: value for key, value in engine.items() if value}}


def _timestamp(started_at: str) -> str:
    """In UTC and without an offset, as both schemas have it."""
    began = datetime.fromisoformat(started_at)
    return (began.astimezone(UTC) if began.tzinfo else began).strftime("%Y-%m-%dT%H:%M:%S")


def _seconds(duration_ns: int) -> str:
    return f"{duration_ns / NS_PER_S:.6f}"


def _clean(text: str) -> str:
    return _ILLEGAL.sub("", text)
