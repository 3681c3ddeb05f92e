"""What holds for all tests: those that measure have the machine to themselves, and where they run does not matter."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _alone_or_beside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hold back all other tests while one marked `alone` runs; where there is one process, there are no others."""
    if not hasattr(request.config, "workerinput"):
        yield
        return
    shared_by_all = tmp_path_factory.getbasetemp().parent
    alone = request.node.get_closest_marker("alone") is not None
    running = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
    # whoever waits to be alone keeps others from starting meanwhile
    with (
        _locked(shared_by_all / "waiting.lock", fcntl.LOCK_EX) as waiting,
        _locked(shared_by_all / "running.lock", running),
    ):
        fcntl.flock(waiting, fcntl.LOCK_UN)
        yield


@pytest.fixture(autouse=True)
def _no_progress_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where these tests run in CI, commands that last would tell on stderr how they go on."""
    monkeypatch.delenv("CI", raising=False)


@contextmanager
def _locked(file: Path, how: int) -> Iterator[int]:
    with file.open("w") as handle:
        fcntl.flock(handle, how)
        yield handle.fileno()
