"""Which CPUs a process runs on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress

import psutil


def usable_cpus() -> Sequence[int]:
    """The CPUs that processes can be pinned to; none where the system does not let them be."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


def pin(pid: int, cpus: Iterable[int]) -> None:
    """Have all threads of a process, and those it starts from now on, run on these CPUs alone.

    Raises:
        OSError: the process is gone, or the system refuses.
    """
    chosen = set(cpus)
    if sys.platform == "linux":
        for thread in psutil.Process(pid).threads():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(thread.id, chosen)
