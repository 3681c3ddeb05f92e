"""Every single sample in a file: CSV, JSON lines or Parquet, as its name ends."""

from __future__ import annotations

import json
import pickle
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import IO, Final

from perfcli.errors import UsageError
from perfcli.measurement.spilled_samples import SpilledSamples
from perfcli.outputs import replacing
from perfcli.pool.template import PYTHON
from perfcli.report.csv_series import csv_line
from perfcli.report.wording import without_surrogates

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
