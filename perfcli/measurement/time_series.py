"""What a result keeps of the time in between: slices of samples, readings of the monitor, seconds of the load."""

from __future__ import annotations

import math
from statistics import median
from typing import Final

from perfcli.measurement.measurement import Measurement
from perfcli.measurement.samples import References
from perfcli.metrics.timeline import Interval
from perfcli.monitor import Reading, cpu_use
from perfcli.results import LoadSlice, MonitorSample, SecondOfLoad
from perfcli.units import NS_PER_S

MOST_SLICES: Final = 40


def cut_into_slices(measurement: Measurement) -> dict[str, list[LoadSlice]]:
    """The successful samples of each operation in up to 40 parts of nearly equal count; fewer where they are fewer.

    Beside each stands the median of what the reference kernel took then, or at the nearest time that it ran.
    """
    references = _references(measurement)
    return {label: _slices(measurement, label, references) for label in measurement.samples.labels}


def median_reference_ns(measurement: Measurement) -> float | None:
    """What the reference kernel took, of the whole run; None where it never ran."""
    took_ns = _references(measurement).took_ns
    return median(took_ns) if took_ns else None


def _slices(measurement: Measurement, label: str, references: References) -> list[LoadSlice]:
    slices = []
    for part in measurement.timeline(label).slices(MOST_SLICES):
        took_ns = references.during(part.start_ns, part.end_ns)
        slices.append(
            LoadSlice(
                start_ns=part.start_ns,
                count=part.count,
                mean_ns=part.mean_ns,
                median_ns=part.median_ns,
                reference_ns=median(took_ns) if took_ns else None,
            )
        )
    return slices


def _references(measurement: Measurement) -> References:
    """Those of all phases, in ns since the measurement began."""
    whole = References()
    for index, of_phase in enumerate(measurement.references):
        offset_ns = measurement.offset_ns(index)
        for at_ns, took_ns in zip(of_phase.at_ns, of_phase.took_ns, strict=True):
            whole.add(at_ns + offset_ns, took_ns)
    return whole


def monitor_samples(measurement: Measurement) -> list[MonitorSample]:
    """What the monitor read, by the time since measuring began; nothing where it never did."""
    origin_ns = measurement.began_ns
    if origin_ns is None:
        return []
    before: Reading | None = None
    samples = []
    for reading in measurement.readings:
        samples.append(
            MonitorSample(
                at_ns=reading.at_ns - origin_ns,
                rss=reading.rss,
                uss=reading.uss,
                cpu=cpu_use(before, reading) if before else None,
                threads=reading.threads,
                open_files=reading.open_files,
                read_bytes=reading.read_bytes,
                written_bytes=reading.written_bytes,
                database_bytes=reading.database_bytes,
                wal_bytes=reading.wal_bytes,
                operations=reading.operations,
            )
        )
        before = reading
    return samples


def seconds_of_load(measurement: Measurement, label: str = "") -> list[SecondOfLoad]:
    """Each second in which an operation of this label, or any, began."""
    timeline, ends_ns = measurement.timeline(label), measurement.duration_ns or math.inf
    return [
        _second(begins_ns, min(timeline.second_ns, ends_ns - begins_ns), interval)
        for begins_ns, interval in timeline.seconds()
    ]


def _second(begins_ns: int, length_ns: float, interval: Interval) -> SecondOfLoad:
    latencies = interval.histogram
    return SecondOfLoad(
        second=begins_ns // NS_PER_S,
        length_ns=max(1, round(length_ns)),
        ok=interval.ok,
        failed=interval.failed,
        mean_ns=latencies.mean if interval.ok else None,
        p50_ns=latencies.percentile(0.5) if interval.ok else None,
        p95_ns=latencies.percentile(0.95) if interval.ok else None,
        p99_ns=latencies.percentile(0.99) if interval.ok else None,
        max_ns=latencies.max if interval.ok else None,
    )
