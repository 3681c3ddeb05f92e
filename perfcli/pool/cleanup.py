"""What a run must not leave behind: registered before it exists, so that even a second Ctrl-C can clear it.

A tool that is killed (SIGKILL) clears nothing. Its supervisors do, if one lives; else the next tool that starts. Each
scratch directory holds a lock file, which the system unlocks when its tool is gone, however that ended.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Final, NoReturn
from uuid import uuid4

from perfcli.outputs import remove_unfinished

PREFIX: Final = "digipal-perf-"

_NAME: Final = re.compile(rf"{PREFIX}[0-9a-f]{{12}}")
_LOCK: Final = ".lock"

_directories: set[Path] = set()
_process_groups: set[int] = set()


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A new private directory, removed at the end whatever happens."""
    temporary = Path(tempfile.gettempdir())
    _sweep_once(temporary)
    directory = temporary / f"{PREFIX}{uuid4().hex[:12]}"
    _directories.add(directory)
    lock: int | None = None
    try:
        directory.mkdir(mode=0o700)
        lock = _lock(directory)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        with suppress(OSError):  # an engine may have put a file in its place
            directory.unlink()
        _directories.discard(directory)
        if lock is not None:
            os.close(lock)


def _lock(directory: Path) -> int:
    """Lock a scratch directory for as long as this process lives, and no process that it starts."""
    unlocked = directory / f"{_LOCK}.new"
    descriptor = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    # without its name no sweep looks at it: not before it is locked, and never where locks are not to be had
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        unlocked.rename(directory / _LOCK)
    return descriptor


def sweep(temporary: Path) -> None:
    """Remove the scratch directories of tools that were killed; those of a live one are locked."""
    with os.scandir(temporary) as entries:
        names = [entry.name for entry in entries if _NAME.fullmatch(entry.name)]
    for name in names:
        # it may be somebody else's, or be removed by its own tool right now
        with suppress(OSError):
            _remove_if_abandoned(temporary / name)


_sweep_once: Final = cache(sweep)


def _remove_if_abandoned(directory: Path) -> None:
    status = directory.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        return
    descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        os.close(descriptor)


def scratch_directories() -> list[str]:
    """Those that exist now: of a tool that is killed, its supervisors remove them."""
    return [str(directory) for directory in list(_directories)]


def register_group(process_group: int) -> None:
    """Remember a process group that must end with this process."""
    _process_groups.add(process_group)


def end_group(process_group: int) -> None:
    """Kill a process group; no harm where it has ended."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process_group, signal.SIGKILL)
    _process_groups.discard(process_group)


def abandon(exit_code: int) -> NoReturn:
    """Leave at once, with no process and no file left behind. Safe inside a signal handler; does not return."""
    for group in list(_process_groups):
        end_group(group)
    for directory in list(_directories):
        shutil.rmtree(directory, ignore_errors=True)
    remove_unfinished()
    os._exit(exit_code)
