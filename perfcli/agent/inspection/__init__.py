"""What is seen of an engine from inside its process, in one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

from perfcli.agent.inspection.shutdown import LogWatch, ShutdownCheck
from perfcli.agent.system_calls import NotTraced, Strace
from perfcli.operations.call import Call
from perfcli.plan import ExecutionPlan
from perfcli.results import Inspection
from perfcli.targets.protocol import assets_of
from perfcli.wire import Inspected

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
"""Roughly how many operations each vu that counts makes."""


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


class EngineInspector:
    """To be made right before the engine is imported, in the thread that will close it.

    Of an engine that lives in another process nothing is seen.

    Args:
        is_real: whether there is an engine; a simulated one leaves nothing to be seen either.
    """

    def __init__(self, plan: ExecutionPlan, database: Path, *, is_real: bool = True) -> None:
        scenario = plan.scenario
        sees = is_real and scenario.target.in_process
        self._premises = ShutdownCheck(database, [assets_of(database)]) if sees else None
        self._logs = LogWatch()
        self.syncs = SyncCosts(is_wanted=sees and scenario.asks_for("io.fsyncs_per_op"))
        if sees:
            self._logs.start()

    def leave(self, shut_down: Callable[[], object], harness: Collection[Thread]) -> Inspected:
        """Shut the engine down, and say what was seen."""
        if self._premises is None:
            shut_down()
            return Inspected(Inspection())
        left = self._premises.leave(shut_down, harness)
        self._logs.stop()
        logged = self._logs.logged()
        seen = {
            "log_errors": {entry.logger: entry.errors for entry in logged},
            "log_examples": {entry.logger: entry.example for entry in logged},
            "fsyncs_per_operation": self.syncs.per_operation(),
            "fsyncs_not_told": self.syncs.not_told,
        }
        return Inspected(left.model_copy(update=seen))
