"""The logistic curve through verdicts: against a general optimiser, on separated runs, and on an edge that moves."""

from __future__ import annotations

import math
from random import Random

import pytest

from perfcli.inference.logistic import Run, drift, fit_logistic, half_point_interval

MIXED = [
    Run(load, held)
    for load, verdicts in {800: "+++", 850: "++", 900: "+-+", 950: "-++-", 1000: "-+-", 1050: "--", 1100: "--"}.items()
    for held in (verdict == "+" for verdict in verdicts)
]
SEPARATED = [Run(load, load <= 900) for load in (400, 800, 900, 900, 900, 950, 950, 950, 1600)]


def weighed(runs: list[Run], half: float, log_slope: float) -> float:
    """The posterior density by numpy and scipy, without the prior's constant."""
    import numpy as np
    from scipy.stats import logistic, norm

    z = math.exp(log_slope) * (np.log([run.load for run in runs]) - half)
    held = np.array([run.held for run in runs])
    prior = norm.logpdf(log_slope, -math.log(0.05), 0.5) - norm.logpdf(0, 0, 0.5)
    return float(np.where(held, logistic.logsf(z), logistic.logcdf(z)).sum() + prior)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [MIXED, SEPARATED])
def test_it_is_the_maximum_that_a_general_optimiser_finds(runs: list[Run]) -> None:
    from scipy.optimize import minimize

    best = minimize(lambda p: -weighed(runs, p[0], p[1]), [math.log(925), 3.0], method="Nelder-Mead")
    fit = fit_logistic(runs)
    assert fit.half == pytest.approx(math.exp(best.x[0]), rel=2e-3)
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=0.01)
    assert fit.scale == pytest.approx(math.exp(-best.x[1]), rel=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [MIXED, SEPARATED])
def test_the_interval_ends_where_the_profile_has_fallen_by_half_a_quantile(runs: list[Run]) -> None:
    from scipy.optimize import minimize_scalar
    from scipy.stats import chi2

    fit = fit_logistic(runs)
    for end in half_point_interval(runs, fit):
        profile = minimize_scalar(lambda s, end=end: -weighed(runs, math.log(end), s), bounds=(0, 6), method="bounded")
        assert fit.log_likelihood + profile.fun == pytest.approx(chi2.ppf(0.9, 1) / 2, abs=0.05)


def test_separated_runs_have_an_edge_between_them_and_a_bounded_interval() -> None:
    fit = fit_logistic(SEPARATED)
    lower, upper = half_point_interval(SEPARATED, fit)
    assert 900 < fit.half < 950
    assert 850 < lower <= 905
    assert 945 <= upper < 1000


def test_nine_of_ten_hold_below_the_half_point() -> None:
    fit = fit_logistic(MIXED)
    assert fit.load_at(0.5) == pytest.approx(fit.half)
    chance_to_fail = 1 / (1 + (fit.half / fit.load_at(0.9)) ** (1 / fit.scale))
    assert chance_to_fail == pytest.approx(0.1)


def test_runs_that_the_load_does_not_explain_bound_little() -> None:
    runs = [Run(load, held) for load in (100, 200, 400) for held in (True, False)]
    lower, upper = half_point_interval(runs, fit_logistic(runs))
    assert lower < 150
    assert upper > 270


@pytest.mark.parametrize("held", [True, False])
def test_runs_of_one_verdict_have_no_half_point(held: bool) -> None:
    with pytest.raises(ValueError, match="between runs that hold and runs that fail"):
        fit_logistic([Run(1, held), Run(2, held)])


@pytest.mark.slow
def test_an_edge_that_moves_is_told_from_one_that_stands() -> None:
    random = Random(7)
    loads = [random.uniform(700, 1200) for _ in range(24)]
    falling = drift([Run(load, load < 1200 * 0.98**number) for number, load in enumerate(loads)])
    assert falling.p < 0.01
    assert falling.per_run == pytest.approx(-0.02, abs=0.01)
    assert drift([Run(load, load < 950) for load in loads]).p > 0.05
