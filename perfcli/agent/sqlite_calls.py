"""SQLite's own system calls, replaced through its VFS (`xSetSystemCall`), as SQLite's own tests do.

https://www.sqlite.org/c3ref/vfs.html. What is replaced holds for all connections of this process, open ones included.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final

from perfcli.errors import PerfError

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

_kept: list[Any] = []
"""What SQLite may be calling just now must not be collected."""


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


@contextmanager
def dying_at_write(number: int) -> Iterator[None]:
    """Kill this process (SIGKILL) inside SQLite's write of this number, counted from 1 in the block: it is not done.

    Raises:
        PerfError: as `default_vfs`.
    """
    vfs, written = default_vfs(), count(1)
    known = [name.encode() for name in _WRITES if vfs.contents.xGetSystemCall(vfs, name.encode())]

    def wrapped(original: Callable[..., int]) -> Callable[..., int]:
        def write(descriptor: int, data: int, size: int, offset: int) -> int:
            if next(written) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(descriptor, data, size, offset)

        return write

    for name in known:
        replacement = _Write(wrapped(_Write(vfs.contents.xGetSystemCall(vfs, name))))
        _kept.append(replacement)
        vfs.contents.xSetSystemCall(vfs, name, ctypes.cast(replacement, ctypes.c_void_p))
    try:
        yield
    finally:
        for name in known:
            vfs.contents.xSetSystemCall(vfs, name, None)
