"""One run at one load: the plan of a scenario with another load."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from perfcli.capacity.result import Of
from perfcli.capacity.search import Length
from perfcli.errors import UsageError
from perfcli.executors import ConstantArrivalRate, ConstantVus, Load
from perfcli.executors.base import MOST_VUS
from perfcli.executors.fields import duration_text
from perfcli.figures import Better, percentile_of
from perfcli.figures.registry import Group
from perfcli.metrics.distribution import LEAST_BEYOND
from perfcli.operations.save_canaries import CanaryMode
from perfcli.plan import ExecutionPlan, iteration_ns
from perfcli.results import variation_text
from perfcli.scenario.canary_mode import canary_mode_of
from perfcli.scenario.models import Phase, Scenario, ThresholdRule
from perfcli.thresholds import Threshold
from perfcli.units import NS_PER_S, Unit

_SHORT_NS: Final = {Length.SHORT: NS_PER_S, Length.MEDIUM: 2 * NS_PER_S, Length.FULL: 3 * NS_PER_S}
_LONGEST_SHARE: Final = 20
"""A probe takes at most this fraction of the time for the search: one part in 20."""

_WARM_UP: Final = "200ms"
_GRACEFUL_STOP: Final = "2s"
_ABORT_AFTER: Final = "1s"
_NOTHING_SAID_NS: Final = NS_PER_S
"""The slowest iteration that is allowed for, if no threshold limits latency."""


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
    rules = [rule.threshold for rule in _rules(scenario)]
    if not any(_can_break(threshold) for threshold in rules):
        others = ", ".join([*(threshold.text for threshold in rules), *thresholds_left_out(scenario)])
        has = f"what it has does not distinguish one load from another: {others}" if others else "the scenario has none"
        raise UsageError(
            f"{scenario.name}: capacity needs a threshold that a higher load can break, and {has}",
            hint="add to it: thresholds: [latency.p99 < 20ms]",
        )


def check_varied(plans: Sequence[ExecutionPlan]) -> None:
    """See that the variations of a sweep differ in their probes.

    Raises:
        UsageError: two do not, as the search sets the key that they vary.
    """
    probed: list[Scenario] = []
    for plan in plans:
        scenario = Probes(plan, default_of(plan.scenario), 0).plan_of(1, Length.SHORT, 0).scenario
        if scenario in probed:
            both = " and ".join(variation_text(each.variation) for each in (plans[probed.index(scenario)], plan))
            raise UsageError(
                f"--sweep {', '.join(plan.variation)}: {both} are the same search, which sets the load itself",
                hint="sweep another key, e.g. --sweep setup.pets=100,1000",
            )
        probed.append(scenario)


def shared_pets(probe: ExecutionPlan) -> str:
    """Why saves of a probe fail though the engine is well, and what to do about it; "" if they do not."""
    scenario = probe.scenario
    (phase,) = scenario.phases_to_run
    if phase.users != "own" or canary_mode_of(scenario) in (CanaryMode.NONE, CanaryMode.IN_PLACE):
        return ""
    pets = scenario.setup.pets
    share = f"{phase.load.vu_count:,} vus share {pets:,} {'pet' if pets == 1 else 'pets'}"
    return (
        f"{scenario.name}: {share}, so saves can fail (StalePetError): set up a pet for each vu, "
        f"e.g. --set setup.pets={MOST_VUS}, or lower --to"
    )


def default_of(scenario: Scenario) -> Of:
    """What the scenario asks for; else rate where the load is open, vus where it is closed."""
    if scenario.capacity and scenario.capacity.of:
        return scenario.capacity.of
    return "rate" if scenario.phases_to_run[0].load.is_open else "vus"


def threshold_count(scenario: Scenario) -> int:
    """The thresholds that must hold."""
    return len(_rules(scenario))


def thresholds_left_out(scenario: Scenario) -> list[str]:
    """Those on how much is done, and in which time: each probe sets that itself."""
    return [rule.threshold.text for rule in _all_rules(scenario) if rule.strict and _is_of_amount(rule.threshold)]


def _all_rules(scenario: Scenario) -> list[ThresholdRule]:
    return [*scenario.judged_thresholds, *scenario.phases_to_run[0].judged_thresholds]


def _rules(scenario: Scenario) -> list[ThresholdRule]:
    return list(filter(_is_judged, _all_rules(scenario)))


def _is_judged(rule: ThresholdRule) -> bool:
    return rule.strict and not _is_of_amount(rule.threshold)


def _is_of_amount(threshold: Threshold) -> bool:
    metric = threshold.metric
    is_amount = metric.unit in (Unit.COUNT, Unit.RATE) and metric.better is not Better.LESS
    return metric.name == "duration" or (is_amount and metric.depends_on_time == "yes")


def _can_break(threshold: Threshold) -> bool:
    """Whether more load may break it, and not a mistake of the engine alone."""
    return threshold.metric.depends_on_time != "no" or threshold.metric.group in (Group.MEMORY, Group.PROCESS)


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
            closed = ConstantVus(executor="constant-vus", vus=1, duration="1s")
            return closed.model_copy(update=settings | {"vus": int(load)})
        opened = ConstantArrivalRate(executor="constant-arrival-rate", rate="1/s", duration="1s")
        return opened.model_copy(update=settings | {"rate": f"{load:.12g}/s", "vus": self.vus_for(load)})

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
        return [_aborting(rule) for rule in written if _is_judged(rule)]

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
