"""The AI of a run: the engine's own rules behind a latency and a rate of failures that are drawn from the seed.

It is the tool's, not the engine's, so that every engine is given the same one.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any

from digipal.ai.communication import AICommunication
from perfcli.scenario.models import SimulatedAi
from perfcli.units import parse_duration_ns, parse_fraction


class SimulatedFailure(Exception):  # noqa: N818 - what the scenario asks for is no error of ours
    """The AI fails, as the scenario's `error_rate` wants it to."""


class SimulatedAI(AICommunication):
    """Answers as the engine's AI does, but takes its time and fails now and then.

    The n-th call of a seed always draws the same latency and the same fate, whichever thread makes it.
    """

    def __init__(self, settings: SimulatedAi, seed: int) -> None:
        super().__init__()
        self._mean_s = parse_duration_ns(settings.latency) / 1e9
        self._stddev_s = parse_duration_ns(settings.jitter) / 1e9
        self._error_rate = parse_fraction(settings.error_rate)
        self._random = random.Random(seed)
        self._drawing = threading.Lock()

    def process_interaction(self, text: str, pet: Any) -> Any:
        """Wait, then answer or raise SimulatedFailure."""
        with self._drawing:
            deviation, fate = self._random.gauss(0.0, 1.0), self._random.random()
        latency_s = self._mean_s + deviation * self._stddev_s
        if latency_s > 0:
            time.sleep(latency_s)
        if fate < self._error_rate:
            raise SimulatedFailure("simulated failure of the AI")
        return super().process_interaction(text, pet)
