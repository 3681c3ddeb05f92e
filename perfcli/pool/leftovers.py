"""What a run must not leave behind: registered before it exists, so that even a second Ctrl-C can clear it."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

PREFIX: Final = "digipal-perf-"

_directories: set[Path] = set()
_process_groups: set[int] = set()


@contextmanager
def scratch_directory() -> Iterator[Path]:
    """A new private directory, removed at the end whatever happens."""
    directory = Path(tempfile.gettempdir()) / f"{PREFIX}{uuid4().hex[:12]}"
    _directories.add(directory)
    try:
        directory.mkdir(mode=0o700)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        _directories.discard(directory)


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


def abandon(exit_code: int) -> None:
    """Leave at once, with no process and no file left behind. Safe inside a signal handler; does not return."""
    for group in list(_process_groups):
        end_group(group)
    for directory in list(_directories):
        shutil.rmtree(directory, ignore_errors=True)
    os._exit(exit_code)
