"""Bounds of a proportion: against scipy's beta distribution, by hand, and at the ends."""

from __future__ import annotations

import math

import pytest
from scipy.stats import beta

from perfcli.inference.estimates import lower_bound, upper_bound


@pytest.mark.slow
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(
    ("events", "trials"), [(0, 1), (0, 10), (1, 10), (9, 10), (3, 300), (198, 200), (50, 2_000), (1_999, 2_000)]
)
def test_bounds_are_those_of_clopper_and_pearson(events: int, trials: int, confidence: float) -> None:
    expected = beta.ppf(confidence, events + 1, trials - events)
    assert upper_bound(events, trials, confidence) == pytest.approx(expected, rel=1e-9)
    assert lower_bound(trials - events, trials, confidence) == pytest.approx(1 - expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("trials", [1, 10, 300])
def test_without_an_event_it_has_a_closed_form(trials: int) -> None:
    assert upper_bound(0, trials) == pytest.approx(1 - math.pow(0.05, 1 / trials))


def test_the_rule_of_three_is_near() -> None:
    assert upper_bound(0, 300) == pytest.approx(3 / 300, rel=0.01)


@pytest.mark.parametrize("trials", [0, 1, 10])
def test_where_nothing_else_was_seen_everything_is_possible(trials: int) -> None:
    assert (upper_bound(trials, trials), lower_bound(0, trials)) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("events", "trials", "confidence"), [(-1, 10, 0.95), (11, 10, 0.95), (1, 10, 0.0), (1, 10, 1.0)]
)
def test_what_cannot_be_is_refused(events: int, trials: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=f"no bound for {events} events of {trials} trials"):
        upper_bound(events, trials, confidence)
