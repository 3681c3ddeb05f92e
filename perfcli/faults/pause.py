"""The fault `pause`: the engine processes stand still, as on a machine that is paused or short of memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from perfcli.faults.base import FaultSettings, Lift, Place, Seen


class Pause(FaultSettings):
    """All engine processes are stopped (SIGSTOP), with all that they started, and then go on (SIGCONT).

    It is inflicted from outside, by the tool; if the tool is gone, the supervisor ends the processes. For half of it
    no operation may succeed.
    """

    fault: Literal["pause"] = "pause"

    def inflict(self, places: Sequence[Place]) -> Lift | None:
        """Stop them."""
        for place in places:
            place.halt()

        def resume() -> None:
            for place in places:
                place.resume()

        return resume

    def why_unseen(self, seen: Seen) -> str:
        """Only operations that are due or in flight show it."""
        if 2 * seen.outage_ns >= seen.lasted_ns:
            return ""
        return "operations went on, or none was due: give it more load"
