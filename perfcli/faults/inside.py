"""Faults inside an engine process: its agent inflicts them on order, and reports when they began and ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import ClassVar, Final, Literal, NamedTuple, Protocol

from pydantic import Field, model_validator

from perfcli.executors.fields import DurationText, JumpText, PercentageText, PositiveDurationText, jump_ns
from perfcli.faults.base import FaultSettings, LastingFault, Lift, Seen
from perfcli.figures import Needs
from perfcli.operations.base import StepSettings
from perfcli.units import parse_duration_ns


class Hits:
    """Counts what a fault hits, in any thread: the engine's calls, or connections."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self._counting = Lock()

    def add(self) -> None:
        """One more."""
        with self._counting:
            self.number += 1


class Inflicted(NamedTuple):
    """A fault that is there."""

    lift: Lift
    hits: Hits | None
    """None if nothing is counted."""


class WriteFault(NamedTuple):
    """What happens to writes of SQLite."""

    share: float
    """Of all writes, from 0 to 1."""
    error: int
    """The errno that a write fails with; 0 to have it done."""
    delay_ns: int
    """How long it waits before."""


class Inside(Protocol):
    """An engine process from inside, as far as faults reach."""

    def hit_writes(self, fault: WriteFault, draw: Callable[[], float]) -> Inflicted:
        """Have it happen to writes of SQLite from now on.

        Raises:
            PerfError: there is no way to do that here.
        """

    def change_ai(self, changes: Mapping[str, str], on_call: Callable[[], None]) -> Lift:
        """Have the engine's AI behave otherwise, and call `on_call` at each of its calls.

        Args:
            changes: settings of `engine.ai`; the others stay as they are.
        """

    def move_clock(self, by_ns: int) -> Lift:
        """Have the wall clock jump."""

    def cut_connections(self) -> tuple[Lift, int]:
        """Reset all connections to the server, and refuse others; also return how many there were."""


class InsideFault(FaultSettings):
    """A fault that only code in the engine process can inflict. It ends with that process."""

    is_in_engine: ClassVar[bool] = True
    """Whether it acts where the engine lives; if not, in the process of the vus."""

    @property
    def stays(self) -> bool:
        """Whether its span is a moment, and its effect lasts until the load is over."""
        return False

    def inflict_inside(self, engine: Inside, draw: Callable[[], float]) -> Inflicted:
        """Begin.

        Args:
            draw: gives numbers from 0 to 1, from the seed.

        Raises:
            PerfError: it is not possible here.
        """
        raise NotImplementedError


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


class Clock(InsideFault):
    """The wall clock of the engine processes jumps by `jump`, forwards or backwards, and back when the fault ends.

    Without `for` it stays there until the load is over. Several jumps add up. Only `datetime.now()`, `time.time()` and
    the like move: the clocks that measure do not, nor does SQLite's own. Nothing need be seen of it. It needs the extra
    `faults`.
    """

    example: ClassVar[str] = "{at: 3s, jump: 1h}"
    lasts_by: ClassVar[str] = "for"
    package: ClassVar[str] = "time_machine"
    fault: Literal["clock"] = "clock"
    jump: JumpText = Field(description="how far to move the clock, e.g. 1h or -5m")

    for_: PositiveDurationText | None = Field(
        default=None, alias="for", description="how long the clock stays there; to the end of the load by default"
    )

    @property
    def stays(self) -> bool:
        """Without `for`."""
        return self.for_ is None

    @property
    def lasts_ns(self) -> int:
        """How long it stays there; 0 if that is until the load is over."""
        return parse_duration_ns(self.for_) if self.for_ else 0

    @property
    def waits_ns(self) -> int | None:
        """As long as the load, as it need not last."""
        return None

    @property
    def details(self) -> str:
        """How far, and for how long."""
        return f" by {self.jump}" + (f" for {self.for_}" if self.for_ else "")

    def inflict_inside(self, engine: Inside, draw: Callable[[], float]) -> Inflicted:
        """Jump."""
        return Inflicted(engine.move_clock(jump_ns(self.jump)), None)

    def why_unseen(self, seen: Seen) -> str:
        """Nothing need be seen: an engine may never look at the time."""
        return ""


class Cut(InsideFault, LastingFault):
    """All connections to the MCP server are reset, and new ones refused until it is over.

    The load goes through a relay on loopback from its beginning on, a process of the tool's own that ends with it. The
    relay passes on bytes, TLS too. A vu that lost its session opens a new one with its next call. An operation must
    fail meanwhile.
    """

    needs: ClassVar[Needs] = Needs.CONNECTIONS
    is_in_engine: ClassVar[bool] = False
    fault: Literal["cut"] = "cut"

    def inflict_inside(self, engine: Inside, draw: Callable[[], float]) -> Inflicted:
        """Cut them; what it hits are the connections that were open."""
        lift, connections = engine.cut_connections()
        return Inflicted(lift, Hits(connections))

    def why_unseen(self, seen: Seen) -> str:
        """Only operations that are due or in flight show it."""
        return "" if seen.failed else "no operation failed: was none due?"
