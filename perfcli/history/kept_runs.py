"""Kept runs in a row: which can stand in one series, and what is shown of each."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, Final, Literal, NamedTuple

from pydantic import Field

from perfcli.errors import UsageError, Verdict, did_you_mean
from perfcli.figures import METRICS, STATISTICS, Metric, View, counters_of, percentile_of
from perfcli.results import RunResult, Variation, variation_text
from perfcli.results.observed import Record
from perfcli.scenario.sweeps import split_values
from perfcli.thresholds import ThresholdError, parse_subject
from perfcli.units import format_number

_NO_WORK: Final = frozenset(
    {"name", "description", "tags", "extends", "vars", "operations", "steady_state", "thresholds"}
)
"""Keys of a scenario, and of its phases, that do not change the work.

Variables have been put in their places; of operation files the sources matter, not where they are.
"""

HISTORY_SCHEMA_VERSION: Final = 1
_MOST_KEYS: Final = 3
_ABSENT: Final = "not there"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What must be the same for two runs to be compared. The seed need not: it draws other work of the same kind."""

    cpu: str
    cores: int
    usable_cpus: str
    system: str
    python: str
    sqlite: str
    variation: str
    """What a sweep varied, its keys sorted."""
    scenario: str
    """Its digest."""

    @classmethod
    def of(cls, result: RunResult) -> Fingerprint:
        """The fingerprint of a run."""
        where = result.environment
        return cls(
            cpu=where.cpu_model or where.machine,
            cores=where.cpu_count,
            usable_cpus=format_number(where.cpu_count if where.usable_cpus is None else where.usable_cpus),
            system=where.system,
            python=where.python,
            sqlite=where.sqlite,
            variation=", ".join(sorted(result.series[1])) or "none",
            scenario=scenario_digest(result.scenario, _digests(result)),
        )


_WORDS: Final = {
    "cpu": "the CPU is",
    "cores": "the number of cores is",
    "usable_cpus": "the number of CPUs it may use is",
    "system": "the system is",
    "python": "Python is",
    "sqlite": "SQLite is",
    "variation": "the variation is",
}


def scenario_digest(scenario: Mapping[str, Any], operation_files: Sequence[str] = ()) -> str:
    """Of a scenario as a result holds it, without what does not change the work (name, description, thresholds, …).

    Args:
        operation_files: the digests of its files of own operations, sorted.
    """
    work = _work(scenario) | ({"operation_files": list(operation_files)} if operation_files else {})
    canonical = json.dumps(work, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def differences(base: RunResult, now: RunResult) -> list[str]:
    """Why two runs cannot be compared, in words for people; empty if they can."""
    then, here = Fingerprint.of(base), Fingerprint.of(now)
    told = [
        f"{_WORDS[field.name]} {getattr(here, field.name)}, was {getattr(then, field.name)}"
        for field in fields(Fingerprint)
        if field.name in _WORDS and getattr(here, field.name) != getattr(then, field.name)
    ]
    if here.scenario != then.scenario and (changes := _changes(base, now)):
        told.append(f"the scenario does different work: {changes}")
    return told


def _digests(run: RunResult) -> list[str]:
    return sorted(file.digest for file in run.operation_files)


def _sources(run: RunResult) -> str:
    return ", ".join(map(str, run.operation_files)) or _ABSENT


def _work(scenario: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in scenario.items() if key not in _NO_WORK}
    if not kept.get("faults"):
        # results of before there were any do not have the key
        kept.pop("faults", None)
    if isinstance(phases := kept.get("phases"), list):
        # a phase's name changes no work either, but it tells a result's phases apart; in a file from elsewhere, what is
        # no phase does not change
        kept["phases"] = [
            {key: value for key, value in phase.items() if key != "thresholds"} if isinstance(phase, dict) else phase
            for phase in phases
        ]
    return kept


def _changes(base: RunResult, now: RunResult) -> str:
    then, here = dict(_leaves(_work(base.scenario))), dict(_leaves(_work(now.scenario)))
    if _digests(base) != _digests(now):
        then |= {"operations": _sources(base)}
        here |= {"operations": _sources(now)}
    changed = [
        f"{key} is {here.get(key, _ABSENT)}, was {then.get(key, _ABSENT)}"
        for key in {**then, **here}
        if here.get(key, _ABSENT) != then.get(key, _ABSENT) and not _is_of_variation(key, base, now)
    ]
    more = [f"and {len(changed) - _MOST_KEYS} more keys"] if len(changed) > _MOST_KEYS else []
    return "; ".join([*changed[:_MOST_KEYS], *more])


def _is_of_variation(key: str, base: RunResult, now: RunResult) -> bool:
    """Whether the variation already says how a key differs."""
    swept = base.variation.keys() | now.variation.keys() if base.series[1] != now.series[1] else ()
    return any(f"{key}.".startswith(f"{each}.") for each in swept)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The values of a document with their paths, e.g. `flow.0.weight`, as they are written."""
    if isinstance(value, (dict, list)) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True, slots=True)
class Subject:
    """A metric as thresholds name it: of one operation, or of all of them together if `operation` is empty.

    Args:
        phase: only in this phase; in the whole run if it is empty.
    """

    metric: Metric
    operation: str = ""
    statistic: str = ""
    phase: str = ""

    def __str__(self) -> str:
        name = ".".join(filter(None, (self.operation, self.metric.name, self.statistic)))
        return f"{name} in {self.phase}" if self.phase else name


def needs_histogram(text: str) -> bool:
    """Whether a metric is a percentile that not every result holds, e.g. latency.p75."""
    try:
        statistic = parse_subject(text.strip())[2]
    except ThresholdError:
        return False  # whoever looks for it says what is wrong
    return percentile_of(statistic) is not None and statistic not in STATISTICS


def subject_of(text: str, run: RunResult, phase: str = "") -> Subject:
    """The metric that `text` names, as in a threshold, known of a run like this one.

    Raises:
        UsageError: there is no such metric, operation or phase; the hint lists what there is.
    """
    try:
        operation, metric, statistic = parse_subject(text.strip(), counters_of(run))
    except ThresholdError as error:
        raise UsageError(f"--metric {text}: {error}", hint="digipal-perf explain lists every metric") from error
    timed, phases = ([each.name for each in parts] for parts in (run.operations, run.phases))
    operations = list(dict.fromkeys([*timed, *(run.exact.operations if run.exact else ())]))
    _check("operation", operation, operations, text, run)
    _check("phase", phase, phases, text, run)
    if phase and not metric.per_phase:
        raise UsageError(f"--metric {text}: {metric.name} belongs to the whole run: drop --phase")
    return Subject(metric, operation, statistic, phase)


def _check(noun: str, name: str, known: list[str], text: str, run: RunResult) -> None:
    if name and name not in known:
        near = did_you_mean([name], known)
        raise UsageError(f"--metric {text}: {run.name} has no {noun} {name}{near}", hint=f"it has {', '.join(known)}")


def observed(run: RunResult, subject: Subject) -> float | None:
    """The value of a metric in its base unit (ns, bytes, a fraction, per second); None if it was not measured."""
    phase = next((each for each in run.phases if each.name == subject.phase), None)
    if subject.phase and phase is None:
        return None
    return subject.metric.value(View(run, phase, subject.operation), subject.statistic)


class KeptRun(Record):
    """What the history shows of a run; null is what it did not measure."""

    id: str = Field(default="", description="id to name it to `compare`; empty for a run of a baseline")
    started_at: str = Field(description="when the run began: UTC, ISO 8601")
    scenario: str = Field(description="the scenario's name")
    variation: Variation = Field(default={}, description="each key that `--sweep` varies, with its value in this run")
    engine_version: str = Field(default="", description="digest of the engine's source files")
    commit: str = Field(description="commit with exactly these sources; empty if unknown")
    engine_modified: bool = Field(default=False, description="whether the sources differ from the checked-out commit")
    verdict: Verdict = Field(description="how the run ended")
    iterations_per_s: float | None = Field(description="as `iteration_rate`")
    operations: int = Field(description="operations with the right answer")
    p50_ns: float | None = Field(description="median latency of all operations")
    p99_ns: float | None = Field(description="99th percentile of the latency of all operations")
    memory_growth_bytes: int | None = Field(description="as `memory.growth`")


class History(Record):
    """Kept runs, oldest first; `history --json` writes it."""

    kind: Literal["history"] = Field(default="history", description="identifies the kind of file")
    schema_version: Literal[1] = Field(
        default=HISTORY_SCHEMA_VERSION, description="version of the format; see docs/results.md#schema-version"
    )
    runs: list[KeptRun] = Field(description="saved runs, oldest first")
    older: int = Field(default=0, description="older runs that `--last` excludes")


class Series(NamedTuple):
    """Runs that can be compared with the newest of them."""

    runs: list[RunResult]
    """Oldest first."""

    left_out: dict[str, int]
    """How many others there are, by why they cannot."""


NO_VARIATION: Final = "none"
"""What names the runs that are part of no sweep."""


def of_variation(runs: Sequence[RunResult], texts: Sequence[str]) -> list[RunResult]:
    """The runs with these values of swept keys, whatever their other keys; of "none", those of no sweep.

    Args:
        texts: each as reports show it, `setup.pets=10` or several, divided by commas.

    Raises:
        UsageError: one is no `key=value`, or no run has them all.
    """
    wanted = [part for text in texts for part in split_values(text)]
    if wanted == [NO_VARIATION]:
        found = [run for run in runs if not run.variation]
    else:
        if odd := next((part for part in wanted if "=" not in part), None):
            hint = f"e.g. --variation setup.pets=10; {NO_VARIATION} for runs without --sweep"
            raise UsageError(f"--variation {odd}: expected key=value", hint=hint)
        found = [run for run in runs if set(wanted) <= run.series[1]]
    if not found:
        has_none = f"has the variation {', '.join(wanted)}" if wanted != [NO_VARIATION] else "is without a variation"
        raise UsageError(f"no saved run {has_none}", hint=f"saved variations: {'; '.join(variations_of(runs))}")
    return found


def variations_of(runs: Sequence[RunResult]) -> list[str]:
    """Each variation once, by its oldest run; "none" for runs of no sweep."""
    return list({run.series: variation_text(run.variation) or NO_VARIATION for run in runs}.values())


def comparable(runs: Sequence[RunResult], *, on_any_machine: bool = False) -> Series:
    """Of runs of one scenario, oldest first, those that came to an end where the newest did, doing the same work.

    Args:
        on_any_machine: as exact counters are; what else they need, they know.
    """
    ended = [run for run in runs if not run.unfit]
    newest = Fingerprint.of(ended[-1]) if ended else None
    why = [(run, _why_left_out(run, newest, on_any_machine=on_any_machine)) for run in runs]
    return Series([run for run, reason in why if not reason], dict(Counter(reason for _, reason in why if reason)))


def history(runs: Sequence[RunResult], ids: Sequence[str], last: int | None = None) -> History:
    """The history of runs with their ids, oldest first.

    Args:
        last: only as many, the newest.
    """
    shown = list(map(kept_run, runs, ids))[-last if last else 0 :]
    return History(runs=shown, older=len(runs) - len(shown))


def kept_run(run: RunResult, run_id: str = "") -> KeptRun:
    """What is shown of a run."""
    latency = run.total.latency
    return KeptRun(
        id=run_id,
        started_at=run.started_at,
        scenario=run.name,
        variation=run.variation,
        engine_version=run.environment.engine_version,
        commit=run.commit,
        engine_modified=run.engine_modified,
        verdict=run.verdict,
        iterations_per_s=METRICS["iteration_rate"].value(View(run)),
        operations=run.total.ok,
        p50_ns=_finite(latency.p50_ns) if latency else None,
        p99_ns=_finite(latency.p99_ns) if latency else None,
        memory_growth_bytes=run.memory.growth,
    )


def _finite(value: float) -> float | None:
    """A figure; None for what a file of elsewhere may hold in its place."""
    return value if isfinite(value) else None


def _why_left_out(run: RunResult, newest: Fingerprint | None, *, on_any_machine: bool) -> str:
    if run.unfit or newest is None:
        return run.unfit
    own = Fingerprint.of(run)
    if own.variation != newest.variation:
        return "another variation"
    if own.scenario != newest.scenario:
        return "other work"
    if on_any_machine:
        return ""
    if (own.cpu, own.cores, own.system) != (newest.cpu, newest.cores, newest.system):
        return "another machine"
    if own.usable_cpus != newest.usable_cpus:
        return "another number of CPUs"
    return "" if own == newest else "another Python or SQLite"
