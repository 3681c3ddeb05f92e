"""How often this process has the system bring data to the disk. Only strace tells, and it slows every system call."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from perfcli.clock import RunningTime

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
        raise NotTold("only Linux has strace, which counts them")
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
            raise NotTold(f"strace, which counts them, may not: {said[-1]}")
        time.sleep(0.001)


def _is_traced() -> bool:
    """Whether every thread of this process has a tracer."""
    states = [path.read_text(encoding="utf-8") for path in Path("/proc/self/task").glob("*/status")]
    return not any("TracerPid:\t0\n" in state for state in states)


def _text(told: IO[bytes]) -> bytes:
    # strace writes through the same open file: its place in it must not be moved
    return os.pread(told.fileno(), os.fstat(told.fileno()).st_size, 0)
