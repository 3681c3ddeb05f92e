"""What each vu does, drawn from its seed: a pure sequence, so that a run can be repeated and checked.

Only `random.Random.random()` is drawn from, whose sequence for a seed is the same on every Python version.
"""

from __future__ import annotations

from array import array
from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, cycle, islice, repeat
from math import lcm
from operator import rshift
from random import Random
from typing import Final, Literal

from perfcli.operations.base import StepSettings
from perfcli.operations.digipal_data import CREATED_PET, NO_PET
from perfcli.plan import INCARNATION, PlannedPhase
from perfcli.scenario.canary_mode import follows_creation
from perfcli.scenario.target import Zipf

_USER_SHIFT: Final = 24
_STEP_SHIFT: Final = 50
_MOST_REPEATED: Final = 512  # draws of one vu that are kept
_USER_OFFSET: Final = 2  # CREATED_PET and NO_PET are packed as 1 and 0

Stream = Literal["warm-up", "load", "counting"]


Draw = tuple[int, int, int, int]
"""One step to do: its place in the flow, on whose pet, in which of its variants; and all three in one integer."""


def pack(step: int, user: int, choice: int) -> int:
    """A draw as one 64-bit integer: step (10 bits), user + 2 (26 bits), choice (24 bits)."""
    return step << _STEP_SHIFT | (user + _USER_OFFSET) << _USER_SHIFT | choice


def unpack(packed: int) -> tuple[int, int, int]:
    """The step, user and choice of a packed draw."""
    user = (packed >> _USER_SHIFT & (1 << _STEP_SHIFT - _USER_SHIFT) - 1) - _USER_OFFSET
    return packed >> _STEP_SHIFT, user, packed & (1 << _USER_SHIFT) - 1


def places(packed: array[int]) -> Iterator[int]:
    """The steps of packed draws, one after another."""
    return map(rshift, packed, repeat(_STEP_SHIFT))


class Workload:
    """The endless sequence of iterations that a seed prescribes to one vu.

    Streams are independent: the warm-up draws from its own, so that what is measured does not depend on how far the
    warm-up came.
    """

    def __init__(self, planned: PlannedPhase, seed: int, vu: int, stream: Stream = "load") -> None:
        self._phase = planned.phase
        self._random = Random(f"{seed}/{stream}/{vu}").random
        flow = planned.flow
        created = follows_creation(planned.phase)
        self._steps = [
            (place, pack(place, 0, 0), created[place], self._chooser(step)) for place, step in enumerate(flow)
        ]
        self._next_user = self._user_chooser(planned, vu)
        drawn = self._mixed() if planned.phase.is_mix else self._ordered()
        # what comes back soon is drawn once: a draw is taken before every iteration
        period = self._period(planned, vu)
        self.iterations: Iterator[Sequence[Draw]] = cycle(list(islice(drawn, period))) if period else drawn
        """The steps of each iteration of the vu, in order; it never ends."""

    def _ordered(self) -> Iterator[Sequence[Draw]]:
        steps, next_user = self._steps, self._next_user
        while True:
            iteration_user = next_user()
            draws = []
            for place, packed_place, on_created, choose in steps:
                user = CREATED_PET if on_created else iteration_user
                choice = choose()
                draws.append((place, user, choice, packed_place + (user << _USER_SHIFT) + choice))
            yield draws

    def _mixed(self) -> Iterator[Sequence[Draw]]:
        """One step an iteration; in a mix no step acts on a pet that another created."""
        steps, next_user, random = self._steps, self._next_user, self._random
        edges = list(accumulate(step.weight or 0.0 for step in self._phase.flow))
        total, last = edges[-1], len(edges) - 1
        while True:
            user = next_user()
            # a product that is rounded up to the total is still the last step
            place, packed_place, _, choose = steps[bisect(edges, random() * total, 0, last)]
            choice = choose()
            yield ((place, user, choice, packed_place + (user << _USER_SHIFT) + choice),)

    def steps(self) -> Iterator[int]:
        """The packed draws of all iterations to come, one after another."""
        for draws in self.iterations:
            for *_, packed in draws:
                yield packed

    def _period(self, planned: PlannedPhase, vu: int) -> int:
        """After how many iterations they come back, the same ones; 0 where chance decides, or after too many."""
        flow, pets = planned.flow, planned.pets
        if (
            planned.phase.is_mix
            or any(step.picks_at_random for step in flow)
            or (pets and planned.phase.users != "own")
        ):
            return 0
        period = lcm(len(_own(planned, vu)), *(step.choices for step in flow))
        return period if period * len(flow) <= _MOST_REPEATED else 0

    def _chooser(self, step: StepSettings) -> Callable[[], int]:
        choices, random = step.choices, self._random
        if choices == 1:
            return repeat(0).__next__
        if step.picks_at_random:
            return lambda: int(random() * choices)
        return cycle(range(choices)).__next__

    def _user_chooser(self, planned: PlannedPhase, vu: int) -> Callable[[], int]:
        pets, random, users = planned.pets, self._random, planned.phase.users
        if pets == 0:
            return repeat(NO_PET).__next__
        if users == "uniform":
            return lambda: int(random() * pets)
        if isinstance(users, Zipf):
            return _zipf(pets, users.zipf, random)
        return cycle(_own(planned, vu)).__next__


def _own(planned: PlannedPhase, vu: int) -> Sequence[int]:
    """The pets of one vu where each has its own; of fewer pets than vus, one that it shares."""
    place, pets = vu % INCARNATION - planned.first_vu, planned.pets
    return range(place, pets, planned.load.vu_count) or ((place % pets,) if pets else (NO_PET,))


def _zipf(pets: int, exponent: float, random: Callable[[], float]) -> Callable[[], int]:
    """Pet k (from 0) with a probability in proportion to 1 / (k + 1)^exponent (Zipf 1949)."""
    edges = _zipf_edges(pets, exponent)
    total, last = edges[-1], pets - 1
    return lambda: bisect(edges, random() * total, 0, last)


@lru_cache(maxsize=4)
def _zipf_edges(pets: int, exponent: float) -> list[float]:
    return list(accumulate((rank + 1) ** -exponent for rank in range(pets)))


def pauses(planned: PlannedPhase) -> frozenset[int]:
    """The places in the flow that are pauses, not operations."""
    return frozenset(place for place, step in enumerate(planned.flow) if step.is_pause)
