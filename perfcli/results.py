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
    """Statistics of the successful samples of an operation, in nanoseconds."""

    count: int = 0
    exact: bool = Field(default=True, description="of all samples; else percentiles are right to 0.1 %")

    min_ns: int
    mean_ns: float
    p50_ns: float
    p90_ns: float
    p95_ns: float
    p99_ns: float
    p99_9_ns: float
    max_ns: int
    stddev_ns: float
    percentiles: dict[str, float] = Field(default={}, description="in ns: others that a threshold names, e.g. p75")

    def statistic(self, name: str) -> float | None:
        """The statistic called min, mean, median, max, stddev or pN, in ns; None for a percentile it does not hold."""
        field = STATISTICS.get(name)
        held: float | None = getattr(self, field) if field else self.percentiles.get(name)
        return held


class GrowthResult(_Record):
    """How the cost of an operation grows with what is stored."""

    over: Literal["pets", "interactions"]
    ratio: float = Field(description="median latency of the last tenth over the first")
    exponent: float | None = Field(description="cost ~ size^exponent: 0 is constant, 1 is linear; None: too few sizes")
    points: list[tuple[float, float]] = Field(default=[], description="(size, median latency in ns) of each tenth")


class OperationResult(_Record):
    """One operation, or all of them together."""

    name: str
    ok: int = Field(ge=0, description="operations that answered rightly; only these count in latency")
    failed: int = Field(ge=0, description="operations that raised, or returned the wrong thing")
    errors: dict[str, int] = Field(default={}, description="failed operations by kind")
    throughput_per_s: float = 0.0
    latency: LatencySummary | None = Field(default=None, description="from the intended start; None without a success")
    service_time: LatencySummary | None = Field(default=None, description="from the actual start")
    failures: dict[str, int] | None = Field(
        default=None,
        description="failed operations by category: timeout, busy, stale, database, torn, other; None: unknown",
    )
    skipped: int = Field(default=0, description="steps that were not tried, as one they build upon had failed")
    degradation: float | None = Field(default=None, description="last fifth against first fifth; 0.5 is 50 % slower")
    raw_degradation: float | None = Field(default=None, description="the same, whatever the machine's speed did")
    growth: GrowthResult | None = None
    histogram_ns: dict[int, int] = Field(default={}, description="latency: count by bucket floor, 10 bits of precision")

    @property
    def attempts(self) -> int:
        """Operations that were tried."""
        return self.ok + self.failed

    @property
    def success_rate(self) -> float | None:
        """The share that answered rightly; None where nothing was tried."""
        return self.ok / self.attempts if self.attempts else None


class LeakResult(_Record):
    """What the rule for leaks saw; docs/methodology.md has the rule."""

    slope: float = Field(description="bytes an operation, as the following ones")
    lower_bound: float
    second_half_slope: float
    growth_bytes: float
    judged: float = Field(description="the lower bound where all three parts of the rule agree, else 0")


class MemoryResult(_Record):
    """Memory of the engine process in bytes, seen from outside. None: the run did not get that far."""

    harness_rss: int | None = Field(default=None, description="RSS before the engine was imported: the harness's own")
    baseline_rss: int | None = Field(default=None, description="RSS after set-up and warm-up")
    end_rss: int | None = None
    cleanup_rss: int | None = Field(default=None, description="RSS with the cache cleared and collected")
    baseline_uss: int | None = Field(default=None, description="USS: memory no other process shares")
    end_uss: int | None = None
    active_pets: int | None = None
    growth: int | None = None
    peak: int | None = Field(default=None, description="highest RSS while measuring, less harness_rss")
    per_pet: float | None = None
    after_cleanup: int | None = None
    slope_bytes_per_operation: float | None = None
    leak: LeakResult | None = None


class ResourceResult(_Record):
    """What else the engine process used while it was measured."""

    cpu_mean: float | None = Field(default=None, description="1.0 is one core")
    cpu_max: float | None = None
    threads_max: int | None = None
    open_files_max: int | None = None
    open_files_limit: int | None = Field(default=None, description="RLIMIT_NOFILE of the process that came closest")
    read_bytes: int | None = Field(default=None, description="read calls, cached or not")
    read_per_operation: float | None = Field(default=None, description="read_bytes over successful operations")
    written_bytes: int | None = None
    database_bytes: int | None = None
    wal_bytes_max: int | None = None


class MonitorSample(_Record):
    """One look at the engine process from outside."""

    at_ns: int = Field(description="since the measurement began; negative before")
    rss: int
    uss: int | None = None
    cpu: float | None = Field(default=None, description="since the sample before; 1.0 is one core")
    threads: int
    open_files: int
    read_bytes: int | None = None
    written_bytes: int | None = None
    database_bytes: int = 0
    wal_bytes: int = 0
    operations: int = Field(default=0, description="operations known to be done by then")


class SecondOfLoad(_Record):
    """One second of the time series."""

    second: int
    length_ns: int = Field(default=NS_PER_S, description="less where the load ended in it; more in a load of hours")
    ok: int
    failed: int
    mean_ns: float | None = Field(default=None, description="latency of the successful ones; None without one")
    p50_ns: float | None = Field(default=None, description="their median, right to 0.1 %")
    p99_ns: float | None = Field(default=None, description="likewise; of fewer than 1,000 operations a hint only")
    max_ns: int | None = None


class LoadSlice(_Record):
    """A part of an operation's successful samples, in the order of their start, and the machine's pace meanwhile."""

    start_ns: int = Field(description="since the measurement began")
    count: int = Field(ge=1)
    mean_ns: float = Field(ge=0, allow_inf_nan=False)
    median_ns: float = Field(ge=0, allow_inf_nan=False)
    reference_ns: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="what the reference kernel took then; None: it never ran"
    )


class ThresholdResult(_Record):
    """A threshold with what was observed."""

    expr: str
    unit: Unit
    observed: float | None = Field(default=None, description="in base units: ns, bytes, a fraction, per second")
    limit: float
    margin: float | None = Field(default=None, description="share of the limit left; negative where it is exceeded")
    passed: bool
    judged: bool = Field(default=True, description="false: it depends on time, and the run was starved")
    reason: str = Field(default="", description="why it failed where the figures do not say so: no samples")
    abort_on_fail: bool = False
    strict: bool = Field(default=True, description="false: shown, not counted")
    exit_code: int | None = None
    phase: str = Field(default="", description="the phase it judges; empty for the whole run")

    @property
    def outcome(self) -> Literal["fail", "not judged", "miss", "pass"]:
        """What became of it; a soft one that does not hold is a miss."""
        if not self.judged:
            return "not judged"
        return "pass" if self.passed else "fail" if self.strict else "miss"


class SaveCounts(_Record):
    """How many acknowledged saves could be looked for."""

    acknowledged: int = Field(default=0, description="warm-up included: the sum of the following")
    checked: int = Field(default=0, description="a pet's last, read before the next one, or saved with a note")
    superseded: int = Field(default=0, description="replaced by a later save before anything showed them")
    unchecked: int = Field(
        default=0, description="of pets that vus share and also talk to or care for, without `history: true`"
    )


class Integrity(_Record):
    """What the engine acknowledged against what its database holds, read afresh after the load."""

    acknowledged: int = Field(description="pets set up, and writes of the load, warm-up included")
    set_up: int = Field(default=0, description="pets set up, among the acknowledged")
    lost: int | None = Field(
        description="acknowledged writes that are not stored, and stale reads; None: no write of the load was checked"
    )
    stale_reads: int = Field(default=0, description="reads that showed no save acknowledged before, among the lost")
    duplicates: int | None = Field(default=None, description="writes stored more often than asked for; None: not known")
    damaged: str = Field(default="", description="what SQLite's own check found wrong with the file")
    lost_updates: int | None = Field(default=None, description="changes of pets' numbers that do not add up")
    differences: int | None = Field(default=None, description="fields of pets that a new process reads otherwise")
    torn: int = Field(default=0, description="answers that were partly one save of a pet and partly another")
    saves: SaveCounts = SaveCounts()
    examples: list[str] = []


class Inspection(_Record):
    """What was seen from inside the engine's processes; None and empty where nobody looked."""

    shutdown_ns: int | None = None
    threads_left: list[str] = []
    connections_left: int | None = None
    processes_left: list[str] = Field(default=[], description="found from outside, and ended; in runs of any target")
    files_left: list[str] = []
    log_errors: dict[str, int] = Field(default={}, description="ERROR records by logger")
    log_examples: dict[str, str] = {}
    statements_per_operation: dict[str, float] = {}
    written_per_operation: float | None = Field(default=None, description="bytes of write calls, ours left out")
    fsyncs_per_operation: float | None = None
    fsyncs_not_told: str = Field(default="", description="why they could not be counted, where a threshold asked")
    printed_bytes: int | None = Field(default=None, description="what the engine wrote to stdout and stderr")


class _Part(_Record):
    """What a run has, and each of its phases."""

    duration_ns: int | None = Field(default=None, description="measured time; None: measuring never began")
    iterations: int = 0
    dropped_iterations: int = 0
    interrupted_iterations: int = 0
    warmup_iterations: int = 0
    offered_per_s: float | None = Field(default=None, description="iterations due, with an arrival rate")
    achieved_per_s: float | None = Field(default=None, description="iterations done, with an arrival rate")
    schedule_lag: LatencySummary | None = Field(default=None, description="how late starts were, with an arrival rate")
    torn_reads: int | None = Field(default=None, description="None: no pet is both saved with marks and read")
    windows: dict[str, float | None] = Field(
        default={}, description="by threshold with `for` or `within`: the value that decides it, in its base unit"
    )
    total: OperationResult
    operations: list[OperationResult] = []


class PhaseResult(_Part):
    """One phase of a run."""

    name: str
    plan: str
    vus: int
    began_ns: int | None = Field(default=None, description="since measuring began; None: the phase never began")
    planned_iterations: int | None = Field(default=None, description="None: as many as its time allows")
    offered_line: list[tuple[int, float]] = Field(
        default=[], description="of an open model: rate due over time, as [ns since the phase began, iterations/s]"
    )


class VuWork(_Record):
    """What one vu did, as a digest of its operations, users and choices in their order."""

    vu: int
    iterations: int
    operations: int
    digest: str


class Environment(_Record):
    """Where the run took place."""

    tool_version: str
    engine_version: str = ""
    python: str
    sqlite: str
    system: str
    machine: str
    cpu_model: str = ""
    cpu_count: int
    usable_cpus: float | None = Field(
        default=None, description="those the run could keep busy: affinity and cgroup limit; None: older result"
    )


class OperationChange(_Record):
    """One operation now, against the baseline."""

    name: str
    base_p50_ns: float | None = Field(default=None, description="as it was timed then; None where there is none")
    p50_ns: float | None = Field(default=None, description="as it was timed now")
    in_time: bool = Field(default=False, description="compared as timed, not in units of the reference kernel")
    ratio: float | None = Field(default=None, description="now to then, Hodges-Lehmann estimate; 1.1 is 10 % slower")
    p_slower: float | None = Field(
        default=None, description="Holm-adjusted p, one-sided Mann-Whitney, of being more than 5 % slower"
    )
    p_faster: float | None = Field(default=None, description="the same of being more than 5 % faster")
    change: Literal["regression", "improvement", "inconclusive", "no change"]
    reason: str = Field(default="", description="of what is inconclusive: why")


class BaselineComparison(_Record):
    """A run against the baseline's run of the same scenario."""

    name: str = Field(description="the baseline's name, or its file's")
    commit: str = Field(default="", description="the commit of the baseline's engine; empty where it is not known")
    engine_version: str = Field(default="", description="digest of the sources of the baseline's engine")
    started_at: str = Field(default="", description="of the baseline's run: UTC, ISO 8601")
    margin: float = Field(default=0.15, description="0.15: a change of less than 15 % is none")
    change: Literal["regression", "improvement", "inconclusive", "no change", "incomparable"]
    reasons: list[str] = Field(default=[], description="what differs, or what to know of the baseline")
    base_reference_ns: float | None = Field(default=None, description="median time of the reference kernel then")
    reference_ns: float | None = Field(default=None, description="the same, now")
    operations: list[OperationChange] = Field(default=[], description="each of them; of several, their total at last")
    strict: bool = Field(default=False, description="whether what could not be told fails too")

    @property
    def exit_code(self) -> ExitCode:
        """5 for a regression; with `strict` 5 for what is inconclusive, too, and 4 for what is incomparable; else 0."""
        if self.change == "regression" or (self.strict and self.change == "inconclusive"):
            return ExitCode.REGRESSION
        return ExitCode.INVALID if self.strict and self.change == "incomparable" else ExitCode.PASS


class Try(_Record):
    """A run that was repeated because other processes had starved it; its scenario and seed are the last try's."""

    started_at: str = Field(description="UTC, ISO 8601")
    duration_ns: int | None = None
    verdict: Verdict
    reasons: list[str] = []
    iterations: int = 0
    dropped_iterations: int = 0
    ok: int = Field(default=0, description="of all operations together, as the following ones")
    failed: int = 0
    throughput_per_s: float = 0.0
    latency: LatencySummary | None = None
    thresholds: list[ThresholdResult] = []

    @classmethod
    def of(cls, result: RunResult) -> Try:
        """What is kept of a run that is repeated."""
        own = {name: getattr(result, name) for name in cls.model_fields if name in RunResult.model_fields}
        total = {name: getattr(result.total, name) for name in ("ok", "failed", "throughput_per_s", "latency")}
        return cls(**own, **total)


class UnjudgedRun(_Part):
    """What was measured in one run of one scenario, whole or up to now."""

    schema_version: Literal[1] = SCHEMA_VERSION
    name: str
    description: str = ""
    tags: list[str] = []
    scenario: dict[str, Any] = Field(description="the scenario as it ran, overrides included")
    plan: str = Field(description="what ran, in one line")
    seed: int
    started_at: str = Field(description="UTC, ISO 8601")
    starved: str = Field(default="", description="why its times are not the engine's alone; empty: they are")
    error_examples: dict[str, str] = Field(
        default={}, description="by kind of error: the first in full, with its traceback, cut to 8,000 characters"
    )
    processes: int = Field(default=1, description="engine processes on the one database")
    engine: str = Field(default="", description="which ran: the path or revision given, or which default")
    commit: str = Field(default="", description="that holds exactly the sources that ran; empty: none is known to")
    engine_modified: bool = Field(default=False, description="they differ from the commit checked out around them")
    slices: dict[str, list[LoadSlice]] = Field(default={}, description="by operation: its samples cut into some 40")
    reference_ns: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="median time of the reference kernel"
    )
    phases: list[PhaseResult] = []
    inspection: Inspection = Inspection()
    memory: MemoryResult = MemoryResult()
    resources: ResourceResult = ResourceResult()
    integrity: Integrity | None = None
    digest: str = Field(description="of the steps the seed prescribes; two runs of one seed and scenario agree")
    performed_as_planned: bool = Field(description="every vu did what the seed prescribes, in that order")
    vus: list[VuWork] = Field(default=[], description="what each vu performed")
    environment: Environment
    monitor: list[MonitorSample] = []
    seconds: list[SecondOfLoad] = []
    seconds_by_operation: dict[str, list[SecondOfLoad]] = {}
    kept_database: str = ""


class RunResult(UnjudgedRun):
    """All that is known of one run of one scenario."""

    verdict: Verdict
    reasons: list[str] = Field(default=[], description="why the verdict is not pass, and what else to know")
    details: str = Field(default="", description="of an error: the traceback, or what the engine printed last")
    thresholds: list[ThresholdResult] = []
    earlier_tries: list[Try] = Field(default=[], description="starved, and repeated; the newest last")
    baseline: BaselineComparison | None = Field(default=None, description="None: the run was not compared")

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
