"""What thresholds ask of the flows they judge, and of the settings beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from perfcli.scenario.models import MOST_THRESHOLDS
from perfcli.scenario.outline import Outline, ReadFlow, ReadPhase
from perfcli.scenario.problems import KeyPath, Place, Problem, legible, shown
from perfcli.scenario.written import Written
from perfcli.thresholds import Threshold, ThresholdError, did_you_mean, parse_threshold

_BEGIN_AT_0: Final = ("iterations", "duration")


@dataclass(frozen=True)
class _ReadRule:
    """An item of a list of thresholds, and the phase that it judges; None: the whole load."""

    path: KeyPath
    written: Written
    phase: ReadPhase | None

    def sets(self, setting: str, value: bool) -> Written | None:
        """What is written under a setting, if it has this value."""
        written = self.written.child(setting)
        return written if written is not None and written.value is value else None


@dataclass(frozen=True)
class ReadThreshold:
    """A threshold that can be read, with its place."""

    path: KeyPath
    place: Place
    threshold: Threshold
    phase: ReadPhase | None


def threshold_problems(outline: Outline) -> Iterator[Problem]:
    """Operations that nobody does, metrics that nobody measures, settings that contradict one another."""
    for rule in _rules(outline):
        read = _read(rule)
        if read:
            yield from _operation(read, outline)
            yield from _metric(read, outline)
        yield from _ending_the_load(rule, read)
        yield from _uncounted(rule)


def readable_thresholds(outline: Outline) -> Iterator[ReadThreshold]:
    """The thresholds of the whole, then those of each phase."""
    yield from filter(None, map(_read, _rules(outline)))


def _rules(outline: Outline) -> Iterator[_ReadRule]:
    for phase in (None, *(phase for phase in outline.phases if phase.path)):
        section, path = (phase.written, phase.path) if phase else (outline.root, ())
        written = section.child("thresholds")
        items = written.value if written and isinstance(written.value, list) else []
        for index, item in enumerate(items[:MOST_THRESHOLDS]):
            yield _ReadRule((*path, "thresholds", index), item, phase)


def _read(rule: _ReadRule) -> ReadThreshold | None:
    expr = rule.written.child("expr")
    path, written = ((*rule.path, "expr"), expr) if expr is not None else (rule.path, rule.written)
    try:
        return ReadThreshold(path, written.place, parse_threshold(_text(written)), rule.phase)
    except ThresholdError:
        return None


def _text(written: Written) -> str:
    return written.value if isinstance(written.value, str) else ""


def _operation(read: ReadThreshold, outline: Outline) -> Iterator[Problem]:
    operation, flows = read.threshold.operation, _judged_flows(read, outline)
    labels = {label for flow in flows for label in flow.measured}
    if not operation or not flows or operation in labels:
        return
    if any(step.label == operation for flow in flows for step in flow.steps):
        yield read.place.problem(read.path, f"{shown(operation)} is a sleep, which is never measured")
    elif not any(flow.may_hold(operation) for flow in flows):
        yield read.place.problem(read.path, _no_such_step(operation, flows))


def _judged_flows(read: ReadThreshold, outline: Outline) -> Sequence[ReadFlow]:
    if read.phase is None:
        return outline.flows_that_run
    return [read.phase.flow] if read.phase.flow else []


def _no_such_step(operation: str, flows: Sequence[ReadFlow]) -> str:
    labels = list(dict.fromkeys(label for flow in flows for label in flow.measured))
    listing = ", ".join(map(legible, labels[:10])) + (", …" if len(labels) > 10 else "")
    where, they = ("the flow", "it has") if len(flows) == 1 else ("any phase", "they have")
    meant = did_you_mean([operation], labels)
    return f"no step of {where} is called {shown(operation)}{meant}: {they} {listing or 'none that is measured'}"


def _metric(read: ReadThreshold, outline: Outline) -> Iterator[Problem]:
    metric = read.threshold.metric
    if read.phase and not metric.per_phase:
        message = f"{metric.name} belongs to the whole run: move it to the scenario's own thresholds"
        yield read.place.problem(read.path, message)
    elif metric.name.startswith("growth.") and not _growth_is_asked_for(read.phase, outline):
        message = f"{metric.name} needs to know with what: write growth: {{over: pets}} or {{over: interactions}}"
        yield read.place.problem(read.path, message)


def _growth_is_asked_for(phase: ReadPhase | None, outline: Outline) -> bool:
    sections = [phase.written] if phase else [each.written for each in outline.phases]
    return any(section.child("growth") for section in [outline.root, *sections])


def _ending_the_load(rule: _ReadRule, read: ReadThreshold | None) -> Iterator[Problem]:
    abort, delay = rule.sets("abort_on_fail", True), rule.written.child("delay_abort_eval")
    if delay and not abort:
        message = "needs abort_on_fail: true beside it: a threshold that ends no load is judged at the end alone"
        yield delay.key_place.problem((*rule.path, "delay_abort_eval"), message)
    elif abort and not delay and read and _fails_at_first(read.threshold):
        name = read.threshold.metric.name
        message = f"{name} begins at 0: this limit would end the load at once; judge it at the end"
        yield abort.place.problem((*rule.path, "abort_on_fail"), message)


def _fails_at_first(threshold: Threshold) -> bool:
    return threshold.metric.name in _BEGIN_AT_0 and threshold.op not in ("<", "<=")


def _uncounted(rule: _ReadRule) -> Iterator[Problem]:
    if not rule.sets("strict", False):
        return
    abort, code = rule.sets("abort_on_fail", True), rule.written.child("exit_code")
    if abort:
        message = "a threshold that is shown and not counted (strict: false) cannot end the load"
        yield abort.key_place.problem((*rule.path, "abort_on_fail"), message)
    if code:
        message = "a threshold that is shown and not counted (strict: false) has no say in the exit code"
        yield code.key_place.problem((*rule.path, "exit_code"), message)
