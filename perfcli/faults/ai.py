"""The fault `ai`: the engine's AI behaves otherwise for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final, Literal

from pydantic import Field, model_validator

from perfcli.executors.fields import DurationText, PercentageText
from perfcli.faults.base import LastingFault, Seen
from perfcli.faults.inside import Hits, Inflicted, Inside, InsideFault
from perfcli.operations.base import StepSettings
from perfcli.units import parse_duration_ns

JITTER_AT_MOST: Final = 10
"""Standard deviations: no normal draw goes beyond in a lifetime of runs."""


class Ai(InsideFault, LastingFault):
    """The AI takes longer, or fails: what is given here replaces that setting of `engine.ai` meanwhile.

    It is inflicted in the engine processes, whose AI is simulated. At least one call of the AI must begin meanwhile.
    """

    example: ClassVar[str] = "{at: 3s, for: 1s, error_rate: 50%}"
    fault: Literal["ai"] = "ai"
    latency: DurationText | None = Field(default=None, description="mean time of an answer")
    latency_jitter: DurationText | None = Field(default=None, description="standard deviation of that time")
    error_rate: PercentageText | None = Field(default=None, description="share of answers that fail")

    @model_validator(mode="after")
    def _changes_something(self) -> Ai:
        if not self._changes:
            raise ValueError("changes nothing: add latency, latency_jitter or error_rate, e.g. error_rate: 50%")
        return self

    @property
    def _changes(self) -> dict[str, str]:
        changes = {"latency": self.latency, "jitter": self.latency_jitter, "error_rate": self.error_rate}
        return {name: value for name, value in changes.items() if value is not None}

    @property
    def holds_up_ns(self) -> int:
        """The time of an answer that was begun."""
        latency_ns, jitter_ns = (parse_duration_ns(text or "0s") for text in (self.latency, self.latency_jitter))
        return latency_ns + JITTER_AT_MOST * jitter_ns

    def inflict_inside(self, engine: Inside, draw: Callable[[], float]) -> Inflicted:
        """Change the settings; the AI draws by itself."""
        hits = Hits()
        return Inflicted(engine.change_ai(self._changes, hits.add), hits)

    def blocks(self, step: StepSettings) -> bool:
        """Those that wait for an answer, if it takes longer."""
        return self.latency is not None and step.waits_for_ai

    def why_unseen(self, seen: Seen) -> str:
        """A load without interactions does not notice it."""
        return "" if seen.hits != 0 else "the AI was never called: does the flow have interact?"
