"""What faults and the steady state ask of the rest of a scenario."""

from __future__ import annotations

from collections.abc import Iterator

from perfcli.errors import name_to_use
from perfcli.faults import FaultSettings
from perfcli.faults.base import LEAST_STEADY_NS
from perfcli.scenario.models import Phase, Scenario
from perfcli.scenario.node import Node
from perfcli.scenario.problems import KeyPath, Problem, shown
from perfcli.thresholds import Threshold
from perfcli.units import format_duration


def fault_problems(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """Faults that could not be inflicted or told apart, and a steady state that cannot be judged."""
    yield from _steady_problems(scenario, root)
    if not (scenario.load or scenario.phases):
        return
    phases = {phase.name: phase for phase in scenario.phases_to_run}
    names: dict[str, int] = {}
    for index, fault in enumerate(scenario.faults):
        path: KeyPath = ("faults", index, fault.kind)
        yield from _name_problems(fault, path, names, scenario, root)
        names.setdefault(fault.label, root.trace(path)[1].key_location.line)
        if why := scenario.target.lacks.get(fault.needs, ""):
            yield root.problem(path, f"{fault.kind} cannot be inflicted: {why}", key=True)
        yield from _process_problems(fault, path, scenario.engine_processes, root)
        if fault.phase and fault.phase not in phases:
            meant = name_to_use([fault.phase], phases)
            yield root.problem((*path, "phase"), f"no phase is named {shown(fault.phase)}{meant}")
            continue
        phase = phases[fault.phase] if fault.phase else next(iter(phases.values()))
        yield from _time_problems(fault, path, phase, is_first=phase is next(iter(phases.values())), root=root)


def unknown_fault(threshold: Threshold, scenario: Scenario) -> str:
    """Why a threshold on faults has nothing to judge; "" if it has."""
    names = list(dict.fromkeys(fault.label for fault in scenario.faults))
    about = threshold.metric.name if threshold.metric.per_fault else threshold.span and threshold.span.kind
    if not about:
        return ""
    if not names:
        return f"{about} needs a fault, and the scenario has none: add faults: [lock: {{at: 3s, for: 2s}}]"
    if threshold.fault and threshold.fault not in names:
        return f"no fault is named {shown(threshold.fault)}{name_to_use([threshold.fault], names)}"
    return ""


def _steady_problems(scenario: Scenario, root: Node) -> Iterator[Problem]:
    if scenario.steady_state and not scenario.faults:
        message = "needs faults, and the scenario has none: remove it, or add faults: [lock: {at: 3s, for: 2s}]"
        yield root.problem(("steady_state",), message, key=True)
    labels = scenario.labels if scenario.load or scenario.phases else []
    for index, limit in enumerate(scenario.steady_state):
        path: KeyPath = ("steady_state", index)
        if not limit.metric.windowed or limit.is_of_part:
            message = "the steady state is judged each second: use latency, service_time, success_rate, error_rate or "
            yield root.problem(path, f"{message}throughput, without for, within or during")
        elif limit.operation and labels and limit.operation not in labels:
            yield root.problem(
                path, f"no step is named {shown(limit.operation)}{name_to_use([limit.operation], labels)}"
            )


def _name_problems(
    fault: FaultSettings, path: KeyPath, names: dict[str, int], scenario: Scenario, root: Node
) -> Iterator[Problem]:
    where: KeyPath = (*path, "name") if fault.name else path
    if fault.label in names:
        remedy = "give each a name of its own" if fault.name else f"give them names, {fault.kind}: {{name: …}}"
        message = f"two faults are named {shown(fault.label)} (the other on line {names[fault.label]}): {remedy}"
        yield root.problem(where, message, key=not fault.name)
    elif fault.label in scenario.labels:
        yield root.problem(where, f"{shown(fault.label)} is the name of a step: choose another name")
    elif fault.label in (phase.name for phase in scenario.phases):
        yield root.problem(where, f"{shown(fault.label)} is the name of a phase: choose another name")


def _process_problems(fault: FaultSettings, path: KeyPath, processes: int, root: Node) -> Iterator[Problem]:
    if fault.process_number is None or fault.process_number < processes:
        return
    there = "one process, number 0" if processes == 1 else f"{processes}, numbered 0 to {processes - 1}"
    remedy = "" if processes > 1 else "; for several, set pool: {processes: N}"
    yield root.problem((*path, "process"), f"no process {fault.process_number}: the pool has {there}{remedy}")


def _time_problems(
    fault: FaultSettings, path: KeyPath, phase: Phase, *, is_first: bool, root: Node
) -> Iterator[Problem]:
    planned_ns = phase.load.planned_ns
    if is_first and fault.at_ns < LEAST_STEADY_NS:
        message = "starts before the load is steady, which takes 1s: write at: 2s or later"
        yield root.problem((*path, "at"), message)
    elif planned_ns is not None and fault.ends_ns > planned_ns:
        lasts, ends = format_duration(fault.ends_ns), format_duration(planned_ns)
        message = f"lasts until {lasts}, but the load ends after {ends}: start it earlier, or run longer"
        yield root.problem((*path, "at"), message)
