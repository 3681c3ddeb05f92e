"""How often `run --baseline` is wrong on this machine: `python benchmarks/baselines.py RESULT.json...`.

The files are results of one engine (`digipal-perf run SCENARIO --duration 8s --json FILE`), seven or so. Every run is
held against every other of its scenario, which must not be a regression; then as if all of its operations had taken
longer, which must be one. Seven runs make 42 such pairs, which are not independent: an odd run shows in twelve of them.
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import groupby, permutations
from pathlib import Path

from perfcli.errors import Verdict
from perfcli.history.compare import compare
from perfcli.history.store import read_runs
from perfcli.results import LoadSlice, RunResult


def slowed(run: RunResult, factor: float) -> RunResult:
    """The run as if every operation had taken so many times as long, beside the same readings of the kernel."""

    def longer(each: LoadSlice) -> LoadSlice:
        return each.model_copy(update={"mean_ns": each.mean_ns * factor, "median_ns": each.median_ns * factor})

    return run.model_copy(update={"slices": {name: list(map(longer, own)) for name, own in run.slices.items()}})


def row(runs: list[RunResult], factor: float) -> str:
    """What pairs of a baseline and a run that took so many times as long came to."""
    told = Counter(compare(base, slowed(now, factor)).change for base, now in permutations(runs, 2))
    outcomes = ", ".join(f"{count} {change}" for change, count in told.most_common())
    return f"{runs[0].name:24} {factor - 1:4.0%} slower  {told.total():4} pairs: {outcomes}"


def main() -> None:
    """Print a line for each scenario and slowdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    read = [run for path in parser.parse_args().results for run in read_runs(path)]
    fit = sorted((run for run in read if run.verdict is Verdict.PASS), key=lambda run: run.name)
    for _, runs in groupby(fit, key=lambda run: run.name):
        of_scenario = list(runs)
        for factor in (1.0, 1.3, 1.5):
            print(row(of_scenario, factor))


if __name__ == "__main__":
    main()
