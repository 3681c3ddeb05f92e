"""A simulated AI for load tests, with a latency and failures that its seed determines."""

import random
import threading
import time
from collections.abc import Callable

from digipal.ai.communication import AICommunication
from digipal.core.models import DigiPal, Interaction
from digipal.errors import SimulatedAIError


class SimulatedAI(AICommunication):
    """The rule-based AI behind a simulated latency.

    Each process_interaction sleeps `latency_ms` plus a normal jitter of standard deviation `jitter_ms` (never less
    than 0 in all) and then, with probability `error_rate` (0 to 1), raises SimulatedAIError before the pet is
    touched. The n-th call of a seed always draws the same latency and outcome, whichever thread makes it.
    `sleep` takes seconds.
    """

    def __init__(
        self,
        seed: int = 0,
        latency_ms: float = 50.0,
        jitter_ms: float = 0.0,
        error_rate: float = 0.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(model_name="simulated", quantization=False)
        if not latency_ms >= 0 or not jitter_ms >= 0:
            raise ValueError(f"latency_ms and jitter_ms are 0 or more, not {latency_ms} and {jitter_ms}")
        if not 0 <= error_rate <= 1:
            raise ValueError(f"error_rate is between 0 and 1, not {error_rate}")
        self.seed = seed
        self.latency_ms = latency_ms
        self.jitter_ms = jitter_ms
        self.error_rate = error_rate
        self._sleep = sleep
        self._random = random.Random(seed)
        self._drawing = threading.Lock()
        self._calls = 0

    def process_interaction(self, text: str, pet: DigiPal) -> Interaction:
        """Wait, then answer as AICommunication does or raise SimulatedAIError."""
        call, latency_ms, fails = self._draw()
        if latency_ms > 0:
            self._sleep(latency_ms / 1000)
        if fails:
            raise SimulatedAIError(f"simulated failure of AI call {call} (seed {self.seed})")
        return super().process_interaction(text, pet)

    def _draw(self) -> tuple[int, float, bool]:
        """(number of this call, its latency in ms, whether it fails); both are drawn whatever the settings."""
        with self._drawing:
            self._calls += 1
            deviation = self._random.gauss(0.0, 1.0)
            fate = self._random.random()
            call = self._calls
        return call, max(0.0, self.latency_ms + deviation * self.jitter_ms), fate < self.error_rate
