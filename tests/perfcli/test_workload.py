"""What a seed prescribes: the same to every run, different to every vu, and within the scenario's bounds."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.operations.digipal_data import CREATED_PET, NO_PET
from perfcli.plan import ExecutionPlan
from perfcli.workload import Workload, pack, pauses, unpack


def draws(plan: ExecutionPlan, vu: int, count: int, stream: Any = "load") -> list[tuple[int, int, int]]:
    return [unpack(p) for p in islice(Workload(plan.phase_of(vu), plan.seed, vu, stream).steps(), count)]


@given(st.integers(0, 499), st.integers(-2, 1_000_000), st.integers(0, 10_000))
def test_a_packed_draw_unpacks_to_itself_and_fits_64_bits(step: int, user: int, choice: int) -> None:
    packed = pack(step, user, choice)
    assert unpack(packed) == (step, user, choice)
    assert 0 <= packed < 2**63


def test_one_seed_prescribes_one_sequence(make_plan: Any) -> None:
    flow = [{"load_pet": {"weight": 3}}, {"interact": {"weight": 1, "order": "random"}}]
    plan = make_plan(flow, setup={"pets": 20}, users="uniform", load={"vus": 3})
    again = make_plan(flow, setup={"pets": 20}, users="uniform", load={"vus": 3})
    other = make_plan(flow, setup={"pets": 20}, users="uniform", load={"vus": 3}, seed=2)
    assert draws(plan, 0, 200) == draws(again, 0, 200)
    assert draws(plan, 0, 200) != draws(other, 0, 200)
    assert draws(plan, 0, 200) != draws(plan, 1, 200)
    assert draws(plan, 0, 200) != draws(plan, 0, 200, "warm-up")


def test_a_mix_draws_by_weight(make_plan: Any) -> None:
    plan = make_plan([{"load_pet": {"weight": 8}}, {"save_pet": {"weight": 2}}], setup={"pets": 1})
    steps = [step for step, _, _ in draws(plan, 0, 10_000)]
    assert 0.78 < steps.count(0) / len(steps) < 0.82


def test_an_ordered_flow_does_every_step_in_order_with_its_variants_in_order(make_plan: Any) -> None:
    plan = make_plan([{"interact": {"texts": ["a", "b"]}}, "status"], setup={"pets": 1})
    assert draws(plan, 0, 6) == [(0, 0, 0), (1, 0, 0), (0, 0, 1), (1, 0, 0), (0, 0, 0), (1, 0, 0)]


def test_own_users_are_shared_out_without_overlap(make_plan: Any) -> None:
    plan = make_plan(["status"], setup={"pets": 5}, load={"vus": 2})
    assert [user for _, user, _ in draws(plan, 0, 4)] == [0, 2, 4, 0]
    assert [user for _, user, _ in draws(plan, 1, 4)] == [1, 3, 1, 3]


def test_fewer_pets_than_vus_are_shared(make_plan: Any) -> None:
    plan = make_plan(["status"], setup={"pets": 2}, load={"vus": 3})
    assert [user for _, user, _ in draws(plan, 2, 2)] == [0, 0]


def test_uniform_users_are_all_pets(make_plan: Any) -> None:
    plan = make_plan(["status"], setup={"pets": 10}, users="uniform")
    assert {user for _, user, _ in draws(plan, 0, 500)} == set(range(10))


def test_steps_after_a_creation_act_on_the_created_pet(make_plan: Any) -> None:
    plan = make_plan(["create_pet", {"sleep": "1ms"}, "status"])
    assert [user for _, user, _ in draws(plan, 0, 3)] == [NO_PET, CREATED_PET, CREATED_PET]
    assert pauses(plan.phases[0]) == {1}


def test_zipf_users_are_drawn_by_their_rank(make_plan: Any) -> None:
    plan = make_plan(["status"], setup={"pets": 1_000}, users={"zipf": 1})
    users = [user for _, user, _ in draws(plan, 0, 20_000)]
    harmonic = sum(1 / rank for rank in range(1, 1_001))
    for rank in (1, 2, 4):
        assert users.count(rank - 1) / len(users) == pytest.approx(1 / rank / harmonic, rel=0.15)
    assert set(users) <= set(range(1_000))


def test_vus_of_another_phase_have_sequences_of_their_own(make_plan: Any) -> None:
    load = {"executor": "per-vu-iterations", "vus": 2, "iterations": 5}
    plan = make_plan(["status"], setup={"pets": 4}, load=None, phases=[{"name": n, "load": load} for n in "ab"])
    assert [phase.vus for phase in plan.phases] == [range(2), range(2, 4)]
    assert [user for _, user, _ in draws(plan, 3, 3)] == [1, 3, 1]


def test_phases_that_start_beside_others_join_their_wave(make_plan: Any) -> None:
    load = {"executor": "constant-vus", "duration": "1s"}
    beside = {**load, "start_after": "100ms"}
    phases = [{"name": name, "load": each} for name, each in zip("abcd", [load, beside, load, beside], strict=True)]
    plan = make_plan(["status"], setup={"pets": 4}, load=None, phases=phases)
    assert [[phase.name for phase in wave] for wave in plan.waves] == [["a", "b"], ["c", "d"]]
