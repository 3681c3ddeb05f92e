"""`digipal-perf selftest`: gates on engines whose difference is known, to see what the gate is worth here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random
from statistics import median, stdev
from typing import Final

from pydantic import Field
from pydantic.dataclasses import dataclass

from perfcli.ab.comparison import Comparison, ComparisonOptions, prepared
from perfcli.ab.gate import smallest_found
from perfcli.ab.pairs import OpenPools
from perfcli.ab.result import AbResult, Change
from perfcli.errors import ExitCode, PerfError
from perfcli.plan import ExecutionPlan
from perfcli.run.supervision import StopRequest


@dataclass(frozen=True, slots=True)
class Planted:
    """Gates on an engine with a known slowdown."""

    slowdown: float = Field(description="slowdown of each operation: 0.1 is 10%")
    gates: int = Field(description="gates on an engine slowed by this much")
    found: int = Field(description="gates that reported a regression")
    pairs_median: float = Field(description="pairs of these gates")


@dataclass(frozen=True, slots=True)
class SelftestResult:
    """How often the gate was wrong where it could be known, and how small a slowdown it can resolve here."""

    scenario: str = Field(description="the scenario's name")
    engine_version: str = Field(description="digest of the engine's source files")
    gates_same: int = Field(description="gates of an engine against itself")
    false_alarms: int = Field(description="false alarms among them")
    planted: list[Planted] = Field(description="gates on an engine with a known slowdown")
    smallest: float | None = Field(
        description="the smallest slowdown that 95 of 100 gates find here (0.1 is 10%); null if there is none"
    )
    pair_sd: dict[str, float] = Field(
        description="by metric: standard deviation over pairs of ln(candidate / base), of an engine against itself"
    )
    seconds_per_gate: float = Field(description="median over gates")
    duration_s: float = Field(description="how long the self-test took")
    pinned: bool = Field(description="whether both engines of a pair were held on the same CPUs")
    passed: bool = Field(description="whether the gate is reliable on this machine")
    interrupted: str = Field(default="", description="signal that interrupted it; empty if none did")
    engine: str = Field(default="", description="`the working tree` or `the installed engine`")
    commit: str = Field(default="", description="commit with exactly these sources; empty if unknown")
    engine_modified: bool = Field(default=False, description="whether the sources differ from the checked-out commit")


SLOWDOWN: Final = 0.10
"""Of every operation, in the gates that have something to find."""

JUDGED: Final = "time"
"""The metric whose power is told: what is slowed down slows it down."""

Tell = Callable[[int, int], None]
"""Told after every pair: how many gates are over, and how many pairs the one has that is not."""


def selftest(
    plan: ExecutionPlan,
    open_pools: OpenPools,
    options: ComparisonOptions,
    *,
    gates: int,
    slowdown: float = SLOWDOWN,
    stop: StopRequest | None = None,
    tell: Tell = lambda gates, pairs: None,
    random: Random | None = None,
    cpus: Sequence[int] | None = None,
) -> SelftestResult:
    """Compare an engine with itself, and with itself slowed down, in turns.

    Args:
        open_pools: of the same engine, twice.
        options: of every gate.
        gates: of each of the two kinds.
        slowdown: 0.1: each operation of the candidate takes 10 % longer.
        cpus: that engines can be pinned to; None for all that this process may use.

    Raises:
        PerfError: the engine cannot do the scenario's work.
    """
    stop, random = stop or StopRequest(), random or Random()
    began_s = time.monotonic()
    same: list[AbResult] = []
    slowed: list[AbResult] = []
    for number in range(2 * gates):
        planted = slowdown if number % 2 else 0.0
        seeded = plan.model_copy(update={"seed": random.getrandbits(32)})
        plans = prepared(seeded, keep_ai=False), prepared(seeded, keep_ai=False, slowdown=planted)
        comparison = Comparison(
            plans,
            ("the engine", "itself"),
            options,
            cpus=cpus,
            random=random,
            stop=stop,
            tell=lambda pairs, most, so_far, over=number: tell(over, pairs),  # type: ignore[misc]
        )
        result = comparison.run(open_pools)
        if result.interrupted:
            break
        if result.invalid:
            raise PerfError(result.invalid, exit_code=ExitCode.INVALID)
        (slowed if planted else same).append(result)
    return _summary(plan, same, slowed, slowdown, options, stop.reason, time.monotonic() - began_s)


def _summary(
    plan: ExecutionPlan,
    same: Sequence[AbResult],
    slowed: Sequence[AbResult],
    slowdown: float,
    options: ComparisonOptions,
    interrupted: str,
    duration_s: float,
) -> SelftestResult:
    every = [*same, *slowed]
    pinned = all(result.pairing.pinned for result in every)
    alarms, found = _regressions(same), _regressions(slowed)
    differences = _differences(same)
    metrics = len(same[0].metrics) if same else 1
    return SelftestResult(
        scenario=plan.scenario.name,
        engine_version=every[-1].candidate.version if every else "",
        gates_same=len(same),
        false_alarms=alarms,
        planted=[Planted(slowdown, len(slowed), found, median(r.pairing.pairs for r in slowed))] if slowed else [],
        smallest=smallest_found(
            differences.get(JUDGED, []), options.margin, limits=options.limits(pinned=pinned), metrics=metrics
        ),
        pair_sd={name: stdev(values) for name, values in differences.items() if len(values) > 1},
        seconds_per_gate=median(result.duration_ns for result in every) / 1e9 if every else 0.0,
        duration_s=duration_s,
        pinned=pinned,
        passed=bool(same and slowed) and alarms == 0 and found == len(slowed),
        interrupted=interrupted,
    )


def _regressions(results: Sequence[AbResult]) -> int:
    return sum(result.change is Change.REGRESSION for result in results)


def _differences(results: Sequence[AbResult]) -> dict[str, list[float]]:
    """Of all pairs of all gates, by metric."""
    of: dict[str, list[float]] = {}
    for result in results:
        for metric in result.metrics:
            of.setdefault(metric.name, []).extend(metric.differences)
    return of
