"""What the commands take that look at engines: ab, selftest, crash, scaling, profile."""

from __future__ import annotations

from pathlib import Path

import click

from perfcli.commands.cluster_options import ClusterOptions
from perfcli.commands.options import (
    AT_LEAST_ONE,
    Changes,
    Following,
    Selection,
    engine_option,
    json_option,
    progress_option,
    quiet_option,
    refuse_verbose_and_quiet,
    verbose_option,
)
from perfcli.commands.parameters import DIRECTORY, argument, files_by_format, group, option, options
from perfcli.errors import UsageError


@options
class PairOptions:
    """How two engines are compared."""

    changes: Changes = group(Changes, without=("iterations", "duration"))
    margin: str = option("--margin", default="5%", show_default=True, metavar="P", help="A change of less is none.")
    max_time: str | None = option(
        "--max-time", metavar="D", help="Begin no pair of a scenario after this long (30s, 2m)."
    )
    json_file: Path | None = json_option("Write the result.")
    progress: bool = progress_option()
    following: Following = group(Following)


@options
class AbOptions:
    """Say whether one engine is slower than another, surely enough to block a merge on.

    Both run the scenario's operations in turns of some milliseconds, on the same CPU, in 15 to 40 pairs of fresh
    processes, so that what else the machine does meets both alike. Exit code 5 if the candidate is slower.

    Several scenarios share the 1% of false alarms, and have 20 pairs at least; the most severe exit code wins.

    \b
    Examples:
      digipal-perf ab pet_creation --base main
      digipal-perf ab --tag quick --base main --json ab.json
      digipal-perf ab database_load --base v1.2 --candidate HEAD
      digipal-perf ab my.yaml --base ../before --candidate ../after --margin 3% --strict
    """

    selection: Selection = group(Selection)
    pairs: PairOptions = group(PairOptions)
    base: str = option(
        "--base", required=True, metavar="PATH|REV", help="The engine to hold against: a checkout or a revision."
    )
    candidate: str = option(
        "--candidate", default="", metavar="PATH|REV", help="The engine to judge. Default: this repository's."
    )
    max_pairs: int | None = option("--max-pairs", type=AT_LEAST_ONE, metavar="N", help="Make at most N pairs (40).")
    cpus: int = option("--cpus", type=AT_LEAST_ONE, default=1, show_default=True, metavar="N", help="CPUs of a pair.")
    strict: bool = option("--strict", is_flag=True, help="Fail also where it stays inconclusive.")
    quiet: bool = quiet_option()
    verbose: bool = verbose_option()
    spread: ClusterOptions = group(ClusterOptions)

    def __post_init__(self) -> None:
        refuse_verbose_and_quiet(verbose=self.verbose, quiet=self.quiet)


@options
class SelftestOptions:
    """Prove `ab` on this machine: it must not blame an engine for being itself, and must find a planted slowdown.

    Says how many false alarms there were, how many slowdowns were found, and the smallest that can be found here in
    the time that each gate is given. Exit code 4 where the gate cannot be relied on.

    \b
    Examples:
      digipal-perf selftest
      digipal-perf selftest database_query --gates 30 --slowdown 5% --margin 3%
    """

    scenario: str = argument("[NAME|FILE]", default="pet_creation")
    pairs: PairOptions = group(PairOptions)
    gates: int = option("--gates", type=AT_LEAST_ONE, default=10, show_default=True, metavar="N", help="Of each kind.")
    slowdown: str = option(
        "--slowdown", default="10%", show_default=True, metavar="P", help="What the gate has to find."
    )


@options
class CapacityOptions:
    """Find the largest load at which a scenario's thresholds hold, with an interval.

    Each probe is a whole run at one load: a fresh engine process, a fresh database. The search doubles the load,
    bisects, and then tries the two loads around the edge in turns. Stops after 30 runs, or when the 90% interval is
    within the precision. Exit code 3 if the scenario's `capacity: {at_least: …}` is missed, or no load holds.

    \b
    Examples:
      digipal-perf capacity capacity_session
      digipal-perf capacity database_load --of vus --to 64
      digipal-perf capacity my.yaml --precision 10% --max-time 30s --json capacity.json
      digipal-perf capacity my.yaml --engine main --engine .
    """

    scenario: str = argument("NAME|FILE")
    of: str | None = option(
        "--of",
        type=click.Choice(["rate", "vus"]),
        help="What to raise. Default: rate for an arrival rate, else vus.",
    )
    start: str | None = option("--from", metavar="X", help="Try this load first (50/s, 4).")
    highest: str | None = option("--to", metavar="X", help="Try no load beyond this one.")
    precision: str = option(
        "--precision", default="5%", show_default=True, metavar="P", help="Bring both ends this close together."
    )
    max_time: str = option(
        "--max-time", default="2m", show_default=True, metavar="D", help="Begin no probe after this long."
    )
    changes: Changes = group(Changes, without=("workers", "iterations", "duration"))
    engines: tuple[str, ...] = option(
        "--engine", default=(), multiple=True, metavar="PATH|REV", help="Drive this engine; twice: compare two."
    )
    strict: bool = option("--strict", is_flag=True, help="Also fail if `at_least` lies within the interval.")
    json_file: Path | None = json_option("Write the answer with every probe.")
    files: dict[str, Path] = files_by_format("html", "markdown", "junit")
    verbose: bool = verbose_option()
    progress: bool = progress_option()
    following: Following = group(Following)
    spread: ClusterOptions = group(ClusterOptions)

    def __post_init__(self) -> None:
        if len(self.engines) > 2:
            raise UsageError(f"--engine is given {len(self.engines)} times: one engine, or two to compare")


@options
class CrashOptions:
    """Kill the engine again and again, and check that no acknowledged write is lost.

    Sends SIGKILL at random moments, 20 times on each database, while all phases run at once. After each kill it checks
    the database (PRAGMA integrity_check, acknowledged writes), and restarts the engine on it. Stops at the first
    failure, and prints how to repeat it. Does not simulate a power loss.

    \b
    Examples:
      digipal-perf crash pet_creation
      digipal-perf crash my.yaml --kills 20 --seed 7 --engine HEAD~3
      digipal-perf crash pet_creation --every-write
    """

    scenario: str = argument("NAME|FILE")
    kills: int | None = option(
        "--kills", type=AT_LEAST_ONE, metavar="N", help="Kill at most N times (200; in writes: all)."
    )
    every_write: bool = option(
        "--every-write", is_flag=True, help="Kill in SQLite's 1st, 2nd, 3rd write … of one vu's first 20 iterations."
    )
    at_write: int | None = option("--at-write", type=AT_LEAST_ONE, metavar="N", help="Kill in the N-th of these alone.")
    changes: Changes = group(Changes)
    engine: str = engine_option("Crash")
    json_file: Path | None = json_option("Write what was found.")
    progress: bool = progress_option()

    def __post_init__(self) -> None:
        if self.every_write and self.at_write:
            raise UsageError("--every-write and --at-write exclude each other: choose one")


@options
class ScalingOptions:
    """Measure how throughput scales with vus or engine processes, and where it peaks.

    Runs the scenario's flow at each load for a short time, in blocks of random order, and fits the Universal
    Scalability Law: contention (σ), coherency (κ) and the peak, each with a 95% interval. Thresholds on answers and
    integrity are judged, those on time are not.

    \b
    Examples:
      digipal-perf scaling database_load
      digipal-perf scaling database_load --vus 1,2,4,8,16,32 --html scaling.html
      digipal-perf scaling database_load --processes 1,2,3,4,6,8 --blocks 12 --duration 1s
    """

    scenario: str = argument("NAME|FILE")
    vus: str = option("--vus", default="", metavar="N,N…", help="Numbers of vus. Default: 1,2,3,4,6,8,12,16.")
    processes: str = option(
        "--processes", default="", metavar="N,N…", help="Numbers of engine processes instead, with one vu each."
    )
    blocks: int = option(
        "--blocks", type=AT_LEAST_ONE, default=8, show_default=True, metavar="N", help="Repetitions, at least 5."
    )
    duration: str = option(
        "--duration", default="500ms", show_default=True, metavar="D", help="Measured time of each run."
    )
    changes: Changes = group(Changes, without=("workers", "iterations", "duration"))
    engine: str = engine_option("Measure")
    json_file: Path | None = json_option("Write the result.")
    files: dict[str, Path] = files_by_format("html", "markdown")
    progress: bool = progress_option()
    spread: ClusterOptions = group(ClusterOptions)

    def __post_init__(self) -> None:
        if self.vus and self.processes:
            raise UsageError("--vus and --processes exclude each other: choose one")


@options
class ProfileOptions:
    """Say where a scenario's time and memory go: which function, which statement, which line, which lock.

    Runs the scenario once without a profiler, and once with each that is asked for (all four by default), 20 s at
    most, and says what each adds. Thresholds are not judged, and no figure is kept.

    \b
    Examples:
      digipal-perf profile long_session
      digipal-perf profile database_load --sql --locks --engine HEAD~3
      digipal-perf profile my.yaml --cpu --iterations 500 --set engine.ai.latency=0ms
    """

    scenario: str = argument("NAME|FILE")
    cpu: bool = option("--cpu", is_flag=True, help="Functions by time, and a flame graph.")
    memory: bool = option("--memory", is_flag=True, help="Lines whose allocations outlive the load.")
    sql: bool = option("--sql", is_flag=True, help="Statements with times, plans, full scans and N+1.")
    locks: bool = option("--locks", is_flag=True, help="Time waited for locks of SQLite and of the engine.")
    changes: Changes = group(Changes)
    engine: str = engine_option("Profile")
    out: Path = option(
        "--out",
        type=DIRECTORY,
        default=Path("profiles"),
        show_default=True,
        metavar="DIR",
        help="Where flame graphs go.",
    )
    json_file: Path | None = json_option("Write what was found.")
    files: dict[str, Path] = files_by_format("html", "markdown")
    progress: bool = progress_option()
