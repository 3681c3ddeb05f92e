"""Bytes that this process gives to the system to write."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_ACCOUNT: Final = Path("/proc/self/io")


def written_bytes() -> int | None:
    """Bytes written so far, or None where the system keeps no such account (it is Linux's `wchar`).

    It holds what any thread wrote to files, pipes and sockets, what was copied from file to file inside the system, and
    what child processes wrote that have been waited for. It does not hold what is written through shared memory: SQLite
    keeps the index of its WAL (-shm) there.

    What the agent sends to the tool is in it too: for each message its length and 4 bytes more
    (`multiprocessing.connection`). Between two readings in which nothing is sent there is nothing to subtract.
    """
    try:
        account = _ACCOUNT.read_text(encoding="ascii")
    except OSError:
        return None
    return next(int(line.split()[1]) for line in account.splitlines() if line.startswith("wchar:"))
