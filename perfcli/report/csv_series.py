"""The time series as CSV: a row for each second of the load and operation; of two engines, one for each pair.

Names stand as they are written, quoted as RFC 4180 says; lines end with a line feed.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel

from perfcli.ab.result import AbResult
from perfcli.errors import UsageError
from perfcli.report.reported import Reported
from perfcli.report.wording import without_surrogates
from perfcli.results import TOTAL, MonitorSample, RunResult, SecondOfLoad, variation_text
from perfcli.units import NS_PER_S

_OF_READINGS: Final = [name for name in MonitorSample.model_fields if name not in ("at_ns", "operations")]
_IN_BYTES: Final = ("rss", "uss")
"""Fields whose column says the unit."""


def _described(model: type[BaseModel], names: Iterable[str]) -> dict[str, str]:
    return {name: model.model_fields[name].description or "" for name in names}


_WHEN: Final = ("second", "length_ns")
_OF_LOAD: Final = [name for name in SecondOfLoad.model_fields if name not in _WHEN]
COLUMNS: Final[Mapping[str, str]] = {
    "run": "number of the result in this file, from 1",
    "scenario": "the scenario's name",
    "variation": "what a sweep varies, e.g. `setup.pets=10, load.vus=1`; empty without a sweep",
    **_described(SecondOfLoad, _WHEN),
    "operation": f"the operation's name, or `{TOTAL}`",
    **_described(SecondOfLoad, _OF_LOAD),
    **{
        f"{name}_bytes" if name in _IN_BYTES else name: meaning
        for name, meaning in _described(MonitorSample, _OF_READINGS).items()
    },
}
"""What each column of a run's seconds means."""

PAIR_COLUMNS: Final[Mapping[str, str]] = {
    "comparison": "number of the result in this file, from 1",
    "scenario": "the scenario's name",
    "metric": "such as `time` or `load_pet.p50`",
    "unit": "of the metric, per operation",
    "pair": "number of the pair, from 1",
    "ln_ratio": "ln(candidate / base): 0.1 is about 10% slower, or 10% more",
}
"""What each column of a comparison's pairs means."""

Row = Sequence[Any]


def check_one_kind(results: Sequence[Reported]) -> None:
    """See that all results are of runs, or all of comparisons.

    Raises:
        UsageError: there are both, which have no column in common.
    """
    if len({type(result) for result in results}) > 1:
        raise UsageError(
            "--csv: runs have one row per second, ab results one row per pair, so they cannot share a table",
            hint="write two files: one command for the runs, one for the ab results",
        )


def render_csv(results: Sequence[Reported]) -> str:
    """The seconds of runs, or the pairs of comparisons.

    Raises:
        UsageError: there are both.
    """
    check_one_kind(results)
    runs = [result for result in results if isinstance(result, RunResult)]
    comparisons = [result for result in results if isinstance(result, AbResult)]
    if comparisons:
        return _written([*PAIR_COLUMNS], _pairs(comparisons))
    return _written([*COLUMNS], _seconds(runs))


def _written(columns: Sequence[str], rows: Iterator[Row]) -> str:
    return without_surrogates("".join(f"{csv_line(row)}\n" for row in (columns, *rows)))


def csv_line(row: Row) -> str:
    """A row without its end: the writer quotes no carriage return unless lines end with one."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\r\n").writerow(row)
    return stream.getvalue().removesuffix("\r\n")


def _seconds(runs: Sequence[RunResult]) -> Iterator[Row]:
    for number, run in enumerate(runs, start=1):
        series = {**run.seconds_by_operation, TOTAL: run.seconds}
        for operation, seconds in series.items():
            for second in seconds:
                # readings are of the engine's process, whatever it was doing
                reading = _last_reading(run.monitor, second) if operation == TOTAL else None
                when = (second.second, second.length_ns, operation)
                load = (getattr(second, name) for name in _OF_LOAD)
                seen = (reading and getattr(reading, name) for name in _OF_READINGS)
                yield [number, run.name, variation_text(run.variation), *when, *load, *seen]


def _last_reading(readings: Sequence[MonitorSample], second: SecondOfLoad) -> MonitorSample | None:
    """The last reading in a second; None where there is none in it."""
    begins_ns = second.second * NS_PER_S
    before = bisect_right(readings, begins_ns + second.length_ns, key=lambda reading: reading.at_ns)
    return readings[before - 1] if before and readings[before - 1].at_ns >= begins_ns else None


def _pairs(comparisons: Sequence[AbResult]) -> Iterator[Row]:
    for number, result in enumerate(comparisons, start=1):
        for metric in result.metrics:
            for pair, difference in enumerate(metric.differences, start=1):
                yield [number, result.scenario, metric.name, metric.unit, pair, difference]
