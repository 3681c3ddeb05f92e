"""The silence that a plan explains is never shorter than the one its vus keep, on a simulated clock."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from perfcli.agent.channel import Channel
from perfcli.plan import silence_of_load_ns
from perfcli.testing import Behaviour, SimulatedTime, simulate

MS = 10**6
S = 1000 * MS
ARRIVALS = {"executor": "ramping-arrival-rate", "start_rate": "10/m"}
PAUSES = {"think_time": {"normal": {"mean": "2s", "stddev": "2s"}}}
VUS = {"executor": "ramping-vus", "start_vus": 0}


def stages(*written: tuple[Any, str]) -> dict[str, Any]:
    return {"stages": [{"target": target, "duration": duration} for target, duration in written]}


@pytest.mark.slow
@pytest.mark.parametrize(
    "load",
    [
        {"executor": "constant-arrival-rate", "rate": "3/m", "duration": "3m"},
        {**ARRIVALS, **stages(("0/s", "30s"), ("0/s", "70s"), ("20/m", "40s"))},
        {**ARRIVALS, **PAUSES, **stages(("1/s", "30s"), ("0/s", "0s"), ("0/s", "1m"), ("1/m", "2m")), "vus": 1},
        {**VUS, **stages((1, "31s"), (1, "1s"))},
        {**VUS, **PAUSES, **stages((3, "30s"), (0, "10s"), (0, "50s"), (2, "90s"), (0, "0s"), (0, "20s"))},
        {"executor": "constant-vus", "duration": "60s", "think_time": {"paced": "25s"}, "start_after": "40s"},
        {"executor": "per-vu-iterations", "iterations": 9, "vus": 2, "think_time": {"uniform": ["1s", "9s"]}},
    ],
)
@pytest.mark.parametrize(
    "flow",
    [
        ["status"],
        [{"sleep": "3s"}, "status", {"sleep": "4s"}],
        [{"sleep": {"duration": "200ms", "weight": 300}}, {"status": {"weight": 1}}],
    ],
    ids=["no pause", "pauses", "mostly pauses"],
)
def test_no_vu_is_silent_for_longer(
    load: dict[str, Any], flow: list[Any], make_plan: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = make_plan(flow, setup={"pets": 4}, load=load)
    clock, heard_ns = SimulatedTime(), []
    send_frame = Channel.frame

    def send(*arguments: Any) -> None:
        heard_ns.append(clock.now_ns())
        send_frame(*arguments)

    monkeypatch.setattr(Channel, "frame", send)
    result = simulate(plan, lambda label, call: Behaviour(takes_ns=MS), time=clock)
    assert result.duration_ns is not None
    began_ns = min(clock.now_ns() - result.duration_ns, *heard_ns)
    silences = [after - before for before, after in pairwise([began_ns, *heard_ns, clock.now_ns()])]
    # what a call takes by itself is no plan's; a frame is sent every 250 ms at the earliest
    assert max(silences) <= silence_of_load_ns(plan, 0, 0) + 500 * MS
