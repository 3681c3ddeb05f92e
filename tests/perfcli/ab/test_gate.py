"""The gate by hand, and in simulations: it does not cry wolf, it finds what got slower, and it does not take long.

Each simulated gate compares the time and three p50 (standard deviation of a pair as told), two p99 (four times that),
and three figures that are always equal. Half of the variance of a pair is common to its metrics.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.ab.gate import PINNED, UNPINNED, Compared, PairLimits, enough, judge, smallest_found
from perfcli.ab.result import Change, MetricComparison

Noise = Callable[[random.Random], float]

NOISES: dict[str, Noise] = {
    "normal": lambda rng: rng.gauss(0, 1),
    "laplace": lambda rng: rng.choice((-1, 1)) * rng.expovariate(math.sqrt(2)),
    "t(3)": lambda rng: rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2)),
    "contaminated": lambda rng: rng.gauss(0, 5 if rng.random() < 0.1 else 1) / math.sqrt(0.9 + 0.1 * 25),
}
"""Noises of standard deviation 1; of the last a tenth is five times as wide."""


def compared(
    differences: Sequence[float], *, margin: float = 0.05, name: str = "time", is_rough: bool = False
) -> Compared:
    return Compared(name, "ns", margin, [100.0] * len(differences), differences, is_rough)


def only(differences: Sequence[float], *, margin: float = 0.05) -> MetricComparison:
    (comparison,) = judge([compared(differences, margin=margin)])
    return comparison


def spread(centre: float, width: float, pairs: int = 15) -> list[float]:
    """Differences evenly around a centre."""
    return [centre + width * (2 * place / (pairs - 1) - 1) for place in range(pairs)]


def test_sure_and_large_is_a_regression() -> None:
    found = only(spread(math.log(1.10), 0.03))
    assert found.change is Change.REGRESSION
    assert found.ratio == pytest.approx(1.10)
    assert found.lower < 1.10 < found.upper
    assert (found.base, found.candidate) == (100, pytest.approx(110))
    assert found.p_worse == 1 / 2**15
    assert found.p_better == 1.0


def test_the_other_way_round_it_is_an_improvement() -> None:
    found = only(spread(-math.log(1.10), 0.03))
    assert found.change is Change.IMPROVEMENT
    assert found.p_better == 1 / 2**15


def test_sure_but_small_is_no_change() -> None:
    found = only(spread(math.log(1.04), 0.01))
    assert found.p_worse < 0.01
    assert found.change is Change.NO_CHANGE


def test_large_but_not_sure_is_inconclusive() -> None:
    found = only(spread(math.log(1.08), 0.4))
    assert found.ratio > 1.05
    assert found.p_worse > 0.01
    assert found.change is Change.INCONCLUSIVE


def test_a_margin_of_20_percent_allows_40() -> None:
    differences = spread(0.0, 0.5)
    assert 1.10 < only(differences).upper < 1.40
    assert only(differences).change is Change.INCONCLUSIVE
    assert only(differences, margin=0.20).change is Change.NO_CHANGE


@pytest.mark.parametrize(
    ("difference", "change"),
    [(0.0, Change.NO_CHANGE), (math.log(1.25), Change.REGRESSION), (-math.log(1.25), Change.IMPROVEMENT)],
)
def test_figures_without_noise(difference: float, change: Change) -> None:
    found = only([difference] * 15)
    assert found.change is change
    assert found.ratio == found.lower == found.upper == math.exp(difference)


@pytest.mark.parametrize(("sign", "change"), [(1, Change.REGRESSION), (-1, Change.IMPROVEMENT)])
def test_alpha_and_the_margin_themselves_are_enough(sign: int, change: Change) -> None:
    """A p of at most alpha and a shift that reaches the margin, as `judge` promises."""
    alpha = 1 / 2**15
    at_margin = compared([sign * math.log1p(0.05)] * 15)
    below_margin = compared([sign * math.log1p(0.0499)] * 15)
    assert judge([at_margin], alpha)[0].change is change
    assert judge([at_margin], alpha / 2)[0].change is Change.NO_CHANGE
    assert judge([below_margin], alpha)[0].change is Change.NO_CHANGE


def test_too_few_pairs_leave_everything_open() -> None:
    found = only([0.01, -0.01, 0.02])
    assert found.change is Change.INCONCLUSIVE
    assert (found.lower, found.upper) == (None, None)


def test_a_metric_without_pairs_is_an_error() -> None:
    with pytest.raises(ValueError, match="no median"):
        judge([compared([])])


def test_each_metric_makes_the_others_harder_to_prove() -> None:
    almost = [0.2] * 7
    noisy = [0.01, -0.02, 0.03, -0.04, 0.05, -0.06, 0.07]
    assert only(almost).change is Change.REGRESSION
    first, second = judge([compared(noisy, name="memory"), compared(almost, name="time")])
    assert (first.name, second.name) == ("memory", "time")
    assert second.p_worse == 2 * only(almost).p_worse
    assert second.change is not Change.REGRESSION


def test_a_metric_that_is_always_equal_does_not() -> None:
    almost = [0.2] * 7
    equal, found = judge([compared([0.0] * 7, name="statements"), compared(almost)])
    assert equal.p_worse == equal.p_better == 1.0
    assert found.change is Change.REGRESSION


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40), st.randoms())
def test_signs_do_not_decide_when_to_stop(differences: list[float], rng: random.Random) -> None:
    flipped = [rng.choice((-1, 1)) * d for d in differences]
    assert enough([compared(differences)]) == enough([compared(flipped)])


@pytest.mark.parametrize(
    ("differences", "is_enough"),
    [
        (spread(0, 0.05), True),
        (spread(0, 0.5), False),
        ([0.0] * 15, True),
        ([0.3] * 15, True),
        # a slowdown is as quickly known as its absence
        (spread(1, 0.075), True),
        (spread(0.05, 0.075), False),
        ([*spread(0, 0.05, 14), 3.0], True),
        ([*spread(0, 0.05, 10), 3.0, -2.0, 2.0, -4.0, 5.0], False),
        ([0.0], False),
        ([], False),
    ],
)
def test_it_stops_when_the_noise_is_small_enough(differences: list[float], is_enough: bool) -> None:
    assert enough([compared(differences)]) is is_enough


def test_the_noisiest_metric_decides_by_its_own_margin() -> None:
    quiet, noisy = compared(spread(0, 0.02)), spread(0, 0.3)
    assert not enough([quiet, compared(noisy)])
    assert enough([quiet, compared(noisy, margin=0.20)])


def test_a_regression_of_rough_metrics_alone_has_to_stand_in_all_pairs() -> None:
    slower, alike = spread(math.log(1.25), 0.02), spread(0, 0.02)
    rough, precise = compared(slower, name="load_pet.p99", is_rough=True), compared(slower)
    assert not enough([rough])
    assert not enough([rough, compared(alike)])
    assert enough([rough, precise])
    assert enough([compared(alike, name="load_pet.p99", is_rough=True), compared(alike)])


def test_looks() -> None:
    assert list(PINNED.looks()) == [15, 20, 25, 30, 35, 40]
    assert list(UNPINNED.looks()) == [30, 40, 50, 60, 70, 80]


def play(
    noise: Noise, gates: int, *, sd: float, slowdown: float = 0.0, margin: float = 0.05
) -> Iterator[list[MetricComparison]]:
    """Whole gates, stopped by the rule."""
    rng, shift = random.Random(5), math.log1p(slowdown)
    margins = [margin] * 4 + [0.20] * 2 + [margin] * 3
    widths = [sd] * 4 + [4 * sd] * 2

    def pair() -> list[float]:
        common = noise(rng)
        return [shift + width * math.sqrt(0.5) * (common + noise(rng)) for width in widths] + [0.0] * 3

    for _ in range(gates):
        pairs: list[list[float]] = []
        for look in PINNED.looks():
            pairs += [pair() for _ in range(look - len(pairs))]
            metrics = [
                Compared("time", "ns", each, [1.0], differences)
                for each, differences in zip(margins, zip(*pairs, strict=True), strict=True)
            ]
            if enough(metrics):
                break
        yield judge(metrics)


def share(change: Change, gates: Sequence[Sequence[MetricComparison]]) -> float:
    return sum(any(metric.change is change for metric in gate) for gate in gates) / len(gates)


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
def test_equal_engines_are_let_pass_and_soon(noise: str) -> None:
    played = list(play(NOISES[noise], 300, sd=0.05))
    assert share(Change.REGRESSION, played) == 0
    assert share(Change.INCONCLUSIVE, played) <= 0.02
    assert 15 <= median(len(gate[0].differences) for gate in played) <= 20


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
def test_on_a_machine_with_twice_the_noise_false_alarms_stay_rare(noise: str) -> None:
    played = list(play(NOISES[noise], 200, sd=0.10))
    assert share(Change.REGRESSION, played) <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
def test_10_percent_are_found(noise: str) -> None:
    played = list(play(NOISES[noise], 200, sd=0.05, slowdown=0.10))
    assert share(Change.REGRESSION, played) >= 0.99
    assert share(Change.REGRESSION, [gate[:1] for gate in played]) >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISES)
def test_5_percent_are_found_with_a_margin_of_3(noise: str) -> None:
    played = list(play(NOISES[noise], 100, sd=0.05, slowdown=0.05, margin=0.03))
    assert share(Change.REGRESSION, [gate[:1] for gate in played]) >= 0.95


def noisy_pairs(sd: float) -> list[float]:
    rng = random.Random(6)
    return [rng.gauss(0, sd) for _ in range(60)]


def test_without_noise_the_margin_itself_is_found() -> None:
    assert smallest_found([0.0] * 15, 0.05) == 0.05


@pytest.mark.slow
def test_noise_hides_small_slowdowns() -> None:
    quiet, noisy = smallest_found(noisy_pairs(0.02), 0.05), smallest_found(noisy_pairs(0.2), 0.05)
    assert 0.05 <= quiet <= 0.06
    assert 0.10 <= noisy <= 0.20
    assert smallest_found(noisy_pairs(2.0), 0.05, limits=PairLimits(10, 5, 15)) is None


@pytest.mark.slow
def test_the_smallest_slowdown_is_found_by_whole_gates() -> None:
    smallest = smallest_found(noisy_pairs(0.05), 0.05, metrics=6)
    assert smallest is not None
    played = list(play(NOISES["normal"], 150, sd=0.05, slowdown=smallest))
    assert share(Change.REGRESSION, played) >= 0.95
    missed = list(play(NOISES["normal"], 150, sd=0.05, slowdown=smallest - 0.02))
    assert share(Change.REGRESSION, [gate[:1] for gate in missed]) < 0.95


def test_metrics_that_share_a_gate_can_make_it_blind() -> None:
    seven = PairLimits(7, 1, 7)
    assert smallest_found([0.0] * 15, 0.05, limits=seven) == 0.05
    assert smallest_found([0.0] * 15, 0.05, limits=seven, metrics=2) is None


def test_no_pairs_tell_nothing() -> None:
    assert smallest_found([], 0.05) is None


class TestColumns:
    """The change that is reported follows from the figures beside it."""

    def test_of_times_whose_sides_have_other_medians(self) -> None:
        # each pair is 10 % slower, though the candidate's median may be 54.0, which is 2.4 % faster than the base's
        base = [50.0, 55.3, 60.0, 55.3, 55.3]
        (found,) = judge([Compared("time", "ns", 0.05, base, [math.log(1.1)] * 5)])
        assert (found.base, found.candidate) == (55.3, pytest.approx(60.83))
        assert found.candidate / found.base == pytest.approx(found.ratio)

    def test_of_counts_that_are_exact(self) -> None:
        differences = [math.log((2.8 + 0.01) / (1.8 + 0.01))] * 15
        (found,) = judge([Compared("errors", "errors", 0.05, [1.8] * 15, differences, floor=0.01)])
        assert (found.candidate, found.ratio) == (pytest.approx(2.8), pytest.approx(2.8 / 1.8))
        assert found.ratio_of(differences[0]) == pytest.approx(found.ratio)

    @given(
        st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=12),
        st.one_of(st.just(0.0), st.floats(0.001, 1e4)),
        st.sampled_from([0.0, 64.0]),
    )
    def test_whatever_the_pairs_are(self, differences: list[float], base: float, floor: float) -> None:
        base = base if floor else base + 1
        values = [base] * len(differences)
        (found,) = judge([Compared("database", "bytes", 0.05, values, differences, floor=floor)])
        assert found.candidate >= 0
        assert math.isfinite(found.ratio)
        if found.base:
            assert found.candidate / found.base == pytest.approx(found.ratio, rel=1e-9, abs=1e-9)
