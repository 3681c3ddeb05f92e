"""From a measurement to the result that thresholds judge and reports read: the whole of it, or as far as it is known.

What a run did is in parts.py, what its processes used in process.py.
"""

from __future__ import annotations

import math
import os
import platform
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from perfcli.cpus import cpu_model, usable_cpus
from perfcli.executors.repeated import Repeated
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.parts import Part, Wanted, phase_result
from perfcli.measurement.process import ProcessFigures
from perfcli.measurement.samples import References, planned_digest
from perfcli.measurement.windows import SteadyState
from perfcli.metrics.histogram import Histogram
from perfcli.metrics.timeline import Slice
from perfcli.monitor import cpu_use
from perfcli.plan import INCARNATION
from perfcli.results import Environment, Inspection, Integrity, LoadSlice, MonitorSample, SecondOfLoad, UnjudgedRun
from perfcli.results.observed import MachineResult
from perfcli.units import NS_PER_S, format_duration
from perfcli.version import VERSION, python_version

MOST_SLICES: Final = 40
_APART_NS: Final = 100_000_000
_SLOWER: Final = 1.5


def cut_into_slices(measurement: Measurement) -> dict[str, list[LoadSlice]]:
    """The successful samples of each operation in up to 40 parts of nearly equal count; fewer where they are fewer.

    Beside each stands the median of what the reference kernel took then, or at the nearest time that it ran.
    """
    references = _references(measurement)

    def load_slice(part: Slice) -> LoadSlice:
        took_ns = references.during(part.start_ns, part.end_ns)
        return LoadSlice(
            start_ns=part.start_ns,
            count=part.count,
            mean_ns=part.mean_ns,
            median_ns=part.median_ns,
            reference_ns=median(took_ns) if took_ns else None,
        )

    labels = measurement.samples.labels
    return {label: [*map(load_slice, measurement.timeline(label).slices(MOST_SLICES))] for label in labels}


def median_reference_ns(measurement: Measurement) -> float | None:
    """What the reference kernel took, of the whole run; None where it never ran."""
    took_ns = _references(measurement).took_ns
    return median(took_ns) if took_ns else None


def _references(measurement: Measurement) -> References:
    """Those of all phases, in ns since the measurement began."""
    whole = References()
    for index, of_phase in enumerate(measurement.references):
        offset_ns = measurement.offset_ns(index)
        for at_ns, took_ns in zip(of_phase.at_ns, of_phase.took_ns, strict=True):
            whole.add(at_ns + offset_ns, took_ns)
    return whole


_AS_READ: Final = MonitorSample.model_fields.keys() - {"at_ns", "cpu"}


def monitor_samples(measurement: Measurement) -> list[MonitorSample]:
    """What the monitor read, by the time since measuring began; nothing where it never did."""
    origin_ns = measurement.began_ns
    if origin_ns is None:
        return []
    readings = list(measurement.readings)
    return [
        MonitorSample(
            at_ns=reading.at_ns - origin_ns,
            cpu=cpu_use(before, reading) if before else None,
            **{name: getattr(reading, name) for name in _AS_READ},
        )
        for before, reading in zip((None, *readings), readings, strict=False)
    ]


def seconds_of_load(measurement: Measurement, label: str = "") -> list[SecondOfLoad]:
    """Each second in which an operation of this label, or any, began."""
    timeline, ends_ns = measurement.timeline(label), measurement.duration_ns or math.inf
    return [
        SecondOfLoad(
            second=begins_ns // NS_PER_S,
            length_ns=max(1, round(min(timeline.second_ns, ends_ns - begins_ns))),
            ok=interval.ok,
            failed=interval.failed,
            **_latencies(interval.histogram) if interval.ok else {},
        )
        for begins_ns, interval in timeline.seconds()
    ]


def _latencies(histogram: Histogram) -> dict[str, Any]:
    percentiles = {f"p{percent}_ns": histogram.percentile(percent / 100) for percent in (50, 95, 99)}
    return {"mean_ns": histogram.mean, "max_ns": histogram.max, **percentiles}


def describe_environment(engine_version: str) -> Environment:
    """This machine, its Python and its SQLite; no name that tells whose machine it is."""
    return Environment(
        tool_version=VERSION,
        engine_version=engine_version,
        python=python_version(),
        sqlite=sqlite3.sqlite_version,
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        cpu_model=cpu_model(),
        cpu_count=os.cpu_count() or 1,
        usable_cpus=usable_cpus(),
    )


_NEARLY_FULL: Final = 0.95
"""A process with so many of its file descriptors will soon fail for want of one, or did so between two readings."""

_ELSEWHERE: Final = Environment(tool_version="", python="", sqlite="", system="", machine="", cpu_count=0)
"""What a partial result says of where it ran: nothing."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Which engine ran, and when."""

    started_at: str = ""
    engine: str = ""
    commit: str = ""
    engine_modified: bool = False
    kept_database: str = ""
    machines: Sequence[MachineResult] = ()
    environment: Environment | None = None
    """Where the engine ran; None for this machine."""


def assemble(measurement: Measurement, wanted: Wanted, identity: Identity) -> UnjudgedRun:
    """The result of a run that is over, all of it."""
    samples = measurement.samples
    return UnjudgedRun(
        **_fields(measurement, wanted),
        description=measurement.plan.scenario.description,
        tags=measurement.plan.scenario.tags,
        started_at=identity.started_at,
        engine=identity.engine,
        commit=identity.commit,
        engine_modified=identity.engine_modified,
        kept_database=identity.kept_database,
        exact=measurement.exact,
        scenario=measurement.plan.scenario.as_document(),
        operation_files=measurement.plan.scenario.operation_sources,
        plan=measurement.plan.describe(),
        error_examples=samples.examples(),
        slices=cut_into_slices(measurement),
        reference_ns=median_reference_ns(measurement),
        digest=planned_digest(measurement.plan),
        performed_as_planned=all(work.agrees(measurement.plan, vu) for vu, work in measurement.performed.items()),
        vus=[work.of(vu) for vu, work in sorted(measurement.performed.items())],
        restarts=measurement.restarts.results(measurement.began_ns or 0),
        **_faults(measurement),
        environment=_environment(identity, measurement.engine_version),
        machines=[machine.model_copy(update=_of_vus(measurement, machine)) for machine in identity.machines],
        monitor=monitor_samples(measurement),
        seconds=seconds_of_load(measurement),
        seconds_by_operation={label: seconds_of_load(measurement, label) for label in samples.labels},
    )


def _environment(identity: Identity, engine_version: str) -> Environment:
    if identity.environment is None:
        return describe_environment(engine_version)
    return identity.environment.model_copy(update={"engine_version": engine_version})


def steady_state(measurement: Measurement) -> SteadyState:
    """What the load of a run with faults keeps when it is well, and what is known of it so far."""
    assert measurement.faults is not None
    limits = [
        (limit, measurement.timeline(limit.operation, by_service_time=limit.metric.name == "service_time"))
        for limit in measurement.plan.scenario.steady_limits
    ]
    return SteadyState(limits, measurement.faults.activity)


def _faults(measurement: Measurement) -> dict[str, Any]:
    """The faults of a run that is over, and whether it was steady before them."""
    faults = measurement.faults
    if faults is None or measurement.duration_ns is None:
        return {}
    steady = steady_state(measurement)
    due_ns = [measurement.offset_ns(each.phase) + each.at_ns for each in measurement.plan.faults]
    return {
        "faults": list(faults.results(steady, due_ns, measurement.duration_ns)),
        "unsteady": faults.unsteady(steady),
    }


def partial_run(measurement: Measurement, wanted: Wanted) -> UnjudgedRun:
    """What is known while the load goes on, of what is wanted; to be judged, and never kept."""
    return UnjudgedRun(
        **_fields(measurement, wanted),
        started_at="",
        scenario={},
        plan="",
        digest="",
        performed_as_planned=True,
        environment=_ELSEWHERE,
    )


def notes_on(measurement: Measurement) -> Iterator[str]:
    """What else to know of a run, though no threshold may ask for it."""
    for phase in measurement.plan.phases:
        over_ns = measurement.faults.over_ns(phase.index) if measurement.faults else None
        if not isinstance(phase.load, Repeated) or not over_ns or measurement.duration_ns is None:
            continue
        assert measurement.began_ns is not None
        over_ns -= measurement.began_ns
        if steady_state(measurement).recovery_ns(over_ns, measurement.duration_ns) is None:
            lasted = format_duration(max(0, measurement.duration_ns - over_ns))
            yield f"{phase.name}: iterations were repeated for {lasted} after the last fault, and it never recovered"
    held, limit = ProcessFigures(measurement).fullest() or (0, 1)
    if held >= _NEARLY_FULL * limit:
        yield f"the engine holds {held:,} of {limit:,} file descriptors (RLIMIT_NOFILE, ulimit -n)"


def _fields(measurement: Measurement, wanted: Wanted) -> dict[str, Any]:
    """What thresholds can judge."""
    plan = measurement.plan
    figures = ProcessFigures(measurement, wanted)
    phases = plan.phases if wanted.everything else [phase for phase in plan.phases if wanted.of_phase(phase.name)]
    return {
        **Part(measurement, wanted).fields(measurement.samples.labels),
        "name": plan.scenario.name,
        "variation": plan.variation,
        "seed": plan.seed,
        "starved": measurement.starved,
        "processes": plan.scenario.pool.processes,
        "phases": [phase_result(measurement, wanted, phase) for phase in phases],
        "inspection": _inspection(measurement, figures),
        "memory": figures.memory(),
        "resources": figures.resources(),
        "integrity": _integrity(measurement),
    }


def _inspection(measurement: Measurement, figures: ProcessFigures) -> Inspection:
    update = {
        "written_per_operation": figures.written_per_operation(),
        "printed_bytes": measurement.printed_bytes,
        "processes_left": measurement.left_running,
    }
    return measurement.inspection.model_copy(update=update)


def _integrity(measurement: Measurement) -> Integrity | None:
    found, samples = measurement.integrity, measurement.samples
    return found and found.model_copy(update={"torn": samples.categories(samples.select()).get("torn", 0)})


def _of_vus(measurement: Measurement, machine: MachineResult) -> dict[str, int | None]:
    plan, processes = measurement.plan, set(machine.processes)
    works = measurement.performed.items()
    late = [late_ns for process, late_ns in measurement.start_late_ns.items() if process in processes]
    return {
        "start_late_ns": max(late, default=None),
        "samples": sum(work.tried for vu, work in works if plan.process_of(vu % INCARNATION) in processes),
    }


def machine_notes(machines: Sequence[MachineResult]) -> Iterator[str]:
    """What makes the load of several machines another one than that of one."""
    late = {machine.name: machine.start_late_ns for machine in machines if machine.start_late_ns is not None}
    if late and max(late.values()) - min(late.values()) > _APART_NS:
        last = max(late, key=lambda name: late[name])
        apart = format_duration(max(late.values()) - min(late.values()))
        yield f"the machines began {apart} apart, {last} last: windows at the beginning hold less load"
    paces = [machine.kernel_ns for machine in machines if machine.kernel_ns]
    for machine in machines:
        if len(paces) > 1 and machine.kernel_ns >= _SLOWER * median(paces):
            slower = machine.kernel_ns / median(paces)
            yield f"{machine.name} is slow: the reference kernel takes {slower:.1f} times the median"
