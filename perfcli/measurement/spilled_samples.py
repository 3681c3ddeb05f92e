"""Single samples, kept in a file without a name while runs go on: memory holds one frame at a time."""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import FileIO
from itertools import repeat
from operator import add, sub
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Final, NamedTuple

from perfcli.measurement.samples import Samples
from perfcli.operations.own.journal import NOTHING
from perfcli.plan import INCARNATION, ExecutionPlan
from perfcli.recorder import NOT_DUE, OK, SKIPPED, UNKNOWN, Frame, decode_frame, encode_frame
from perfcli.results import variation_text
from perfcli.workload import places

_LENGTH: Final = struct.Struct("=I")


class Block(NamedTuple):
    """Samples of one vu in the order they were taken."""

    scenario: str
    variation: str
    phase: str
    samples: Iterable[tuple[str, str, Sequence[Any]]]
    """Operation; outcome; vu, start since measuring began, lateness, latency and service time, in ns."""


@dataclass(slots=True)
class _Run:
    plan: ExecutionPlan
    begins_at: int
    """Its first byte in the file."""
    kinds: dict[int, str] = field(default_factory=lambda: {OK: "ok"})
    origin_ns: int = 0


@contextmanager
def spilled_beside(path: Path | None) -> Iterator[SpilledSamples | None]:
    """Room for samples beside the file that they will go to, while the block lasts; None without such a file.

    They take 24 bytes each, or 32 with an arrival rate.

    Raises:
        OSError: no file can be made there.
    """
    if path is None:
        yield None
        return
    with TemporaryFile(buffering=0, dir=Path(os.path.realpath(path)).parent) as file:
        yield SpilledSamples(file)


class SpilledSamples:
    """The samples of runs, one run after another.

    Args:
        file: an empty one, open to be written and read.
    """

    def __init__(self, file: FileIO) -> None:
        self._file = file
        self._runs: list[_Run] = []
        self._lost: OSError | None = None

    def begin(self, plan: ExecutionPlan, samples: Samples) -> Callable[[Frame, int], None]:
        """A run begins; if its plan was tried before, the samples of that try are forgotten.

        Args:
            samples: knows the kinds of failures.

        Returns:
            What takes each measured frame, with the time when measuring began. It never raises: a full disk costs the
            samples, and not the run.
        """
        if self._runs and self._runs[-1].plan is plan:
            self._file.truncate(self._file.seek(self._runs.pop().begins_at))
        run = _Run(plan, self._file.tell())
        self._runs.append(run)

        def spill(frame: Frame, origin_ns: int) -> None:
            run.origin_ns = origin_ns
            run.kinds.update(
                {outcome: samples.kind_of(outcome) for outcome in {*frame.failures.values()} - {*run.kinds}}
            )
            data = encode_frame(replace(frame, shown=array("q"), page=NOTHING))
            left = memoryview(_LENGTH.pack(len(data)) + data)
            try:
                while left and self._lost is None:
                    left = left[self._file.write(left) :]
            except OSError as error:
                self._lost = error

        return spill

    def blocks(self, null: str | None) -> Iterator[Block]:
        """All samples, run by run, as they arrived.

        Args:
            null: stands for a number that is not known.

        Raises:
            OSError: some could not be kept, or not be read.
        """
        if self._lost is not None:
            raise self._lost
        ends = [*(run.begins_at for run in self._runs[1:]), self._file.tell()]
        self._file.seek(0)
        for run, ends_at in zip(self._runs, ends, strict=True):
            while self._file.tell() < ends_at:
                (length,) = _LENGTH.unpack(self._file.read(_LENGTH.size))
                yield _block(run, decode_frame(self._file.read(length)), null)


def _block(run: _Run, frame: Frame, null: str | None) -> Block:
    phase = run.plan.phase_of(frame.vu)
    labels = [step.label for step in phase.flow]
    starts = map(sub, frame.starts, repeat(run.origin_ns))
    # as in OperationSamples: what was not due is as late as the step before it
    latencies = map(add, frame.durations, map(max, frame.lags, repeat(0))) if frame.lags else frame.durations
    lateness = (null if lag == NOT_DUE else lag for lag in frame.lags) if frame.lags else repeat(null)
    vu = frame.vu % INCARNATION
    numbers: Iterable[tuple[Any, ...]] = zip(repeat(vu), starts, lateness, latencies, frame.durations, strict=False)
    outcomes: Iterable[str] = repeat("ok")
    if frame.failures:
        numbers = list(numbers)
        for index, outcome in frame.failures.items():
            if outcome == SKIPPED:
                numbers[index] = (*numbers[index][:2], null, null, null)
            elif outcome == UNKNOWN:
                numbers[index] = (vu, null, null, null, null)
        outcomes = (run.kinds[frame.failures.get(index, OK)] for index in range(len(numbers)))
    operations = map(labels.__getitem__, places(frame.draws))
    samples = zip(operations, outcomes, numbers, strict=False)
    return Block(run.plan.scenario.name, variation_text(run.plan.variation), phase.name, samples)
