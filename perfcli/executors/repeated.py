"""A load that counts iterations, in a phase with faults: it might end before they do, so its vus repeat it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat, takewhile
from typing import ClassVar, Final, Self

from perfcli.executors.base import WHOLE, BackToBack, LoadSettings, Schedule, Share, Tickets
from perfcli.executors.iterations import CountedLoad
from perfcli.units import NS_PER_S

GIVES_UP_NS: Final = 30 * NS_PER_S
"""After its last fault a load is repeated for so long at most."""

_USUALLY_NS: Final = 3 * NS_PER_S


class Repeated(LoadSettings):
    """The load of a plan, never of a file: iterations without end, until the tool says that the phase is over."""

    ends_on_order: ClassVar[bool] = True
    counted: CountedLoad
    faults_end_ns: int
    """When the last fault of the phase is over by plan, in ns since it began."""

    @classmethod
    def of(cls, load: CountedLoad, faults_end_ns: int) -> Self:
        """The load of a file, repeated."""
        kept = {key: value for key, value in load if key in LoadSettings.model_fields}
        return cls(**kept, counted=load, faults_end_ns=faults_end_ns)

    @property
    def least_iterations(self) -> int:
        """How many iterations the file asks for."""
        return self.counted.planned_iterations

    @property
    def vu_count(self) -> int:
        """How many vus there are."""
        return self.counted.vu_count

    @property
    def longest_ns(self) -> int:
        """When it ends if the tool never says so, in ns after the phase began."""
        return max(self.counted.longest_ns, self.faults_end_ns + 2 * GIVES_UP_NS)

    @property
    def planned_ns(self) -> None:
        """None: the last recovery decides how long the phase lasts."""
        return None

    def largest_gap_ns(self, share: Share = WHOLE) -> int:
        """None: a vu works until the schedule is ended."""
        return 0

    def schedule(self, share: Share = WHOLE) -> Schedule:
        """A fresh schedule for one run, or for the share of it that one engine process carries."""
        endless = repeat(None)
        return Tickets(lambda vu: endless, self.longest_ns)

    def describe(self) -> str:
        """What will run, in one line."""
        return f"{self.counted.describe()}, repeated until the last fault has recovered"

    def share_done(self, iterations: int, elapsed_ns: int) -> float:
        """How much of the load is done, 0..1, if it recovers as soon as most do."""
        return min(1.0, elapsed_ns / (self.faults_end_ns + _USUALLY_NS))


class EndableSchedule:
    """A schedule that you can end at any time."""

    def __init__(self, schedule: Schedule, is_over: Callable[[], bool]) -> None:
        self._schedule = schedule
        self._is_over = is_over

    def next_start_ns(self, vu: int, now_ns: int) -> int | None:
        """As of the schedule; None once it is over."""
        return None if self._is_over() else self._schedule.next_start_ns(vu, now_ns)

    def back_to_back(self, vu: int) -> BackToBack | None:
        """As of the schedule, until it is over."""
        whole = self._schedule.back_to_back(vu)
        return whole and (takewhile(lambda ticket: not self._is_over(), whole[0]), whole[1])
