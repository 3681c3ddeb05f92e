"""What a session tells its profiler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from perfcli.operations.call import Call

if TYPE_CHECKING:
    from perfcli.results.findings import Findings

Job = Callable[[], None]


class Profiler:
    """Looks at nothing. Made right before the engine is imported; told of each step of the session."""

    def engine_is_imported(self) -> None:
        """The engine's modules are there, none of its objects yet."""

    def watched(self, labels: Sequence[str], calls: Sequence[Call | None]) -> Sequence[Call | None]:
        """The calls of one vu, so that they can be seen; labels name their operations."""
        return calls

    def begin(self) -> None:
        """A wave is about to begin; its warm-up is over."""

    def during(self, job: Job) -> Job:
        """What one vu does while it is measured."""
        return job

    def find(self) -> Findings:
        """What was seen. The engine's cache is empty, the engine not yet closed."""
        from perfcli.results.findings import Findings

        return Findings()
