"""Results as test cases: what passed, what failed, what could not be judged, and what does not count.

A result has a failure or an error exactly where its exit code is not 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from perfcli import units
from perfcli.ab.result import AbResult, Change, MetricComparison
from perfcli.errors import Verdict
from perfcli.report.change import sentence, value
from perfcli.report.compared import comparison_word
from perfcli.report.run import outcome
from perfcli.report.saved import Reported
from perfcli.report.thresholds import describe, limit_in_words, observed_in_words
from perfcli.report.wording import share, signed
from perfcli.results import BaselineComparison, OperationChange, RunResult, ThresholdResult

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
        return [_comparison(result), *map(_metric, result.metrics)]
    thresholds = (_threshold(threshold, result.starved) for threshold in result.thresholds)
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


def _threshold(threshold: ThresholdResult, starved: str) -> Case:
    name, observed, limit = describe(threshold), observed_in_words(threshold), limit_in_words(threshold)
    if threshold.passed:
        return Case(name)
    margin = "" if threshold.margin is None else f"margin: {signed(share)(threshold.margin)}"
    lines = (f"threshold: {name}", f"observed: {observed}", f"limit: {limit}", margin, threshold.reason)
    why = f": {threshold.reason}" if threshold.reason not in ("", observed) else ""
    message = f"observed {observed}, limit {limit}{why}"
    if not threshold.judged:
        return Case(name, "skipped", "not judged", f"not judged: {message}; {starved}")
    if not threshold.strict:
        return Case(name, "skipped", "soft threshold", f"missed, and does not count: {message}")
    return Case(name, "failure", "threshold", message, "\n".join(filter(None, lines)))


def _baseline(compared: BaselineComparison | None) -> Iterator[Case]:
    if compared is None:
        return
    if compared.operations:
        yield from (_operation(each, compared) for each in compared.operations)
    if compared.change == "incomparable" or not compared.operations:
        fails: Outcome = "skipped" if not compared.exit_code else "error"
        told = comparison_word(compared).plain
        yield Case(f"baseline {compared.name}", fails, "baseline", told, "\n".join(compared.reasons))


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
    regressed = any(metric.change is Change.REGRESSION for metric in result.metrics)
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
