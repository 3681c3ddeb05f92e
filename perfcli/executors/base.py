"""What every executor shares: the protocol of a schedule and the settings any load has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, NamedTuple, Protocol

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag

from perfcli import units
from perfcli.executors.fields import DurationText
from perfcli.executors.think_time import ThinkTime

MOST_VUS: Final = 1_000


BackToBack = tuple[Iterator[object], int]
"""Iterations that follow one another without a pause: one for each ticket, none from a time on, in ns since the phase
began."""


class Schedule(Protocol):
    """When iterations start: asked by every vu before each iteration, from its own thread."""

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """The intended start of this vu's next iteration, in ns since the phase began; None when it is done.

        A start that lies in the past is one that is late: the vu is to begin at once.

        Args:
            vu: its number within the phase, from 0; only vus of the schedule's own share ask.
            now_ns: since the phase began.
        """

    def back_to_back(self, vu: int) -> BackToBack | None:
        """All iterations of a vu at once; None if it has to ask before each."""


class Tickets:
    """A schedule that gives a vu a ticket for each iteration, until tickets or time run out.

    Args:
        tickets_of: the tickets of a vu. Vus may share an iterator whose `next()` is one atomic step in CPython, such as
            that of a range: no lock, no ticket twice.
        deadline_ns: nothing starts then or later, in ns since the phase began.
    """

    def __init__(self, tickets_of: Callable[[int], Iterator[object]], deadline_ns: int) -> None:
        self._tickets_of = tickets_of
        self._deadline_ns = deadline_ns

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """Now, while there are tickets."""
        if now_ns >= self._deadline_ns or next(self._tickets_of(vu), self) is self:
            return None
        return now_ns

    def back_to_back(self, vu: int) -> BackToBack:
        """The vu's tickets."""
        return self._tickets_of(vu), self._deadline_ns


class BoundedSchedule:
    """A schedule that starts nothing after a given time.

    Args:
        longest_ns: the latest start, in ns since the phase began.
    """

    def __init__(self, schedule: Schedule, longest_ns: int) -> None:
        self._schedule = schedule
        self._longest_ns = longest_ns

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """As of the schedule; None if that is too late."""
        start_ns = self._schedule.next_start_ns(vu, now_ns)
        return None if start_ns is None or start_ns > self._longest_ns else start_ns

    def back_to_back(self, vu: int) -> BackToBack | None:
        """As of the schedule, up to that time."""
        whole = self._schedule.back_to_back(vu)
        return whole and (whole[0], min(whole[1], self._longest_ns + 1))


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a load that one of several engine processes carries: its numbers leave `index` modulo `of`."""

    index: int
    of: int

    def among(self, vus: int) -> Share:
        """The share of work that is dealt out to vus: processes without a vu get none, for nobody would do it."""
        return Share(self.index, min(self.of, vus))

    def part_of(self, total: int) -> range:
        """Its numbers among 0 … total - 1."""
        return range(self.index, total, self.of)

    def has_part_of(self, total: int) -> bool:
        """Whether it has any number among 0 … total - 1."""
        return self.index < total


WHOLE: Final = Share(0, 1)
"""The share of the one engine process that carries all."""


class Earlier(NamedTuple):
    """What an engine process had done of a phase when it was killed, with those that it had replaced."""

    iterations: Sequence[int]
    """Completed by each vu of the phase, as far as it was reported."""
    until_ns: int
    """When it was killed, in ns since the phase began."""


class LoadSettings(BaseModel):
    """The settings that every executor takes, and what can be asked of any load."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True)

    ends_on_order: ClassVar[bool] = False
    """Whether the tool decides when it is over."""

    think_time: ThinkTime = Field(default="0s", validate_default=True, description="pause after each iteration")
    warmup: DurationText = Field(default="0s", description="time to run the flow before measuring")
    start_after: DurationText | None = Field(
        default=None, description="delay after the start of the phases before it, to run beside them"
    )
    graceful_stop: DurationText = Field(
        default="30s",
        description="how long iterations may continue after the end, before they are interrupted between steps",
    )

    @property
    @abstractmethod
    def vu_count(self) -> int:
        """How many vus there are; not to be asked of a list of numbers, but of each phase it is spelt out into."""

    def vus_at(self, elapsed_ns: int) -> int:
        """How many of them the schedule has at work at a time, in ns since the phase began."""
        return self.vu_count

    @property
    @abstractmethod
    def longest_ns(self) -> int:
        """When the schedule ends, in ns after the phase began: no iteration is due then or later."""

    @property
    def planned_ns(self) -> int | None:
        """How long the phase lasts at least, rests at its end included; None if its iterations decide."""
        return self.longest_ns

    @abstractmethod
    def largest_gap_ns(self, share: Share = WHOLE) -> int:
        """The longest time in which the schedule has no vu of this share at work, until `planned_ns` at the latest.

        Think time is not in it, nor what an iteration takes: those are the flow's.
        """

    @abstractmethod
    def schedule(self, share: Share = WHOLE) -> Schedule:
        """A fresh schedule for one run, or for the share of it that one engine process carries."""

    def rest_of_schedule(self, share: Share, earlier: Earlier) -> Schedule:
        """What is left for an engine process that replaces another one; all that time has left, by default."""
        return self.schedule(share)

    @abstractmethod
    def describe(self) -> str:
        """What will run, in one line."""

    @property
    def is_open(self) -> bool:
        """Whether iterations arrive when it is their time, however long those before them take."""
        return False

    @property
    def offered_per_s(self) -> float | None:
        """How many iterations a second arrive in the mean; None where the engine's own pace decides."""
        return None

    @property
    def offered_line(self) -> list[tuple[int, float]]:
        """The rate of arrivals over time, as (ns since the phase began, iterations a second), with straight lines
        between; empty if the engine's own pace decides.
        """
        return []

    @property
    def vus_line(self) -> list[tuple[int, int]]:
        """The number of vus over time, as steps (ns since the phase began, vus from then on)."""
        return [(0, self.vu_count)]

    @property
    def planned_iterations(self) -> int | None:
        """How many iterations the load consists of; None where only time ends it."""
        return None

    def due_before(self, elapsed_ns: int) -> int | None:
        """How many iterations arrive before a time, in ns after the phase began; None where they do not arrive."""
        return None

    def share_done(self, iterations: int, elapsed_ns: int) -> float:
        """How much of the load is done, 0..1, after these iterations and this time."""
        return min(1.0, elapsed_ns / self.longest_ns)

    @property
    def warmup_ns(self) -> int:
        """The warm-up, in nanoseconds."""
        return units.parse_duration_ns(self.warmup)

    @property
    def start_after_ns(self) -> int | None:
        """When it starts beside others, in nanoseconds; None where it waits for the phases before it to end."""
        return None if self.start_after is None else units.parse_duration_ns(self.start_after)

    @property
    def graceful_stop_ns(self) -> int:
        """How long iterations may go on after the end, in nanoseconds."""
        return units.parse_duration_ns(self.graceful_stop)

    def _pauses(self) -> str:
        thinking = self.think_time.describe()
        think = f", {thinking}" if thinking else ""
        return think + (f", after {self.warmup} of warm-up" if self.warmup_ns else "")


def _distinct(numbers: list[int]) -> list[int]:
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise ValueError(f"holds {twice} twice, but the phase runs once for each number: remove one")
    return numbers


_Number = Annotated[int, Field(ge=1, le=MOST_VUS)]
_Numbers = Annotated[list[_Number], Field(min_length=1, max_length=100), AfterValidator(_distinct)]
Vus = Annotated[
    Annotated[_Number, Tag("number")] | Annotated[_Numbers, Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, list) else "number"),
]
"""A number of vus, or several: then the phase runs for each."""


class FixedVus(LoadSettings):
    """The settings of executors with a number of vus that stays."""

    vus: Vus = Field(default=1, description="number of virtual users, each a thread with its own seed")

    @property
    def vu_count(self) -> int:
        """How many vus there are; not to be asked of a list of numbers, but of each phase it is spelt out into."""
        assert isinstance(self.vus, int), "a list of vus becomes phases before it runs"
        return self.vus

    def _vus(self) -> str:
        return "1 vu" if self.vu_count == 1 else f"{self.vu_count} vus"
