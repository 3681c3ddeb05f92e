"""When an engine is taken for hung: never for what the scenario itself asks for."""

from __future__ import annotations

from typing import Any

from perfcli.run.patience import GRACE_S, STOP_GRACE_S, Patience


def test_the_scenarios_own_pauses_are_no_hang(make_plan: Any) -> None:
    plan = make_plan(
        ["interact", {"sleep": "40s"}],
        setup={"pets": 1},
        engine={"ai": {"latency": "8s", "jitter": "1s"}},
        load={"executor": "constant-vus", "duration": "1s", "think_time": "20s"},
    )
    assert plan.iteration_own_time_s(plan.phases[0]) == 8 + 10 + 40 + 20
    patience = Patience(plan)
    assert not patience.is_over("measuring", 78, 78)
    assert patience.is_over("measuring", 79 + 30 + STOP_GRACE_S + 1, 0)  # 30 s of graceful_stop
    assert patience.is_over("measuring", 1, 78 + GRACE_S + 1)


def test_silence_is_a_hang_long_before_the_load_is_due(make_plan: Any) -> None:
    patience = Patience(make_plan(["status"], setup={"pets": 1}))
    assert patience.is_over("measuring", 31, 31)
    assert not patience.is_over("measuring", 500, 1)


def test_a_large_set_up_has_its_time(make_plan: Any) -> None:
    assert Patience(make_plan(["status"], setup={"pets": 1})).is_over("set-up", 61, 61)
    assert not Patience(make_plan(["status"], setup={"pets": 20_000})).is_over("set-up", 1000, 1000)


def test_a_person_waits_less_than_a_threshold(make_plan: Any) -> None:
    patience = Patience(make_plan(["interact"], setup={"pets": 1}, engine={"ai": {"latency": "8s"}}))
    assert patience.is_over_after_stop(STOP_GRACE_S + 0.1, interrupted=True)
    assert not patience.is_over_after_stop(8 + GRACE_S, interrupted=False)
