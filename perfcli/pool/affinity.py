"""Which CPUs a process runs on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

import psutil


def usable_cpus() -> Sequence[int]:
    """The CPUs that processes can be pinned to; none where the system does not let them be."""
    if sys.platform == "linux":
        with suppress(OSError):
            allowed = os.sched_getaffinity(0)
            # some sandboxes tell the CPUs and refuse to choose among them
            os.sched_setaffinity(0, allowed)
            return sorted(allowed)
    return []


def pin(pid: int, cpus: Iterable[int]) -> None:
    """Have a process and those below it run on these CPUs alone: all their threads, and what they start from now on.

    Raises:
        OSError: the process is gone, or the system refuses.
    """
    process = psutil.Process(pid)
    _pin(process, set(cpus))
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            _pin(child, set(cpus))


def _pin(process: psutil.Process, cpus: set[int]) -> None:
    if sys.platform == "linux":
        for thread in process.threads():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(thread.id, cpus)
