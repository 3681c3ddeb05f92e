"""A load split among engine processes: together they do all of it, and nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perfcli.executors import EXECUTORS, LoadSettings, Share

MS = 10**6

Make = Callable[..., LoadSettings]
Drive = Callable[..., list[Any]]

TAKEN_BY_WHOEVER_IS_FREE = ("shared-iterations", "constant-arrival-rate", "ramping-arrival-rate")
PROCESSES = st.integers(1, 6)
LOADS = st.fixed_dictionaries({"vus": st.integers(1, 7), "size": st.integers(1, 40)})


def written(executor: str, vus: int, size: int) -> dict[str, object]:
    """A small load of an executor."""
    stages = [{"target": vus, "duration": f"{size}ms"}, {"target": 0, "duration": "9ms"}]
    rates = [{"target": f"{size * 100}/s", "duration": "10ms"}, {"target": "50/s", "duration": "20ms"}]
    return {
        "shared-iterations": {"vus": vus, "iterations": size},
        "per-vu-iterations": {"vus": vus, "iterations": size},
        "constant-vus": {"vus": vus, "duration": f"{size}ms"},
        "ramping-vus": {"stages": stages},
        "constant-arrival-rate": {"vus": vus, "rate": f"{size * 10}/s", "duration": "100ms"},
        "ramping-arrival-rate": {"vus": vus, "stages": rates},
    }[executor]


@pytest.mark.parametrize("executor", EXECUTORS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(shape=LOADS, processes=PROCESSES)
def test_shares_together_are_the_whole(
    executor: str, shape: dict[str, int], processes: int, make: Make, drive: Drive
) -> None:
    load = make(executor=executor, **written(executor, **shape))
    ends_itself = load.planned_iterations is not None
    takes_ns = 0 if ends_itself else MS
    parts = [drive(load, lambda start_ns: start_ns + takes_ns, Share(index, processes)) for index in range(processes)]
    together = [each for part in parts for each in part]
    assert all(each.vu % processes == index for index, part in enumerate(parts) for each in part)
    if ends_itself:
        assert len(together) == load.planned_iterations
    whole = drive(load, lambda start_ns: start_ns + takes_ns)
    assert Counter(each.intended_ns for each in together) == Counter(each.intended_ns for each in whole)
    if executor not in TAKEN_BY_WHOEVER_IS_FREE:
        assert Counter(together) == Counter(whole)
