"""Change points: the statistic against scipy, and by simulation how often they are false, missed or misplaced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, inf, sqrt
from random import Random

import pytest
from scipy import stats

from perfcli.inference.change_point import LEAST_SEGMENT, best_split, changes

pytestmark = pytest.mark.slow

Noise = Callable[[Random], float]

NOISES: dict[str, Noise] = {
    "normal": lambda rng: rng.gauss(0, 1),
    "laplace": lambda rng: rng.choice((-1, 1)) * rng.expovariate(sqrt(2)),
    "t3": lambda rng: rng.gauss(0, 1) / sqrt(rng.gammavariate(1.5, 2)),
    "contaminated": lambda rng: rng.gauss(0, 1) * (5 if rng.random() < 0.05 else 1) / sqrt(2.2),
}
"""All with a standard deviation of 1."""


def noisy(levels: Sequence[float], sd: float, rng: Random, noise: Noise = NOISES["normal"]) -> list[float]:
    return [level * exp(sd * noise(rng)) for level in levels]


def step(before: int, after: int, by: float = 0.1) -> list[float]:
    return [100.0] * before + [100.0 * (1 + by)] * after


class TestStatistic:
    """The largest |z| of rank sums."""

    @pytest.mark.parametrize("seed", range(5))
    def test_z_is_scipys_and_the_largest(self, seed: int) -> None:
        rng = Random(seed)
        values = [rng.gauss(0, 1) for _ in range(rng.randint(8, 40))]
        places = range(LEAST_SEGMENT, len(values) - LEAST_SEGMENT + 1)
        scores = {place: stats.ranksums(values[place:], values[:place]).statistic for place in places}
        place, z = best_split(values)
        assert z == pytest.approx(scores[place])
        assert abs(z) == pytest.approx(max(map(abs, scores.values())))

    @pytest.mark.parametrize("seed", range(5))
    def test_z_of_ties_is_scipys(self, seed: int) -> None:
        rng = Random(seed)
        values = [float(rng.randint(0, 4)) for _ in range(30)]
        place, z = best_split(values)
        expected = stats.mannwhitneyu(
            values[place:], values[:place], alternative="two-sided", method="asymptotic", use_continuity=False
        )
        assert 2 * stats.norm.sf(abs(z)) == pytest.approx(expected.pvalue)

    @pytest.mark.parametrize("values", [[1.0] * 20, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]])
    def test_there_is_no_split_without_eight_values_that_differ(self, values: list[float]) -> None:
        with pytest.raises(ValueError, match="no split"):
            best_split(values)
        assert changes(values) == []


class TestBySimulation:
    """What the rule promises, on seeded series; the limits are those docs/regression.md states."""

    @pytest.mark.slow
    @pytest.mark.parametrize("noise", NOISES)
    @pytest.mark.parametrize("sd", [0.03, pytest.param(0.10, marks=pytest.mark.nightly)])
    def test_stable_series_show_a_change_in_two_of_a_hundred_at_most(self, noise: str, sd: float) -> None:
        rng = Random(f"{noise} {sd}")
        false = sum(bool(changes(noisy([100.0] * rng.randint(30, 60), sd, rng, NOISES[noise]))) for _ in range(400))
        assert false <= 8

    @pytest.mark.slow
    @pytest.mark.parametrize("noise", ["normal", "t3"])
    def test_a_step_is_found_when_it_is_six_runs_old_and_six_runs_near(self, noise: str) -> None:
        rng = Random(noise)
        found = 0
        for _ in range(100):
            before = rng.randint(15, 45)
            seen = changes(noisy(step(before, 6), 0.03, rng, NOISES[noise]))
            found += any(abs(change.index - before) <= 6 for change in seen)
        assert found >= 90

    @pytest.mark.slow
    def test_a_step_amidst_is_found_at_its_place(self) -> None:
        rng = Random(3)
        errors = [[change.index - 25 for change in changes(noisy(step(25, 25), 0.03, rng))] for _ in range(50)]
        assert all(len(error) == 1 and abs(error[0]) <= 6 for error in errors)


class TestShapes:
    """What is no single step."""

    def test_two_steps(self) -> None:
        series = noisy([*step(20, 15), *[122.0] * 15], 0.02, Random(1))
        assert [pytest.approx(change.index, abs=1) for change in changes(series)] == [20, 35]

    def test_a_spell_that_is_over(self) -> None:
        series = noisy([*step(20, 10), *[100.0] * 20], 0.02, Random(1))
        begin, end = changes(series)
        assert (begin.index, end.index) == (pytest.approx(20, abs=1), pytest.approx(30, abs=1))
        assert begin.shift > 0 > end.shift

    def test_a_drift_is_one_change_without_a_place(self) -> None:
        (change,) = changes(noisy([100 * (1 + 0.005 * run) for run in range(60)], 0.02, Random(1)))
        assert change.gradual
        assert (change.begin, change.end) == (0, 60)

    def test_a_step_is_no_drift(self) -> None:
        (change,) = changes(noisy(step(25, 15), 0.03, Random(1)))
        assert not change.gradual

    def test_outliers_are_no_change(self) -> None:
        series = noisy([300.0 if run in (7, 20, 21, 22) else 100.0 for run in range(40)], 0.03, Random(1))
        assert changes(series) == []

    def test_a_shift_too_small_to_matter_is_left_out(self) -> None:
        series = noisy(step(25, 25, by=0.04), 0.005, Random(1))
        assert changes(series) == []
        (change,) = changes(series, least_shift=0.02)
        assert change.index == 25

    def test_a_small_step_does_not_hide_a_large_one(self) -> None:
        series = noisy([*step(25, 25, by=0.03), *[125.0] * 12], 0.004, Random(1))
        assert [change.index for change in changes(series)] == [50]

    def test_figures_that_are_counted(self) -> None:
        (change,) = changes([0.0] * 10 + [3.0] * 6)
        assert (change.index, change.before, change.after, change.shift) == (10, 0.0, 3.0, inf)

    def test_a_figure_below_zero_rises_where_it_grows(self) -> None:
        (change,) = changes([-10.0] * 10 + [-5.0] * 10)
        assert change.shift == 0.5

    def test_the_same_series_gets_the_same_answer(self) -> None:
        series = noisy(step(20, 6), 0.04, Random(9))
        assert changes(series) == changes(series)
