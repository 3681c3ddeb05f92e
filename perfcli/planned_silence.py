"""How long an engine process may have nothing to report because its scenario gives it nothing to do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from perfcli.executors import Share
from perfcli.operations.base import StepSettings
from perfcli.plan import ExecutionPlan, PlannedPhase
from perfcli.units import parse_duration_ns

_JITTER_AT_MOST = 10  # standard deviations: no normal draw goes beyond in a lifetime of runs


def silence_of_load_ns(plan: ExecutionPlan, wave: int, process: int) -> int:
    """The longest planned time between two reports of a process while it is measured, if calls take what they may."""
    phases = plan.waves[wave]
    gap_ns = _schedule_gap_ns(phases, Share(process, plan.scenario.pool.processes))
    step_ns = max(step_silence_ns(plan, phase) for phase in phases)
    # before the gap a vu may have been thinking, and after it a call begins
    return gap_ns + 2 * step_ns if gap_ns else step_ns


def silence_of_warm_up_ns(plan: ExecutionPlan, process: int) -> int:
    """The same while it warms up, in any wave."""
    share = Share(process, plan.scenario.pool.processes)
    longest_ns = 0
    for wave in plan.waves:
        warmed = [phase for phase in wave if phase.load.warmup_ns]
        if not any(share.has_part_of(phase.load.vu_count) for phase in warmed):
            longest_ns = max(longest_ns, *(phase.load.warmup_ns for phase in warmed), 0)
        # a short warm-up is waited for by the vus of a longer one
        longest_ns = max(longest_ns, *(phase.load.warmup_ns + step_silence_ns(plan, phase) for phase in warmed), 0)
    return longest_ns


def step_silence_ns(plan: ExecutionPlan, phase: PlannedPhase) -> int:
    """The longest planned time from the end of one operation of a vu to the end of its next."""
    pause_ns = phase.load.think_time.longest_ns
    if phase.phase.is_mix:
        sleeps_ns = [step.pause_ns for step in phase.flow]
        calls_ns = [_call_ns(plan, step) for step in phase.flow if not step.is_pause]
        return pause_ns + max(sleeps_ns, default=0) + max(calls_ns)
    longest_ns = 0
    # twice: the vu thinks between two iterations
    for step in chain(phase.flow, (None,), phase.flow):
        if step is None:
            pause_ns = pause_ns + phase.load.think_time.longest_ns
        elif step.is_pause:
            pause_ns += step.pause_ns
        else:
            longest_ns = max(longest_ns, pause_ns + _call_ns(plan, step))
            pause_ns = 0
    return longest_ns


def iteration_ns(plan: ExecutionPlan, phase: PlannedPhase) -> int:
    """What one iteration may take by plan: its sleeps, its think time, the AI's answers and the steps' timeouts."""
    steps_ns = (step.pause_ns or _call_ns(plan, step) for step in phase.flow)
    return phase.load.think_time.longest_ns + sum(steps_ns)


def longest_call_ns(plan: ExecutionPlan) -> int:
    """What the scenario lets any call take: a step's timeout, or the AI's answer."""
    steps = (step for phase in plan.phases for step in phase.flow if not step.is_pause)
    return max(_call_ns(plan, step) for step in steps)


def _call_ns(plan: ExecutionPlan, step: StepSettings) -> int:
    ai = plan.scenario.engine.ai
    answer_ns = parse_duration_ns(ai.latency) + _JITTER_AT_MOST * parse_duration_ns(ai.jitter)
    return max(step.timeout_ns or 0, answer_ns if step.waits_for_ai else 0)


def _schedule_gap_ns(phases: Sequence[PlannedPhase], share: Share) -> int:
    """The longest time in which the schedules of a wave leave a process without work."""
    ends_ns = max((phase.load.start_after_ns or 0) + (phase.load.planned_ns or 0) for phase in phases)
    # what one phase does breaks the silence of the others
    return min((_gap_of_phase_ns(phase, ends_ns, share) for phase in phases), default=ends_ns)


def _gap_of_phase_ns(phase: PlannedPhase, wave_ends_ns: int, share: Share) -> int:
    load = phase.load
    begins_ns, planned_ns, gap_ns = load.start_after_ns or 0, load.planned_ns or 0, load.largest_gap_ns(share)
    if gap_ns >= planned_ns or not share.has_part_of(load.vu_count):
        # it has no work for this process, or nobody knows when its iterations will be done
        return wave_ends_ns
    return max(begins_ns, wave_ends_ns - begins_ns - planned_ns) + gap_ns
