"""What a report says of faults: a row for each time, and a doubt if the load hides an outage or makes one longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perfcli.report.blocks import Notes, Table
from perfcli.report.faults import faults_section
from perfcli.results import FaultResult, PhaseResult, RunResult

S = 10**9
RAMP = {"duration_ns": 10 * S, "offered_per_s": 50.0, "offered_line": [(0, 0.0), (10 * S, 100.0)]}


@pytest.fixture
def doubts(
    make_result: Callable[..., RunResult],
    make_phase: Callable[..., PhaseResult],
    make_operation: Any,
    lasting_fault: Callable[..., FaultResult],
) -> Callable[..., list[str]]:
    """The doubts of a run with one fault from 4 s to 6 s, and phases of a name, vus and more keys each."""

    def of(*phases: tuple[str, int, dict[str, Any]], **fault: Any) -> list[str]:
        known = {"longest_ns": 2 * S, "late": {"open": 60}} | fault
        made = [make_phase(name, vus, make_operation("load_pet", 7_000, 9), **more) for name, vus, more in phases]
        (section,) = faults_section(make_result(phases=made, faults=[lasting_fault("lock", 4 * S, 2 * S, **known)]))
        table, *notes = section.blocks
        assert isinstance(table, Table)
        assert len(table.rows) == 1
        return [item.plain for each in notes if isinstance(each, Notes) for item in each.items]

    return of


CLOSED = (
    "lock: each vu waits for its answer, so few operations show an outage: use an arrival rate to see every "
    "operation due"
)


def test_a_closed_load_hides_an_outage(doubts: Callable[..., list[str]]) -> None:
    closed = ("closed", 10, {"duration_ns": 10 * S})
    assert doubts(closed) == [CLOSED]
    assert doubts(closed, longest_ns=10, failed=9) == [], "what fails at once is tried again at once"
    assert doubts(closed, ("open", 200, RAMP)) == [], "the phase beside shows it"
    later = ("open", 200, RAMP | {"began_ns": 6 * S})
    assert doubts(closed, later) == [CLOSED]


def test_a_load_with_too_few_vus_makes_an_outage_longer(doubts: Callable[..., list[str]]) -> None:
    assert doubts(("open", 100, RAMP)) == []
    (doubt,) = doubts(("open", 50, RAMP))
    assert doubt.startswith("lock: 60 operations began late")
    assert "100 iterations were due meanwhile, and there are 50 vus." in doubt
    assert doubts(("open", 50, RAMP), late={"open": 24}) == [], "any machine is late now and then"
    assert doubts(("open", 100, RAMP), late={"open": 99}) == [], "the process stood still: there were enough vus"
    (doubt,) = doubts(("open", 50, RAMP), ("reads", 200, RAMP))
    assert "and open has 50 vus" in doubt
