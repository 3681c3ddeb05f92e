"""What the gate of `digipal-perf ab` decides of simulated pairs: `python benchmarks/gate.py`, some minutes.

Each gate compares nine metrics: the time and three p50 (pairs of the standard deviation that is told), two p99 (four
times that), and three that are always equal. Half of the variance of a pair is common to its metrics. Every gate stops
by the rule that real ones stop by. Nothing is measured: the same figures come out on every machine.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from random import Random
from statistics import median
from typing import Final, NamedTuple

from perfcli.ab.comparison import ComparisonOptions
from perfcli.ab.gate import PINNED, UNPINNED, Compared, PairLimits, enough, judge
from perfcli.ab.result import MARGIN, TAIL_MARGIN, Change, MetricComparison

Noise = Callable[[Random], float]

NOISES: Final[dict[str, Noise]] = {
    "normal": lambda rng: rng.gauss(0, 1),
    "Laplace": lambda rng: rng.choice((-1, 1)) * rng.expovariate(math.sqrt(2)),
    "t(3)": lambda rng: rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2)),
    "contaminated": lambda rng: rng.gauss(0, 5 if rng.random() < 0.1 else 1) / math.sqrt(0.9 + 0.1 * 25),
}
"""Of standard deviation 1; of the last a tenth is five times as wide."""

_TAIL_NOISE: Final = 4
_SEED: Final = 5


class Engines(NamedTuple):
    """What is compared: how much slower the candidate is, and how noisy pairs are."""

    what: str
    sd: float
    slowdown: float = 0.0
    margin: float = MARGIN
    limits: PairLimits = PINNED


ENGINES: Final = (
    Engines("equal, pair sd 5%", 0.05),
    Engines("equal, pair sd 10%", 0.10),
    Engines("equal, not pinned, pair sd 22%", 0.22, limits=UNPINNED),
    Engines("10% slower, pair sd 5%", 0.05, slowdown=0.10),
    Engines("10% slower, pair sd 10%", 0.10, slowdown=0.10),
    Engines("10% slower, not pinned, pair sd 22%", 0.22, slowdown=0.10, limits=UNPINNED),
    Engines("5% slower, margin 3%, pair sd 5%", 0.05, slowdown=0.05, margin=0.03),
)


def play(engines: Engines, noise: Noise, rng: Random, scenarios: int = 1) -> list[MetricComparison]:
    """One gate, until it has pairs enough, with its part of what several scenarios share."""
    shared = ComparisonOptions(scenarios=scenarios)
    limits = shared.limits(pinned=engines.limits == PINNED)
    times, tails, equal = [engines.sd] * 4, [_TAIL_NOISE * engines.sd] * 2, 3
    margins = [engines.margin] * 4 + [max(engines.margin, TAIL_MARGIN)] * 2 + [engines.margin] * equal
    shift = math.log1p(engines.slowdown)

    def pair() -> Iterator[float]:
        common = noise(rng)
        yield from (shift + sd * math.sqrt(0.5) * (common + noise(rng)) for sd in [*times, *tails])
        yield from [0.0] * equal

    pairs: list[list[float]] = []
    metrics: list[Compared] = []
    for look in limits.looks():
        pairs += [list(pair()) for _ in range(look - len(pairs))]
        metrics = [
            Compared(str(place), "ns", margin, [1.0], differences, is_rough=margin != engines.margin)
            for place, (margin, differences) in enumerate(zip(margins, zip(*pairs, strict=True), strict=True))
        ]
        if enough(metrics, shared.alpha):
            break
    return judge(metrics, shared.alpha)


def row(engines: Engines, noise: str, gates: int, scenarios: int = 1) -> str:
    """What so many gates called a regression, by any metric and by the time alone, and what they needed for it.

    Of several scenarios, a slower candidate is slower in the first alone, and a gate is all of them together.
    """
    rng = Random(_SEED)
    alike = engines._replace(slowdown=0.0)
    played = [
        [
            metrics
            for of in range(scenarios)
            for metrics in play(alike if of else engines, NOISES[noise], rng, scenarios)
        ]
        for _ in range(gates)
    ]
    blamed = sum(any(metric.change is Change.REGRESSION for metric in gate) for gate in played)
    by_time = sum(gate[0].change is Change.REGRESSION for gate in played)
    unsure = sum(any(metric.change is Change.INCONCLUSIVE for metric in gate) for gate in played)
    pairs = median(len(gate[0].differences) for gate in played)
    shares = "  ".join(f"{count / gates:7.2%}" for count in (blamed, by_time, unsure))
    return f"{engines.what:36} {noise:13} {shares}  {pairs:5.0f}"


def main() -> None:
    """Print a line for each kind of engines and of noise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gates", type=int, default=1_000, help="of each kind (1,000)")
    parser.add_argument("--scenarios", type=int, default=1, help="that are compared at once (1)")
    parser.add_argument("--only", default="", help="kinds of engines that begin so")
    options = parser.parse_args()
    print(f"{'candidate':36} {'noise':13}  regress  by time   unsure  pairs")
    for engines in (each for each in ENGINES if each.what.startswith(options.only)):
        for noise in NOISES:
            print(row(engines, noise, options.gates, options.scenarios), flush=True)


if __name__ == "__main__":
    main()
