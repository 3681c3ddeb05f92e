"""Repeats a run that other processes starved: its times say nothing, and a moment later they may."""

from __future__ import annotations

from collections.abc import Callable

from perfcli.errors import Verdict
from perfcli.pool.keep_database import remove_database
from perfcli.results import RunResult, Try
from perfcli.run.supervision import StopRequest


def run_with_retries(
    run: Callable[[], RunResult], retries: int, stop: StopRequest, tell: Callable[[RunResult], None]
) -> RunResult:
    """Run until a try is not starved, or no retry is left; the last try, with a record of those before.

    A starved run that fails by what does not depend on time has its verdict, and is not repeated.

    Args:
        stop: ends the tries as well.
        tell: called with each try that is repeated.
    """
    earlier: list[Try] = []
    while True:
        result = run().model_copy(update={"earlier_tries": list(earlier)})
        is_starved = bool(result.starved) and result.verdict is Verdict.INVALID
        if not is_starved or len(earlier) >= retries or stop.reason:
            return result
        earlier.append(Try.of(result))
        remove_database(result.kept_database)
        tell(result)
