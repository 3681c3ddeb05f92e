"""What is seen of an engine from inside its process, in one place."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from threading import Thread

from perfcli.agent.inspection.counting import SyncCosts
from perfcli.agent.inspection.shutdown import LogWatch, ShutdownCheck
from perfcli.plan import ExecutionPlan
from perfcli.results import Inspection
from perfcli.targets.protocol import assets_of
from perfcli.wire import Inspected


class EngineInspector:
    """To be made right before the engine is imported, in the thread that will close it.

    Of an engine that lives in another process nothing is seen.

    Args:
        is_real: whether there is an engine; a simulated one leaves nothing to be seen either.
    """

    def __init__(self, plan: ExecutionPlan, database: Path, *, is_real: bool = True) -> None:
        scenario = plan.scenario
        self._sees = is_real and scenario.target.in_process
        self._premises = ShutdownCheck(database, [assets_of(database)]) if self._sees else None
        self._logs = LogWatch()
        self.syncs = SyncCosts(is_wanted=self._sees and scenario.asks_for("io.fsyncs_per_op"))
        if self._sees:
            self._logs.start()

    def leave(self, shut_down: Callable[[], object], harness: Collection[Thread]) -> Inspected:
        """Shut the engine down, and say what was seen."""
        if self._premises is None:
            shut_down()
            return Inspected(Inspection())
        leaving = self._premises.leave(shut_down, harness)
        self._logs.stop()
        logged = [entry for entry in self._logs.logged() if entry.errors]
        inspection = Inspection(
            shutdown_ns=leaving.shutdown_ns,
            threads_left=leaving.threads_left,
            connections_left=leaving.connections_left,
            files_left=leaving.files_left,
            log_errors={entry.logger: entry.errors for entry in logged},
            log_examples={entry.logger: entry.example for entry in logged},
            fsyncs_per_operation=self.syncs.per_operation(),
            fsyncs_not_told=self.syncs.not_told,
        )
        return Inspected(inspection)
