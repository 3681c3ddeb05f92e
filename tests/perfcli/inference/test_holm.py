"""Holm's adjustment, by hand and against the procedure it abbreviates."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.inference.rank_tests import adjusted


def test_by_hand() -> None:
    assert adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_p_stays_and_none_goes_beyond_1() -> None:
    assert adjusted([0.2]) == [0.2]
    assert adjusted([0.9, 0.6]) == [1.0, 1.0]
    assert adjusted([]) == []


@given(st.lists(st.integers(0, 100), max_size=12), st.integers(1, 99))
def test_it_rejects_what_the_step_down_procedure_rejects(hundredths: list[int], alpha: int) -> None:
    """Holm 1979: reject from the smallest p on while p <= alpha / those not yet rejected."""
    rejected = 0
    for p in sorted(hundredths):
        if p * (len(hundredths) - rejected) > alpha:
            break
        rejected += 1
    ours = adjusted([p / 10_000 for p in hundredths])
    assert sum(p <= (alpha + 0.5) / 10_000 for p in ours) == rejected


def test_the_first_error_is_as_rare_as_promised() -> None:
    rng = random.Random(4)
    erring = sum(min(adjusted([rng.random() for _ in range(9)])) <= 0.05 for _ in range(4_000))
    assert erring / 4_000 == pytest.approx(0.05, abs=0.012)
