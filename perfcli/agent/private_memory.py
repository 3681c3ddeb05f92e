"""Gives a forked process a memory of its own, so that what it is measured by is what a fresh process would show.

After a fork the kernel shares memory until one side writes. A page of the harness that is first touched during the load
(a reference count is a write) would be copied then, and count as memory of the engine: 8 MB of USS were seen. And the
pages of code that the first process had in use are not in the second one's table: they would count as its RSS later.
"""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

if TYPE_CHECKING:
    import ctypes

_PROCESSES: Final = Path("/proc")
_ENTRY_BYTES: Final = 8
_PRESENT_OR_SWAPPED: Final = 0b1100_0000
"""Bits 63 and 62 of a page's entry: it is in memory, or on disk."""

_POPULATE_READ: Final = 22
_POPULATE_WRITE: Final = 23
"""madvise(2), since Linux 5.14: have the pages in the table, for writing each with a frame of its own."""

_SINCE: Final = (5, 14)


class Pages(NamedTuple):
    """Neighbouring pages, as bytes of the process's address space."""

    start: int
    length: int


def can_be_private() -> bool:
    """Whether this system lets a process take its pages for itself."""
    if sys.platform != "linux" or not (_PROCESSES / "self" / "pagemap").exists():
        return False
    version = os.uname().release.split("-")[0].split(".")[:2]
    return tuple(int(number) for number in version if number.isdigit()) >= _SINCE


def pages_of_files(process: int | Literal["self"] = "self") -> list[Pages]:
    """What a process has in use of files it cannot write to: its interpreter, libraries and extension modules.

    Args:
        process: this one, or one that it was forked from.
    """
    return list(_used(process, writable=False)) if can_be_private() else []


def make_private(pages_of_files: Sequence[Pages] = ()) -> None:
    """Copy every page that this process may write to and still shares, and have these pages of files in use.

    What is not in use yet stays so. Does nothing on systems where `can_be_private` says no.

    Raises:
        OSError: the kernel refuses.
    """
    if not can_be_private():
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    _populate(libc, pages_of_files, _POPULATE_READ)
    _populate(libc, list(_used("self", writable=True)), _POPULATE_WRITE)


def _populate(libc: ctypes.CDLL, pages: Iterable[Pages], advice: int) -> None:
    import ctypes

    for start, length in pages:
        if libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), advice):
            number = ctypes.get_errno()
            raise OSError(number, f"madvise: {os.strerror(number)}")


def _used(process: int | Literal["self"], *, writable: bool) -> Iterator[Pages]:
    """The pages in use of private mappings: of those that can be written to, or of files that cannot."""
    folder = _PROCESSES / str(process)
    with (folder / "pagemap").open("rb", buffering=0) as pagemap:
        for line in (folder / "maps").read_text().splitlines():
            span, permissions, *_, inode = line.split()[:5]
            if permissions[3] != "p" or permissions[0] != "r" or (permissions[1] == "w") != writable:
                continue
            if not writable and inode == "0":
                continue
            start, end = (int(address, 16) for address in span.split("-"))
            yield from _used_between(pagemap.fileno(), start, end)


def _used_between(pagemap: int, start: int, end: int) -> Iterator[Pages]:
    first, count = start // mmap.PAGESIZE, (end - start) // mmap.PAGESIZE
    # the highest byte of each entry, in this machine's order of bytes
    highest = _ENTRY_BYTES - 1 if sys.byteorder == "little" else 0
    flags = os.pread(pagemap, count * _ENTRY_BYTES, first * _ENTRY_BYTES)[highest::_ENTRY_BYTES]
    place = start
    for used, run in groupby(flags, key=lambda flag: bool(flag & _PRESENT_OR_SWAPPED)):
        length = sum(1 for _ in run) * mmap.PAGESIZE
        if used:
            yield Pages(place, length)
        place += length
