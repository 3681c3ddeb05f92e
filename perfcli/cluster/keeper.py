"""`python -m perfcli.cluster.keeper FOLDER`: ends what a station started, once the station cannot.

A worker that is killed, or frozen, ends nothing. So each station has this process beside it, which reads lines of text:
`beat`, `group N` and `gone N`. At the end of its input, or after ten seconds without a beat, it ends all groups that
are not gone, and removes the folder.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from perfcli.clock import RunningTime

LEASE_S: Final = 10.0
_LOOK_S: Final = 0.2
_GRACE_S: Final = (2.0, 1.0)
"""After the first SIGTERM, which asks for a good end, and after the second, which asks for a quick one."""


def main(folder: str) -> None:
    """Keep the lease, then clear up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # whoever ends the worker so also closes its end of the pipe
        signal.signal(number, signal.SIG_IGN)
    groups = _until_over(sys.stdin.fileno())
    end_groups(groups)
    shutil.rmtree(folder, ignore_errors=True)


def _until_over(lines: int) -> set[int]:
    """Listen until the lease is over; return the groups that are to be ended."""
    groups: set[int] = set()
    running, heard = RunningTime(), b""
    beat_s = 0.0
    while running.elapsed_s() - beat_s < LEASE_S:
        if not select.select([lines], [], [], _LOOK_S)[0]:
            continue
        content = os.read(lines, 65536)
        if not content:
            break
        *whole, heard = (heard + content).split(b"\n")
        for word, *numbers in map(bytes.split, whole):
            if word == b"group":
                groups.add(int(numbers[0]))
            elif word == b"gone":
                groups.discard(int(numbers[0]))
        beat_s = running.elapsed_s()
    return groups


def end_groups(groups: Iterable[int]) -> None:
    """End process groups: those that go on after a second SIGTERM are killed."""
    left = set(groups)
    for grace_s in _GRACE_S:
        for group in left:
            _signal(group, signal.SIGTERM)
            # one that stands still takes no other signal than SIGKILL
            _signal(group, signal.SIGCONT)
        deadline_s = time.monotonic() + grace_s
        while left and time.monotonic() < deadline_s:
            left = {group for group in left if _signal(group, 0)}
            time.sleep(_LOOK_S / 4)
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Whether there is such a group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    main(sys.argv[1])
