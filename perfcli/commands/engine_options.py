"""What the commands take that look at engines: ab, selftest, crash, scaling, profile."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from perfcli.commands.cluster_options import ClusterOptions
from perfcli.commands.options import (
    AT_LEAST_ONE,
    OWN_ENGINE,
    Changes,
    Following,
    Selection,
    engine_option,
    json_option,
    progress_option,
    quiet_option,
    refuse_verbose_and_quiet,
    sweep_option,
    verbose_option,
)
from perfcli.commands.parameters import DIRECTORY, argument, files_by_format, group, option, options
from perfcli.errors import UsageError

ALL_FOUR: Final = "all four, if none is given"


@options
class PairOptions:
    """How two engines are compared."""

    changes: Changes = group(Changes, without=("iterations", "duration"))
    margin: str = option("--margin", default="5%", metavar="P", help="Ignore changes smaller than P.")
    max_time: str | None = option(
        "--max-time",
        metavar="D",
        unset="no limit",
        help="Start no new pair of a scenario after this long (30s, 2m).",
    )
    json_file: Path | None = json_option("Write the result as JSON.")
    progress: bool = progress_option()
    following: Following = group(Following)


@options
class AbOptions:
    """Compare two engines: is the candidate slower than the base?

    Both engines run the same operations in turns of milliseconds, on the same CPU, in 15 to 40 pairs of fresh
    processes. Noise of the machine hits both alike. A slower candidate exits with 5; at most 1% of equal engines do.

    Several scenarios share that 1%, and run 20 pairs or more each. The most severe exit code wins.

    \b
    Examples:
      digipal-perf ab pet_creation --base main
      digipal-perf ab --tag quick --base main --json ab.json
      digipal-perf ab database_load --base v1.2 --candidate HEAD
      digipal-perf ab my.yaml --base ../before --candidate ../after --strict
    """

    selection: Selection = group(Selection)
    pairs: PairOptions = group(PairOptions)
    base: str = option(
        "--base", required=True, metavar="PATH|REV", help="Engine to compare with: a checkout or a git revision."
    )
    candidate: str = option("--candidate", default="", metavar="PATH|REV", unset=OWN_ENGINE, help="Engine to judge.")
    max_pairs: int | None = option(
        "--max-pairs", type=AT_LEAST_ONE, metavar="N", unset="40", help="Run at most N pairs."
    )
    cpus: int = option(
        "--cpus", type=AT_LEAST_ONE, default=1, metavar="N", help="Pin both engines of a pair to N CPUs."
    )
    strict: bool = option("--strict", is_flag=True, help="Also fail if the comparison is inconclusive.")
    quiet: bool = quiet_option()
    verbose: bool = verbose_option()
    spread: ClusterOptions = group(ClusterOptions)

    def __post_init__(self) -> None:
        refuse_verbose_and_quiet(verbose=self.verbose, quiet=self.quiet)


@options
class SelftestOptions:
    """Check that `ab` raises no false alarms on this machine.

    Compares the engine with itself, and with itself slowed down. Reports false alarms, slowdowns found, and the
    smallest slowdown that `ab` can find here. An unreliable gate exits with 4.

    \b
    Examples:
      digipal-perf selftest
      digipal-perf selftest database_query --gates 30 --slowdown 5% --margin 3%
    """

    scenario: str = argument("[NAME|FILE]", default="pet_creation")
    pairs: PairOptions = group(PairOptions)
    gates: int = option(
        "--gates",
        type=AT_LEAST_ONE,
        default=10,
        metavar="N",
        help="Run N gates on equal engines, and N on a slowed one.",
    )
    slowdown: str = option("--slowdown", default="10%", metavar="P", help="Slow the engine down by P.")


@options
class CapacityOptions:
    """Find the highest load at which all thresholds hold.

    Each run tries one load, in a fresh engine process with a fresh database. The search doubles the load, bisects, and
    then alternates around the edge, for at most 30 runs. Exits with 3 if no load holds, or if the scenario's
    `capacity: {at_least: …}` is missed.

    \b
    Examples:
      digipal-perf capacity capacity_session
      digipal-perf capacity database_load --of vus --to 64
      digipal-perf capacity my.yaml --precision 10% --json capacity.json
      digipal-perf capacity my.yaml --engine main --engine .
      digipal-perf capacity my.yaml --sweep setup.pets=100,1000,10000
    """

    scenario: str = argument("NAME|FILE")
    of: str | None = option(
        "--of",
        type=click.Choice(["rate", "vus"]),
        unset="rate with an arrival rate, else vus",
        help="Raise the rate of iterations, or the vus.",
    )
    start: str | None = option(
        "--from", metavar="X", unset="the scenario's, else a low one", help="Try this load first (50/s, 4)."
    )
    highest: str | None = option("--to", metavar="X", unset="no limit", help="Try no load above this one.")
    precision: str = option("--precision", default="5%", metavar="P", help="Stop when both ends are this close.")
    max_time: str = option("--max-time", default="2m", metavar="D", help="Start no run of a search after this long.")
    changes: Changes = group(Changes, without=("workers", "iterations", "duration"))
    sweeps: tuple[str, ...] = sweep_option("Search")
    engines: tuple[str, ...] = option(
        "--engine",
        default=(),
        multiple=True,
        metavar="PATH|REV",
        unset=OWN_ENGINE,
        help="Load this engine; give it twice to compare two.",
    )
    strict: bool = option("--strict", is_flag=True, help="Also fail if `at_least` lies within the interval.")
    json_file: Path | None = json_option("Write the result as JSON, with every run.")
    files: dict[str, Path] = files_by_format("html", "markdown", "junit")
    verbose: bool = verbose_option()
    progress: bool = progress_option()
    following: Following = group(Following)
    spread: ClusterOptions = group(ClusterOptions)

    def __post_init__(self) -> None:
        if len(self.engines) > 2:
            raise UsageError(
                f"--engine is given {len(self.engines)} times: give it once, or twice to compare two engines"
            )


@options
class CrashOptions:
    """Kill the engine again and again; check that no write is lost.

    Sends SIGKILL at random moments, 20 times on each database. After each kill, checks the database (integrity_check,
    acknowledged writes) and restarts the engine on it. Stops at the first failure, and prints how to repeat it. A power
    loss is not simulated.

    \b
    Examples:
      digipal-perf crash pet_creation
      digipal-perf crash my.yaml --kills 20 --seed 7 --engine HEAD~3
      digipal-perf crash pet_creation --every-write
    """

    scenario: str = argument("NAME|FILE")
    kills: int | None = option(
        "--kills", type=AT_LEAST_ONE, metavar="N", unset="200; with --every-write all", help="Kill at most N times."
    )
    every_write: bool = option(
        "--every-write", is_flag=True, help="Kill in each write by SQLite, in one vu's first 20 iterations."
    )
    at_write: int | None = option(
        "--at-write", type=AT_LEAST_ONE, metavar="N", unset="none", help="Kill in the N-th of these writes only."
    )
    changes: Changes = group(Changes)
    engine: str = engine_option("Crash")
    json_file: Path | None = json_option("Write the result as JSON.")
    progress: bool = progress_option()

    def __post_init__(self) -> None:
        if self.every_write and self.at_write:
            raise UsageError("--every-write and --at-write contradict each other: drop one of them")


@options
class ScalingOptions:
    """Measure throughput at each load, and find its peak.

    Runs the scenario briefly at each number of vus or engine processes, in random order, and fits the Universal
    Scalability Law: contention (σ), coherency (κ) and the peak, each with a 95% interval. Thresholds on answers and
    integrity are judged; those on time are not. The law needs 4 numbers and 5 blocks; with fewer, get the table.

    \b
    Examples:
      digipal-perf scaling database_load
      digipal-perf scaling database_load --vus 1,2,4,8,16,32 --html scaling.html
      digipal-perf scaling database_load --processes 1,2,3,4 --blocks 12
      digipal-perf scaling database_load --max-time 1m --json scaling.json
    """

    scenario: str = argument("NAME|FILE")
    vus: str = option("--vus", default="", metavar="N,N…", unset="1,2,3,4,6,8,12,16", help="Numbers of vus to try.")
    processes: str = option(
        "--processes",
        default="",
        metavar="N,N…",
        unset="none",
        help="Try numbers of engine processes instead, one vu each.",
    )
    blocks: int = option("--blocks", type=AT_LEAST_ONE, default=8, metavar="N", help="Try each number N times.")
    duration: str = option("--duration", default="250ms", metavar="D", help="Measure each run for this long.")
    max_time: str | None = option(
        "--max-time", metavar="D", unset="no limit", help="Start no new run after this long (30s, 2m)."
    )
    changes: Changes = group(Changes, without=("workers", "iterations", "duration"))
    engine: str = engine_option("Measure")
    json_file: Path | None = json_option("Write the result as JSON.")
    files: dict[str, Path] = files_by_format("html", "markdown")
    verbose: bool = verbose_option()
    progress: bool = progress_option()
    following: Following = group(Following)
    spread: ClusterOptions = group(ClusterOptions)

    def __post_init__(self) -> None:
        if self.vus and self.processes:
            raise UsageError("--vus and --processes contradict each other: drop one of them")


@options
class ProfileOptions:
    """Find where a scenario's time and memory go.

    Runs the scenario without a profiler, then with each profiler, for at most 20 s each, and reports what each profiler
    costs. Thresholds are not judged, and no run is saved.

    \b
    Examples:
      digipal-perf profile long_session
      digipal-perf profile database_load --sql --locks --engine HEAD~3
      digipal-perf profile my.yaml --cpu --iterations 500
    """

    scenario: str = argument("NAME|FILE")
    cpu: bool = option("--cpu", is_flag=True, unset=ALL_FOUR, help="Functions by time, and a flame graph.")
    memory: bool = option("--memory", is_flag=True, unset=ALL_FOUR, help="Lines whose allocations outlive the load.")
    sql: bool = option("--sql", is_flag=True, unset=ALL_FOUR, help="Statements with times, plans, full scans and N+1.")
    locks: bool = option(
        "--locks", is_flag=True, unset=ALL_FOUR, help="Time waited for locks of SQLite and of the engine."
    )
    changes: Changes = group(Changes)
    engine: str = engine_option("Profile")
    out: Path = option(
        "--out",
        type=DIRECTORY,
        default=Path("profiles"),
        metavar="DIR",
        help="Directory for flame graphs.",
    )
    json_file: Path | None = json_option("Write the result as JSON.")
    files: dict[str, Path] = files_by_format("html", "markdown")
    verbose: bool = verbose_option()
    progress: bool = progress_option()
