"""RunResult: all that is known of one run. Reports, baselines and comparisons read this and nothing else.

The JSON that `--json` writes is this model; docs/results.md describes it. `schema_version` rises when a field changes
its meaning or goes away; a new field alone does not raise it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from perfcli.documents import write_document
from perfcli.errors import ExitCode, UsageError, Verdict, worst
from perfcli.metrics.named_statistics import STATISTICS
from perfcli.units import NS_PER_S, Unit

SCHEMA_VERSION: Final = 1
TOTAL: Final = "all operations"
"""The name of all operations together."""


class _Record(BaseModel):
    # a field that a later version adds does not make its results unreadable here
    model_config = ConfigDict(extra="ignore", frozen=True)


class LatencySummary(_Record):
    """Statistics of samples: the latency or the service time of the successful ones, or how late iterations started.

    docs/methodology.md#statistics defines the percentiles.
    """

    count: int = Field(default=0, description="samples")
    exact: bool = Field(
        default=True,
        description="whether percentiles are of the samples themselves; those of more than 50,000 are read from "
        "a histogram, and right to 0.1%",
    )

    min_ns: int = Field(description="the fastest")
    mean_ns: float = Field(description="arithmetic mean")
    p50_ns: float = Field(description="median")
    p90_ns: float = Field(description="90th percentile")
    p95_ns: float = Field(description="95th percentile")
    p99_ns: float = Field(description="99th percentile")
    p99_9_ns: float = Field(description="99.9th percentile")
    max_ns: int = Field(description="the slowest")
    stddev_ns: float = Field(description="sample standard deviation")
    percentiles: dict[str, float] = Field(default={}, description="in ns: others that a threshold names, e.g. p75")

    def statistic(self, name: str) -> float | None:
        """The statistic called min, mean, median, max, stddev or pN, in ns; None for a percentile it does not hold."""
        field = STATISTICS.get(name)
        held: float | None = getattr(self, field) if field else self.percentiles.get(name)
        return held


class GrowthResult(_Record):
    """How the latency of an operation grows with what is stored, see docs/methodology.md#growth-of-cost."""

    over: Literal["pets", "interactions"] = Field(description="pets that are stored, or interactions of a pet")
    ratio: float = Field(description="median latency of the last tenth over that of the first")
    exponent: float | None = Field(
        description="latency ~ size^exponent: 0 is constant, 1 is linear; null if the size hardly changed"
    )
    points: list[tuple[float, float]] = Field(default=[], description="size and median latency in ns of each tenth")


class OperationResult(_Record):
    """One operation, or all of them together."""

    name: str = Field(description="the step's name, or its operation's")
    ok: int = Field(ge=0, description="operations that answered rightly; only these are in `latency`")
    failed: int = Field(ge=0, description="operations that raised or returned the wrong thing")
    errors: dict[str, int] = Field(default={}, description="failed operations by kind, the most frequent first")
    throughput_per_s: float = Field(
        default=0.0, description="successful operations per second of planned time, or of measured time if longer"
    )
    latency: LatencySummary | None = Field(default=None, description="from the intended start; null without a success")
    service_time: LatencySummary | None = Field(
        default=None, description="from the actual start; null without a success"
    )
    failures: dict[str, int] | None = Field(
        default=None,
        description="failed operations by category: timeout, busy, stale, database, torn, other; null: unknown",
    )
    skipped: int = Field(default=0, description="steps that were not tried, as one they build upon had failed")
    degradation: float | None = Field(
        default=None,
        description="last fifth against first fifth, 0.5 is 50% slower, the machine's own change of pace left "
        "out; null with too few successes",
    )
    raw_degradation: float | None = Field(default=None, description="degradation as it was timed")
    growth: GrowthResult | None = Field(
        default=None, description="how its latency grows with what is stored; null if the scenario does not ask for it"
    )
    histogram_ns: dict[int, int] = Field(
        default={},
        description="latency: the number of samples by the floor of their bucket, see docs/results.md#histograms",
    )

    @property
    def attempts(self) -> int:
        """Operations that were tried."""
        return self.ok + self.failed

    @property
    def success_rate(self) -> float | None:
        """The share that answered rightly; None where nothing was tried."""
        return self.ok / self.attempts if self.attempts else None


class LeakResult(_Record):
    """What the rule for leaks saw, see docs/methodology.md#leaks."""

    slope: float = Field(
        description="Theil–Sen slope of RSS in bytes per operation, as the following ones, without the beginning"
    )
    lower_bound: float = Field(description="lower bound of that slope, at 99% confidence")
    second_half_slope: float = Field(description="slope of the second half alone")
    growth_bytes: float = Field(description="what the slope adds up to")
    judged: float = Field(description="what `memory.leak` is: the lower bound if all parts of the rule agree, else 0")


class MemoryResult(_Record):
    """Memory of the engine process in bytes, seen from outside.

    docs/methodology.md#memory explains the marks. Null: the run did not get that far.
    """

    harness_rss: int | None = Field(default=None, description="RSS before the engine was imported: the harness's own")
    baseline_rss: int | None = Field(default=None, description="RSS after set-up and warm-up")
    end_rss: int | None = Field(default=None, description="RSS after the load")
    cleanup_rss: int | None = Field(default=None, description="RSS after the engine's cache was emptied")
    baseline_uss: int | None = Field(
        default=None, description="USS, memory that no other process shares, after set-up and warm-up"
    )
    end_uss: int | None = Field(default=None, description="USS after the load")
    active_pets: int | None = Field(
        default=None, description="pets in the engine's cache at the end of the load; null if it does not tell"
    )
    growth: int | None = Field(default=None, description="`end_rss` − `baseline_rss`")
    peak: int | None = Field(default=None, description="highest RSS from baseline to end, less `harness_rss`")
    per_pet: float | None = Field(
        default=None, description="RSS added since the engine opened, per active pet; null without one"
    )
    after_cleanup: int | None = Field(default=None, description="`cleanup_rss` − `baseline_rss`")
    slope_bytes_per_operation: float | None = Field(default=None, description="Theil–Sen slope of RSS over operations")
    leak: LeakResult | None = Field(default=None, description="what the rule for leaks saw; null with too few readings")


class ResourceResult(_Record):
    """What else the engine process used while it was measured."""

    cpu_mean: float | None = Field(default=None, description="CPU time over elapsed time, 1.0 is one core")
    cpu_max: float | None = Field(
        default=None, description="the highest between two readings; null if the load was too short to tell"
    )
    threads_max: int | None = Field(default=None, description="threads of the process, the harness's included")
    open_files_max: int | None = Field(default=None, description="file descriptors, the harness's included")
    open_files_limit: int | None = Field(
        default=None, description="how many the process that came closest to it may hold (RLIMIT_NOFILE); null on macOS"
    )
    read_bytes: int | None = Field(
        default=None, description="of read calls while measured, cached or not; null on macOS"
    )
    read_per_operation: float | None = Field(default=None, description="read_bytes over successful operations")
    written_bytes: int | None = Field(default=None, description="of write calls while measured; null on macOS")
    database_bytes: int | None = Field(default=None, description="the database file at the end")
    wal_bytes_max: int | None = Field(default=None, description="the largest write-ahead log seen")


class MonitorSample(_Record):
    """One look at the engine process from outside."""

    at_ns: int = Field(description="since measuring began; negative before")
    rss: int = Field(description="resident set size, the harness's share included")
    uss: int | None = Field(default=None, description="unshared memory; read at the marks only, else null")
    cpu: float | None = Field(
        default=None,
        description="since the reading before, 1.0 is one core; null for the first, and if too little time passed",
    )
    threads: int = Field(description="threads of the process")
    open_files: int = Field(description="file descriptors")
    read_bytes: int | None = Field(default=None, description="of read calls since the process began; null on macOS")
    written_bytes: int | None = Field(default=None, description="of write calls since the process began; null on macOS")
    database_bytes: int = Field(default=0, description="the database file")
    wal_bytes: int = Field(default=0, description="its write-ahead log")
    operations: int = Field(
        default=0, description="measured operations the tool knew of by then; frames arrive up to 250 ms late"
    )


class SecondOfLoad(_Record):
    """One second of the time series, or a little longer in a load of more than four minutes."""

    second: int = Field(description="since measuring began; 0 is the first")
    length_ns: int = Field(
        default=NS_PER_S,
        description="how long it is: less than a second if the load ended in it, more in a load of more than "
        "four minutes",
    )
    ok: int = Field(description="successful operations that began in it")
    failed: int = Field(description="failed operations that began in it")
    mean_ns: float | None = Field(default=None, description="mean latency of the successful ones; null without one")
    p50_ns: float | None = Field(default=None, description="their median, right to 0.1%; null without one")
    p95_ns: float | None = Field(
        default=None, description="their 95th percentile, right to 0.1%; null without one, and in older results"
    )
    p99_ns: float | None = Field(
        default=None, description="their 99th percentile, right to 0.1%; of fewer than 1,000 operations a hint only"
    )
    max_ns: int | None = Field(default=None, description="highest latency of the successful ones; null without one")


class LoadSlice(_Record):
    """A part of an operation's successful samples, in the order of their start, and the machine's pace meanwhile."""

    start_ns: int = Field(description="start of its first sample, since measuring began")
    count: int = Field(ge=1, description="samples in it")
    mean_ns: float = Field(ge=0, allow_inf_nan=False, description="their mean latency")
    median_ns: float = Field(ge=0, allow_inf_nan=False, description="their median latency")
    reference_ns: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="what the reference kernel took meanwhile, or at the nearest time; null if it never ran",
    )


class ThresholdResult(_Record):
    """A threshold with what was observed."""

    expr: str = Field(description="the threshold as it was written")
    unit: Unit = Field(description="the kind of quantity")
    observed: float | None = Field(
        default=None,
        description="in base units: ns, bytes, bytes per operation, per second, a fraction or a count; null "
        "without samples",
    )
    limit: float = Field(description="in the same unit as `observed`")
    margin: float | None = Field(
        default=None,
        description="share of the limit that is left, negative if it is exceeded; null for a limit of 0, `==` and `!=`",
    )
    passed: bool = Field(description="whether it holds")
    judged: bool = Field(
        default=True,
        description="false: it depends on time, and other processes starved the run; `passed` is then false and "
        "counts for nothing",
    )
    reason: str = Field(
        default="",
        description="why it failed if the figures do not say so: `no samples`, or a percentile with too few beyond it",
    )
    abort_on_fail: bool = Field(default=False, description="whether failing it ends the load")
    strict: bool = Field(default=True, description="false: shown, not counted")
    exit_code: int | None = Field(default=None, description="the exit code that its failure gives; null: 3")
    phase: str = Field(default="", description="the phase it judges; empty for the whole run")

    @property
    def outcome(self) -> Literal["fail", "not judged", "miss", "pass"]:
        """What became of it; a soft one that does not hold is a miss."""
        if not self.judged:
            return "not judged"
        return "pass" if self.passed else "fail" if self.strict else "miss"


class SaveCounts(_Record):
    """How many acknowledged saves could be looked for, see docs/methodology.md#saves."""

    acknowledged: int = Field(
        default=0, description="saves that the engine acknowledged, warm-up included: the sum of the following"
    )
    checked: int = Field(
        default=0,
        description="the last one of its pet, shown by a read before another replaced it, or saved with a note",
    )
    superseded: int = Field(default=0, description="replaced by another save before anything looked")
    unchecked: int = Field(
        default=0, description="of pets that vus share and also talk to or care for, without `history: true`"
    )


class Integrity(_Record):
    """What the engine acknowledged against what its database holds, read afresh after the load.

    docs/methodology.md#integrity has the rules.
    """

    acknowledged: int = Field(
        description="pets of the set-up, and writes of warm-up and load, that the engine acknowledged"
    )
    set_up: int = Field(default=0, description="how many of them are pets of the set-up")
    lost: int | None = Field(
        description="acknowledged writes that the database does not hold, and stale reads; null if no write of "
        "the load could be checked"
    )
    stale_reads: int = Field(
        default=0, description="reads among the lost: what they showed had been replaced by an acknowledged save before"
    )
    duplicates: int | None = Field(
        default=None,
        description="writes that the database holds more often than asked for; null if the load wrote nothing, "
        "or not all answers are known",
    )
    damaged: str = Field(
        default="", description="what SQLite's own check found wrong with the file; empty for a sound one"
    )
    lost_updates: int | None = Field(
        default=None,
        description="acknowledged changes of pets' numbers that do not show in their sums; null if nobody asked",
    )
    differences: int | None = Field(
        default=None,
        description="fields of pets that a new process reads otherwise than the engine answered; null if nobody asked",
    )
    torn: int = Field(default=0, description="answers that were partly one save of a pet and partly another")
    saves: SaveCounts = Field(default=SaveCounts(), description="how many saves could be looked for")
    examples: list[str] = Field(default=[], description="some of the faults in words")


class Inspection(_Record):
    """What was seen from inside the engine process; null or empty: nobody looked, or there was nothing to see.

    Of several processes: all that they left, the longest shutdown, and the costs that the first of them saw.
    """

    shutdown_ns: int | None = Field(default=None, description="time the engine took to shut down")
    threads_left: list[str] = Field(default=[], description="names of threads that outlive its shutdown")
    connections_left: int | None = Field(default=None, description="open descriptors of the database that outlive it")
    processes_left: list[str] = Field(
        default=[],
        description="processes and daemons that outlived the engine's processes and were ended: name, pid and "
        "command line",
    )
    files_left: list[str] = Field(
        default=[], description="stray files in the engine's working directory or by its database"
    )
    log_errors: dict[str, int] = Field(default={}, description="records of level ERROR and above, by logger")
    log_examples: dict[str, str] = Field(default={}, description="one such record in words, by logger")
    statements_per_operation: dict[str, float] = Field(
        default={}, description="SQL statements per operation, by operation"
    )
    written_per_operation: float | None = Field(
        default=None, description="bytes of write calls per operation, the harness's own left out"
    )
    fsyncs_per_operation: float | None = Field(default=None, description="times the disk was flushed, per operation")
    fsyncs_not_told: str = Field(
        default="", description="why flushes could not be counted, if a threshold asked for them"
    )
    printed_bytes: int | None = Field(default=None, description="what the engine wrote to stdout and stderr")


class _Part(_Record):
    """What a run has, and each of its phases."""

    duration_ns: int | None = Field(default=None, description="measured time; null if measuring never began")
    iterations: int = Field(default=0, description="passes over the flow that all vus completed while measured")
    dropped_iterations: int = Field(
        default=0, description="iterations that were due, or that the load prescribes, and that never began"
    )
    interrupted_iterations: int = Field(
        default=0, description="iterations that were cut off when `graceful_stop` was over"
    )
    warmup_iterations: int = Field(default=0, description="passes over the flow during warm-up")
    offered_per_s: float | None = Field(
        default=None, description="iterations due per second, with an arrival rate; null for a load that was cut short"
    )
    achieved_per_s: float | None = Field(
        default=None, description="iterations done per second, with an arrival rate; null for a load that was cut short"
    )
    schedule_lag: LatencySummary | None = Field(
        default=None, description="from the time an iteration was due to its start, with an arrival rate"
    )
    torn_reads: int | None = Field(default=None, description="null: no pet is both saved with marks and read")
    windows: dict[str, float | None] = Field(
        default={}, description="by threshold with `for` or `within`: the value that decides it, in its base unit"
    )
    total: OperationResult = Field(description="all operations together, under the name `all operations`")
    operations: list[OperationResult] = Field(
        default=[], description="each operation by its name, in the order of the flow"
    )


class PhaseResult(_Part):
    """One phase of a run."""

    name: str = Field(description="the phase's name; with `vus: [1, 5]` those of its two parts end in `-1` and `-5`")
    plan: str = Field(description="what ran, in one line")
    vus: int = Field(description="vus of the phase")
    began_ns: int | None = Field(default=None, description="since measuring began; null if the phase never did")
    planned_iterations: int | None = Field(default=None, description="null: as many as its time allows")
    offered_line: list[tuple[int, float]] = Field(
        default=[],
        description="the planned rate of arrivals over time: each point is [ns since the phase began, iterations "
        "per second], with straight lines between; empty if the engine's own pace decides",
    )
    vus_line: list[tuple[int, int]] = Field(
        default=[],
        description="the planned number of vus over time: each step is [ns since the phase began, vus from then on]; "
        "of an arrival rate, how many there may be; empty in older results",
    )


class VuWork(_Record):
    """What one vu did, as a digest of its operations, users and choices in their order."""

    vu: int = Field(description="number of the vu, from 0")
    iterations: int = Field(description="iterations it completed while measured")
    operations: int = Field(description="operations it tried while measured")
    digest: str = Field(
        description="of its first operations, with their pets and variants, in their order: of its share of "
        "200,000, 1,000 at least"
    )


class Environment(_Record):
    """Where the run took place; nothing that tells whose machine it is."""

    tool_version: str = Field(description="version of digipal-perf")
    engine_version: str = Field(default="", description="digest of the engine's source files")
    python: str = Field(description="implementation and version")
    sqlite: str = Field(description="version of the SQLite library")
    system: str = Field(description="operating system and release")
    machine: str = Field(description="architecture")
    cpu_model: str = Field(default="", description="processor, as the system names it")
    cpu_count: int = Field(description="logical processors of the machine")
    usable_cpus: float | None = Field(
        default=None,
        description="CPUs that the run could keep busy: CPU affinity (`taskset`) and the limit of its cgroup "
        "(`docker run --cpus`); null in results of version 0.1.0, which are taken to have used all",
    )


class OperationChange(_Record):
    """One operation now, against the baseline."""

    name: str = Field(description="the operation, or `all operations`: each weighted by its count in the baseline")
    base_p50_ns: float | None = Field(default=None, description="median latency in the baseline's run, as it was timed")
    p50_ns: float | None = Field(default=None, description="median latency in this run, as it was timed")
    in_time: bool = Field(default=False, description="whether times were compared, not units of the reference kernel")
    ratio: float | None = Field(
        default=None,
        description="this run to the baseline's: Hodges–Lehmann estimate, 1.1 is 10% slower; null if there are "
        "too few values",
    )
    p_slower: float | None = Field(
        default=None,
        description="one-sided Mann–Whitney p that it is more than 5% slower, by Holm's method over all operations",
    )
    p_faster: float | None = Field(
        default=None,
        description="one-sided Mann–Whitney p that it is more than 5% faster, by Holm's method over all operations",
    )
    change: Literal["regression", "improvement", "inconclusive", "no change"] = Field(
        description="what became of this operation"
    )
    reason: str = Field(default="", description="why it is inconclusive; else empty")


class BaselineComparison(_Record):
    """A run against the baseline's run of the same scenario, see docs/results.md#kept-runs-and-baselines."""

    name: str = Field(description="the baseline's name, or its file's")
    commit: str = Field(default="", description="the commit of the baseline's engine; empty if it is not known")
    engine_version: str = Field(default="", description="digest of the sources of the baseline's engine")
    started_at: str = Field(
        default="", description="when the baseline's run began: UTC, ISO 8601; empty if there is none"
    )
    margin: float = Field(default=0.15, description="ignore changes smaller than this: 0.15 is 15%")
    change: Literal["regression", "improvement", "inconclusive", "no change", "incomparable"] = Field(
        description="what became of the whole"
    )
    reasons: list[str] = Field(
        default=[], description="of what is incomparable: what differs; else what to know of the baseline"
    )
    base_reference_ns: float | None = Field(
        default=None, description="median time of the reference kernel in the baseline's run"
    )
    reference_ns: float | None = Field(default=None, description="median time of the reference kernel in this run")
    operations: list[OperationChange] = Field(
        default=[], description="each operation; of several, last all of them together"
    )
    strict: bool = Field(default=False, description="whether `--strict` was given")

    @property
    def exit_code(self) -> ExitCode:
        """5 for a regression; with `strict` 5 for what is inconclusive, too, and 4 for what is incomparable; else 0."""
        if self.change == "regression" or (self.strict and self.change == "inconclusive"):
            return ExitCode.REGRESSION
        return ExitCode.INVALID if self.strict and self.change == "incomparable" else ExitCode.PASS


class Try(_Record):
    """A run that other processes starved, and that was repeated.

    Its scenario and seed are those of the last try; its samples are not kept.
    """

    started_at: str = Field(description="when it began: UTC, ISO 8601")
    duration_ns: int | None = Field(default=None, description="measured time")
    verdict: Verdict = Field(description="how it ended: `invalid`")
    reasons: list[str] = Field(default=[], description="how other processes kept it from the CPU")
    iterations: int = Field(default=0, description="passes over the flow that all vus completed")
    dropped_iterations: int = Field(default=0, description="iterations that were due and never began")
    ok: int = Field(default=0, description="operations that answered rightly")
    failed: int = Field(default=0, description="operations that failed")
    throughput_per_s: float = Field(default=0.0, description="successful operations per second, as in `total`")
    latency: LatencySummary | None = Field(
        default=None, description="of all operations together; null without a success"
    )
    thresholds: list[ThresholdResult] = Field(default=[], description="thresholds with what was observed")

    @classmethod
    def of(cls, result: RunResult) -> Try:
        """What is kept of a run that is repeated."""
        own = {name: getattr(result, name) for name in cls.model_fields if name in RunResult.model_fields}
        total = {name: getattr(result.total, name) for name in ("ok", "failed", "throughput_per_s", "latency")}
        return cls(**own, **total)


class UnjudgedRun(_Part):
    """What was measured in one run of one scenario, whole or up to now."""

    schema_version: Literal[1] = Field(default=SCHEMA_VERSION, description="see docs/results.md#schema-version")
    name: str = Field(description="the scenario's name")
    description: str = Field(default="", description="what the scenario says it is")
    tags: list[str] = Field(default=[], description="the scenario's tags")
    scenario: dict[str, Any] = Field(
        description="the scenario as it ran, options and defaults included; its keys are those of docs/scenarios.md"
    )
    plan: str = Field(description="what ran, in one line")
    seed: int = Field(description="repeat the operations of the run with `--seed`")
    started_at: str = Field(description="when the run began: UTC, ISO 8601")
    starved: str = Field(
        default="",
        description="how other processes kept the run from the CPU, so that its times are not judged; empty: "
        "they did not",
    )
    error_examples: dict[str, str] = Field(
        default={},
        description="by kind of error, as in `errors`: the first one in full, with its traceback or the wrong "
        "answer; cut to some 8,000 characters, without control characters and what looks like a "
        "secret",
    )
    processes: int = Field(default=1, description="engine processes on the one database")
    engine: str = Field(
        default="",
        description="the path or revision given to `--engine`, `the working tree` or `the installed engine`, see "
        "docs/command-line.md#which-engine-runs; empty in files of version 0.1.0 for the installed "
        "one",
    )
    commit: str = Field(
        default="",
        description="hash of the commit that holds exactly the sources that ran (`environment.engine_version`); "
        "empty if none is known to",
    )
    engine_modified: bool = Field(
        default=False, description="whether the sources that ran differ from the commit checked out around them"
    )
    slices: dict[str, list[LoadSlice]] = Field(
        default={}, description="by operation: its successful samples in up to 40 parts, see docs/results.md#slices"
    )
    reference_ns: float | None = Field(
        default=None,
        gt=0,
        allow_inf_nan=False,
        description="median time of the reference kernel over the run; null if it never ran",
    )
    phases: list[PhaseResult] = Field(
        default=[], description="each phase, in the order of the file; a plain `load` is one phase called `load`"
    )
    inspection: Inspection = Field(default=Inspection(), description="what was seen from inside the engine process")
    memory: MemoryResult = Field(default=MemoryResult(), description="memory of the engine process")
    resources: ResourceResult = Field(default=ResourceResult(), description="what else the engine process used")
    integrity: Integrity | None = Field(
        default=None, description="acknowledged writes against the database; null if measuring never began"
    )
    digest: str = Field(
        description="of the first 1,000 steps that the seed prescribes to each vu: the same in two runs of one "
        "seed and scenario"
    )
    performed_as_planned: bool = Field(description="whether every vu did what the seed prescribes, in that order")
    vus: list[VuWork] = Field(default=[], description="what each vu performed")
    environment: Environment = Field(description="where the run took place")
    monitor: list[MonitorSample] = Field(
        default=[], description="readings of the engine process, every 100 ms and at each mark"
    )
    seconds: list[SecondOfLoad] = Field(
        default=[], description="the time series of all operations; seconds in which none began are left out"
    )
    seconds_by_operation: dict[str, list[SecondOfLoad]] = Field(
        default={}, description="the time series of each operation by its name"
    )
    kept_database: str = Field(default="", description="the file that `--keep-db` kept; empty without it")


class RunResult(UnjudgedRun):
    """All that is known of one run of one scenario."""

    verdict: Verdict = Field(description="how the run ended")
    reasons: list[str] = Field(default=[], description="why the verdict is not `pass`, and what else to know")
    details: str = Field(default="", description="of an error: the traceback, or what the engine printed last")
    thresholds: list[ThresholdResult] = Field(
        default=[], description="each threshold, in the order of the file; empty if measuring never began"
    )
    earlier_tries: list[Try] = Field(
        default=[],
        description="runs of this scenario that other processes starved, and that were repeated; the newest last",
    )
    baseline: BaselineComparison | None = Field(
        default=None, description="the run against a baseline; null without `--baseline`"
    )

    @property
    def exit_code(self) -> int:
        """The exit code of this run: the graver of its own and of its comparison with a baseline."""
        own = self.own_exit_code
        return own if self.baseline is None else worst([own, self.baseline.exit_code])

    @property
    def version(self) -> str:
        """What tells its engine from others: the digest of the sources that ran; of what has none, the commit."""
        return self.environment.engine_version or self.commit

    @model_validator(mode="before")
    @classmethod
    def _read_plus_sign(cls, fields: Any) -> Any:
        """Files of version 0.1.0 hold the commit of sources that differed from it, with a `+` behind."""
        if isinstance(fields, dict) and str(fields.get("commit", "")).endswith("+"):
            return {**fields, "commit": "", "engine_modified": True}
        return fields

    @property
    def own_exit_code(self) -> int:
        """The exit code of the run alone; a threshold's own where that failed."""
        own = [threshold.exit_code for threshold in self.failed_thresholds if threshold.exit_code is not None]
        return own[0] if own and self.verdict is Verdict.FAIL else self.verdict.exit_code

    @property
    def unfit(self) -> str:
        """Why its times are not compared with another run's: starved, or the verdict; "" if they are."""
        if self.verdict not in (Verdict.PASS, Verdict.FAIL):
            return self.verdict.value
        return "starved" if self.starved else ""

    @property
    def failed_thresholds(self) -> list[ThresholdResult]:
        """The thresholds that do not hold, and count."""
        return [threshold for threshold in self.thresholds if threshold.outcome == "fail"]


def save_results(results: Sequence[RunResult], path: Path, *, new: bool = False) -> None:
    """Write RunResults as `as_document` has them; a reader never sees half a file.

    Args:
        new: refuse to replace a file.

    Raises:
        FileExistsError: there is a file, though it was to be a new one.
        UsageError: the file cannot be written.
    """
    write_document(as_document(results), path, new=new)


def as_document(results: Sequence[RunResult]) -> list[dict[str, Any]]:
    """The RunResults as plain data: an array, even of one."""
    documents = [result.model_dump(mode="json") for result in results]
    return [{name: each[name] for name in _FIRST} | each for each in documents]


def load_results(path: Path) -> list[RunResult]:
    """The RunResults of a file that `save_results` wrote.

    Raises:
        UsageError: the file cannot be read, or is not a result of this schema version.
    """
    return [as_result(record, path) for record in load_records(path)]


def load_records(path: Path) -> list[Any]:
    """What a file of results holds, not yet looked at: an array, or one object as earlier versions wrote.

    Raises:
        UsageError: the file cannot be read, is no JSON, or holds none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"), parse_float=_finite, parse_constant=_finite)
    except OSError as error:
        raise UsageError(f"{path}: cannot read the result: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a result file: {error or 'it is empty'}", hint=_WRITTEN_BY) from error
    records = document if isinstance(document, list) else [document]
    if not records:
        raise UsageError(f"{path}: an array without any result", hint=_WRITTEN_BY)
    return records


def _finite(text: str) -> float:
    """A number as this tool writes them; Python's JSON would take NaN and Infinity too."""
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text:.20} is no figure")
    return value


_FIRST: Final = ("schema_version", "name", "verdict", "reasons")
"""The fields that a saved result begins with, for whoever opens the file."""

_WRITTEN_BY: Final = "results are written by digipal-perf run --json FILE"


def as_result(record: Any, path: Path) -> RunResult:
    """The RunResult that a record of a file is.

    Raises:
        UsageError: it is not a whole one of this schema version.
    """
    fields = record if isinstance(record, dict) else {}
    if kind := fields.get("kind"):
        raise UsageError(f"{path}: not the result of a run, but of digipal-perf {kind!s:.60}", hint=_WRITTEN_BY)
    version = fields.get("schema_version")
    if version != SCHEMA_VERSION:
        is_newer = isinstance(version, int) and version > SCHEMA_VERSION
        raise UsageError(
            f"{path}: not a result of schema version {SCHEMA_VERSION} (found {version!r:.60})",
            hint="a newer digipal-perf wrote it: update this one to read it" if is_newer else _WRITTEN_BY,
        )
    try:
        return RunResult.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{path}: not a whole result: {place}: {first['msg']}") from error
