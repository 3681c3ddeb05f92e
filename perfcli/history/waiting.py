"""Operations that wait for the simulated AI: their time does not follow the machine's speed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perfcli.scenario.models import Scenario
from perfcli.scenario.operation import CareSettings, TalkSettings
from perfcli.units import parse_duration_ns


def waits_for_ai(scenario: Mapping[str, Any]) -> frozenset[str]:
    """The names of operations that the simulated AI answers, after a delay that is more than nothing.

    Args:
        scenario: as a result of this version holds it.
    """
    whole = Scenario.model_validate(dict(scenario))
    if not parse_duration_ns(whole.engine.ai.latency):
        return frozenset()
    steps = (step for phase in whole.phases_to_run for step in phase.flow)
    return frozenset(step.label for step in steps if isinstance(step, (TalkSettings, CareSettings)))
