"""What a probe says of its load: what bound the engine, or whatever loads it."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from perfcli.capacity.result import ProbeVerdict
from perfcli.capacity.verdict import judged
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.results import RunResult
from perfcli.scenario.models import Scenario
from perfcli.testing import Behaviour, simulate

MS = 1_000_000
SERVER = {"mcp": {"transport": "http"}}
RUNNING = {"mcp": {"url": "http://127.0.0.1:1/mcp"}}


def plan(**keys: Any) -> ExecutionPlan:
    load = {"executor": "constant-vus", "vus": 2, "duration": "1s"}
    scenario = {"name": "s", "setup": {"pets": 2}, "load": load, "thresholds": ["latency.p90 < 20ms"], **keys}
    return plan_run(Scenario.model_validate(scenario), seed=1)


@cache
def saves(takes_ns: int) -> RunResult:
    """A simulated run of saves."""
    return simulate(plan(flow=["save_pet"]), lambda label, call: Behaviour(takes_ns=takes_ns))


def run_of(label: str, takes_ns: int = MS, **resources: float) -> RunResult:
    """The run of saves, told as one of an operation of this label, with these figures of processes."""
    result = saves(takes_ns)
    environment = result.environment.model_copy(update={"usable_cpus": 2.0})
    operations = [each.model_copy(update={"name": label}) for each in result.operations]
    resource_result = result.resources.model_copy(update=resources)
    return result.model_copy(
        update={"resources": resource_result, "environment": environment, "operations": operations}
    )


@pytest.mark.parametrize(
    ("target", "resources", "bound_by"),
    [
        ("embedded", {"cpu_mean": 0.9}, "CPU (90% of the 100% that one engine process can use)"),
        ("embedded", {"cpu_mean": 0.5}, "SQLite's writer (one write at a time)"),
        (SERVER, {"cpu_mean": 0.9, "generator_cpu": 0.9}, "CPU (90% of the 100% that one engine process can use)"),
        (SERVER, {"cpu_mean": 0.5, "generator_cpu": 0.9}, "the load generator (90% of a CPU)"),
        (SERVER, {"cpu_mean": 0.5, "generator_cpu": 0.5}, ""),
        (RUNNING, {"cpu_mean": None, "generator_cpu": 0.97}, "the load generator (97% of a CPU)"),
        (RUNNING, {"cpu_mean": None, "generator_cpu": 0.5}, ""),
    ],
)
@pytest.mark.slow
def test_what_bound_a_run_is_named_as_far_as_its_target_shows_it(
    target: Any, resources: dict[str, Any], bound_by: str
) -> None:
    label = "save_pet" if target == "embedded" else "create_new_pet"
    assert judged(run_of(label, **resources), 1, plan(target=target, flow=[label])).bound_by == bound_by


@pytest.mark.parametrize(("url", "bound_by"), [(None, "the AI's latency (20ms)"), ("http://127.0.0.1:1/mcp", "")])
@pytest.mark.slow
def test_only_an_ai_that_the_run_has_started_is_blamed(url: str | None, bound_by: str) -> None:
    target = {"mcp": {"url": url}} if url else SERVER
    keys: dict[str, Any] = {} if url else {"engine": {"ai": {"latency": "20ms"}}}
    of_target = plan(target=target, flow=["interact_with_pet"], **keys)
    assert judged(run_of("interact_with_pet", 25 * MS), 1, of_target).bound_by == bound_by


@pytest.mark.slow
def test_wrong_answers_are_named_with_their_number() -> None:
    run = run_of("load_pet")
    total = run.total.model_copy(update={"errors": {"wrong answer: another pet": 2, "timeout": 3}})
    probe = judged(run.model_copy(update={"total": total}), 1, plan(flow=["load_pet"]))
    assert probe.verdict is ProbeVerdict.WRONG
    assert probe.reason == f"wrong answer: another pet (2 of {run.total.attempts:,})"


@pytest.mark.parametrize(
    ("threshold", "reason"),
    [
        ("success_rate == 100%", "success_rate 0%, limit 100%: ValueError ("),
        ("latency.p90 < 1us", "latency.p90 1.00 ms, limit 1us"),
    ],
)
def test_the_most_frequent_error_is_named_if_a_limit_on_answers_fails(threshold: str, reason: str) -> None:
    load = {"executor": "constant-vus", "vus": 2, "duration": "50ms"}
    failing = plan(flow=["load_pet"], thresholds=[threshold], load=load)
    error = ValueError("no room") if "rate" in threshold else None
    probe = judged(simulate(failing, lambda label, call: Behaviour(raises=error)), 1, failing)
    assert probe.verdict is ProbeVerdict.FAILS
    assert probe.reason.startswith(reason)
    assert ("ValueError" in probe.reason) is ("rate" in threshold)
