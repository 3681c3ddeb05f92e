"""Run one scenario: the library call behind `digipal-perf run`, pytest and CI."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from traceback import extract_tb, format_exc
from typing import Any, Final
from uuid import uuid4

from perfcli.errors import MachineLost, UsageError, describe_error
from perfcli.figures import Needs
from perfcli.figures.engine import COUNTERS
from perfcli.judgement import Ending, judge, rules_of
from perfcli.measurement.assembly import Identity, assemble, machine_notes, notes_on
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.parts import Wanted
from perfcli.measurement.spilled_samples import SpilledSamples
from perfcli.observer import Observer, SilentObserver
from perfcli.plan import ExecutionPlan
from perfcli.pool.checkout import installed_engine
from perfcli.pool.identity import EngineSource
from perfcli.pool.processes import LocalPool
from perfcli.pool.protocol import Database, EngineHandle, WorkerPool
from perfcli.results import RunResult
from perfcli.results.findings import Findings
from perfcli.run.exact_counts import count_exactly, not_countable
from perfcli.run.supervision import StopRequest, Supervision

_HOME: Final = Path(__file__).parents[1]


class Counting(StrEnum):
    """Whether a run counts what operations cost."""

    IF_ASKED = "if a threshold asks"
    ALSO = "after the load"
    ONLY = "instead of the load"


def run_scenario(
    plan: ExecutionPlan,
    *,
    pool: WorkerPool[Any] | None = None,
    observer: Observer | None = None,
    stop: StopRequest | None = None,
    keep_database_in: Path | None = None,
    engine: EngineSource | None = None,
    on_findings: Callable[[Findings], None] = lambda findings: None,
    counting: Counting = Counting.IF_ASKED,
    spilled: SpilledSamples | None = None,
    insecure_cluster: bool = False,
) -> RunResult:
    """Run a plan in a fresh engine process on a fresh database, and say what happened.

    Whatever goes wrong with the engine is in the result, with what is known until then; nothing of the run is left
    behind, but the database where `keep_database_in` names a directory for it.

    Raises:
        UsageError: a file of own operations cannot be loaded, a package is missing, or a cluster cannot be used.
        PerfError: the cluster has too few machines; nothing has run.

    Args:
        pool: where its processes are started; this machine by default. A plan that names a cluster has them there.
        engine: where to take the engine from; None for the one that `import digipal` finds.
        on_findings: receives what the plan's profiler found, if the run got that far.
        counting: whether operations are counted in processes of their own, once the load is over or instead of it.
        spilled: keeps every sample of the run.
        insecure_cluster: whether the cluster may be one without TLS.
    """
    check_packages(plan)
    if not plan.scenario.target.watchable:
        # what a server keeps from other runs must not stand in the way of this one
        plan = plan.model_copy(update={"users_prefix": f"{uuid4().hex[:8]}-"})
    with ExitStack() as stack:
        if pool is None or (plan.scenario.pool.cluster and isinstance(pool, LocalPool)):
            engine = engine or installed_engine()
            if plan.scenario.pool.cluster:
                from perfcli.cluster.pool import split_pool

                split = split_pool(plan.scenario.pool, engine.path, insecure=insecure_cluster)
                pool = stack.enter_context(split)
            else:
                pool = LocalPool(engine.path)
        run = _Run(Measurement(plan, spilled), pool, engine)
        return _conducted(
            run, observer or SilentObserver(), stop or StopRequest(), keep_database_in, on_findings, counting
        )


def _conducted(
    run: _Run,
    observer: Observer,
    stop: StopRequest,
    keep_database_in: Path | None,
    on_findings: Callable[[Findings], None],
    counting: Counting,
) -> RunResult:
    """Go through the run, and say what came of it."""
    started_at = datetime.now(UTC)
    measurement, plan = run.measurement, run.measurement.plan
    try:
        if counting is not Counting.ONLY:
            run.go(observer, stop, keep_database_in)
        if counting is not Counting.IF_ASKED or any(map(plan.scenario.asks_for, COUNTERS)):
            run.count(stop)
    except UsageError:
        raise
    except MachineLost as lost:
        run.ending = Ending(disturbed=str(lost))
    except Exception as error:
        # an engine can remove or break whatever the tool relies on: that ends its own run, and no other
        run.ending = Ending(error=_internal(error), details=format_exc())
    if measurement.findings is not None:
        on_findings(measurement.findings)
    try:
        return _result(measurement, run, started_at, run.whole_ending)
    except Exception as error:
        unusable = Ending(
            error=f"digipal-perf cannot make sense of the measurement; please report this bug: {_internal(error)}",
            details=format_exc(),
        )
        return _result(Measurement(plan), run, started_at, unusable)


def run_without_result(plan: ExecutionPlan, engine: EngineSource, started_at: datetime, ending: Ending) -> RunResult:
    """The result of a run elsewhere of which nothing came back, but how it ended."""
    measurement = Measurement(plan)
    return _result(measurement, _Run(measurement, LocalPool(engine.path), engine), started_at, ending)


def check_packages(plan: ExecutionPlan) -> None:
    """See that the plan's faults have what they need.

    Raises:
        UsageError: a package is not installed.
    """
    for fault in plan.scenario.faults:
        if fault.package and find_spec(fault.package) is None:
            needs = f"{plan.scenario.name}: the fault {fault.kind} needs the package {fault.package}"
            raise UsageError(needs, hint="pip install 'digipal-perf[faults]'")


def _result(measurement: Measurement, run: _Run, started_at: datetime, ending: Ending) -> RunResult:
    """What was measured, judged."""
    rules = rules_of(measurement.plan.scenario)
    wanted = Wanted([(rule.phase, rule.threshold) for rule in rules])
    whole = assemble(measurement, wanted, run.identity(started_at))
    return judge(whole, rules, ending, [*run.notes, *notes_on(measurement), *machine_notes(whole.machines)])


def _internal(error: Exception) -> str:
    """An exception of the tool's own, with where it was raised."""
    here = [frame for frame in extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(_HOME)]
    where = f" ({Path(here[-1].filename).relative_to(_HOME.parent)}, line {here[-1].lineno})" if here else ""
    return f"{type(error).__name__}: {describe_error(error)}{where}"


class _Run:
    """One run, from its scratch directory to what is left of it."""

    def __init__(self, measurement: Measurement, pool: WorkerPool[Any], engine: EngineSource | None) -> None:
        self.measurement = measurement
        self._pool = pool
        self._engine = engine
        self.ending = Ending()
        self.kept_database = ""
        self.notes: list[str] = []
        self._removed = ""

    def go(self, observer: Observer, stop: StopRequest, keep_database_in: Path | None) -> None:
        """Run; whatever happens, the processes are ended and the database's place is removed."""
        measurement = self.measurement
        with self._pool.make_database() as database:
            try:
                self._follow(database, observer, stop)
                _look_at_what_is_left(measurement, database, complete=self.ending == Ending())
            finally:
                self._removed = database.removed()
                if keep_database_in:
                    name = measurement.plan.title
                    self.kept_database, complaint = database.keep(keep_database_in, name)
                    self.notes += filter(None, [complaint])
                if measurement.left_running:
                    names = ", ".join(measurement.left_running)
                    self.notes.append(f"the engine left processes running; they were ended: {names}")

    def count(self, stop: StopRequest) -> None:
        """Count what operations cost, unless the run ended before its time."""
        measurement, target = self.measurement, self.measurement.plan.scenario.target
        if self.ending != Ending():
            return
        if why_not := target.lacks.get(Needs.ENGINE, ""):
            measurement.exact = not_countable(measurement.plan, why_not)
        else:
            measurement.exact, self.ending = count_exactly(
                measurement.plan, self._pool, lambda: stop.reason, measurement.take
            )

    def identity(self, started_at: datetime) -> Identity:
        """Which engine ran; a server that ran before is none of the engines at hand."""
        url = self.measurement.plan.scenario.target.running_at
        version = self.measurement.engine_version
        engine = None if url else self._engine
        return Identity(
            started_at=started_at.isoformat(timespec="seconds"),
            engine=engine.name if engine else f"the server at {url}" if url else "",
            commit=engine.commit_of(version) if engine else "",
            engine_modified=engine is not None and engine.is_modified(version),
            kept_database=self.kept_database,
            machines=self._pool.machines,
            environment=self._pool.environment,
        )

    @property
    def whole_ending(self) -> Ending:
        """How the run ended, and what the engine did to it."""
        ending = self.ending
        if not self._removed:
            return ending
        what_else = ending.error or ending.setup_error
        return replace(ending, error="; ".join(filter(None, [self._removed, what_else])), setup_error="")

    def _follow(self, database: Database, observer: Observer, stop: StopRequest) -> None:
        measurement, plan = self.measurement, self.measurement.plan
        engines: list[EngineHandle] = []
        try:
            for process in range(plan.started_processes):
                # one by one: if one does not start, those before it are ended
                engines.append(self._pool.start(plan, database, process))  # noqa: PERF401
            supervision = Supervision(plan, engines, measurement, database)
            self.ending = supervision.follow(observer, stop)
        finally:
            for engine in engines:
                engine.end()
                measurement.leave_behind(engine.leftovers(), engine.printed_bytes())


def _look_at_what_is_left(measurement: Measurement, database: Database, *, complete: bool) -> None:
    """What a restart finds: the writes, where the engine died before they were looked for, and every pet."""
    if measurement.began_ns is None:
        return
    if measurement.integrity is None:
        measurement.check_integrity(database, complete=complete)
    if complete and measurement.answered:
        measurement.check_integrity(database)
        measurement.add_fidelity(database.compare(measurement.answers, measurement.answered))
