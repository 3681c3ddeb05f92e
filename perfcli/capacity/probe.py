"""One run at one load: a scenario with another load, and what its result says of it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from perfcli.capacity.result import Of, ProbeResult, ProbeVerdict
from perfcli.capacity.search import Length
from perfcli.errors import UsageError, Verdict
from perfcli.executors import ConstantArrivalRate, ConstantVus, Load
from perfcli.executors.base import MOST_VUS
from perfcli.executors.fields import duration_text
from perfcli.figures import percentile_of
from perfcli.judgement import describe_failure
from perfcli.metrics.distribution import LEAST_BEYOND
from perfcli.plan import ExecutionPlan, iteration_ns
from perfcli.results import RunResult, ThresholdResult
from perfcli.scenario.models import Phase, Scenario, ThresholdRule
from perfcli.thresholds import Threshold
from perfcli.units import NS_PER_S, format_quantity, parse_duration_ns

_SHORT_NS: Final = {Length.SHORT: NS_PER_S, Length.MEDIUM: 2 * NS_PER_S, Length.FULL: 3 * NS_PER_S}
_LONGEST_SHARE: Final = 20
"""A probe takes at most this fraction of the time for the search: one part in 20."""

_WARM_UP: Final = "200ms"
_GRACEFUL_STOP: Final = "2s"
_ABORT_AFTER: Final = "1s"
_NOTHING_SAID_NS: Final = NS_PER_S
"""The slowest iteration that is allowed for, if no threshold limits latency."""

_NEVER_WRONG: Final = ("lost_writes", "duplicate_writes", "stale_reads", "lost_updates", "torn_reads", "fidelity")
GENERATOR: Final = "the load generator"
_LAG_NS: Final = 1_000_000
_HALF: Final = 0.5
_MOST: Final = 0.85


def check_probed(scenario: Scenario) -> None:
    """See that a load can be varied, and judged.

    Raises:
        UsageError: it has several phases, faults or no threshold that counts.
    """
    phases = scenario.phases_to_run
    if len(phases) > 1:
        names = ", ".join(phase.name for phase in phases)
        raise UsageError(
            f"{scenario.name}: capacity needs one phase, not {len(phases)}: {names}",
            hint="write a scenario with one load; `extends` keeps the rest",
        )
    if scenario.faults:
        raise UsageError(f"{scenario.name}: capacity cannot be searched under faults", hint="add --set faults=[]")
    if not any(rule.strict for rule in _rules(scenario)):
        raise UsageError(
            f"{scenario.name}: capacity needs a threshold, and the scenario has none",
            hint="add to it: thresholds: [latency.p99 < 20ms]",
        )


def default_of(scenario: Scenario) -> Of:
    """What the scenario asks for; else rate where the load is open, vus where it is closed."""
    if scenario.capacity and scenario.capacity.of:
        return scenario.capacity.of
    return "rate" if scenario.phases_to_run[0].load.is_open else "vus"


def threshold_count(scenario: Scenario) -> int:
    """The thresholds that must hold."""
    return sum(rule.strict for rule in _rules(scenario))


def _rules(scenario: Scenario) -> list[ThresholdRule]:
    return [*scenario.judged_thresholds, *scenario.phases_to_run[0].judged_thresholds]


@dataclass
class Probes:
    """Makes the plans of probes.

    Args:
        plan: of the scenario as it was written.
        max_time_ns: for the whole search.
    """

    plan: ExecutionPlan
    of: Of
    max_time_ns: int
    iterations_per_s_of_vu: float = 0.0
    """As the newest probe had it: tells how many samples a load of vus brings."""

    def plan_of(self, load: float, length: Length, seed: int) -> ExecutionPlan:
        """The plan of a probe."""
        scenario = self.plan.scenario
        phase = scenario.phases_to_run[0]
        length_ns = self._length_ns(phase, load, length)
        probed = _probed(scenario, phase, self._load(phase, load, length_ns))
        return ExecutionPlan.model_construct(scenario=probed, seed=seed, variation=self.plan.variation)

    def _load(self, phase: Phase, load: float, length_ns: int) -> Load:
        settings = {
            "duration": duration_text(length_ns),
            "think_time": phase.load.think_time,
            "warmup": _WARM_UP,
            "graceful_stop": _GRACEFUL_STOP,
        }
        if self.of == "vus":
            return ConstantVus.model_construct(
                **ConstantVus(executor="constant-vus", vus=1, duration="1s").__dict__ | settings | {"vus": int(load)}
            )
        plain = ConstantArrivalRate(executor="constant-arrival-rate", rate="1/s", duration="1s")
        return ConstantArrivalRate.model_construct(
            **plain.__dict__ | settings | {"rate": f"{load:.12g}/s", "vus": self.vus_for(load)}
        )

    def vus_for(self, rate_per_s: float) -> int:
        """By Little's law, twice over: iterations at work are their rate times the time each may take."""
        phase = self.plan.phases[0]
        steps = 1 if phase.phase.is_mix else sum(not step.is_pause for step in phase.flow)
        slowest_ns = steps * _slowest_ns([rule.threshold for rule in _rules(self.plan.scenario)])
        busy = rate_per_s * (slowest_ns + iteration_ns(self.plan, phase)) / NS_PER_S
        return max(1, min(MOST_VUS, math.ceil(2 * busy)))

    def _length_ns(self, phase: Phase, load: float, length: Length) -> int:
        least_ns = _SHORT_NS[length]
        if length is not Length.FULL:
            return least_ns
        per_s = load if self.of == "rate" else load * self.iterations_per_s_of_vu
        needed = max((_samples_needed(rule.threshold, phase) for rule in _rules(self.plan.scenario)), default=0.0)
        wanted_ns = math.ceil(needed / per_s * NS_PER_S) if per_s else 0
        longest_ns = max(least_ns, self.max_time_ns // _LONGEST_SHARE)
        return min(max(least_ns, wanted_ns), longest_ns) // 1_000_000 * 1_000_000


def _slowest_ns(thresholds: Sequence[Threshold]) -> float:
    """The longest that an operation may usually take, by its tightest limit.

    A loose limit beside it, such as one of the maximum, needs no vus: each vu that idles costs a thread and a
    connection.
    """
    tightest: dict[str, float] = {}
    for each in filter(_limits_latency, thresholds):
        tightest[each.operation] = min(each.limit, tightest.get(each.operation, math.inf))
    of_all = tightest.pop("", None)
    of_one = max(tightest.values(), default=None)
    return min((limit for limit in (of_all, of_one) if limit is not None), default=_NOTHING_SAID_NS)


def _limits_latency(threshold: Threshold) -> bool:
    return threshold.metric.name in ("latency", "service_time") and threshold.op in ("<", "<=")


def _samples_needed(threshold: Threshold, phase: Phase) -> float:
    """Iterations that a percentile takes to be judged, with those of the operation that it names."""
    quantile = percentile_of(threshold.statistic) if threshold.statistic else None
    if quantile is None or not 0 < quantile < 1:
        return 0.0
    weights = [(step.label, step.weight or 1) for step in phase.flow if not step.is_pause]
    total = sum(weight for _, weight in weights) if phase.is_mix else 1
    own = sum(weight for label, weight in weights if threshold.operation in ("", label))
    return LEAST_BEYOND / min(quantile, 1 - quantile) / (own / total)


def _probed(scenario: Scenario, phase: Phase, load: Load) -> Scenario:
    """The scenario with another load, in which a threshold that fails ends it."""

    def rules(written: Sequence[ThresholdRule]) -> list[ThresholdRule]:
        return [_aborting(rule) for rule in written if rule.strict]

    changed = phase.model_copy(update={"load": load, "thresholds": rules(phase.judged_thresholds)})
    return scenario.model_copy(
        update={"load": None, "phases": [changed], "thresholds": rules(scenario.judged_thresholds)}
    )


def _aborting(rule: ThresholdRule) -> ThresholdRule:
    """The rule, judged early and on however few samples: the search weighs what a single run says."""
    threshold = rule.threshold
    may_recover = threshold.metric.counts_up and not threshold.holds(0)
    aborts = not threshold.metric.at_end and not may_recover
    delay = _ABORT_AFTER if aborts else None
    return rule.model_copy(update={"abort_on_fail": aborts, "delay_abort_eval": delay, "allow_thin": True})


def judged(run: RunResult, load: float, plan: ExecutionPlan) -> ProbeResult:
    """What a run of a probe's plan says of its load."""
    failed = [each for each in run.failed_thresholds if not _cannot_judge(each)]
    verdict, reason = _verdict(run, failed)
    nearest = _most_exceeded(failed) if failed else _nearest(run)
    if not reason and nearest:
        reason = _words(nearest)
    latency, service = run.total.latency, run.total.service_time
    duration_s = (run.duration_ns or 0) / NS_PER_S
    return ProbeResult(
        load=load,
        verdict=verdict,
        reason=reason,
        threshold=nearest.expr if nearest else "",
        length_ns=plan.phases[0].load.longest_ns,
        seed=run.seed,
        service_p50_ns=service.p50_ns if service else None,
        latency_p99_ns=latency.p99_ns if latency else None,
        iterations_per_s=run.iterations / duration_s if duration_s else 0.0,
        cpu_mean=run.resources.cpu_mean,
        bound_by=_bound_by(run, plan) if run.phases else "",
        not_judged=[each.expr for each in run.failed_thresholds if _cannot_judge(each)],
    )


def _words(threshold: ThresholdResult) -> str:
    """What was observed, and the limit as it is written: latency.p99 24.6 ms, limit 20ms."""
    subject, *_, limit = re.split("[<>=!]+", threshold.expr)
    return f"{subject.strip()} {format_quantity(threshold.unit, threshold.observed or 0.0)}, limit {limit.strip()}"


def _cannot_judge(threshold: ThresholdResult) -> bool:
    return bool(threshold.reason)


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
    integrity = run.integrity
    if integrity:
        counts = {"lost writes": integrity.lost, "duplicate writes": integrity.duplicates, "torn reads": integrity.torn}
        yield from (f"{count:,} {what}" for what, count in counts.items() if count)
        if integrity.damaged:
            yield f"the database is damaged: {integrity.damaged}"
    if not integrity or not (integrity.lost or integrity.duplicates or integrity.torn):
        yield from (describe_failure(each) for each in failed if each.expr.startswith(_NEVER_WRONG))
    yield from (f"wrong answers: {kind}" for kind in run.total.errors if kind.startswith("wrong answer"))


def _most_exceeded(failed: Sequence[ThresholdResult]) -> ThresholdResult:
    return min(failed, key=lambda each: -1.0 if each.margin is None else each.margin)


def _nearest(run: RunResult) -> ThresholdResult | None:
    """The limit that is nearest, of those above: a share of all is near 100% in a good run."""
    upper = [each for each in run.thresholds if each.passed and each.margin is not None and "<" in each.expr]
    return min(upper, key=lambda each: each.margin or 0.0, default=None)


def _bound_by(run: RunResult, plan: ExecutionPlan) -> str:
    """What a run near its limit waits for; "" if no part of it stands out."""
    phase, cpu = run.phases[0], run.resources.cpu_mean or 0.0
    services = {each.name: (each.attempts, each.service_time) for each in run.operations if each.service_time}
    duration_ns = run.duration_ns or 0
    if not services or not duration_ns:
        return ""
    busy = {name: attempts * service.mean_ns / duration_ns for name, (attempts, service) in services.items()}
    lag, slowest_ns = phase.schedule_lag, max(service.p99_ns for _, service in services.values())
    if lag and lag.p99_ns > max(slowest_ns, _LAG_NS) and sum(busy.values()) < _HALF * min(phase.vus, cpu):
        return GENERATOR
    cores = min(run.environment.usable_cpus or run.environment.cpu_count, run.processes)
    if cpu >= _MOST * cores:
        processes = "one engine process" if run.processes == 1 else f"{run.processes} engine processes"
        return f"CPU ({cpu:.0%} of the {cores:.0%} that {processes} can use)"
    ai_ns = parse_duration_ns(plan.scenario.engine.ai.latency)
    waiting = sum(services[name][0] * ai_ns / duration_ns for name in plan.scenario.waits_for_ai if name in services)
    if waiting > _HALF * sum(busy.values()):
        return f"the AI's latency ({plan.scenario.engine.ai.latency})"
    writes = {step.label for step in plan.phases[0].flow if step.effects.is_write}
    if sum(share for name, share in busy.items() if name in writes) >= _MOST:
        return "SQLite's writer (one write at a time)"
    return ""
