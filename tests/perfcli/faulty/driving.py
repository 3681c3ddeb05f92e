"""Drives an engine in this process as vus would, and keeps the ledger: what a run does, without its processes."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from threading import Lock
from time import perf_counter_ns
from types import ModuleType
from typing import Any

import pytest

from perfcli.measurement.ledger import Ledger
from perfcli.operations.call import begin_stream
from perfcli.operations.own.binding import OwnVu
from perfcli.operations.own.journal import NOTHING, Journal, Page
from perfcli.operations.own.loading import load_files
from perfcli.plan import ExecutionPlan
from perfcli.pool.database import DatabaseFile
from perfcli.recorder import Frame
from perfcli.targets.embedded import EmbeddedTarget
from perfcli.workload import Workload


def frame(
    vu: int,
    draws: list[int],
    failures: dict[int, int] | None = None,
    *,
    times: list[tuple[int, int]] | None = None,
    shown: Iterable[int] = (),
    page: Page = NOTHING,
) -> Frame:
    """Samples of one vu, whose times (begin, end) matter only if they are given."""
    times = times or [(0, 0)] * len(draws)
    starts, durations = array("q", [begin for begin, _ in times]), array("q", [end - begin for begin, end in times])
    failed, told = failures or {}, array("q", shown)
    return Frame(vu, True, len(draws), array("q", draws), starts, durations, failures=failed, shown=told, page=page)


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
        self._shown = [array("q") for _ in range(plan.vus)]
        self._journals = [Journal() for _ in range(plan.vus)]
        files, folder = load_files(plan.scenario.operations), database.parent / "files"
        self._own = [OwnVu(files, vu, plan.seed, journal, folder) for vu, journal in enumerate(self._journals)]
        self._calls = [self.target.calls(vu, self._shown[vu], self._own[vu]) for vu in range(plan.vus)]
        for calls in self._calls:
            begin_stream(calls, "load")
        self._work = [Workload(plan.phase_of(vu), plan.seed, vu) for vu in range(plan.vus)]

    @property
    def stored(self) -> DatabaseFile:
        """The database, to be held to the ledger."""
        return DatabaseFile(self.database)

    def close(self) -> None:
        """Shut the engine down as a run does."""
        for own in self._own:
            own.close()
        self.target.close()

    def iterate(self, vu: int = 0, times: int = 1) -> None:
        """Do so many iterations of a vu, and tell the ledger."""
        for _ in range(times):
            draws, times = next(self._work[vu].iterations), list[tuple[int, int]]()
            failures = {i: 1 for i, draw in enumerate(draws) if self._fails(vu, times, *draw[:3])}
            page = self._journals[vu].take(times[0][0])
            told = frame(vu, [draw[3] for draw in draws], failures, times=times, shown=self._shown[vu], page=page)
            del self._shown[vu][:]
            with self._accounting:
                self.ledger.add(told)

    def _fails(self, vu: int, times: list[tuple[int, int]], place: int, user: int, choice: int) -> bool:
        call = self._calls[vu][place]
        assert call is not None
        begin_ns = end_ns = perf_counter_ns()
        try:
            arguments = call.arguments(user, choice)
            begin_ns = perf_counter_ns()
            answer = call.invoke(*arguments)
            end_ns = perf_counter_ns()
            problem = call.check(arguments, answer)
        except Exception as error:  # as the agent does
            problem, end_ns = type(error).__name__, perf_counter_ns()
        times.append((begin_ns, end_ns))
        if problem:
            self.failures[problem] += 1
        return bool(problem)


def drive_with(monkeypatch: pytest.MonkeyPatch, fault: ModuleType | None, plan: Any, database: Path) -> Driven:
    """A driven engine, with the storage of a faulty one where that is given."""
    if fault is not None:
        monkeypatch.setattr("perfcli.targets.embedded.StorageManager", fault.StorageManager)
    return Driven(plan, database)
