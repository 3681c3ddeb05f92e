"""How long a run waits for its engine before it reports a hang."""

from __future__ import annotations

from math import inf
from typing import Final

from perfcli.plan import (
    LONGEST_PASS_NS,
    MOST_PASSES,
    ExecutionPlan,
    iteration_ns,
    silence_of_load_ns,
    silence_of_warm_up_ns,
    step_silence_ns,
)

STOP_GRACE_S: Final = 5.0
"""From a Ctrl-C to the report: what the vus are doing then may end, nothing new begins."""

GRACE_S: Final = 30.0
"""What any step may take beyond what the scenario itself asks for."""

_STAGE_LIMIT_S: Final = 60.0
_PER_PET_S: Final = 0.05


class TimeLimits:
    """The limits of one plan, in seconds."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self.plan = plan
        self._iteration_s = max(iteration_ns(plan, phase) for phase in plan.phases) / 1e9
        # a set-up, a clean-up and a shutdown that saves what is cached take their time for each pet
        self._fault_s = sum(each.fault.lasts_ns for each in plan.faults) / 1e9
        self._stage_s = _STAGE_LIMIT_S + _PER_PET_S * plan.scenario.setup.pets

    def is_over(self, stage: str, process: int, wave: int, *, lasted_s: float, silent_s: float) -> bool:
        """Whether a stage has lasted too long, or a process has been silent for too long while its vus work."""
        if stage == "measuring" and process == self.plan.host:
            return False  # it serves as long as the others do load
        silence_s = self.silence_s(stage, process, wave)
        return lasted_s > self._stage_limit_s(stage, wave) or (silence_s is not None and silent_s > silence_s)

    def silence_s(self, stage: str, process: int, wave: int) -> float | None:
        """The longest silence of a process that is no hang; None if only the length of the stage counts."""
        match stage:
            case _ if process == self.plan.host:
                return None
            case "warm-up":
                return silence_of_warm_up_ns(self.plan, process) / 1e9 + GRACE_S
            case "measuring" if self.plan.slices is not None:
                return max(step_silence_ns(self.plan, phase) for phase in self.plan.phases) / 1e9 + GRACE_S
            case "measuring":
                return silence_of_load_ns(self.plan, wave, process) / 1e9 + self._fault_s + GRACE_S
        return None

    def is_over_after_stop(self, since_stop_s: float, *, interrupted: bool) -> bool:
        """Whether a stopped load has had its time: little if a person waits, more if a threshold stopped it."""
        return since_stop_s > (STOP_GRACE_S if interrupted else self._iteration_s + GRACE_S)

    def _stage_limit_s(self, stage: str, wave: int) -> float:
        phases = self.plan.phases
        match stage:
            case "measuring" if self.plan.slices is not None:
                return inf  # as long as slices are asked for
            case "warm-up":
                longest_ns = max(phase.load.warmup_ns + phase.load.graceful_stop_ns for phase in phases)
            case "measuring":
                longest_ns = max(phase.ends_after_ns + phase.load.graceful_stop_ns for phase in self.plan.waves[wave])
            case "counting":
                pass_s = LONGEST_PASS_NS / 1e9 + self._iteration_s
                return len(phases) * (MOST_PASSES * pass_s + GRACE_S)
            case _:
                # a process that replaces a killed one can be paused as well
                return self._stage_s + self._fault_s
        return longest_ns / 1e9 + self._iteration_s + self._fault_s + GRACE_S
