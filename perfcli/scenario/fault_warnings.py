"""Loads that hide an outage, or make one look longer than it is: known before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from perfcli.executors.base import MOST_VUS
from perfcli.faults import FaultSettings
from perfcli.faults.schedule import occurrences
from perfcli.scenario.models import Phase, Scenario
from perfcli.scenario.node import Node
from perfcli.scenario.problems import KeyPath, Problem


class _Span(NamedTuple):
    """A time of a fault or a phase, in ns since its wave began."""

    begins_ns: float
    ends_ns: float

    def overlaps(self, other: _Span) -> bool:
        return self.begins_ns < other.ends_ns and other.begins_ns < self.ends_ns


def fault_warnings(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """What to change, so that a fault shows what the engine does."""
    for index, fault in enumerate(scenario.faults):
        path: KeyPath = ("faults", index, fault.kind)
        spans, phases = _spans(fault, scenario), _of_its_wave(fault, scenario)
        beside = [phase for phase in phases if any(map(_span(phase).overlaps, spans))]
        blocked = [phase for phase in beside if _blocked_share(fault, phase)]
        if blocked and not any(phase.load.is_open for phase in blocked):
            message = (
                "each vu waits for its answer meanwhile, so few operations show the outage: "
                "use an arrival rate to see every operation due"
            )
            yield root.problem(path, message, key=True)
        for phase in blocked:
            if message := _too_few_vus(fault, phase, spans, several=len(scenario.phases_to_run) > 1):
                yield root.problem(path, message, key=True)


def _spans(fault: FaultSettings, scenario: Scenario) -> list[_Span]:
    """Each time of it, without its jitter."""
    names = [phase.name for phase in scenario.phases_to_run]
    begins_ns = _span(scenario.phases_to_run[names.index(fault.phase) if fault.phase else 0]).begins_ns
    times = occurrences([fault.model_copy(update={"jitter": "0ms"})], names, 0)
    return [_Span(begins_ns + time.at_ns, begins_ns + time.ends_ns) for time in times]


def _of_its_wave(fault: FaultSettings, scenario: Scenario) -> list[Phase]:
    """The phases that may run beside it; those without `start_after` begin a wave."""
    wave: list[Phase] = []
    for phase in scenario.phases_to_run:
        if phase.load.start_after_ns is None:
            if _has(fault, wave):
                return wave
            wave = []
        wave.append(phase)
    return wave


def _has(fault: FaultSettings, wave: list[Phase]) -> bool:
    return bool(wave) and (not fault.phase or any(phase.name == fault.phase for phase in wave))


def _span(phase: Phase) -> _Span:
    begins_ns = phase.load.start_after_ns or 0
    planned_ns = phase.load.planned_ns
    return _Span(begins_ns, math.inf if planned_ns is None else begins_ns + planned_ns)


def _blocked_share(fault: FaultSettings, phase: Phase) -> float:
    """The share of its iterations that may have to wait until the fault is over."""
    steps = [step for step in phase.flow if not step.is_pause]
    if not phase.is_mix:
        return float(any(map(fault.blocks, steps)))
    weights = {index: step.weight or 0.0 for index, step in enumerate(steps)}
    return sum(weights[index] for index, step in enumerate(steps) if fault.blocks(step)) / sum(weights.values())


def _too_few_vus(fault: FaultSettings, phase: Phase, spans: list[_Span], *, several: bool) -> str:
    begins_ns, vus = phase.load.start_after_ns or 0, phase.load.vu_count
    due = max((_due(phase, span, begins_ns) for span in spans), default=0)
    waiting = math.ceil(due * _blocked_share(fault, phase))
    if waiting <= vus:
        return ""
    whose = f"{phase.name} has" if several else "there are"
    more = f"give it {waiting:,} vus" if waiting <= MOST_VUS else "lower the rate"
    spared = [step.label for step in phase.flow if not (step.is_pause or fault.blocks(step))]
    apart = f", and {spared[0]} its own phase (start_after: 0s)" if spared else ""
    return (
        f"{waiting:,} iterations may wait for its end, but {whose} {vus:,} vus: other operations then wait for a "
        f"free vu, and look slower than the engine is; {more}{apart}"
    )


def _due(phase: Phase, span: _Span, begins_ns: int) -> int:
    """How many iterations are due in a span; 0 for a closed model."""
    before, after = (phase.load.due_before(max(0, int(at_ns) - begins_ns)) for at_ns in span)
    return 0 if before is None or after is None else after - before
