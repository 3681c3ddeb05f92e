"""The samples of each operation in parts, with the machine's pace beside them: what baselines and trends compare."""

from __future__ import annotations

from statistics import median
from typing import Final

from perfcli.measurement.measurement import Measurement
from perfcli.measurement.times import References
from perfcli.results import LoadSlice

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
