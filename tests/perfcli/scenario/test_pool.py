"""The key `pool`: processes, machines of a cluster, and what they ask of the target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perfcli.plan import ExecutionPlan
from perfcli.scenario.models import Scenario

Mistakes = Callable[[str], list[str]]
HTTP = "target: {mcp: {transport: http}}\n"
URL = "target: {mcp: {url: 'http://localhost/mcp'}}\n"
CLUSTER = "cluster: 'tls://scheduler:8786'"
REST = "name: s\nsetup: {pets: 2}\nload: {executor: per-vu-iterations, vus: 4, iterations: 2}\n"


def scenario(pool: str, target: str = HTTP, flow: str = "get_pet_status") -> str:
    return f"pool: {pool}\n{target}{REST}flow: [{flow}]\n"


@pytest.mark.parametrize(
    ("pool", "target"),
    [
        ("{processes: 2}", HTTP),
        ("{processes: 2}", URL),
        (f"{{{CLUSTER}, machines: 4, processes: 8, server: db-host}}", HTTP),
        (f"{{{CLUSTER}, machines: 2, processes: 2}}", URL),
        (f"{{{CLUSTER}}}", HTTP),
        ("{cluster: '', machines: 2, processes: 1}", HTTP),
        ("{cluster: 'tcp://127.0.0.1:8786'}", HTTP),
    ],
)
def test_what_can_be_asked_for(mistakes: Mistakes, pool: str, target: str) -> None:
    assert mistakes(scenario(pool, target)) == []


def test_a_server_that_several_load_can_be_killed(mistakes: Mistakes) -> None:
    faults = "faults: [kill: {at: 2s, process: 0}]\n"
    assert mistakes(scenario("{processes: 2}") + faults) == []
    told = "s.yaml:7:10: faults[0].kill: kill cannot be inflicted: for a server that already runs, only the answers"
    assert any(line.startswith(told) for line in mistakes(scenario("{processes: 2}", URL) + faults))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            scenario("{machines: 2}"),
            "1:8: pool.machines: needs a cluster: write pool: {cluster: tls://scheduler:8786, …}",
        ),
        (scenario(f"{{{CLUSTER}, machines: 0}}"), "1:51: pool.machines: must be 1 to 64, not 0"),
        (
            scenario("{cluster: 'scheduler'}"),
            "1:17: pool.cluster: expected tls://HOST:PORT or tcp://HOST:PORT, such as tls://scheduler:8786, "
            "not 'scheduler'",
        ),
        (
            scenario(f"{{{CLUSTER}, machines: 4, processes: 2}}"),
            "1:65: pool.processes: 2 on 3 machines leaves 1 without work: write processes: 3 or more",
        ),
        (
            scenario(f"{{{CLUSTER}, machines: 4}}", URL),
            "1:51: pool.machines: 1 on 4 machines leaves 3 without work: write processes: 4 or more",
        ),
        (
            scenario(f"{{{CLUSTER}, server: a}}", URL),
            "1:41: pool.server: does not go with the url of a server that runs already: remove it",
        ),
        (
            scenario(f"{{{CLUSTER}}}", "", "status"),
            "1:8: pool.cluster: an embedded engine cannot be split: its SQLite database belongs to one machine; spread "
            "whole scenarios with `digipal-perf run --cluster ADDRESS`, or write target: {mcp: {transport: http}}",
        ),
        (
            scenario(f"{{{CLUSTER}}}", "target: mcp\n"),
            "1:1: pool: does not go with target mcp: a server over stdio has one client: "
            "write target: {mcp: {transport: http}}",
        ),
    ],
)
def test_what_cannot(mistakes: Mistakes, text: str, told: str) -> None:
    assert f"s.yaml:{told}" in mistakes(text)


@pytest.mark.parametrize(
    ("pool", "target", "host", "started"),
    [
        ({}, {"mcp": {"transport": "http"}}, None, 1),
        ({"processes": 3}, {"mcp": {"transport": "http"}}, 3, 4),
        ({"cluster": "tls://a:1"}, {"mcp": {"transport": "http"}}, 1, 2),
        ({"processes": 3}, {"mcp": {"url": "http://a/mcp"}}, None, 3),
        ({"processes": 3}, "embedded", None, 3),
    ],
)
def test_a_server_that_several_processes_load_has_one_more_for_itself(
    make_plan: Callable[..., ExecutionPlan], pool: dict[str, Any], target: Any, host: int | None, started: int
) -> None:
    plan = make_plan(["get_pet_status" if target != "embedded" else "status"], target=target, pool=pool)
    assert (plan.host, plan.first_process, plan.started_processes) == (host, host or 0, started)
    assert {plan.process_of(vu) for vu in range(plan.vus)} <= set(range(plan.scenario.pool.processes))


def test_the_address_of_a_cluster_is_not_in_results() -> None:
    keys = {"name": "s", "load": {"executor": "constant-vus", "duration": "1s"}, "flow": ["get_pet_status"]}
    pool = {"cluster": "tls://secret.example:8786", "machines": 3, "processes": 2}
    split = Scenario.model_validate({**keys, "target": {"mcp": {"transport": "http"}}, "pool": pool})
    assert split.as_document()["pool"] == {"processes": 2, "machines": 3, "server": ""}
    assert "secret" not in str(split.as_document())
    assert Scenario.model_validate(keys).as_document()["pool"] == {"processes": 1}
