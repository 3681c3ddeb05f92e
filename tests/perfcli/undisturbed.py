"""Runs beside other tests, which may keep them from the CPU."""

from __future__ import annotations

from collections.abc import Callable

from perfcli.results import RunResult

TRIES = 3


def undisturbed(run: Callable[[], RunResult]) -> RunResult:
    """Run until a try is not starved, three times at most; as the command `run` repeats a starved run."""
    for _ in range(TRIES):
        result = run()
        if not result.starved:
            break
    return result
