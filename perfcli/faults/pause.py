"""The fault `pause`: engine processes stand still, as on a machine that is paused or short of memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from perfcli.faults.base import LastingFault, Lift, Place, ProcessFault, Seen
from perfcli.operations.base import StepSettings


class Pause(ProcessFault, LastingFault):
    """All engine processes, or one, are stopped (SIGSTOP), with all that they started, and then go on (SIGCONT).

    It is inflicted from outside, by the tool; if the tool is gone, the supervisor ends the processes. An operation must
    wait for half of it, or none may succeed in half of it.
    """

    fault: Literal["pause"] = "pause"

    def blocks(self, step: StepSettings) -> bool:
        """All of them."""
        return True

    def inflict(self, places: Sequence[Place]) -> Lift | None:
        """Stop them."""
        lifts = [place.halt() for place in places]

        def resume() -> None:
            for lift in lifts:
                lift()

        return resume

    def why_unseen(self, seen: Seen) -> str:
        """Only operations that are due or in flight show it."""
        if 2 * max(seen.longest_ns, seen.outage_ns) >= seen.lasted_ns:
            return ""
        return "operations continued, or none was due: give it more load"
