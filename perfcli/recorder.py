"""Samples on their way from a vu to the tool: a bounded buffer in the engine process, and frames of plain integers."""

from __future__ import annotations

import mmap
import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from perfcli.operations.own.journal import NOTHING, Journal, Page, read_page, write_page

OK: Final = 0
"""The outcome of an operation that answered rightly; every kind of failure has a number of its own."""

NOT_DUE: Final = -1
"""The lag of a step that began when the one before it was over."""

SKIPPED: Final = -1
"""The outcome of a step that was not tried, as the scenario makes it depend on one that failed."""

UNKNOWN: Final = -2
"""The outcome of an operation that an engine process was killed in, or before it was reported."""

FLUSH_INTERVAL_NS: Final = 250_000_000
"""How old a sample can be when it is sent, at most."""

_SOONEST_FLUSH_NS: Final = 50_000_000
_FLUSH_PER_VU_NS: Final = 25_000_000
_MOST_SAMPLES: Final = 2_048
_SAMPLES_OF_ALL_VUS: Final = 65_536
_HEADER: Final = struct.Struct("<B3xIIIIIQQ")
_OPEN, _MEASURED = 1, 2
# an int takes its place in memory when it is first made: filled so, the buffer never grows once the run has begun
_FILLING: Final = 10**15


def _empty() -> array[int]:
    return array("q")


@dataclass(frozen=True, slots=True)
class Frame:
    """Samples of one vu in the order they were taken, as columns of equal length."""

    vu: int
    measured: bool
    iterations: int
    """Iterations the vu had completed by then."""
    draws: array[int]
    """Packed draws."""
    starts: array[int]
    """In ns, of the engine process's clock."""
    durations: array[int]
    """From start to end, in ns."""
    lags: array[int] = field(default_factory=_empty)
    """Of an open model, how long after its intended start each began, in ns, or NOT_DUE; else empty."""
    failures: dict[int, int] = field(default_factory=dict)
    """Outcomes by index; all others are OK."""
    reference_ns: int = 0
    """What the reference kernel took just before; 0 where it was not run."""
    shown: array[int] = field(default_factory=_empty)
    """What each right one of the `telling_reads` saw, in order: the key of a save, or how many."""
    page: Page = NOTHING
    """What own operations reported; its times count from the first of `starts`."""

    @property
    def size_bytes(self) -> int:
        """Its size as bytes."""
        numbers = 3 * len(self.draws) + len(self.lags) + 2 * len(self.failures) + len(self.shown)
        return _HEADER.size + self.draws.itemsize * numbers + len(write_page(self.page))


def encode_frame(frame: Frame) -> bytes:
    """A frame as bytes; `decode_frame` is the inverse on the same machine."""
    flags = (_OPEN if frame.lags else 0) | (_MEASURED if frame.measured else 0)
    page = write_page(frame.page)
    counts = (len(frame.draws), len(frame.failures), len(frame.shown), len(page))
    header = _HEADER.pack(flags, frame.vu, *counts, frame.iterations, frame.reference_ns)
    failures = array("q", [number for pair in frame.failures.items() for number in pair])
    columns = (frame.draws, frame.starts, frame.durations, frame.lags, frame.shown, failures)
    return header + b"".join(column.tobytes() for column in columns) + page


def decode_frame(data: bytes) -> Frame:
    """The frame in `data`."""
    flags, vu, samples, failed, shown, page_bytes, iterations, reference_ns = _HEADER.unpack_from(data)
    columns_of = 4 if flags & _OPEN else 3
    page_at = _HEADER.size + 8 * (columns_of * samples + 2 * failed + shown)
    if len(data) != page_at + page_bytes:
        raise ValueError(f"{len(data)} bytes are no frame of {samples} samples")
    numbers = array("q")
    numbers.frombytes(memoryview(data)[_HEADER.size : page_at])
    columns = [numbers[at : at + samples] for at in range(0, samples * columns_of, samples or 1)]
    draws, starts, durations, *lags = columns or [_empty()] * 3
    pairs_at = len(numbers) - 2 * failed
    pairs = numbers[pairs_at:]
    return Frame(
        vu,
        bool(flags & _MEASURED),
        iterations,
        draws,
        starts,
        durations,
        lags[0] if lags else _empty(),
        dict(zip(pairs[::2], pairs[1::2], strict=True)),
        reference_ns,
        numbers[pairs_at - shown : pairs_at],
        read_page(data[page_at:]),
    )


class Recorder:
    """The samples of one vu: stored into a buffer that never grows, sent on when it is full or grows old.

    Args:
        send: takes a frame; called between operations, never during one.
        reference_ns: runs the reference kernel, where it is time for that, and says what it took; called likewise.
        oldest_ns: how old a sample can be when it is sent; None for FLUSH_INTERVAL_NS, or less if there are few vus.
    """

    __slots__ = (
        "_interval_ns",
        "_lags",
        "_measured",
        "_open",
        "_reference_ns",
        "_send",
        "capacity",
        "draws",
        "due_ns",
        "durations",
        "failures",
        "flush_at_ns",
        "has_sent",
        "iterations",
        "journal",
        "oldest_ns",
        "record",
        "shown",
        "starts",
        "used",
        "vu",
    )

    def __init__(
        self,
        vu: int,
        vus: int,
        send: Callable[[Frame], None],
        reference_ns: Callable[[], int] = lambda: 0,
        oldest_ns: int | None = None,
    ) -> None:
        self.vu = vu
        self._send = send
        self._reference_ns = reference_ns
        self.capacity = max(64, min(_MOST_SAMPLES, _SAMPLES_OF_ALL_VUS // vus))
        self.draws, self.starts, self.durations, self._lags = (
            [_FILLING + place for place in range(self.capacity)] for _ in range(4)
        )
        # few vus send often, as the reference kernel is run then; many together no more often than that
        usual_ns = max(_SOONEST_FLUSH_NS, min(FLUSH_INTERVAL_NS, _FLUSH_PER_VU_NS * vus))
        self._interval_ns = usual_ns if oldest_ns is None else oldest_ns
        self.oldest_ns = FLUSH_INTERVAL_NS if oldest_ns is None else oldest_ns
        self.used = 0
        self.failures: dict[int, int] = {}
        self.shown = _empty()
        """What reads of pets that are saved saw; its vu's calls append it."""
        self.journal = Journal()
        """What own operations report beside their times."""
        self.begin(measured=False, now_ns=0)

    def begin(self, *, measured: bool, now_ns: int, is_open: bool = False) -> None:
        """A phase begins: samples from now on are measured, or discarded as warm-up."""
        self._measured = measured
        self._open = is_open
        self.has_sent = False
        """Whether any sample of this phase was sent."""
        self.flush_at_ns = now_ns + self._interval_ns
        self.due_ns = 0
        """In an open model, when the next sample was to start; 0 for as soon as possible. Each sample resets it."""
        self.record = self._recording()
        """Stores one sample that is OK: (packed draw, start, end); made anew for each phase."""
        self.iterations = 0
        """Iterations completed in this phase; its vu counts them."""

    def _recording(self) -> Callable[[int, int, int], None]:
        """What stores one sample that is OK: (packed draw, start, end)."""
        draws, starts, durations, lags = self.draws, self.starts, self.durations, self._lags
        last, flush = self.capacity - 1, self.flush

        def record(packed: int, start_ns: int, end_ns: int) -> None:
            used = self.used
            draws[used] = packed
            starts[used] = start_ns
            durations[used] = end_ns - start_ns
            self.used = used + 1
            if end_ns >= self.flush_at_ns or used == last:
                flush(end_ns)

        def record_lag(packed: int, start_ns: int, end_ns: int) -> None:
            due_ns = self.due_ns
            if due_ns:
                self.due_ns = 0
                lags[self.used] = start_ns - due_ns if start_ns > due_ns else 0
            else:
                lags[self.used] = NOT_DUE
            record(packed, start_ns, end_ns)

        return record_lag if self._open else record

    def record_failure(self, packed: int, outcome: int, start_ns: int, end_ns: int) -> None:
        """Store one sample of another outcome."""
        self.failures[self.used] = outcome
        self.record(packed, start_ns, end_ns)

    def stored(self, used: int, now_ns: int) -> None:
        """The vu has stored samples itself, `used` of them by now, one for each iteration: send them if it is time."""
        self.iterations += used - self.used
        self.used = used
        if used == self.capacity or now_ns >= self.flush_at_ns:
            self.flush(now_ns)

    def blank(self) -> None:
        """Keep none of the numbers that were recorded, so that memory traced from here to there holds no samples."""
        for column in (self.draws, self.starts, self.durations, self._lags):
            column[:] = [_FILLING] * self.capacity

    def is_overdue(self, now_ns: int) -> bool:
        """Whether the vu has sent nothing for longer than a sample may grow old."""
        return now_ns >= self.flush_at_ns - self._interval_ns + self.oldest_ns

    def flush(self, now_ns: int) -> None:
        """Send what is stored."""
        used = self.used
        frame = Frame(
            self.vu,
            self._measured,
            self.iterations,
            array("q", self.draws[:used]),
            array("q", self.starts[:used]),
            array("q", self.durations[:used]),
            array("q", self._lags[:used] if self._open else ()),
            self.failures,
            self._reference_ns(),
            self.shown[:],
            self.journal.take(self.starts[0]) if used else NOTHING,
        )
        del self.shown[:]
        self.has_sent |= used > 0
        self.used = 0
        self.failures = {}
        self._send(frame)
        self.flush_at_ns = now_ns + self._interval_ns


BEGUN: Final = "begun"
"""The name of the file of `BegunCalls`, beside the plan of an engine process."""


class Begun(NamedTuple):
    """The calls that a vu has begun."""

    calls: int
    newest_ns: int
    """When the newest of them began, by the engine process's clock."""


class BegunCalls:
    """The calls that each vu has begun: two numbers each, in a file that outlives the process however it ends."""

    def __init__(self, file: Path, vus: int, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        file.write_bytes(bytes(16 * vus))
        with file.open("r+b") as opened:
            # the page cache is the system's: what is written here is there after a SIGKILL
            self._numbers = memoryview(mmap.mmap(opened.fileno(), 16 * vus)).cast("q")

    def counting(
        self, vu: int, make_arguments: Callable[[int, int], tuple[Any, ...]]
    ) -> Callable[[int, int], tuple[Any, ...]]:
        """What makes the arguments of a call, which counts one that begins; outside of the time that is measured."""
        numbers, now_ns = self._numbers, self._now_ns

        def counted(user: int, choice: int) -> tuple[Any, ...]:
            numbers[2 * vu] += 1
            numbers[2 * vu + 1] = now_ns()
            return make_arguments(user, choice)

        return counted

    def forget(self, vu: int) -> None:
        """Count the calls of a vu anew."""
        self._numbers[2 * vu] = 0


def begun_calls(file: Path) -> Sequence[Begun]:
    """What a process left in the file, by vu; none if it made no file."""
    numbers = array("q", file.read_bytes()) if file.exists() else array("q")
    return [Begun(*pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
