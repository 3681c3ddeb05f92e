"""The AI of a run: the engine's own rules behind a latency and a rate of failures that are drawn from the seed.

It is the tool's, not the engine's, so that every engine is given the same one.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from typing import Any

from digipal.ai.communication import AICommunication
from perfcli.errors import PerfError
from perfcli.scenario.models import SimulatedAi
from perfcli.targets.protocol import ChangeAi
from perfcli.units import parse_duration_ns, parse_fraction


class SimulatedFailure(Exception):  # noqa: N818 - what the scenario asks for is no error of ours
    """The AI fails, as the scenario's `error_rate` wants it to."""


class _Behaviour:
    def __init__(self, settings: SimulatedAi, on_call: Callable[[], None]) -> None:
        self.mean_s = parse_duration_ns(settings.latency) / 1e9
        self.stddev_s = parse_duration_ns(settings.jitter) / 1e9
        self.error_rate = parse_fraction(settings.error_rate)
        self.on_call = on_call


class SimulatedAI(AICommunication):
    """Answers as the engine's AI does, but takes its time and fails now and then.

    The n-th call of a seed always draws the same numbers for its latency and its fate, whichever thread makes it.
    """

    def __init__(self, settings: SimulatedAi, seed: int) -> None:
        super().__init__()
        self._behaviours = [_Behaviour(settings, lambda: None)]
        self._random = random.Random(seed)
        self._drawing = threading.Lock()

    def behave(self, settings: SimulatedAi, on_call: Callable[[], None]) -> Callable[[], None]:
        """Behave so until what this returns is called; the newest settings hold."""
        behaviour = _Behaviour(settings, on_call)
        self._behaviours.append(behaviour)
        return lambda: self._behaviours.remove(behaviour)

    def process_interaction(self, text: str, pet: Any) -> Any:
        """Wait, then answer or raise SimulatedFailure."""
        behaviour = self._behaviours[-1]
        behaviour.on_call()
        with self._drawing:
            deviation, fate = self._random.gauss(0.0, 1.0), self._random.random()
        latency_s = behaviour.mean_s + deviation * behaviour.stddev_s
        if latency_s > 0:
            time.sleep(latency_s)
        if fate < behaviour.error_rate:
            raise SimulatedFailure("simulated failure of the AI")
        return super().process_interaction(text, pet)


def watch_ai() -> ChangeAi:
    """Have the engine's MCP server, once it is imported, make an AI that faults can change; return what changes it."""
    from digipal.ai import simulated

    class WatchedAI(simulated.SimulatedAI):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            self._at_first = self.latency_ms, self.jitter_ms, self.error_rate
            self._behaviours: list[_Behaviour] = []
            made.append(self)

        def process_interaction(self, text: str, pet: Any) -> Any:
            if self._behaviours:
                self._behaviours[-1].on_call()
            return super().process_interaction(text, pet)

        def behave(self, settings: SimulatedAi, on_call: Callable[[], None]) -> Callable[[], None]:
            """As SimulatedAI of ours."""
            behaviour = _Behaviour(settings, on_call)
            self._behaviours.append(behaviour)
            self._set()

            def lift() -> None:
                self._behaviours.remove(behaviour)
                self._set()

            return lift

        def _set(self) -> None:
            self.latency_ms, self.jitter_ms, self.error_rate = self._at_first
            if self._behaviours:
                newest = self._behaviours[-1]
                self.latency_ms, self.jitter_ms = newest.mean_s * 1e3, newest.stddev_s * 1e3
                self.error_rate = newest.error_rate

    made: list[WatchedAI] = []
    simulated.SimulatedAI = WatchedAI  # type: ignore[misc]

    def change(settings: SimulatedAi, on_call: Callable[[], None]) -> Callable[[], None]:
        if not made:
            raise PerfError("the MCP server made no simulated AI")
        return made[0].behave(settings, on_call)

    return change
