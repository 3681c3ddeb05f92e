"""What `pool` asks of the rest of a scenario."""

from __future__ import annotations

from collections.abc import Iterator

from perfcli.scenario.models import Scenario
from perfcli.scenario.node import Node
from perfcli.scenario.pool_settings import EXAMPLE_ADDRESS
from perfcli.scenario.problems import Problem


def pool_problems(scenario: Scenario, root: Node) -> Iterator[Problem]:
    """Machines without a cluster, a target that belongs to one machine, and machines without work."""
    pool, target = scenario.pool, scenario.target
    if "cluster" not in pool.model_fields_set:
        for key in ("machines", "server"):
            if key in pool.model_fields_set:
                message = f"needs a cluster: write pool: {{cluster: {EXAMPLE_ADDRESS}, …}}"
                yield root.problem(("pool", key), message, key=True)
        return
    if target.why_not_shared:
        if ("pool",) not in target.useless_keys:
            yield root.problem(("pool", "cluster"), target.why_not_shared, key=True)
        return
    at_work = pool.load_machines if target.watchable else pool.machines
    if pool.processes < at_work:
        message = (
            f"{pool.processes} on {at_work} machines leaves {at_work - pool.processes} without work: "
            f"write processes: {at_work} or more"
        )
        place = ("pool", "processes") if "processes" in pool.model_fields_set else ("pool", "machines")
        yield root.problem(place, message)
