"""System calls of this process: SQLite's own replaced through its VFS, and all of them seen and hit by strace.

SQLite's are replaced as its own tests do (`xSetSystemCall`, https://www.sqlite.org/c3ref/vfs.html): for all connections
of this process, open ones included.

strace is a child of this process. It ends on order, and by itself when this process is gone. It is in the engine's
process group and below its supervisor, so whatever ends the engine ends it too; and a process whose tracer is gone goes
on as before.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import errorcode
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, Final

from perfcli.clock import RunningTime
from perfcli.errors import PerfError
from perfcli.faults.inside import Hits, Inflicted, WriteFault

_WRITES: Final = ("pwrite64", "pwrite", "write")
"""By what SQLite was built with it writes through one of them."""

_Write = ctypes.CFUNCTYPE(
    ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int64, use_errno=True
)
"""Of `write`, which has no offset, the last argument is not looked at."""


class _Vfs(ctypes.Structure):
    """sqlite3_vfs, version 3."""


_SetCall = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Vfs), ctypes.c_char_p, ctypes.c_void_p)
_GetCall = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_Vfs), ctypes.c_char_p)

_Vfs._fields_ = [
    *((name, ctypes.c_int) for name in ("iVersion", "szOsFile", "mxPathname")),
    ("pNext", ctypes.c_void_p),
    ("zName", ctypes.c_char_p),
    ("pAppData", ctypes.c_void_p),
    *(
        (name, ctypes.c_void_p)
        for name in (
            *("xOpen", "xDelete", "xAccess", "xFullPathname", "xDlOpen", "xDlError", "xDlSym", "xDlClose"),
            *("xRandomness", "xSleep", "xCurrentTime", "xGetLastError", "xCurrentTimeInt64"),
        )
    ),
    ("xSetSystemCall", _SetCall),
    ("xGetSystemCall", _GetCall),
    ("xNextSystemCall", ctypes.c_void_p),
]


def default_vfs() -> ctypes._Pointer[_Vfs]:
    """SQLite's own way to the files, in the library that `sqlite3` uses.

    Raises:
        PerfError: that library does not let its system calls be replaced.
    """
    import _sqlite3

    try:
        # of a library that is linked dynamically, its symbols are found through the module that needs it
        find = ctypes.CDLL(_sqlite3.__file__).sqlite3_vfs_find
    except (AttributeError, OSError) as error:
        raise PerfError(f"SQLite's system calls cannot be replaced in this Python: {error}") from error
    find.restype, find.argtypes = ctypes.POINTER(_Vfs), [ctypes.c_char_p]
    vfs: ctypes._Pointer[_Vfs] = find(None)
    if not vfs or vfs.contents.iVersion < 3:
        raise PerfError("SQLite's system calls cannot be replaced: its VFS is older than version 3")
    return vfs


Act = Callable[[], int]
"""Does something before a write; an errno other than 0 fails the write."""


class WriteHooks:
    """What happens before each write of SQLite in this process. With no hook SQLite calls its own functions."""

    def __init__(self) -> None:
        self._acts: tuple[Act, ...] = ()
        self._changing = Lock()
        # SQLite may be calling them at any time, so they are never collected
        self._replacements: dict[bytes, Any] = {}

    def add(self, act: Act) -> Callable[[], None]:
        """Call this before each write from now on; return what ends that.

        Raises:
            PerfError: as `default_vfs`.
        """
        vfs = default_vfs()
        with self._changing:
            if not self._acts:
                self._replace(vfs)
            self._acts = (*self._acts, act)

        def remove() -> None:
            with self._changing:
                self._acts = tuple(each for each in self._acts if each is not act)
                if not self._acts:
                    for name in self._replacements:
                        vfs.contents.xSetSystemCall(vfs, name, None)

        return remove

    def _replace(self, vfs: ctypes._Pointer[_Vfs]) -> None:
        for name in map(str.encode, _WRITES):
            if name not in self._replacements and (known := vfs.contents.xGetSystemCall(vfs, name)):
                self._replacements[name] = _Write(self._wrapped(_Write(known)))
        for name, replacement in self._replacements.items():
            vfs.contents.xSetSystemCall(vfs, name, ctypes.cast(replacement, ctypes.c_void_p))

    def _wrapped(self, original: Callable[..., int]) -> Callable[..., int]:
        def write(descriptor: int, data: int, size: int, offset: int) -> int:
            # each acts, whether or not one before it fails the write
            if error := next(filter(None, [act() for act in self._acts]), 0):
                ctypes.set_errno(error)
                return -1
            return original(descriptor, data, size, offset)

        return write


SQLITE_WRITES: Final = WriteHooks()
"""Of this process: its connections share SQLite's system calls."""


def hit_writes(fault: WriteFault, draw: Callable[[], float]) -> Inflicted:
    """Have a share of SQLite's writes in this process fail or take longer.

    Args:
        draw: gives numbers from 0 to 1.

    Raises:
        PerfError: as `default_vfs`.
    """
    hits = Hits()

    def act() -> int:
        if draw() >= fault.share:
            return 0
        hits.add()
        if fault.delay_ns:
            time.sleep(fault.delay_ns / 1e9)
        return fault.error

    return Inflicted(SQLITE_WRITES.add(act), hits)


@contextmanager
def dying_at_write(number: int) -> Iterator[None]:
    """Kill this process (SIGKILL) inside SQLite's write of this number, counted from 1 in the block: it is not done.

    Raises:
        PerfError: as `default_vfs`.
    """
    written = count(1)

    def die() -> int:
        if next(written) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    remove = SQLITE_WRITES.add(die)
    try:
        yield
    finally:
        remove()


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
