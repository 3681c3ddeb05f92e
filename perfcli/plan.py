"""A scenario made ready to run: with its seed, and the line that says what will happen."""

from __future__ import annotations

import secrets

from pydantic import BaseModel, ConfigDict, Field

from perfcli.scenario.models import Scenario
from perfcli.scenario.operation import TalkSettings
from perfcli.scenario.steps import Sleep
from perfcli.units import parse_duration_ns

_SEED_BITS = 32  # short enough to copy from a terminal by hand
_JITTER_AT_MOST = 10  # standard deviations: no normal draw goes beyond in a lifetime of runs


class ExecutionPlan(BaseModel):
    """What a run needs to know; travels to the engine process as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: Scenario
    seed: int = Field(ge=0, lt=2**63)

    def describe(self) -> str:
        """What will run, in one line."""
        scenario = self.scenario
        what = "a mix of " if scenario.is_mix else ""
        parts = [scenario.load.describe(), what + _joined(scenario.labels)]
        if driven := scenario.target.describe():
            parts.append(driven)
        if scenario.setup.pets:
            parts.append(f"{scenario.setup.pets:,} {'pet' if scenario.setup.pets == 1 else 'pets'} set up")
        if _uses_ai(scenario):
            parts.append(f"AI {scenario.engine.ai.latency}")
        return "; ".join(parts)

    @property
    def iteration_own_time_s(self) -> float:
        """What one iteration takes by the scenario's own wish: pauses, think time and the AI's answers, in seconds."""
        scenario = self.scenario
        ai = scenario.engine.ai
        answer_ns = parse_duration_ns(ai.latency) + _JITTER_AT_MOST * parse_duration_ns(ai.jitter)
        pauses_ns = sum(step.duration_ns for step in scenario.flow if isinstance(step, Sleep))
        answers_ns = sum(answer_ns for step in scenario.flow if isinstance(step, TalkSettings))
        return (scenario.load.think_time_ns + pauses_ns + answers_ns) / 1e9


def plan_run(scenario: Scenario, seed: int | None = None) -> ExecutionPlan:
    """The plan of one run; a seed is drawn where none is given."""
    return ExecutionPlan(scenario=scenario, seed=secrets.randbits(_SEED_BITS) if seed is None else seed)


def _uses_ai(scenario: Scenario) -> bool:
    answers = any(isinstance(step, TalkSettings) for step in scenario.flow)
    return answers and scenario.target.starts_engine and parse_duration_ns(scenario.engine.ai.latency) > 0


def _joined(labels: list[str], most: int = 6) -> str:
    shown = labels[:most] + ([f"{len(labels) - most} more"] if len(labels) > most else [])
    return ", ".join(shown)
