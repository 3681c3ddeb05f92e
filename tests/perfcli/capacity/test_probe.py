"""The plans of a search's runs."""

from __future__ import annotations

from typing import Any

import pytest

from perfcli.capacity.probe import Probes, shared_pets
from perfcli.capacity.search import Length
from perfcli.plan import ExecutionPlan
from perfcli.scenario.models import Scenario
from perfcli.units import NS_PER_S


def probes(*thresholds: str) -> Probes:
    """Of a mix of two operations that must hold the thresholds."""
    scenario = Scenario.model_validate(
        {
            "name": "shop",
            "setup": {"pets": 8},
            "load": {"executor": "constant-arrival-rate", "rate": "10/s", "duration": "3s", "vus": 4},
            "flow": [{"load_pet": {"weight": 3}}, {"save_pet": {"weight": 1}}],
            "thresholds": list(thresholds),
        }
    )
    return Probes(ExecutionPlan(scenario=scenario, seed=1), "rate", 120 * NS_PER_S)


@pytest.mark.parametrize(
    ("thresholds", "vus"),
    [
        (["latency.p99 < 20ms"], 8),
        (["latency.p99 < 20ms", "latency.max < 2s"], 8),
        (["load_pet.latency.p99 < 20ms", "save_pet.latency.p95 < 100ms"], 40),
        (["latency.p99 < 50ms", "save_pet.latency.p95 < 100ms"], 20),
        (["success_rate >= 99%"], 400),
    ],
)
def test_vus_follow_the_rate_and_the_tightest_limit(thresholds: list[str], vus: int) -> None:
    assert probes(*thresholds).vus_for(200) == vus


@pytest.mark.parametrize(
    ("changes", "load", "warns"),
    [
        ({}, 8, False),
        ({}, 9, True),
        ({"flow": ["load_pet"]}, 9, False),
        ({"flow": ["create_pet", "save_pet"]}, 9, False),
        ({"users": "uniform"}, 9, False),
    ],
)
def test_vus_that_share_pets_that_they_save_are_warned_of(changes: dict[str, Any], load: int, warns: bool) -> None:
    keys = {"load": {"executor": "constant-vus", "vus": 1, "duration": "3s"}, "flow": ["load_pet", "save_pet"]}
    scenario = Scenario.model_validate({"name": "shop", "setup": {"pets": 8}, **keys, **changes})
    of_vus = Probes(ExecutionPlan(scenario=scenario, seed=1), "vus", 120 * NS_PER_S)
    why = shared_pets(of_vus.plan_of(load, Length.SHORT, 1))
    assert why.startswith("shop: 9 vus share 8 pets, so saves can fail") if warns else not why
