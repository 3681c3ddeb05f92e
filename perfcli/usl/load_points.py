"""A scenario at one load: the same flow by another number of vus or engine processes, for a short time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from perfcli.errors import UsageError
from perfcli.executors import ConstantVus
from perfcli.executors.base import MOST_VUS
from perfcli.executors.fields import duration_text
from perfcli.figures.registry import Group
from perfcli.plan import ExecutionPlan
from perfcli.scenario.models import Rules, Scenario
from perfcli.scenario.pool_settings import MOST_PROCESSES
from perfcli.usl.scaling_result import Of

MOST: Final[dict[Of, int]] = {"vus": MOST_VUS, "processes": MOST_PROCESSES}
_LEAST_WARM_UP_NS: Final = 200_000_000
_KEPT_OF_LOAD: Final = ("load.think_time", "load.warmup", "load.graceful_stop")
_OF_CORRECTNESS: Final = (Group.ANSWERS, Group.INTEGRITY)
DEFAULT_VUS: Final = "1,2,3,4,6,8,12,16"
_EXAMPLE: Final[dict[Of, str]] = {"vus": DEFAULT_VUS, "processes": "1,2,3,4"}


def parse_loads(text: str, of: Of) -> list[int]:
    """The numbers of `1,2,3`, each once, ascending.

    Raises:
        UsageError: one is out of range, or there is only one.
    """
    option, example = f"--{of} {text}", f"for example --{of} {_EXAMPLE[of]}"
    loads = set()
    for number in text.split(","):
        if not number.strip().isdecimal() or not 1 <= int(number) <= MOST[of]:
            raise UsageError(f"{option}: {number.strip()!r:.60} is not a number from 1 to {MOST[of]:,}", hint=example)
        loads.add(int(number))
    if len(loads) < 2:
        raise UsageError(f"{option}: scaling compares several numbers, and this is one", hint=example)
    return sorted(loads)


def check_settings(settings: Sequence[str], of: Of) -> None:
    """See that no `--set` changes what each point has of its own.

    Raises:
        UsageError: one does.
    """
    for setting in settings:
        key = setting.partition("=")[0].strip()
        is_load = key.partition(".")[0] == "load" and key not in _KEPT_OF_LOAD
        if is_load or (of == "processes" and key.partition(".")[0] == "pool"):
            raise UsageError(
                f"--set {setting:.60}: scaling sets {key} itself", hint="use --vus, --processes or --duration"
            )


def check_scalable(scenario: Scenario, of: Of) -> None:
    """See that a scenario can be run at several loads.

    Raises:
        UsageError: it has several phases, faults, or a target without engine processes.
    """
    if len(phases := scenario.phases_to_run) > 1:
        names = ", ".join(phase.name for phase in phases)
        raise UsageError(
            f"{scenario.name} has {len(phases)} phases ({names}): scaling needs one phase with a fixed number of vus",
            hint="use a scenario with one phase and one number of vus, e.g. database_load",
        )
    if scenario.faults:
        raise UsageError(f"{scenario.name} has faults: scaling needs a steady load", hint="add --set faults=[]")
    if of == "processes" and not scenario.target.in_process:
        raise UsageError(f"{scenario.name}: --processes counts engines, and its server is one", hint="use --vus")


def plan_at(plan: ExecutionPlan, of: Of, load: int, duration_ns: int, seed: int) -> ExecutionPlan:
    """The plan at one load: constant vus, or engine processes with one vu each.

    Of the thresholds those on answers and integrity remain: what is slower under more load is no failure here.
    """
    scenario = plan.scenario
    (phase,) = scenario.phases_to_run
    timing = ConstantVus(executor="constant-vus", vus=load, duration=duration_text(duration_ns)).model_copy(
        update={
            "think_time": phase.load.think_time,
            "graceful_stop": phase.load.graceful_stop,
            "warmup": duration_text(warm_up_ns(plan)),
        }
    )
    processes = load if of == "processes" else scenario.pool.processes
    changes = {
        "load": None,
        "phases": [
            phase.model_copy(update={"load": timing, "growth": None, "thresholds": _of_correctness(phase.thresholds)})
        ],
        "growth": None,
        "thresholds": _of_correctness(scenario.thresholds),
        "pool": scenario.pool.model_copy(update={"processes": processes}),
    }
    return ExecutionPlan.model_construct(scenario=scenario.model_copy(update=changes), seed=seed)


def warm_up_ns(plan: ExecutionPlan) -> int:
    """The warm-up of each point: the scenario's own, or 200 ms if that is shorter."""
    return max(_LEAST_WARM_UP_NS, *(phase.load.warmup_ns for phase in plan.scenario.phases_to_run))


def _of_correctness(rules: Rules) -> Rules:
    return [
        rule
        for rule in rules
        if rule.threshold.metric.group in _OF_CORRECTNESS and rule.threshold.metric.depends_on_time != "yes"
    ]
