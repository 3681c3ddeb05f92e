"""strace on this process, by a child of it: it reports system calls, or fails and delays them.

It ends on order, and by itself when this process is gone. It is in the engine's process group and below its supervisor,
so whatever ends the engine ends it too; and a process whose tracer is gone goes on as before.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from errno import errorcode
from pathlib import Path
from typing import Final

from perfcli.clock import RunningTime
from perfcli.errors import PerfError
from perfcli.faults.inside import Hits, Inflicted, WriteFault

_ATTACHES_WITHIN_S: Final = 4.0
_DETACHES_WITHIN_S: Final = 4.0
_PR_SET_PTRACER: Final = 0x59616D61
_ANYBODY: Final = ctypes.c_ulong(-1)
_NOBODY: Final = ctypes.c_ulong(0)
_WRITE: Final = "pwrite64"
"""SQLite's on Linux; nothing else in an engine process writes so."""
_INJECTED: Final = re.compile(rb" \((?:INJECTED|DELAYED)\)$", re.MULTILINE)


class NotTraced(Exception):  # noqa: N818 not an error: what was asked for cannot be done here
    """This process cannot be traced; the text says why, to be read behind "strace"."""


class Strace:
    """strace, on all threads of this process and all that these start.

    Args:
        options: what it is to do.

    Raises:
        NotTraced: it is not there, or may not look into this process.
    """

    def __init__(self, *options: str) -> None:
        if sys.platform != "linux":
            raise NotTraced("exists only on Linux")
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 closed when it has ended
        try:
            self._process = self._started(options)
        except BaseException:
            self._forget()
            raise

    @property
    def has_ended(self) -> bool:
        """Whether it is gone already."""
        return self._process.poll() is not None

    def output(self) -> bytes:
        """What it has printed so far."""
        # strace writes through the same open file: its place in it must not be moved
        return os.pread(self._output.fileno(), os.fstat(self._output.fileno()).st_size, 0)

    def end(self) -> bytes:
        """Have it let go of this process, and return what it has printed."""
        self._process.terminate()
        try:
            self._process.wait(_DETACHES_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        output = self.output()
        self._forget()
        return output

    def _started(self, options: tuple[str, ...]) -> subprocess.Popen[bytes]:
        _let_trace(_ANYBODY)
        command = ["strace", "-f", "-qq", "-e", "signal=none", *options, "-p", str(os.getpid())]
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=self._output)
        except OSError as error:
            raise NotTraced(f"cannot be started: {error.strerror}") from error
        running = RunningTime()
        while not _is_traced_by(process.pid):
            if process.poll() is not None or running.elapsed_s() > _ATTACHES_WITHIN_S:
                process.kill()
                process.wait()
                lines = self.output().decode(errors="replace").strip().splitlines() or ["it does not attach"]
                raise NotTraced(f"is not permitted: {lines[-1]}")
            time.sleep(0.001)
        return process

    def _forget(self) -> None:
        _let_trace(_NOBODY)
        self._output.close()


def _let_trace(whom: ctypes.c_ulong) -> None:
    """Where a process may be traced by its ancestors alone (Yama), let its child do so; elsewhere nothing changes."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, whom, 0, 0, 0)


def _is_traced_by(pid: int) -> bool:
    """Whether every thread of this process has that tracer."""
    states = []
    for path in Path("/proc/self/task").glob("*/status"):
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            states.append(path.read_text(encoding="utf-8"))
    return all(f"\nTracerPid:\t{pid}\n" in state for state in states)


def hit_traced_writes(fault: WriteFault) -> Inflicted:
    """Have each write of SQLite in this process fail or take longer.

    All other system calls take longer too, by some 10 µs.

    Raises:
        PerfError: that is not possible here.
    """
    if fault.share < 1:
        raise PerfError("strace hits all writes, not a share")
    effect = f"error={errorcode[fault.error]}" if fault.error else f"delay_enter={fault.delay_ns // 1_000}"
    try:
        strace = Strace("-s", "0", "-e", f"trace={_WRITE}", "-e", f"inject={_WRITE}:{effect}")
    except NotTraced as reason:
        raise PerfError(f"strace {reason}") from reason
    hits = Hits()

    def lift() -> None:
        ended_before = strace.has_ended
        hits.number = len(_INJECTED.findall(strace.end()))
        if ended_before:
            raise PerfError("strace ended before the fault did")

    return Inflicted(lift, hits)
