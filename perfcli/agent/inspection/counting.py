"""What operations cost beside time: statements, syncs, memory; counted in a pass of their own after the load."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

from perfcli.agent.inspection.sqlite_use import StatementCounter
from perfcli.clock import RunningTime
from perfcli.operations.call import Call
from perfcli.plan import MOST_PASSES

_CALLS: Final = ("fsync", "fdatasync", "syncfs", "sync")
_CALL: Final = re.compile(rb"\b(?:" + "|".join(_CALLS).encode() + rb")\(")
_ATTACHES_WITHIN_S: Final = 5.0
_PR_SET_PTRACER: Final = 0x59616D61
_ANYBODY: Final = ctypes.c_ulong(-1)
_NOBODY: Final = ctypes.c_ulong(0)


class NotTold(Exception):  # noqa: N818 not an error: what was asked for cannot be known here
    """This system does not tell; the text says why."""


@contextmanager
def counting_syncs() -> Iterator[Callable[[], int]]:
    """Count inside the block, for operations that are not timed; gives a function that returns the number so far.

    What is counted is each call of fsync, fdatasync, sync and syncfs by any thread. Writes to a file opened with O_SYNC
    are none of these.

    Raises:
        NotTold: strace is not there, or may not look into this process.
    """
    if sys.platform != "linux":
        raise NotTold("only Linux has strace, which counts them")
    with tempfile.TemporaryFile() as told:
        tracer = _start(told)
        try:
            _await_attachment(tracer, told)
            yield lambda: len(_CALL.findall(_text(told)))
        finally:
            tracer.terminate()
            tracer.wait()
            _let_trace(_NOBODY)


def _start(told: IO[bytes]) -> subprocess.Popen[bytes]:
    command = ["strace", "-f", "-qq", "-e", f"trace={','.join(_CALLS)}", "-e", "signal=none", "-p", str(os.getpid())]
    _let_trace(_ANYBODY)
    try:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=told)
    except OSError as error:
        _let_trace(_NOBODY)
        raise NotTold(f"strace, which counts them, cannot be started: {error.strerror}") from error


def _let_trace(whom: ctypes.c_ulong) -> None:
    """Where a process may be traced by its ancestors alone (Yama), let its child do so; elsewhere nothing changes."""
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, whom, 0, 0, 0)


def _await_attachment(tracer: subprocess.Popen[bytes], told: IO[bytes]) -> None:
    running = RunningTime()
    while not _is_traced():
        if tracer.poll() is not None or running.elapsed_s() > _ATTACHES_WITHIN_S:
            said = _text(told).decode(errors="replace").strip().splitlines() or ["it does not attach"]
            raise NotTold(f"strace, which counts them, may not: {said[-1]}")
        time.sleep(0.001)


def _is_traced() -> bool:
    """Whether every thread of this process has a tracer."""
    states = [path.read_text(encoding="utf-8") for path in Path("/proc/self/task").glob("*/status")]
    return not any("TracerPid:\t0\n" in state for state in states)


def _text(told: IO[bytes]) -> bytes:
    # strace writes through the same open file: its place in it must not be moved
    return os.pread(told.fileno(), os.fstat(told.fileno()).st_size, 0)


OPERATIONS: Final = 200
"""About so many operations of each vu that counts."""

OPERATIONS_OF_A_PAIR: Final = 60
"""The same where two engines are compared, by many pairs; done MOST_PASSES times."""


class Costs:
    """Counts while it is entered, by the label of the step; to be entered by the thread that does the operations."""

    def __init__(self, *, statements: bool, syncs: bool, memory: bool = False) -> None:
        self._wants_statements = statements
        self._wants_syncs = syncs
        self._wants_memory = memory
        self._done: Counter[str] = Counter()
        self._statements: Counter[str] = Counter()
        self._syncs = 0
        self._kept_bytes = 0
        self._weighed = 0
        self.syncs_not_told = ""

    @property
    def is_wanted(self) -> bool:
        """Whether anything is to be counted."""
        return self._wants_statements or self._wants_syncs or self._wants_memory

    def count(
        self,
        calls: Sequence[Call | None],
        labels: Sequence[str],
        do: Callable[[Sequence[Call | None]], None],
        forget: Callable[[], None],
    ) -> None:
        """Have `do` make calls like these, and count what they cost.

        Args:
            forget: lets go of what the harness keeps of the calls.
        """
        with ExitStack() as stack:
            take = stack.enter_context(StatementCounter()).take if self._wants_statements else lambda: 0
            syncs = self._enter_syncs(stack)
            before = syncs()
            counted = [
                call and call._replace(invoke=self._counted(label, call.invoke, take))
                for label, call in zip(labels, calls, strict=True)
            ]
            if self._wants_memory:
                self._weigh(lambda: do(counted), forget)
            else:
                do(counted)
            self._syncs += syncs() - before

    def statements_per_operation(self) -> dict[str, float]:
        """The mean by label."""
        return (
            {label: self._statements[label] / done for label, done in self._done.items()}
            if self._wants_statements
            else {}
        )

    def syncs_per_operation(self) -> float | None:
        """The mean of all operations; None where the system does not tell."""
        told = self._wants_syncs and not self.syncs_not_told and self._done
        return self._syncs / self._done.total() if told else None

    def memory_per_operation(self) -> float | None:
        """Bytes that each operation leaves allocated by Python, the mean of all; None where it was not asked for."""
        return self._kept_bytes / self._weighed if self._weighed else None

    def _weigh(self, do: Callable[[], None], forget: Callable[[], None]) -> None:
        """What operations leave allocated in the last pass: those before it also leave what is made only once."""
        tracemalloc.start()
        try:
            for _ in range(MOST_PASSES - 1):
                do()
            before_bytes, done = _kept_bytes(forget), self._done.total()
            do()
            self._kept_bytes += _kept_bytes(forget) - before_bytes
            self._weighed += self._done.total() - done
        finally:
            tracemalloc.stop()

    def _enter_syncs(self, stack: ExitStack) -> Callable[[], int]:
        if not self._wants_syncs:
            return lambda: 0
        try:
            return stack.enter_context(counting_syncs())
        except NotTold as reason:
            self.syncs_not_told = str(reason)
            return lambda: 0

    def _counted(self, label: str, invoke: Callable[..., Any], take: Callable[[], int]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            take()
            try:
                return invoke(*arguments)
            finally:
                self._statements[label] += take()
                self._done[label] += 1

        return counted


def _kept_bytes(forget: Callable[[], None]) -> int:
    """What Python has allocated since tracing began, all garbage collected."""
    forget()
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
