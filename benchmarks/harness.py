"""What the tool itself costs, beside Locust: `python benchmarks/harness.py`, after `pip install locust`.

Both do the same operation, which does nothing, in one process with one user, by turns; the figures of a turn are
ratios, so that a machine that changes its pace changes both. Then five million iterations show what the tool keeps,
without and with every sample written to a file. `--against CHECKOUT` holds the tool against another checkout of it
instead, in pairs; that needs no Locust.
Exit code 1 where a limit is exceeded.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import log
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter_ns
from typing import NamedTuple

from rows import Row

from perfcli.inference.rank_tests import signed_rank_p
from perfcli.operations import Context
from perfcli.operations.own.context import Surroundings

HERE = Path(__file__).resolve().parent
SCENARIO = """
name: nothing
setup: {{pets: 1}}
load: {{executor: shared-iterations, iterations: {iterations}}}
flow: [status]
"""
SLOWER_P = 0.01
SAMPLES = ("samples.csv", "samples.jsonl", "samples.parquet")
LOCUST = """
import sys, time
import gevent
from locust import User, constant, task
from locust.env import Environment

pets = {"user": "pet"}

class Nothing(User):
    wait_time = constant(0)

    @task
    def status(self):
        start = time.perf_counter()
        pets["user"]
        took_ms = (time.perf_counter() - start) * 1000
        self.environment.events.request.fire(
            request_type="", name="status", response_time=took_ms, response_length=0, exception=None, context={}
        )

environment = Environment(user_classes=[Nothing])
runner = environment.create_local_runner()
began = time.perf_counter()
runner.start(1, spawn_rate=1)
gevent.spawn_later(float(sys.argv[1]), runner.quit)
runner.greenlet.join()
print(environment.stats.total.num_requests / (time.perf_counter() - began))
"""


class Turn(NamedTuple):
    """One run of the tool."""

    per_s: float
    cost_us: float
    p50_ns: float
    growth_bytes: int
    tool_peak_bytes: int


def ours(folder: Path, iterations: int, samples: str = "", checkout: Path = HERE.parent) -> Turn:
    """The tool as people start it, on an engine that does nothing.

    Args:
        samples: the file name to write every sample to; "" for none.
        checkout: whose tool.
    """
    scenario, result = folder / "nothing.yaml", folder / "result.json"
    scenario.write_text(SCENARIO.format(iterations=iterations), encoding="utf-8")
    command = [sys.executable, "-m", "perfcli", "run", str(scenario), "--quiet", "--json", str(result)]
    command += ["--samples", str(folder / samples)] if samples else []
    command += ["--engine", str(HERE / "noop_engine")]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    tool = subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.DEVNULL)
    # what wait4 tells is the highest of the tool itself and of processes it waited for: no less than the tool's own
    _, status, usage = os.wait4(tool.pid, 0)
    if status:
        raise SystemExit(f"the tool ended with status {status}")
    (run,) = json.loads(result.read_text(encoding="utf-8"))
    seconds = run["duration_ns"] / 1e9
    return Turn(
        run["iterations"] / seconds,
        seconds * 1e6 / run["iterations"] - run["total"]["latency"]["mean_ns"] / 1e3,
        run["total"]["latency"]["p50_ns"],
        run["memory"]["growth"],
        usage.ru_maxrss * 1024,
    )


Pair = tuple[Turn, Turn]


def pairs_of(base: Callable[[], Turn], candidate: Callable[[], Turn], count: int) -> list[Pair]:
    """Turns of two kinds, every other time the second one first."""
    return [(base(), candidate()) if index % 2 else (candidate(), base())[::-1] for index in range(count)]


def slower(what: str, pairs: Sequence[Pair]) -> Iterator[Row]:
    """How much slower the second of each pair is, in the operation and in what is beside it."""
    p50_ns = [median(pair[way].p50_ns for pair in pairs) for way in (0, 1)]
    # single pairs scatter by a third: only what a signed-rank test confirms counts as slower
    for figure, ratios in (
        (f"p50 {p50_ns[1]:.0f} : {p50_ns[0]:.0f} ns", [candidate.p50_ns / base.p50_ns for base, candidate in pairs]),
        ("what is beside it", [candidate.cost_us / base.cost_us for base, candidate in pairs]),
    ):
        p = signed_rank_p([log(ratio) for ratio in ratios])
        ratio = median(ratios) if p < SLOWER_P else min(median(ratios), 1.0)
        yield Row(what, f"{figure}, × {median(ratios):.3f}, p {p:.2f}", ratio, 1.0)


def locust(seconds: float) -> float:
    """Iterations a second of Locust."""
    command = [sys.executable, "-c", LOCUST, str(seconds)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(finished.stdout.split()[-1])


class Nothing:
    """A block that does nothing."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def timed_block() -> float:
    """What an empty `with ctx.timed():` takes, over an empty `with` of the same run."""
    contexts = [bare_context() for _ in range(20_000)]
    nothing = Nothing()
    began_ns = perf_counter_ns()
    for context in contexts:
        with context.timed():
            pass
    between_ns = perf_counter_ns()
    for _ in contexts:
        with nothing:
            pass
    return (between_ns - began_ns) / (perf_counter_ns() - between_ns)


def bare_context() -> Context:
    """A context of a function that reaches for nothing."""
    return Context(Surroundings("f()", "f.py", "f.py", 0, (), str, HERE, perf_counter_ns, Random(0)), 0)


def rows(folder: Path, rounds: int, iterations: int, many: int) -> Iterator[Row]:
    """The figures, in the order they become known."""
    turns = [(ours(folder, iterations), locust(3.0)) for _ in range(rounds)]
    ours_per_s, locust_per_s = median(own.per_s for own, _ in turns), median(theirs for _, theirs in turns)
    ratio = median(own.per_s / theirs for own, theirs in turns)
    yield Row("iterations/s against Locust's", f"{ours_per_s:,.0f} : {locust_per_s:,.0f}", ratio, 8, at_least=True)
    cost = median(own.cost_us for own, _ in turns)
    yield Row("µs an operation, its own time left out", f"Locust {1e6 / locust_per_s:.1f}", cost, 1.5)
    sampled = partial(ours, folder, iterations, SAMPLES[0])
    pairs = pairs_of(partial(ours, folder, iterations), sampled, 4 * rounds)
    yield from slower("an operation with --samples over without", pairs)
    long = ours(folder, many)
    operations = f"after {many:,} operations"
    yield Row("growth of the engine's process, MB", operations, long.growth_bytes / 1e6, 2)
    yield Row("the tool's own peak, MB", operations, long.tool_peak_bytes / 1e6, 80)
    for samples in SAMPLES:
        peak = ours(folder, many, samples).tool_peak_bytes
        size = (folder / samples).stat().st_size
        yield Row(f"the same with --samples {samples}, MB", f"{size / 1e6:,.0f} MB written", peak / 1e6, 100)
    # last, as a child's peak begins at the memory of the process that forked it
    block = median(timed_block() for _ in range(3 * rounds))
    yield Row("an empty ctx.timed() over an empty with", "", block, 8)


def rows_against(folder: Path, checkout: Path, rounds: int, iterations: int) -> Iterator[Row]:
    """This checkout's tool over that of another one."""
    base = partial(ours, folder, iterations, checkout=checkout)
    yield from slower(
        "an operation over that checkout's", pairs_of(base, partial(ours, folder, iterations), 4 * rounds)
    )


def main() -> None:
    """Print the figures, and fail where one exceeds its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds and iterations: a look, no judgement")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    options = parser.parse_args()
    rounds, iterations, many = (2, 300_000, 500_000) if options.quick else (5, 1_000_000, 5_000_000)
    if not options.against and importlib.util.find_spec("locust") is None:
        raise SystemExit("Locust is what the tool is measured against: pip install locust")
    kept = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        against = options.against and rows_against(folder, options.against.resolve(), rounds, iterations)
        for row in against or rows(folder, rounds, iterations, many):
            kept &= row.holds
            print(row, flush=True)
    raise SystemExit(0 if kept else 1)


if __name__ == "__main__":
    main()
