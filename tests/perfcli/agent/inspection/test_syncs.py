"""Syncs of the disk, counted by strace."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Thread

import pytest

from perfcli.agent import inspection
from perfcli.agent.inspection import SyncCosts, counting_syncs
from perfcli.agent.system_calls import NotTraced
from perfcli.operations.call import Call
from tests.strace import needs_strace

pytestmark = pytest.mark.slow


def why_not() -> str:
    """Why syncs are not counted."""
    costs = SyncCosts(is_wanted=True)
    costs.count([], lambda calls: pytest.fail("nothing can be counted"))
    return costs.not_told


def test_what_was_counted_before_it_failed_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    costs, permitted = SyncCosts(is_wanted=True), iter([True, False])

    @contextmanager
    def counted() -> Iterator[Callable[[], int]]:
        if not next(permitted):
            raise NotTraced("is gone")
        yield iter(range(0, 100, 6)).__next__

    monkeypatch.setattr(inspection, "counting_syncs", counted)
    call = Call(lambda user, draw: (), lambda: None, lambda arguments, answer: "")
    costs.count([call, None], lambda calls: [each.invoke() for each in calls * 3 if each])
    assert costs.per_operation() == 2
    costs.count([call], lambda calls: pytest.fail("nothing can be counted"))
    assert costs.per_operation() is None


@needs_strace
def test_syncs_of_all_threads_are_counted(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "pets.db", isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE pets (name)")
        with counting_syncs() as syncs, (tmp_path / "file").open("wb") as file:
            assert syncs() == 0
            for number in range(1, 4):
                connection.execute("INSERT INTO pets VALUES ('a')")
                assert syncs() == number
            thread = Thread(target=os.fsync, args=[file.fileno()])
            thread.start()
            thread.join()
            assert syncs() == 4
            assert Path("/proc/self/status").read_text(encoding="utf-8").count("TracerPid:\t0\n") == 0
    assert Path("/proc/self/status").read_text(encoding="utf-8").count("TracerPid:\t0\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
def test_a_system_without_strace_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert why_not() == "strace, which counts them, cannot be started: No such file or directory"


@pytest.mark.skipif(sys.platform != "linux", reason="strace is Linux's")
def test_a_system_that_lets_nobody_trace_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    strace = tmp_path / "strace"
    strace.write_text("#!/bin/sh\necho 'strace: attach: Operation not permitted' >&2\nexit 1\n", encoding="utf-8")
    strace.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert why_not() == "strace, which counts them, is not permitted: strace: attach: Operation not permitted"
