"""Whether a forked engine process shows the memory of a fresh one: `python benchmarks/fork_memory.py`, some minutes.

Pairs of runs of one engine and one seed: one in a fresh interpreter, one forked from a template, in turns. They are
done twice: as the engine is, and with an engine that touches all objects of the harness in the middle of the load,
which copies every page that is still shared. Printed are the differences, forked less fresh. Exit code 1 if any of them
is beyond its limit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import digipal
from perfcli.inference.estimates import one_sample
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.pool.identity import EngineSource, identified
from perfcli.pool.processes import LocalPool, forked
from perfcli.pool.template import Template
from perfcli.results import MemoryResult
from perfcli.run import run_scenario
from perfcli.scenario.loader import load_scenario

KB: Final = 1024
SCENARIO: Final = """
name: everyday
setup: {pets: 20}
load: {executor: shared-iterations, vus: 2, iterations: 600}
flow: [load_pet, interact, care, save_pet]
engine: {ai: {latency: 0ms}}
"""
LATE: Final = """
import gc
from itertools import count
from pathlib import Path

__path__.append({engine!r})

from digipal.core.digipal_core import DigiPalCore

care, calls = DigiPalCore.apply_care_action, count(1)

def touch():
    gc.unfreeze()
    gc.collect()
    for each in gc.get_objects():
        pass
    with Path({touched!r}).open("a") as file:
        file.write("touched\\n")

def apply_care_action(*arguments):
    if next(calls) == 300:
        touch()
    return care(*arguments)

DigiPalCore.apply_care_action = apply_care_action
"""
"""The package of an engine: the other one's modules, and what touches the harness's objects amid the load."""


class Limit(NamedTuple):
    """A figure of the memory of a run, and how far off the forked one may be, in bytes."""

    figure: str
    of: Callable[[MemoryResult], int | None]
    most_bytes: int


LIMITS: Final = (
    Limit("harness (excluded)", lambda memory: memory.harness_rss, 256 * KB),
    Limit("RSS at the baseline, without it", lambda memory: less(memory.baseline_rss, memory.harness_rss), 256 * KB),
    Limit("RSS growth", lambda memory: memory.growth, 256 * KB),
    Limit("RSS peak, without the harness", lambda memory: memory.peak, 256 * KB),
    Limit("RSS after clean-up", lambda memory: memory.after_cleanup, 256 * KB),
    Limit("USS growth", lambda memory: less(memory.end_uss, memory.baseline_uss), 256 * KB),
)


def less(this: int | None, that: int | None) -> int | None:
    """The difference; None if one is not known."""
    return None if this is None or that is None else this - that


def pairs(plan: ExecutionPlan, engine: EngineSource, template: Template, count: int) -> Iterator[list[MemoryResult]]:
    """The memory of runs, fresh and forked."""
    pools = {"fresh": LocalPool(engine.path), "forked": LocalPool(engine.path, forked(template))}
    for number in range(count):
        results = {}
        for how in sorted(pools, reverse=bool(number % 2)):
            results[how] = run_scenario(plan, pool=pools[how], engine=engine)
            # a run that others starved is as good here as any: its times are not looked at
            if results[how].total.ok != plan.phases[0].load.planned_iterations * len(plan.phases[0].flow):
                sys.exit(f"{how}: {results[how].reasons}")
        yield [results["fresh"].memory, results["forked"].memory]


def report(name: str, measured: list[list[MemoryResult]]) -> bool:
    """Print the figures; whether all of them are within their limits."""
    print(f"\n{name}: {len(measured)} pairs, kB; the difference with its 95% bounds, by Hodges and Lehmann")
    print(f"{'':34}{'fresh':>8}{'forked':>8}{'difference':>24}{'limit':>8}")
    hold = True
    for what, of, most_bytes in LIMITS:
        found = [(of(fresh), of(forked)) for fresh, forked in measured]
        known = [(fresh, forked) for fresh, forked in found if fresh is not None and forked is not None]
        middles = [one_sample([float(pair[side]) for pair in known]).value / KB for side in (0, 1)]
        value, lower, upper = (bound / KB for bound in one_sample([forked - fresh for fresh, forked in known], 0.975))
        holds = abs(value) * KB <= most_bytes and len(known) == len(measured)
        hold = hold and holds
        figures = f"{middles[0]:8.0f}{middles[1]:8.0f}{value:+8.0f} ({lower:+6.0f} … {upper:+6.0f})"
        print(f"{what:34}{figures}{most_bytes / KB:8.0f} {'ok' if holds else 'EXCEEDED'}")
    return hold


def main() -> int:
    """Print two tables; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    count = parser.parse_args().pairs
    with tempfile.TemporaryDirectory() as folder, Template() as template:
        scenario, late, touched = (Path(folder, name) for name in ("everyday.yaml", "late", "touched"))
        scenario.write_text(SCENARIO, encoding="utf-8")
        plan = plan_run(load_scenario(scenario), seed=1)
        package = Path(digipal.__file__).parent
        (late / "digipal").mkdir(parents=True)
        (late / "digipal" / "__init__.py").write_text(LATE.format(engine=str(package), touched=str(touched)))
        hold = report("as it is", list(pairs(plan, identified(package.parent, "as it is"), template, count)))
        hold &= report("with late touches", list(pairs(plan, identified(late, "late"), template, count)))
        if touched.read_text().count("touched") != 2 * count:
            sys.exit("not every run touched the harness")
    print("\nequal" if hold else "\nnot equal")
    return 0 if hold else 1


if __name__ == "__main__":
    sys.exit(main())
