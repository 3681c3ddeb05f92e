"""What operations cost beside time: syncs, in a pass of their own after the load; memory, where all is counted."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

from perfcli.clock import RunningTime
from perfcli.operations.call import Call
from perfcli.plan import MOST_PASSES

_CALLS: Final = ("fsync", "fdatasync", "syncfs", "sync")
_CALL: Final = re.compile(rb"\b(?:" + "|".join(_CALLS).encode() + rb")\(")
_ATTACHES_WITHIN_S: Final = 5.0
_PR_SET_PTRACER: Final = 0x59616D61
_ANYBODY: Final = ctypes.c_ulong(-1)
_NOBODY: Final = ctypes.c_ulong(0)


class NotTold(Exception):  # noqa: N818 not an error: what was asked for cannot be known here
    """This system does not tell; the text says why."""


@contextmanager
def counting_syncs() -> Iterator[Callable[[], int]]:
    """Count inside the block, for operations that are not timed; gives a function that returns the number so far.

    What is counted is each call of fsync, fdatasync, sync and syncfs by any thread. Writes to a file opened with O_SYNC
    are none of these.

    Raises:
        NotTold: strace is not there, or may not look into this process.
    """
    if sys.platform != "linux":
        raise NotTold("strace, which counts them, exists only on Linux")
    with tempfile.TemporaryFile() as told:
        tracer = _start(told)
        try:
            _await_attachment(tracer, told)
            yield lambda: len(_CALL.findall(_text(told)))
        finally:
            tracer.terminate()
            tracer.wait()
            _let_trace(_NOBODY)


def _start(told: IO[bytes]) -> subprocess.Popen[bytes]:
    command = ["strace", "-f", "-qq", "-e", f"trace={','.join(_CALLS)}", "-e", "signal=none", "-p", str(os.getpid())]
    _let_trace(_ANYBODY)
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=told)
    except OSError as error:
        _let_trace(_NOBODY)
        raise NotTold(f"strace, which counts them, cannot be started: {error.strerror}") from error


def _let_trace(whom: ctypes.c_ulong) -> None:
    """Where a process may be traced by its ancestors alone (Yama), let its child do so; elsewhere nothing changes."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, whom, 0, 0, 0)


def _await_attachment(tracer: subprocess.Popen[bytes], told: IO[bytes]) -> None:
    running = RunningTime()
    while not _is_traced():
        if tracer.poll() is not None or running.elapsed_s() > _ATTACHES_WITHIN_S:
            said = _text(told).decode(errors="replace").strip().splitlines() or ["it does not attach"]
            raise NotTold(f"strace, which counts them, is not permitted: {said[-1]}")
        time.sleep(0.001)


def _is_traced() -> bool:
    """Whether every thread of this process has a tracer."""
    states = [path.read_text(encoding="utf-8") for path in Path("/proc/self/task").glob("*/status")]
    return not any("TracerPid:\t0\n" in state for state in states)


def _text(told: IO[bytes]) -> bytes:
    # strace writes through the same open file: its place in it must not be moved
    return os.pread(told.fileno(), os.fstat(told.fileno()).st_size, 0)


OPERATIONS: Final = 200
"""About so many operations of each vu that counts."""


class SyncCosts:
    """Counts syncs, if they are wanted, while `do` makes calls; adds up over several times.

    Args:
        is_wanted: whether anything is to be counted.
    """

    def __init__(self, *, is_wanted: bool) -> None:
        self.is_wanted = is_wanted
        self.not_told = ""
        self._done = 0
        self._syncs = 0

    def count(self, calls: Sequence[Call | None], do: Callable[[Sequence[Call | None]], None]) -> None:
        """Have `do` make calls like these, and count what they cost."""
        try:
            with counting_syncs() as syncs:
                before = syncs()
                do([call and call._replace(invoke=self._counted(call.invoke)) for call in calls])
                self._syncs += syncs() - before
        except NotTold as reason:
            self.not_told = str(reason)

    def per_operation(self) -> float | None:
        """The mean of all operations; None if it was not asked for, or the system does not tell."""
        return self._syncs / self._done if self._done and not self.not_told else None

    def _counted(self, invoke: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self._done += 1
            return invoke(*arguments)

        return counted


def weigh(do: Callable[[], object], forget: Callable[[], None]) -> int:
    """Bytes that operations leave allocated by Python, of the last pass: those before also leave what is made once.

    Args:
        do: makes a pass.
        forget: lets go of what the harness keeps of the calls.
    """
    tracemalloc.start()
    try:
        for _ in range(MOST_PASSES - 1):
            do()
        before_bytes = _kept_bytes(forget)
        do()
        return _kept_bytes(forget) - before_bytes
    finally:
        tracemalloc.stop()


_CURSORS: Final = 200


def drop_cursor_references(connections: Iterable[sqlite3.Connection]) -> None:
    """Have each connection drop its weak references to cursors that are gone, while memory is traced.

    It does so by itself with every 200th cursor that it makes (`created_cursors` in CPython's connection.c): how many
    it holds in between says nothing of what an operation keeps.
    """
    for connection in connections:
        before_bytes = 0
        for _ in range(_CURSORS + 1):
            try:
                sqlite3.Connection.cursor(connection)
            except sqlite3.ProgrammingError:  # closed, or another thread's
                break
            now_bytes = tracemalloc.get_traced_memory()[0]
            if now_bytes < before_bytes:
                break
            before_bytes = now_bytes


def _kept_bytes(forget: Callable[[], None]) -> int:
    """What Python has allocated since tracing began, all garbage collected."""
    forget()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
