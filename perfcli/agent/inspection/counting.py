"""What operations cost beside time: syncs, in a pass of their own after the load; memory, where all is counted."""

from __future__ import annotations

import gc
import re
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from perfcli.agent.strace import NotTraced, Strace
from perfcli.operations.call import Call
from perfcli.plan import MOST_PASSES

_CALLS: Final = ("fsync", "fdatasync", "syncfs", "sync")
_CALL: Final = re.compile(rb"\b(?:" + "|".join(_CALLS).encode() + rb")\(")


@contextmanager
def counting_syncs() -> Iterator[Callable[[], int]]:
    """Count inside the block, for operations that are not timed; gives a function that returns the number so far.

    What is counted is each call of fsync, fdatasync, sync and syncfs by any thread. Writes to a file opened with O_SYNC
    are none of these.

    Raises:
        NotTraced: strace is not there, or may not look into this process.
    """
    strace = Strace("-e", f"trace={','.join(_CALLS)}")
    try:
        yield lambda: len(_CALL.findall(strace.output()))
    finally:
        strace.end()


OPERATIONS: Final = 200
"""About so many operations of each vu that counts."""


class SyncCosts:
    """Counts syncs, if they are wanted, while `do` makes calls; adds up over several times.

    Args:
        is_wanted: whether anything is to be counted.
    """

    def __init__(self, *, is_wanted: bool) -> None:
        self.is_wanted = is_wanted
        self.not_told = ""
        self._done = 0
        self._syncs = 0

    def count(self, calls: Sequence[Call | None], do: Callable[[Sequence[Call | None]], None]) -> None:
        """Have `do` make calls like these, and count what they cost."""
        try:
            with counting_syncs() as syncs:
                before = syncs()
                do([call and call._replace(invoke=self._counted(call.invoke)) for call in calls])
                self._syncs += syncs() - before
        except NotTraced as reason:
            self.not_told = f"strace, which counts them, {reason}"

    def per_operation(self) -> float | None:
        """The mean of all operations; None if it was not asked for, or the system does not tell."""
        return self._syncs / self._done if self._done and not self.not_told else None

    def _counted(self, invoke: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self._done += 1
            return invoke(*arguments)

        return counted


def weigh(do: Callable[[], object], forget: Callable[[], None]) -> int:
    """Bytes that operations leave allocated by Python, of the last pass: those before also leave what is made once.

    Args:
        do: makes a pass.
        forget: lets go of what the harness keeps of the calls.
    """
    tracemalloc.start()
    try:
        for _ in range(MOST_PASSES - 1):
            do()
        before_bytes = _kept_bytes(forget)
        do()
        return _kept_bytes(forget) - before_bytes
    finally:
        tracemalloc.stop()


_CURSORS: Final = 200


def drop_cursor_references(connections: Iterable[sqlite3.Connection]) -> None:
    """Have each connection drop its weak references to cursors that are gone, while memory is traced.

    It does so by itself with every 200th cursor that it makes (`created_cursors` in CPython's connection.c): how many
    it holds in between says nothing of what an operation keeps.
    """
    for connection in connections:
        before_bytes = 0
        for _ in range(_CURSORS + 1):
            try:
                sqlite3.Connection.cursor(connection)
            except sqlite3.ProgrammingError:  # closed, or another thread's
                break
            now_bytes = tracemalloc.get_traced_memory()[0]
            if now_bytes < before_bytes:
                break
            before_bytes = now_bytes


def _kept_bytes(forget: Callable[[], None]) -> int:
    """What Python has allocated since tracing began, all garbage collected."""
    forget()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
