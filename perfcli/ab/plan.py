"""A scenario made ready to be compared: only the engine's own work is left in it."""

from __future__ import annotations

from perfcli.operations import Step
from perfcli.plan import ExecutionPlan, Slices
from perfcli.scenario.models import Phase, Scenario


def prepared(plan: ExecutionPlan, *, keep_ai: bool, slowdown: float = 0.0) -> ExecutionPlan:
    """The plan of one engine of a pair.

    Left out is what no engine can change: pauses, the AI's own time, limits of time, thresholds. Executors do not
    count, as vus work in slices, and one engine process does all of the work.

    Args:
        keep_ai: let the simulated AI take its time, as somebody asked for it.
        slowdown: planted: each call takes longer by this share of its time.
    """
    scenario = _bare(plan.scenario, keep_ai=keep_ai)
    return plan.model_copy(update={"scenario": scenario, "slices": Slices(slowdown=slowdown)})


def _bare(scenario: Scenario, *, keep_ai: bool) -> Scenario:
    phases = [_bare_phase(phase) for phase in scenario.phases_to_run]
    ai = scenario.engine.ai if keep_ai else scenario.engine.ai.model_copy(update={"latency": "0ms", "jitter": "0ms"})
    update = {
        "engine": scenario.engine.model_copy(update={"ai": ai}),
        "pool": scenario.pool.model_copy(update={"processes": 1}),
        "load": None,
        "phases": phases,
        "flow": [],
        "thresholds": [],
    }
    return scenario.model_copy(update=update)


def _bare_phase(phase: Phase) -> Phase:
    flow = [_bare_step(step) for step in phase.flow if not step.is_pause]
    return phase.model_copy(update={"flow": flow, "thresholds": [], "growth": None})


def _bare_step(step: Step) -> Step:
    return step.model_copy(update={"timeout": None})


def describe(plan: ExecutionPlan) -> str:
    """What both engines do, in one line."""
    phases = [
        f"{phase.load.vu_count} {'vu' if phase.load.vu_count == 1 else 'vus'}: "
        f"{'a mix of ' if phase.phase.is_mix else ''}{', '.join(phase.phase.labels)}"
        for phase in plan.phases
    ]
    return "; ".join([*phases, *plan.describe_engine()])
