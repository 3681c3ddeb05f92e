"""How long a run waits for its engine before it takes it for hung."""

from __future__ import annotations

from typing import Final

from perfcli.plan import ExecutionPlan, PlannedPhase

STOP_GRACE_S: Final = 5.0
"""From a Ctrl-C to the report: what the vus are doing then may end, nothing new begins."""

GRACE_S: Final = 30.0
"""What any step may take beyond what the scenario itself asks for."""

_PHASE_LIMIT_S: Final = 60.0
_SET_UP_PER_PET_S: Final = 0.05


class Patience:
    """The limits of one plan, in seconds."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self._own_s = max(plan.iteration_own_time_s(phase) for phase in plan.phases)
        # how long a vu may have nothing to say by the scenario's own wish
        self._quiet_s = max(self._own_s + (phase.load.start_after_ns or 0) / 1e9 for phase in plan.phases)
        self._limits_s = {
            "set-up": _PHASE_LIMIT_S + _SET_UP_PER_PET_S * plan.scenario.setup.pets,
            "writing down answers": _PHASE_LIMIT_S + _SET_UP_PER_PET_S * plan.scenario.setup.pets,
            "warm-up": max(phase.load.warmup_ns for phase in plan.phases) / 1e9 + self._own_s + GRACE_S,
            "measuring": max(_most_s(phase) for phase in plan.phases) + self._own_s + STOP_GRACE_S,
        }

    def is_over(self, phase: str, lasted_s: float, silent_s: float) -> bool:
        """Whether a phase has lasted too long, or nothing was heard of the vus for too long while they work."""
        if phase in ("warm-up", "measuring") and silent_s > self._quiet_s + GRACE_S:
            return True
        return lasted_s > self._limits_s.get(phase, _PHASE_LIMIT_S)

    def is_over_after_stop(self, since_stop_s: float, *, interrupted: bool) -> bool:
        """Whether a stopped load has had its time: little where a person waits, more where a threshold stopped it."""
        return since_stop_s > (STOP_GRACE_S if interrupted else self._own_s + GRACE_S)


def _most_s(phase: PlannedPhase) -> float:
    return (phase.ends_after_ns + phase.load.graceful_stop_ns) / 1e9
