"""The simulated AI of the engine's MCP server, which faults can have behave otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from perfcli.errors import PerfError
from perfcli.scenario.models import SimulatedAi
from perfcli.targets.protocol import ChangeAi
from perfcli.units import parse_duration_ns, parse_fraction


class _Change(NamedTuple):
    settings: SimulatedAi
    on_call: Callable[[], None]


def watch_ai() -> ChangeAi:
    """Have the server, once it is imported, make an AI that can be changed; return what changes it."""
    from digipal.ai import simulated

    class WatchedAI(simulated.SimulatedAI):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            self._at_first = self.latency_ms, self.jitter_ms, self.error_rate
            self._changes: list[_Change] = []
            made.append(self)

        def process_interaction(self, text: str, pet: Any) -> Any:
            if self._changes:
                self._changes[-1].on_call()
            return super().process_interaction(text, pet)

        def behave(self, change: _Change) -> Callable[[], None]:
            """As SimulatedAI of ours."""
            self._changes.append(change)
            self._set()

            def lift() -> None:
                self._changes = [each for each in self._changes if each is not change]
                self._set()

            return lift

        def _set(self) -> None:
            self.latency_ms, self.jitter_ms, self.error_rate = self._at_first
            if self._changes:
                ai = self._changes[-1].settings
                self.latency_ms, self.jitter_ms = (parse_duration_ns(each) / 1e6 for each in (ai.latency, ai.jitter))
                self.error_rate = parse_fraction(ai.error_rate)

    made: list[WatchedAI] = []
    simulated.SimulatedAI = WatchedAI  # type: ignore[misc]

    def change(settings: SimulatedAi, on_call: Callable[[], None]) -> Callable[[], None]:
        if not made:
            raise PerfError("the MCP server made no simulated AI")
        return made[0].behave(_Change(settings, on_call))

    return change
