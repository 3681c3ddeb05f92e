"""The runs of a profile: one without a profiler, then one for each, of the same operations from the same seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from perfcli.errors import PerfError, UsageError, Verdict
from perfcli.observer import Observer, Progress
from perfcli.operations.base import IN_PROCESS
from perfcli.outputs import Outputs, write_text
from perfcli.plan import ExecutionPlan, Profiling
from perfcli.pool.identity import EngineSource
from perfcli.pool.protocol import WorkerPool
from perfcli.results import RunResult
from perfcli.results.findings import Breakdown, Findings, FlameGraph, Overhead, ProfileResult
from perfcli.run import StopRequest, run_scenario

Kind = Literal["cpu", "memory", "sql", "locks"]
KINDS: Final[tuple[Kind, ...]] = ("cpu", "memory", "sql", "locks")
LONGEST_NS: Final = 20_000_000_000
"""How long iterations begin in each run, however long the scenario's own load is."""

_CPU_NEEDS: Final = "pyinstrument"


@dataclass(slots=True)
class _Runs:
    plain: RunResult | None = None
    profiled: dict[Kind, tuple[RunResult, Findings]] = field(default_factory=dict)


class _Labelled:
    """Passes on where a run is, with what is special about it."""

    def __init__(self, observer: Observer, label: str) -> None:
        self._observer = observer
        self._label = label

    @property
    def wants_snapshots(self) -> bool:
        return self._observer.wants_snapshots

    def update(self, progress: Progress) -> None:
        self._observer.update(replace(progress, scenario=f"{progress.scenario} {self._label}"))


def choose_kinds(asked: Sequence[Kind]) -> tuple[list[Kind], list[str]]:
    """The profilers to use, all where none was asked for, and notes on those that are left out.

    Raises:
        UsageError: one was asked for whose package is not installed.
    """
    missing = find_spec(_CPU_NEEDS) is None
    if missing and "cpu" in asked:
        raise UsageError(f"--cpu needs the package {_CPU_NEEDS}", hint="pip install 'digipal-perf[profile]'")
    if missing and not asked:
        left_out = f"skipping --cpu: it needs the package {_CPU_NEEDS} (pip install 'digipal-perf[profile]')"
        return [kind for kind in KINDS if kind != "cpu"], [left_out]
    return [kind for kind in KINDS if kind in asked or not asked], []


def profile_scenario(
    plan: ExecutionPlan,
    kinds: Sequence[Kind],
    *,
    observer: Observer | None = None,
    stop: StopRequest | None = None,
    pool: WorkerPool[Any] | None = None,
    engine: EngineSource | None = None,
    longest_ns: int = LONGEST_NS,
) -> tuple[ProfileResult, FlameGraph | None]:
    """Profile a plan; after a stop, what was found until then.

    Raises:
        PerfError: the engine died, or nothing was measured.
        UsageError: the engine lives elsewhere than in its agent.
    """
    check_profiled(plan)
    started_at = datetime.now(UTC)
    runs, stop = _Runs(), stop or StopRequest()
    for kind in (None, *kinds):
        if stop.reason:
            break
        profiling = Profiling(by=kind or "nothing", longest_ns=longest_ns)
        labelled = _Labelled(observer, f"with --{kind}" if kind else "without a profiler") if observer else None
        found: list[Findings] = []
        result = run_scenario(
            _profiled(plan, profiling),
            pool=pool,
            observer=labelled,
            stop=stop,
            engine=engine,
            on_findings=found.append,
        )
        _require_success(result, kind)
        if kind is None:
            runs.plain = result
        elif found:
            runs.profiled[kind] = (result, found[0])
    flame_graph = runs.profiled["cpu"][1].flame_graph if "cpu" in runs.profiled else None
    return _put_together(plan, runs, started_at, stop, engine), flame_graph


def check_profiled(plan: ExecutionPlan) -> None:
    """See that a plan's engine can be profiled.

    Raises:
        UsageError: its engine is not in the agent's own process.
    """
    target = plan.scenario.target
    if not target.in_process:
        raise UsageError(
            f"{plan.scenario.name}: profile needs the engine in the tool's own process, not target: {target.name}",
            hint=f"profile a scenario with target: {' or '.join(name for name in IN_PROCESS if IN_PROCESS[name])}",
        )


def _profiled(plan: ExecutionPlan, profiling: Profiling) -> ExecutionPlan:
    """The plan with a profiler, without faults, and without thresholds: nothing is to be judged, nor to stop it."""
    scenario = plan.scenario
    phases = [phase.model_copy(update={"thresholds": []}) for phase in scenario.phases]
    unjudged = scenario.model_copy(update={"thresholds": [], "phases": phases, "faults": [], "steady_state": []})
    return ExecutionPlan(scenario=unjudged, seed=plan.seed, profile=profiling)


def _require_success(result: RunResult, kind: Kind | None) -> None:
    doing = f"the run with --{kind}" if kind else "the run without a profiler"
    if result.verdict is Verdict.ERROR:
        raise PerfError(
            f"{result.name}: {doing} stopped early: {'; '.join(result.reasons)}",
            hint=result.details or f"digipal-perf run {result.name} may show the cause",
        )
    if result.verdict is not Verdict.INTERRUPTED and not result.total.ok:
        errors = ", ".join(result.total.errors) or "none ran"
        raise PerfError(
            f"{result.name}: in {doing} no operation succeeded: {errors}",
            hint=f"find out why: digipal-perf run {result.name}",
        )


def _put_together(
    plan: ExecutionPlan, runs: _Runs, started_at: datetime, stop: StopRequest, engine: EngineSource | None
) -> ProfileResult:
    found: dict[str, Any] = {kind: getattr(findings, kind) for kind, (_, findings) in runs.profiled.items()}
    return ProfileResult(
        scenario=plan.scenario.name,
        plan=plan.describe(),
        operation_files=plan.scenario.operation_sources,
        seed=plan.seed,
        started_at=started_at.isoformat(timespec="seconds"),
        engine=runs.plain.engine if runs.plain else engine.name if engine else "",
        engine_version=runs.plain.environment.engine_version if runs.plain else "",
        commit=runs.plain.commit if runs.plain else "",
        engine_modified=runs.plain.engine_modified if runs.plain else False,
        processes=plan.scenario.pool.processes,
        operations={kind: result.total.attempts for kind, (result, _) in runs.profiled.items()},
        breakdown=_breakdown(runs),
        overheads=list(_overheads(runs)),
        interrupted=stop.reason,
        **found,
    )


def _breakdown(runs: _Runs) -> list[Breakdown]:
    for kind in ("locks", "sql"):
        if kind in runs.profiled:
            result, findings = runs.profiled[kind]
            times = {each.name: each.service_time.mean_ns for each in result.operations if each.service_time}
            return [Breakdown(parts=parts, service_time_ns=times.get(parts.operation)) for parts in findings.parts]
    return []


def _overheads(runs: _Runs) -> Iterator[Overhead]:
    plain_ns = _typical_ns(runs.plain) if runs.plain else None
    for kind, (result, _) in runs.profiled.items():
        typical_ns = _typical_ns(result)
        if plain_ns and typical_ns:
            yield Overhead(by=kind, operations=result.total.attempts, typical_ns=typical_ns, plain_ns=plain_ns)


def _typical_ns(result: RunResult) -> float | None:
    """The operations' medians of service time, weighted by how many there were: a mean would be the noise's."""
    timed = [(operation.ok, operation.service_time) for operation in result.operations if operation.service_time]
    done = sum(ok for ok, _ in timed)
    return sum(ok * times.p50_ns for ok, times in timed) / done if done else None


def flame_graph_files(scenario: str, directory: Path) -> list[Path]:
    """Where the page and the speedscope file go."""
    return [directory / f"{scenario}-cpu.{suffix}" for suffix in ("html", "speedscope.json")]


def write_flame_graph(graph: FlameGraph, scenario: str, directory: Path, outputs: Outputs) -> list[str]:
    """Write the page and the speedscope file; the paths of those that could be written."""
    written = []
    for path, content in zip(flame_graph_files(scenario, directory), (graph.html, graph.speedscope), strict=True):
        with outputs.attempt(f"--out {path}", path):
            directory.mkdir(parents=True, exist_ok=True)
            write_text(content, path)
            written.append(str(path))
    return written
