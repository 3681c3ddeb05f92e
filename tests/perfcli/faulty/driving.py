"""Drives an engine in this process as vus would, and keeps the ledger: what a run does, without its processes."""

from __future__ import annotations

from array import array
from collections import Counter
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

import pytest

from perfcli.measurement.integrity import Ledger
from perfcli.plan import ExecutionPlan
from perfcli.recorder import Frame
from perfcli.targets.embedded import EmbeddedTarget
from perfcli.workload import Workload


def frame(vu: int, draws: list[int], failures: dict[int, int] | None = None) -> Frame:
    """Samples of one vu, of which only the draws and outcomes matter."""
    zeros = array("q", bytes(8 * len(draws)))
    return Frame(vu, True, len(draws), array("q", draws), zeros, zeros, failures=failures or {})


class Driven:
    """An engine that a plan drives; threads may each drive one of its vus."""

    def __init__(self, plan: ExecutionPlan, database: Path, beside: Driven | None = None) -> None:
        self.plan = plan
        self.database = database
        self.ledger = beside.ledger if beside else Ledger(plan)
        self.failures: Counter[str] = Counter()
        self._accounting = beside._accounting if beside else Lock()
        self.target = EmbeddedTarget(plan, database)
        self.target.open(lambda pid: None)
        if beside:
            self.target.join()
        else:
            self.target.set_up()
        self._calls = [self.target.calls(vu) for vu in range(plan.vus)]
        self._work = [Workload(plan.phase_of(vu), plan.seed, vu) for vu in range(plan.vus)]

    def iterate(self, vu: int = 0, times: int = 1) -> None:
        """Do so many iterations of a vu, and tell the ledger."""
        for _ in range(times):
            draws = self._work[vu].next_iteration()
            failures = {i: 1 for i, draw in enumerate(draws) if self._fails(vu, *draw[:3])}
            with self._accounting:
                self.ledger.add(frame(vu, [draw[3] for draw in draws], failures))

    def _fails(self, vu: int, place: int, user: int, choice: int) -> bool:
        call = self._calls[vu][place]
        assert call is not None
        try:
            arguments = call.arguments(user, choice)
            problem = call.check(arguments, call.invoke(*arguments))
        except Exception as error:  # as the agent does
            problem = type(error).__name__
        if problem:
            self.failures[problem] += 1
        return bool(problem)


def drive_with(monkeypatch: pytest.MonkeyPatch, fault: ModuleType | None, plan: Any, database: Path) -> Driven:
    """A driven engine, with the storage of a faulty one where that is given."""
    if fault is not None:
        monkeypatch.setattr("perfcli.targets.embedded.StorageManager", fault.StorageManager)
    return Driven(plan, database)
