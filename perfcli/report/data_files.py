"""Data for other programs: seconds of runs and pairs of comparisons as CSV, and samples in the format of their name.

In CSV, names stand as they are written, quoted as RFC 4180 says; lines end with a line feed.
"""

from __future__ import annotations

import csv
import io
import json
import pickle
import subprocess
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from perfcli.errors import UsageError
from perfcli.outputs import replacing
from perfcli.pool.template import PYTHON
from perfcli.report.wording import without_surrogates
from perfcli.results import TOTAL, MonitorSample, RunResult, SecondOfLoad, variation_text
from perfcli.units import NS_PER_S

if TYPE_CHECKING:
    # a program that writes samples does not wait for the models of comparisons
    from perfcli.ab.result import AbResult
    from perfcli.measurement.spilled_samples import SpilledSamples
    from perfcli.report.reported import Reported

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
    comparisons = [result for result in results if not isinstance(result, RunResult)]
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


SAMPLE_COLUMNS: Final[Mapping[str, str]] = {
    "scenario": "the scenario's name",
    "variation": "what a sweep varies, e.g. `setup.pets=10, load.vus=1`; empty without a sweep",
    "phase": "the phase's name; `load` without phases",
    "operation": "the operation's name",
    "vu": "the virtual user's number, from 0 through all phases",
    "start_ns": "when the operation started, since measuring began; null if `unknown`",
    "lateness_ns": "how long after it was due, with an arrival rate; null if it was not due at a time",
    "latency_ns": "from the time it was due to its end; null if `skipped` or `unknown`",
    "service_time_ns": "from its start to its end; null if `skipped` or `unknown`",
    "outcome": "`ok`, the kind of the failure, `skipped` (`only_if`), or `unknown` (perhaps done, by an engine process "
    "that was killed)",
}
"""What each column means."""

_TEXTS: Final = ("scenario", "variation", "phase", "operation", "outcome")
_PARQUET_WRITER: Final = Path(__file__).with_name("parquet_writer.py")
_ROWS_AT_ONCE: Final = 16_384


def check_sample_file(path: Path, option: str) -> None:
    """See that the format is one that can be written.

    Raises:
        UsageError: the name ends otherwise, or the extra `parquet` is missing.
    """
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(
            f"{option} {path}: the name must end in .csv, .jsonl or .parquet", hint=f"{option} samples.csv"
        )
    if path.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise UsageError(
            f"{option} {path}: Parquet needs the package pyarrow", hint="pip install 'digipal-perf[parquet]'"
        )


def write_samples(spilled: SpilledSamples, path: Path) -> None:
    """Write all samples; the file is replaced as a whole or not at all.

    Raises:
        PerfError: the file cannot be written, or samples were lost because the disk was full.
    """
    with replacing(path) as file:
        _FORMATS[path.suffix.lower()](spilled, file)


def _write_csv(spilled: SpilledSamples, file: IO[bytes]) -> None:
    file.write(csv_line([*SAMPLE_COLUMNS]).encode() + b"\n")
    _write_lines(spilled, file, lambda texts: csv_line([texts.get(column, "%s") for column in SAMPLE_COLUMNS]), "")


def _write_jsonl(spilled: SpilledSamples, file: IO[bytes]) -> None:
    def line(texts: Mapping[str, str]) -> str:
        quoted = {column: json.dumps(text, ensure_ascii=False) for column, text in texts.items()}
        return "{" + ", ".join(f'"{column}": {quoted.get(column, "%s")}' for column in SAMPLE_COLUMNS) + "}"

    _write_lines(spilled, file, line, "null")


def _write_lines(spilled: SpilledSamples, file: IO[bytes], line: Callable[[Mapping[str, str]], str], null: str) -> None:
    """A line for each sample: `line` makes it of its texts, with %s for each number."""

    @cache
    def template(*texts: str) -> str:
        whole = (without_surrogates(text).replace("%", "%%") for text in texts)
        return line(dict(zip(_TEXTS, whole, strict=True))) + "\n"

    for block in spilled.blocks(null):
        lines = (
            template(block.scenario, block.variation, block.phase, operation, outcome) % numbers
            for operation, outcome, numbers in block.samples
        )
        file.write("".join(lines).encode())


def _write_parquet(spilled: SpilledSamples, file: IO[bytes]) -> None:
    """Have another process write it.

    Raises:
        OSError: it could not.
    """
    text = cache(without_surrogates)
    rows = (
        (block.scenario, text(block.variation), block.phase, operation, *numbers, text(outcome))
        for block in spilled.blocks(None)
        for operation, outcome, numbers in block.samples
    )
    command, pipe = [*PYTHON, str(_PARQUET_WRITER)], subprocess.PIPE
    # in a group of its own: Ctrl-C is for the tool; when the tool is gone, it reads no last pickle and ends
    with subprocess.Popen(command, stdin=pipe, stdout=file, stderr=pipe, process_group=0) as writer:
        assert writer.stdin is not None
        with suppress(BrokenPipeError):  # it says below why it has ended
            pickle.dump({column: column in _TEXTS for column in SAMPLE_COLUMNS}, writer.stdin)
            while columns := list(zip(*islice(rows, _ROWS_AT_ONCE), strict=True)):
                pickle.dump(columns, writer.stdin)
            pickle.dump([], writer.stdin)
        _, complaint = writer.communicate()
    if writer.returncode:
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
        raise OSError(f"pyarrow: {last or f'its process ended with status {writer.returncode}'}")


_FORMATS: Final = {".csv": _write_csv, ".jsonl": _write_jsonl, ".parquet": _write_parquet}
