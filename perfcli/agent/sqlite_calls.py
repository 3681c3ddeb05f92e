"""SQLite's own system calls, replaced through its VFS (`xSetSystemCall`), as SQLite's own tests do.

https://www.sqlite.org/c3ref/vfs.html. What is replaced holds for all connections of this process, open ones included.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from threading import Lock
from typing import Any, Final

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
