"""RunResult: everything known about one run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from perfcli.errors import Verdict, worst
from perfcli.results.changes import BaselineComparison
from perfcli.results.observed import (
    ExactCounters,
    FaultResult,
    Inspection,
    Integrity,
    MachineResult,
    MemoryResult,
    MonitorSample,
    Record,
    ResourceResult,
    Restart,
    unsure_clocks,
)
from perfcli.results.operation_results import LatencySummary, LoadSlice, Part, PhaseResult, SecondOfLoad, VuWork
from perfcli.units import Unit


class ThresholdResult(Record):
    """A threshold with its observed value."""

    expr: str = Field(description="the threshold as written in the scenario")
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
        description="false: it depends on time, and other processes starved the run, or the run only counted; "
        "`passed` is then false and counts for nothing",
    )
    reason: str = Field(
        default="",
        description="why it failed, beyond its figures: `no samples`, or a percentile with too few samples",
    )
    abort_on_fail: bool = Field(default=False, description="whether failing it ends the load")
    strict: bool = Field(default=True, description="false: shown, not counted")
    exit_code: int | None = Field(default=None, description="the exit code that its failure gives; null: 3")
    phase: str = Field(default="", description="the phase it judges; empty for the whole run")

    @property
    def outcome(self) -> Literal["fail", "not judged", "miss", "pass"]:
        """Its outcome; a failed one with strict: false is a miss."""
        if not self.judged:
            return "not judged"
        return "pass" if self.passed else "fail" if self.strict else "miss"


SCHEMA_VERSION: Final = 1


class Environment(Record):
    """The machine and versions of a run, without names of hosts or users."""

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
        description="CPUs available to the run: CPU affinity (`taskset`) and the limit of its cgroup "
        "(`docker run --cpus`); null in results of version 0.1.0, which used all",
    )


class OperationSource(Record):
    """A file of own operations, as it ran."""

    file: str = Field(description="the file or module, as the scenario names it")
    digest: str = Field(description="digest of its source; part of what makes runs comparable")
    operations: list[dict[str, Any]] = Field(
        default=[], description="what it declares: name, parameters and counters of each operation"
    )

    def __str__(self) -> str:
        """ "my_operations.py (sources 0f3a5c7e9b1d)", as the digest of an engine's sources is shown."""
        return f"{self.file} (sources {self.digest[:12]})"


Variation = dict[str, str | int | float | bool]
"""The swept keys of a run and their values; what is no single value, as it was typed."""


def titled(name: str, variation: Mapping[str, object]) -> str:
    """A scenario's name and what a sweep varies, e.g. `pet_creation [setup.pets=10, load.vus=1]`."""
    return f"{name} [{variation_text(variation)}]" if variation else name


def variation_text(variation: Mapping[str, object]) -> str:
    """The swept keys with their values, e.g. `setup.pets=10, load.vus=1`; "" without a sweep."""
    return ", ".join(f"{key}={value_text(value)}" for key, value in variation.items())


def value_text(value: object) -> str:
    """A swept value as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class UnjudgedRun(Part):
    """What was measured in one run of one scenario, whole or up to now."""

    schema_version: Literal[1] = Field(default=SCHEMA_VERSION, description="see docs/results.md#schema-version")
    name: str = Field(description="the scenario's name")
    description: str = Field(default="", description="description of the scenario")
    tags: list[str] = Field(default=[], description="the scenario's tags")
    variation: Variation = Field(
        default={}, description="each key that `--sweep` varies, with its value in this run; empty without a sweep"
    )
    scenario: dict[str, Any] = Field(
        repr=False,
        description="the scenario as it ran, options and defaults included; its keys are those of docs/scenarios.md",
    )
    operation_files: list[OperationSource] = Field(
        default=[], description="the files of own operations that it names, see docs/scenarios.md"
    )
    plan: str = Field(description="what ran, in one line")
    seed: int = Field(description="seed; pass it to `--seed` to replay the operations")
    started_at: str = Field(description="when the run began: UTC, ISO 8601")
    starved: str = Field(
        default="",
        description="how other processes kept the run from the CPU, which leaves its times unjudged; empty: "
        "they did not",
    )
    error_examples: dict[str, str] = Field(
        default={},
        description="by kind of error, as in `errors`: the first one in full, with its traceback or the wrong "
        "answer; cut to some 8,000 characters, without control characters and what looks like a "
        "secret",
    )
    processes: int = Field(
        default=1, description="processes with vus: engines on one database, or clients of one server"
    )
    engine: str = Field(
        default="",
        description="the path or revision given to `--engine`, `the working tree` or `the installed engine`, see "
        "docs/command-line.md#which-engine-runs; empty in files of version 0.1.0 for the installed "
        "one",
    )
    commit: str = Field(
        default="",
        description="hash of the commit with exactly the sources that ran (`environment.engine_version`); "
        "empty if unknown",
    )
    engine_modified: bool = Field(default=False, description="whether the sources differ from the checked-out commit")
    slices: dict[str, list[LoadSlice]] = Field(
        default={},
        repr=False,
        description="by operation: its successful samples in up to 40 parts, see docs/results.md#slices",
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
    inspection: Inspection = Field(default=Inspection(), description="findings from inside the engine process")
    memory: MemoryResult = Field(default=MemoryResult(), description="memory of the engine process")
    resources: ResourceResult = Field(
        default=ResourceResult(), description="CPU, threads, files and I/O of the engine process"
    )
    integrity: Integrity | None = Field(
        default=None,
        description="acknowledged writes against the database; null if the run ended before measuring began",
    )
    digest: str = Field(
        description="of the first 1,000 steps that the seed prescribes to each vu: the same in two runs of one "
        "seed and scenario"
    )
    performed_as_planned: bool = Field(
        description="whether every vu did exactly the operations that the seed prescribes, in order"
    )
    vus: list[VuWork] = Field(default=[], description="what each vu performed")
    restarts: list[Restart] = Field(default=[], description="engine processes that were replaced, in order of time")
    faults: list[FaultResult] = Field(default=[], description="the faults of the scenario, in order of time")
    unsteady: str = Field(default="", description="why the load was not steady before the first fault; empty if it was")
    environment: Environment = Field(
        description="machine and versions of the run; if it was split, those of the server"
    )
    machines: list[MachineResult] = Field(
        default=[], description="the machines of a cluster that it took place on; empty without a cluster"
    )
    monitor: list[MonitorSample] = Field(
        default=[], repr=False, description="readings of the engine process, every 100 ms and at each mark"
    )
    seconds: list[SecondOfLoad] = Field(
        default=[], repr=False, description="the time series of all operations; seconds without one are omitted"
    )
    seconds_by_operation: dict[str, list[SecondOfLoad]] = Field(
        default={}, repr=False, description="the time series of each operation by its name"
    )
    kept_database: str = Field(default="", description="the file that `--keep-db` kept; empty without it")
    exact: ExactCounters | None = Field(
        default=None, description="what operations cost in counts; null if it was not counted"
    )

    @property
    def unsure_clocks(self) -> str:
        """Why windows of time, which join the machines with vus, cannot be judged; "" if they can."""
        return unsure_clocks(self.machines)

    @property
    def only_counted(self) -> bool:
        """Whether there was no load, so that nothing was timed."""
        return self.exact is not None and self.duration_ns is None

    @property
    def title(self) -> str:
        """What tells it from the other runs of a report: the scenario's name, in a sweep with its variation."""
        return titled(self.name, self.variation)

    @property
    def series(self) -> tuple[str, frozenset[str]]:
        """What only runs of the same scenario and variation share, whatever the order of the swept keys."""
        return self.name, frozenset(f"{key}={value_text(value)}" for key, value in self.variation.items())


class Try(Record):
    """A run that other processes starved, and that was repeated.

    Its scenario and seed are those of the last try; its samples are not kept.
    """

    started_at: str = Field(description="when it began: UTC, ISO 8601")
    duration_ns: int | None = Field(default=None, description="measured time")
    verdict: Verdict = Field(description="how it ended: `invalid`")
    reasons: list[str] = Field(default=[], description="how other processes kept it from the CPU")
    iterations: int = Field(default=0, description="passes over the flow that all vus completed")
    dropped_iterations: int = Field(default=0, description="iterations that were due and never began")
    ok: int = Field(default=0, description="operations with the right answer")
    failed: int = Field(default=0, description="operations that failed")
    throughput_per_s: float = Field(default=0.0, description="successful operations per second, as in `total`")
    latency: LatencySummary | None = Field(
        default=None, description="of all operations together; null without a success"
    )
    thresholds: list[ThresholdResult] = Field(default=[], description="thresholds with their observed values")

    @classmethod
    def of(cls, result: RunResult) -> Try:
        """What is kept of a run that is repeated."""
        own = {name: getattr(result, name) for name in cls.model_fields if name in RunResult.model_fields}
        total = {name: getattr(result.total, name) for name in ("ok", "failed", "throughput_per_s", "latency")}
        return cls(**own, **total)


class RunResult(UnjudgedRun):
    """One run of one scenario. Durations are in ns, sizes in bytes, rates per second, shares from 0 to 1."""

    verdict: Verdict = Field(description="how the run ended")
    reasons: list[str] = Field(default=[], description="reasons for a verdict other than `pass`, and notes")
    details: str = Field(default="", description="of an error: the traceback, or last output of the engine")
    thresholds: list[ThresholdResult] = Field(
        default=[],
        description="each threshold, in the order of the file; empty if the run ended before measuring began",
    )
    earlier_tries: list[Try] = Field(
        default=[],
        description="runs of this scenario that other processes starved, and that were repeated; the newest last",
    )
    baseline: BaselineComparison | None = Field(
        default=None, description="the run against a baseline; null without `--baseline`"
    )

    def phase(self, name: str) -> PhaseResult:
        """The phase with this name; a plain `load` is named `load`.

        Raises:
            LookupError: no phase has this name; the message lists the names.
        """
        for phase in self.phases:
            if phase.name == name:
                return phase
        raise LookupError(f"no phase {name!r}: there are {', '.join(each.name for each in self.phases)}")

    def to_records(self) -> list[dict[str, int | float | str | bool | None]]:
        """One flat dict for each operation of each phase, for a DataFrame.

        Each has `scenario`, the keys of a sweep (`setup.pets`), `seed`, `verdict`, `phase`, `operation`, then the
        figures of `OperationResult` by field name. Times are in ns; an unknown figure is None.
        """
        run = {"scenario": self.name, **self.variation, "seed": self.seed, "verdict": self.verdict.value}
        rows = [
            {**run, "phase": phase.name, "operation": each.name, **each.as_row()}
            for phase in self.phases
            for each in phase.operations
        ]
        keys = dict.fromkeys(key for row in rows for key in row if key != "name")
        return [{key: row.get(key) for key in keys} for row in rows]

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
