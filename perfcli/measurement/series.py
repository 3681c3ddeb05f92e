"""What a result tells of the time in between: readings of the monitor, and seconds of the load."""

from __future__ import annotations

import math

from perfcli.measurement.measurement import Measurement
from perfcli.metrics.timeline import Interval
from perfcli.monitor import Reading, cpu_use
from perfcli.results import MonitorSample, SecondOfLoad
from perfcli.units import NS_PER_S


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
