"""A scenario made ready to run: with its seed, its vus numbered, and a line for what each phase will do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from perfcli.executors import Load
from perfcli.operations import Step
from perfcli.scenario.models import Phase, Scenario
from perfcli.units import parse_duration_ns

_SEED_BITS = 32  # short enough to copy from a terminal by hand


@dataclass(frozen=True)
class PlannedPhase:
    """A phase with its place in the run: the vus of a run are numbered through all its phases."""

    index: int
    wave: int
    first_vu: int
    phase: Phase
    pets: int

    @property
    def name(self) -> str:
        """The phase's name."""
        return self.phase.name

    @property
    def load(self) -> Load:
        """The phase's load."""
        return self.phase.load

    @property
    def flow(self) -> Sequence[Step]:
        """The phase's steps."""
        return self.phase.flow

    @property
    def vus(self) -> range:
        """The numbers of its vus."""
        return range(self.first_vu, self.first_vu + self.load.vu_count)

    @property
    def ends_after_ns(self) -> int:
        """When its last iteration may start, in ns since its wave began, warm-up left out."""
        return (self.load.start_after_ns or 0) + self.load.longest_ns


class Slices(BaseModel):
    """That the tool says when vus work and for how many iterations, as two engines take turns on the same CPUs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slowdown: float = Field(default=0.0, ge=0, description="planted: each call takes longer by this share of its time")


class Profiling(BaseModel):
    """That the run is a profile's: its figures are no measurement."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: Literal["nothing", "cpu", "memory", "sql", "locks"] = Field(description="nothing: a run to hold others against")
    longest_ns: int = Field(gt=0, description="iterations begin for so long at most, all waves together")


class ExecutionPlan(BaseModel):
    """What a run needs to know; travels to the engine process as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scenario: Scenario
    seed: int = Field(ge=0, lt=2**63)
    slices: Slices | None = Field(default=None, description="None: the executors say when vus work")
    profile: Profiling | None = None

    @cached_property
    def phases(self) -> Sequence[PlannedPhase]:
        """What runs, in the order of the file."""
        return tuple(_planned(self.scenario))

    @cached_property
    def waves(self) -> Sequence[Sequence[PlannedPhase]]:
        """Phases that run at the same time; a wave begins when the one before it has ended."""
        waves = range(self.phases[-1].wave + 1)
        return tuple(tuple(phase for phase in self.phases if phase.wave == wave) for wave in waves)

    @property
    def vus(self) -> int:
        """The vus of all phases."""
        return self.phases[-1].vus.stop

    @cached_property
    def _phase_of_vu(self) -> Sequence[PlannedPhase]:
        return tuple(phase for phase in self.phases for _ in phase.vus)

    def phase_of(self, vu: int) -> PlannedPhase:
        """The phase a vu belongs to."""
        return self._phase_of_vu[vu]

    def flow_of(self, vu: int) -> Sequence[Step]:
        """The steps a vu's packed draws speak of."""
        return self._phase_of_vu[vu].flow

    def process_of(self, vu: int) -> int:
        """The engine process a vu runs in, counted from 0."""
        return (vu - self._phase_of_vu[vu].first_vu) % self.scenario.pool.processes

    def describe(self) -> str:
        """What will run, in one line."""
        if len(self.phases) == 1:
            parts = [self.describe_phase(self.phases[0])]
        else:
            parts = [f"{len(self.phases)} phases: {_joined([phase.name for phase in self.phases])}"]
        return "; ".join([*parts, *self.describe_engine()])

    def describe_phase(self, planned: PlannedPhase) -> str:
        """What one phase does, in one line."""
        what = "a mix of " if planned.phase.is_mix else ""
        start = f"after {planned.load.start_after}: " if planned.load.start_after else ""
        return f"{start}{planned.load.describe()}; {what}{_joined(planned.phase.labels)}"

    def describe_engine(self) -> Iterator[str]:
        """What it runs on: the target, its processes, pets and AI."""
        scenario = self.scenario
        if driven := scenario.target.describe():
            yield driven
        if scenario.pool.processes > 1:
            yield f"over {scenario.pool.processes} engine processes on one database"
        if scenario.setup.pets:
            yield f"{scenario.setup.pets:,} {'pet' if scenario.setup.pets == 1 else 'pets'} set up"
        if self._uses_ai:
            yield f"AI {scenario.engine.ai.latency}"

    @property
    def _uses_ai(self) -> bool:
        scenario = self.scenario
        answers = any(step.waits_for_ai for phase in self.phases for step in phase.flow)
        return answers and scenario.target.starts_engine and parse_duration_ns(scenario.engine.ai.latency) > 0


def plan_run(scenario: Scenario, seed: int | None = None) -> ExecutionPlan:
    """The plan of one run; a seed is drawn where none is given."""
    return ExecutionPlan(scenario=scenario, seed=secrets.randbits(_SEED_BITS) if seed is None else seed)


def _planned(scenario: Scenario) -> Iterator[PlannedPhase]:
    """The phases with their vus; one that says `start_after` joins the wave of those before it."""
    wave = first_vu = 0
    for index, phase in enumerate(scenario.phases_to_run):
        if index and phase.load.start_after is None:
            wave += 1
        yield PlannedPhase(index, wave, first_vu, phase, scenario.setup.pets)
        first_vu += phase.load.vu_count


def _joined(labels: list[str], most: int = 6) -> str:
    shown = labels[:most] + ([f"{len(labels) - most} more"] if len(labels) > most else [])
    return ", ".join(shown)
