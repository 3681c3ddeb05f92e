"""What the result of a probe says of its load: it holds, fails, or nothing; what bound the engine; and the edge."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Final

from perfcli.capacity.result import Edge, ProbeResult, ProbeVerdict
from perfcli.errors import Verdict
from perfcli.judgement import LEAST_DELIVERY, describe_failure
from perfcli.operations.digipal_data import WRONG
from perfcli.plan import ExecutionPlan
from perfcli.results import RunResult, ThresholdResult
from perfcli.units import NS_PER_S, format_quantity, parse_duration_ns

_NEVER_WRONG: Final = ("lost_writes", "duplicate_writes", "stale_reads", "lost_updates", "torn_reads", "fidelity")
GENERATOR: Final = "the load generator"
_DELIVERY: Final = f"delivery >= {LEAST_DELIVERY:.0%}"
"""The rule on open loads that every run is judged by."""
_ON_ANSWERS: Final = re.compile(r"\b(success_rate|error_rate|ok|failed|timeouts|\w+_errors)\b")
_LAG_NS: Final = 1_000_000
_HALF: Final = 0.5
_MOST: Final = 0.85
_CLIFF_UP: Final = 1.0
"""An upper limit is crossed at once if the figure rises by as much as the limit itself; a lower one if it loses half
of it: either way, from the limit on, by a factor of two."""
_CLIFF_DOWN: Final = 0.5


def judged(run: RunResult, load: float, plan: ExecutionPlan) -> ProbeResult:
    """What a run of a probe's plan says of its load."""
    failed = [each for each in run.failed_thresholds if not each.reason]
    verdict, reason = _verdict(run, failed)
    nearest = _most_exceeded(failed) if failed else _nearest(run)
    if not reason and nearest:
        reason = _words(nearest) + _most_frequent_error(run, nearest)
    delivered = _delivered(run)
    undelivered = not failed and delivered is not None and delivered < LEAST_DELIVERY
    latency, service = run.total.latency, run.total.service_time
    duration_s = (run.duration_ns or 0) / NS_PER_S
    return ProbeResult(
        load=load,
        verdict=verdict,
        reason=reason,
        threshold=_DELIVERY if undelivered else nearest.expr if nearest else "",
        of_limit={each.expr: share for each in run.thresholds if (share := _of_limit(each)) is not None}
        | ({_DELIVERY: delivered / LEAST_DELIVERY} if delivered is not None else {}),
        length_ns=plan.phases[0].load.longest_ns,
        seed=run.seed,
        service_p50_ns=service.p50_ns if service else None,
        latency_p99_ns=latency.p99_ns if latency else None,
        iterations_per_s=run.iterations / duration_s if duration_s else 0.0,
        cpu_mean=run.resources.cpu_mean,
        bound_by=_bound_by(run, plan) if run.phases else "",
        not_judged=[each.expr for each in run.failed_thresholds if each.reason],
    )


def _words(threshold: ThresholdResult) -> str:
    """What was observed, and the limit as it is written: latency.p99 24.6 ms, limit 20ms."""
    subject, *_, limit = re.split("[<>=!]+", threshold.expr)
    return f"{subject.strip()} {format_quantity(threshold.unit, threshold.observed or 0.0)}, limit {limit.strip()}"


def _most_frequent_error(run: RunResult, threshold: ThresholdResult) -> str:
    """What made a limit on answers fail: `: StalePetError (15)`; "" for other limits."""
    if threshold.passed or not run.total.errors or not _ON_ANSWERS.search(threshold.expr):
        return ""
    kind, count = max(run.total.errors.items(), key=lambda each: each[1])
    return f": {kind.partition(':')[0]} ({count:,})"


def _of_limit(threshold: ThresholdResult) -> float | None:
    if threshold.margin is None:
        return None
    return 1 - threshold.margin if "<" in threshold.expr else 1 + threshold.margin


def _delivered(run: RunResult) -> float | None:
    """The share of iterations that were done, of those that were due."""
    for phase in run.phases:
        if phase.offered_per_s and phase.achieved_per_s is not None:
            return phase.achieved_per_s / phase.offered_per_s
    return None


def _verdict(run: RunResult, failed: Sequence[ThresholdResult]) -> tuple[ProbeVerdict, str]:
    if run.verdict is Verdict.INTERRUPTED:
        return ProbeVerdict.INTERRUPTED, "; ".join(run.reasons)
    if run.verdict is Verdict.ERROR or not run.performed_as_planned:
        return ProbeVerdict.ERROR, "; ".join(run.reasons)
    if wrong := list(_wrong(run, failed)):
        return ProbeVerdict.WRONG, "; ".join(wrong)
    if failed:
        return ProbeVerdict.FAILS, ""
    if run.starved:
        return ProbeVerdict.STARVED, run.starved
    if run.duration_ns is None or not run.total.attempts:
        return ProbeVerdict.INVALID, "; ".join(run.reasons)
    if run.verdict is Verdict.INVALID:
        return ProbeVerdict.FAILS, run.reasons[0].partition(": add vus")[0]
    return ProbeVerdict.HOLDS, ""


def _wrong(run: RunResult, failed: Sequence[ThresholdResult]) -> Iterator[str]:
    """What no load excuses."""
    violation = run.integrity.violation if run.integrity else ""
    answers = {kind: count for kind, count in run.total.errors.items() if kind.startswith(WRONG)}
    if violation:
        yield violation
    yield from (f"{kind} ({count:,} of {run.total.attempts:,})" for kind, count in answers.items())
    if not violation and not answers:
        yield from (describe_failure(each) for each in failed if each.expr.startswith(_NEVER_WRONG))


def _most_exceeded(failed: Sequence[ThresholdResult]) -> ThresholdResult:
    return min(failed, key=lambda each: -1.0 if each.margin is None else each.margin)


def _nearest(run: RunResult) -> ThresholdResult | None:
    """The limit that is nearest, of those above: a share of all is near 100% in a good run."""
    upper = [each for each in run.thresholds if each.passed and each.margin is not None and "<" in each.expr]
    return min(upper, key=lambda each: each.margin or 0.0, default=None)


def _bound_by(run: RunResult, plan: ExecutionPlan) -> str:
    """What a run near its limit waits for; "" if no part of it stands out."""
    services = {each.name: (each.attempts, each.service_time) for each in run.operations if each.service_time}
    duration_ns = run.duration_ns or 0
    if not services or not duration_ns:
        return ""
    busy = {name: attempts * service.mean_ns / duration_ns for name, (attempts, service) in services.items()}
    slowest_ns = max(service.p99_ns for _, service in services.values())
    return (
        _late_generator(run, slowest_ns, sum(busy.values()))
        or _busy_process(run, plan)
        or _waits(plan, busy, {name: attempts / duration_ns for name, (attempts, _) in services.items()})
    )


def _late_generator(run: RunResult, slowest_ns: float, busy: float) -> str:
    """Iterations start late, though vus and CPU are free.

    Args:
        busy: vus at work, on average.
    """
    phase, cpu = run.phases[0], run.resources.cpu_mean or 0.0
    lag = phase.schedule_lag
    is_late = lag is not None and lag.p99_ns > max(slowest_ns, _LAG_NS)
    return GENERATOR if is_late and busy < _HALF * min(phase.vus, cpu) else ""


def _busy_process(run: RunResult, plan: ExecutionPlan) -> str:
    """The engine's processes, or a client of its server, use all CPU that their interpreter locks let them use."""
    engines = run.processes if plan.scenario.target.in_process else 1
    cpu, cores = run.resources.cpu_mean or 0.0, min(run.environment.usable_cpus or run.environment.cpu_count, engines)
    if cpu >= _MOST * cores:
        processes = "one engine process" if engines == 1 else f"{engines} engine processes"
        return f"CPU ({cpu:.0%} of the {cores:.0%} that {processes} can use)"
    generator_cpu = run.resources.generator_cpu or 0.0
    return f"{GENERATOR} ({generator_cpu:.0%} of a CPU)" if generator_cpu >= _MOST else ""


def _waits(plan: ExecutionPlan, busy: Mapping[str, float], per_ns: Mapping[str, float]) -> str:
    """What operations wait for, as far as their times show.

    Args:
        busy: by operation, vus at work on average.
        per_ns: by operation, calls per nanosecond.
    """
    scenario, target = plan.scenario, plan.scenario.target
    ai_ns = parse_duration_ns(scenario.engine.ai.latency)
    for_ai = ai_ns * sum(per_ns.get(name, 0.0) for name in scenario.waits_for_ai)
    if target.watchable and for_ai > _HALF * sum(busy.values()):
        return f"the AI's latency ({scenario.engine.ai.latency})"
    writes = {step.label for step in plan.phases[0].flow if step.effects.is_write}
    # a client's times hold those of its connection and of the server too
    if target.in_process and sum(share for name, share in busy.items() if name in writes) >= _MOST:
        return "SQLite's writer (one write at a time)"
    return ""


def edge_between(holding: Sequence[ProbeResult], failing: Sequence[ProbeResult]) -> Edge | None:
    """The edge between the runs at both ends, by the limit that fails most; None without figures at either end."""
    named = [probe.threshold for probe in failing if probe.verdict is ProbeVerdict.FAILS and probe.threshold]
    threshold = max(named, key=named.count, default="")
    below = [probe.of_limit[threshold] for probe in holding if threshold in probe.of_limit]
    above = [probe.of_limit[threshold] for probe in failing if threshold in probe.of_limit]
    if not below or not above:
        return None
    at_holds, at_fails = median(below), median(above)
    is_cliff = at_fails - at_holds >= _CLIFF_UP if "<" in threshold else at_holds - at_fails >= _CLIFF_DOWN
    return Edge(kind="cliff" if is_cliff else "smooth", threshold=threshold, at_holds=at_holds, at_fails=at_fails)
