"""Loads that count iterations, in a scenario with faults: they repeat them until the faults are over and recovered."""

from __future__ import annotations

from typing import Final

from perfcli.executors import ConstantVus, Load
from perfcli.scenario.models import Scenario
from perfcli.units import NS_PER_S

RECOVERY_S: Final = 5
"""How long such a load goes on after the last fault of its phase."""


def with_repeated_loads(scenario: Scenario) -> Scenario:
    """The scenario as it runs: its vus repeat their iterations where a number of them might end before a fault does."""
    first = scenario.phases_to_run[0].name
    ends_ns: dict[str, int] = {}
    for fault in scenario.faults:
        phase = fault.phase or first
        ends_ns[phase] = max(fault.ends_ns, ends_ns.get(phase, 0))
    if not ends_ns:
        return scenario
    if scenario.load:
        return scenario.model_copy(update={"load": _repeated(scenario.load, ends_ns.get("load", 0))})
    phases = [
        phase.model_copy(
            update={"load": _repeated(phase.load, max(ends_ns.get(name, 0) for name in phase.names_when_run))}
        )
        for phase in scenario.phases
    ]
    return scenario.model_copy(update={"phases": phases})


def _repeated(load: Load, until_ns: int) -> Load:
    if load.planned_ns is not None or not until_ns:
        return load
    kept = {key: value for key, value in load if key in ConstantVus.model_fields}
    duration_s = -(-until_ns // NS_PER_S) + RECOVERY_S
    return ConstantVus(**{**kept, "executor": "constant-vus", "duration": f"{duration_s}s"})
