"""Machines of a cluster: what makes their load another one, and whose clock is known too little for windows."""

from __future__ import annotations

from typing import Any

import pytest

from perfcli.judgement import Ending, judge, rules_of
from perfcli.measurement.assembly import machine_notes
from perfcli.results import UnjudgedRun
from perfcli.results.observed import MachineClock, MachineResult, unsure_clocks
from perfcli.scenario.models import Scenario

MS = 1_000_000


def machine(name: str, bound_ns: int = MS, **fields: Any) -> MachineResult:
    clock = MachineClock(offset_ns=0, bound_ns=bound_ns)
    return MachineResult(**{"name": name, "processes": [0], "kernel_ns": 20_000, "clock": clock, **fields})


def test_machines_that_begin_100_ms_apart_are_named() -> None:
    assert list(machine_notes([machine("a", start_late_ns=0), machine("b", start_late_ns=100 * MS)])) == []
    (note,) = machine_notes([machine("a", start_late_ns=10 * MS), machine("b", start_late_ns=120 * MS)])
    assert note == "the machines began 110 ms apart, b last: windows at the beginning hold less load"


def test_a_machine_that_is_slow_beside_the_others_is_named() -> None:
    machines = [machine("a"), machine("b"), machine("c", kernel_ns=30_000)]
    assert list(machine_notes(machines)) == ["c is slow: the reference kernel takes 1.5 times the median"]
    assert list(machine_notes([machine("a"), machine("b")])) == []


@pytest.mark.parametrize(
    ("machines", "words"),
    [
        ([], ""),
        ([machine("a", 60 * MS)], ""),
        ([machine("a", 60 * MS, processes=[]), machine("b", 60 * MS)], ""),
        ([machine("a", 50 * MS), machine("b", 50 * MS)], ""),
        ([machine("a", MS), machine("b", 62 * MS)], "the clock of b is known to ±62.0 ms"),
    ],
)
def test_windows_join_the_machines_that_have_vus(machines: list[MachineResult], words: str) -> None:
    assert unsure_clocks(machines) == words


def test_windows_get_no_verdict_if_a_clock_is_unsure(full_document: dict[str, Any]) -> None:
    keys = {"name": "s", "load": {"executor": "constant-vus", "duration": "30s"}, "flow": ["status"]}
    scenario = Scenario.model_validate({**keys, "thresholds": ["latency.max < 1h"]})
    run = UnjudgedRun.model_validate(full_document | {"faults": [], "unsteady": "", "starved": ""})
    windowed = Scenario.model_validate({**keys, "thresholds": ["latency.p95 < 1h within 10s"]})
    for machines, outcomes in (
        ([machine("a"), machine("b")], ("pass", "fail")),
        ([machine("a"), machine("b", 62 * MS)], ("pass", "not judged")),
    ):
        split = run.model_copy(update={"machines": machines})
        found = [judge(split, rules_of(each), Ending()).thresholds[0].outcome for each in (scenario, windowed)]
        assert tuple(found) == outcomes
