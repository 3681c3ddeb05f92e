"""The Universal Scalability Law: published fits, exact data, how often intervals hold the truth; and the jackknife."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.stats import t

from perfcli.inference.usl import (
    Interval,
    Point,
    Usl,
    UslEstimate,
    estimate_usl,
    fit_usl,
    jackknife_interval,
    log_jackknife_interval,
    student_t,
)

SPEC_SDM91 = [(1, 64.9), (18, 995.9), (36, 1652.4), (72, 1853.2), (108, 1828.9), (144, 1775.0), (216, 1702.2)]
"""Users and throughput of SPEC's benchmark SDM91: Gunther, "Guerrilla capacity planning", and R's package `usl`."""

CISCO = [
    *(955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71, 8646.7),
    *(9047.84, 9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806, 12089.37),
    *(12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39),
]
"""Throughput at 1 to 32: B. Schwartz, "Practical scalability analysis with the Universal Scalability Law"."""

RAY_TRACER = [(1, 20), (4, 78), (8, 130), (12, 170), (16, 190), (20, 200), (24, 210), (28, 230), (32, 260), (48, 280)]
"""Processors and throughput of a ray tracer, of Gunther's book too: it levels off, and has no peak."""

LOADS = (1, 2, 3, 4, 6, 8, 12, 16)


def test_spec_sdm91_is_fitted_as_rs_package_usl_prints_it() -> None:
    fit = fit_usl(SPEC_SDM91)
    assert fit == pytest.approx((90.0, 0.0277, 0.000104), rel=0.005)
    assert fit.peak == pytest.approx(96.5, rel=0.001)


def test_cisco_is_fitted_as_usl4j_publishes_it() -> None:
    fit = fit_usl(list(enumerate(CISCO, start=1)))
    assert fit == pytest.approx((995.6486, 0.02671591, 7.690945e-4), rel=1e-5)
    assert (math.floor(fit.peak), math.floor(fit.throughput(35))) == (35, 12341)


@pytest.mark.slow
@pytest.mark.parametrize("points", [SPEC_SDM91, list(enumerate(CISCO, start=1)), RAY_TRACER])
@pytest.mark.parametrize("bounded", [True, False])
def test_it_is_the_least_squares_that_scipy_finds(points: list[Point], bounded: bool) -> None:
    loads, throughputs = np.array(points, dtype=float).T

    def missed(constants: list[float]) -> list[float]:
        return list(Usl(*constants).throughput(loads) - throughputs)

    lowest = [0, 0 if bounded else -1, 0 if bounded else -1]
    start = [throughputs[0], 0.05, 0.0005]
    found = least_squares(missed, start, bounds=(lowest, math.inf), x_scale=[100, 0.01, 0.0001], xtol=1e-14, ftol=1e-14)
    assert fit_usl(points, bounded=bounded) == pytest.approx(list(found.x), rel=1e-3, abs=1e-7)


constants = st.builds(
    Usl,
    st.floats(0.01, 1e7),
    st.just(0.0) | st.floats(1e-6, 3.0),
    st.just(0.0) | st.floats(1e-7, 1.0),
)


@given(constants, st.lists(st.integers(1, 200), min_size=3, max_size=10, unique=True), st.booleans())
def test_what_follows_the_law_is_found_exactly(law: Usl, loads: list[int], bounded: bool) -> None:
    fit = fit_usl([(n, law.throughput(n)) for n in loads], bounded=bounded)
    assert [fit.throughput(n) for n in loads] == pytest.approx([law.throughput(n) for n in loads], rel=1e-6)


@given(constants)
def test_constants_are_found_where_all_loads_are_small(law: Usl) -> None:
    assert fit_usl([(n, law.throughput(n)) for n in LOADS]) == pytest.approx(law, rel=1e-5, abs=1e-7)


@given(st.lists(st.floats(1, 1e5), min_size=len(LOADS), max_size=len(LOADS)))
def test_whatever_was_measured_the_constants_are_within_bounds(throughputs: list[float]) -> None:
    fit = fit_usl(list(zip(LOADS, throughputs, strict=True)))
    assert 0 < fit.lambda_ < math.inf
    assert min(fit.sigma, fit.kappa) >= 0
    assert fit.peak >= 1


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([(1, 5), (2, 9), (2, 8)], "three different loads"),
        ([(1, 5), (2, 9), (3, 0)], "throughputs above 0"),
        ([(0, 5), (2, 9), (3, 9)], "loads of 1"),
    ],
)
def test_points_that_cannot_be_fitted_are_refused(points: list[Point], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_usl(points)


@pytest.mark.parametrize(
    ("law", "peak"),
    [(Usl(1, 0.19, 0.01), 9), (Usl(1, 0.1, 0), math.inf), (Usl(1, 1.2, 0.1), 1), (Usl(1, 0.9, 0.4), 1)],
)
def test_the_peak_is_never_below_one_user(law: Usl, peak: float) -> None:
    assert law.peak == pytest.approx(peak)


def simulated(law: Usl, blocks: int, random_: random.Random, loads: Sequence[int] = LOADS) -> UslEstimate:
    """An estimate from throughputs with 5 % of noise that a block has in common, and 5 % of their own."""
    measured = []
    for _ in range(blocks):
        of_block = random_.gauss(0, 0.05)
        measured.append([law.throughput(n) * math.exp(of_block + random_.gauss(0, 0.05)) for n in loads])
    return estimate_usl(loads, measured)


def held(law: Usl, estimate: UslEstimate) -> Iterator[str]:
    """The names of what lies within its interval."""
    for name in ("lambda_", "sigma", "kappa", "peak"):
        lower, upper = getattr(estimate, name)
        if lower <= getattr(law, name) <= upper:
            yield name
    lower, upper = estimate.throughput(10)
    if lower <= law.throughput(10) <= upper:
        yield "throughput"


NAMES = ("lambda_", "sigma", "kappa", "peak", "throughput")
WITH_PEAK = (Usl(1_000, 0.1, 0.01), Usl(1_000, 0.3, 0.01), Usl(1_000, 0.5, 0.015), Usl(1_000, 0.05, 0.002))
WITHOUT_PEAK = (Usl(1_000, 0.02, 0.0), Usl(1_000, 0.1, 0.0), Usl(1_000, 0.5, 0.0))


def coverage(law: Usl, blocks: int, simulations: int, loads: Sequence[int] = LOADS) -> dict[str, float]:
    """How often each interval holds the truth."""
    random_ = random.Random(f"{law} {blocks}")
    counts = Counter(name for _ in range(simulations) for name in held(law, simulated(law, blocks, random_, loads)))
    return {name: counts[name] / simulations for name in NAMES}


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    assert min(coverage(WITH_PEAK[0], blocks=8, simulations=60).values()) >= 0.85


@pytest.mark.slow
def test_without_a_peak_one_is_seldom_found() -> None:
    random_ = random.Random(1)
    assert sum(simulated(WITHOUT_PEAK[1], 8, random_).kappa.lower > 0 for _ in range(60)) <= 6


@pytest.mark.nightly
@pytest.mark.parametrize("blocks", [5, 8])
@pytest.mark.parametrize("law", WITH_PEAK)
def test_intervals_of_95_percent_hold_the_truth_as_often(law: Usl, blocks: int) -> None:
    covered = coverage(law, blocks, simulations=2_000)
    assert all(0.93 <= share <= 0.985 for share in covered.values()), covered


@pytest.mark.nightly
@pytest.mark.parametrize("law", WITH_PEAK)
def test_intervals_through_four_loads_hold_the_truth_as_often(law: Usl) -> None:
    covered = coverage(law, blocks=8, simulations=2_000, loads=LOADS[:4])
    assert min(covered.values()) >= 0.93, covered


@pytest.mark.nightly
@pytest.mark.parametrize("blocks", [5, 8])
@pytest.mark.parametrize("law", WITHOUT_PEAK)
def test_without_a_peak_at_most_5_percent_show_one(law: Usl, blocks: int) -> None:
    random_ = random.Random(f"{law} {blocks}")
    estimates = [simulated(law, blocks, random_) for _ in range(2_000)]
    assert sum(estimate.kappa.lower > 0 for estimate in estimates) <= 0.05 * len(estimates)


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 8, 30, 201])
def test_quantiles_are_those_of_scipy(degrees: int, confidence: float) -> None:
    assert student_t(confidence, degrees) == pytest.approx(t.ppf((1 + confidence) / 2, degrees), rel=1e-9)


@pytest.mark.parametrize(("confidence", "degrees"), [(0.0, 3), (1.0, 3), (0.95, 0)])
def test_a_quantile_that_does_not_exist_is_refused(confidence: float, degrees: int) -> None:
    with pytest.raises(ValueError, match=r"no Student's t of"):
        student_t(confidence, degrees)


def without_each(values: list[float]) -> list[float]:
    return [fmean(values[:left] + values[left + 1 :]) for left in range(len(values))]


def test_the_interval_of_a_mean_is_that_of_the_t_test() -> None:
    values = [random.Random(1).gauss(100, 15) for _ in range(8)]
    lower, upper = jackknife_interval(fmean(values), without_each(values))
    reach = t.ppf(0.975, 7) * stdev(values) / math.sqrt(8)
    assert (lower, upper) == pytest.approx((fmean(values) - reach, fmean(values) + reach))


def test_on_logarithms_it_never_reaches_zero() -> None:
    values = [1.0, 1.0, 1.0, 1.0, 9.0]
    assert jackknife_interval(fmean(values), without_each(values)).lower < 0
    assert log_jackknife_interval(fmean(values), without_each(values)).lower > 0


@pytest.mark.parametrize("estimates", [[0.0, 1.0, 1.0], [1.0, -1.0, 1.0], [1.0, 1.0, math.inf]])
def test_without_a_logarithm_anything_is_possible(estimates: list[float]) -> None:
    assert log_jackknife_interval(estimates[0], estimates[1:]) == Interval(0.0, math.inf)


def test_one_block_says_nothing() -> None:
    with pytest.raises(ValueError, match="two blocks"):
        jackknife_interval(1.0, [1.0])
