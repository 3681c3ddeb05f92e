"""How often thresholds with `abort_on_fail` are judged while the load goes on."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from perfcli.measurement.measurement import Measurement
from perfcli.plan import ExecutionPlan
from perfcli.run import load_end
from perfcli.run.load_end import AbortCheck

ABORTS = [{"expr": "error_rate < 1%", "abort_on_fail": True}]


def looks_at_s(
    plan: ExecutionPlan, monkeypatch: pytest.MonkeyPatch, *, takes_s: float = 0, postponed_at_s: float = -1
) -> list[float]:
    """When it judges, of four asks a second in ten seconds of load."""
    now_s, judged_s = 0.0, list[float]()
    clock = SimpleNamespace(perf_counter_ns=lambda: int(now_s * 1e9), monotonic=lambda: now_s)
    monkeypatch.setattr(load_end, "time", clock)
    measurement = Measurement(plan)
    measurement.begin_wave(0, 0)
    check = AbortCheck(measurement)

    def judge(now_ns: int) -> None:
        nonlocal now_s
        judged_s.append(now_ns / 1e9)
        now_s += takes_s

    monkeypatch.setattr(check, "_failure", judge)
    for quarter in range(41):
        now_s = max(now_s, quarter / 4)
        if now_s == postponed_at_s:
            check.postpone()
        assert check.failed_threshold() is None
    return judged_s


def test_once_a_second(make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks_at_s(make_plan(["status"], thresholds=ABORTS), monkeypatch) == list(range(1, 11))


def test_at_most_a_tenth_of_the_time(make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks_at_s(make_plan(["status"], thresholds=ABORTS), monkeypatch, takes_s=0.25) == [1, 3.5, 6, 8.5]


def test_later_if_there_is_more_to_read(
    make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = looks_at_s(make_plan(["status"], thresholds=ABORTS), monkeypatch, postponed_at_s=2.5)
    assert looks[:4] == [1, 2, 3.5, 4.5]


def test_never_if_nothing_aborts(make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch) -> None:
    assert looks_at_s(make_plan(["status"], thresholds=["error_rate < 1%"]), monkeypatch) == []
