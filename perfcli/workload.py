"""What each vu does, drawn from its seed: a pure sequence, so that a run can be repeated and checked.

Only `random.Random.random()` is drawn from, whose sequence for a seed is the same on every Python version.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterator
from itertools import accumulate, cycle, repeat
from random import Random
from typing import Final, Literal

from perfcli.scenario.models import Scenario
from perfcli.scenario.operation import CreationSettings, StepSettings
from perfcli.scenario.steps import Sleep

CREATED_PET: Final = -1
"""The user index of the pet that the same iteration created."""

NO_PET: Final = -2
"""The user index of a step that acts on no pet."""

_USER_SHIFT: Final = 24
_STEP_SHIFT: Final = 50
_USER_OFFSET: Final = 2  # CREATED_PET and NO_PET are packed as 1 and 0

Stream = Literal["warm-up", "load"]


Draw = tuple[int, int, int, int]
"""One step to do: its place in the flow, on whose pet, in which of its variants; and all three in one integer."""


def pack(step: int, user: int, choice: int) -> int:
    """A draw as one 64-bit integer: step (10 bits), user + 2 (26 bits), choice (24 bits)."""
    return step << _STEP_SHIFT | (user + _USER_OFFSET) << _USER_SHIFT | choice


def unpack(packed: int) -> tuple[int, int, int]:
    """The step, user and choice of a packed draw."""
    user = (packed >> _USER_SHIFT & (1 << _STEP_SHIFT - _USER_SHIFT) - 1) - _USER_OFFSET
    return packed >> _STEP_SHIFT, user, packed & (1 << _USER_SHIFT) - 1


class Workload:
    """The endless sequence of iterations that a seed prescribes to one vu.

    Streams are independent: the warm-up draws from its own, so that what is measured does not depend on how far the
    warm-up came.
    """

    def __init__(self, scenario: Scenario, seed: int, vu: int, stream: Stream = "load") -> None:
        self._random = Random(f"{seed}/{stream}/{vu}").random
        follows_creation = _follows_creation(scenario)
        self._steps = [
            (place, pack(place, 0, 0), follows_creation[place], self._chooser(step))
            for place, step in enumerate(scenario.flow)
        ]
        self._next_user = self._user_chooser(scenario, vu)
        self._next_step = self._step_chooser(scenario) if scenario.is_mix else None

    def next_iteration(self) -> list[Draw]:
        """The steps of the vu's next iteration, in order."""
        # a hot path, once an iteration: hence no call a step but the choosers
        iteration_user = self._next_user()
        draws = []
        for place, packed_place, follows_creation, choose in (
            self._steps if self._next_step is None else (self._steps[self._next_step()],)
        ):
            user = CREATED_PET if follows_creation else iteration_user
            choice = choose()
            draws.append((place, user, choice, packed_place + (user << _USER_SHIFT) + choice))
        return draws

    def steps(self) -> Iterator[int]:
        """The packed draws of all iterations to come, one after another."""
        while True:
            for *_, packed in self.next_iteration():
                yield packed

    def _chooser(self, step: StepSettings) -> Callable[[], int]:
        choices, random = step.choices, self._random
        if choices == 1:
            return repeat(0).__next__
        if step.picks_at_random:
            return lambda: int(random() * choices)
        return cycle(range(choices)).__next__

    def _user_chooser(self, scenario: Scenario, vu: int) -> Callable[[], int]:
        pets, random = scenario.setup.pets, self._random
        if pets == 0:
            return repeat(NO_PET).__next__
        if scenario.users == "uniform":
            return lambda: int(random() * pets)
        own = range(vu, pets, scenario.load.vus) or (vu % pets,)
        return cycle(own).__next__

    def _step_chooser(self, scenario: Scenario) -> Callable[[], int]:
        edges = list(accumulate(step.weight or 0.0 for step in scenario.flow))
        total, last, random = edges[-1], len(edges) - 1, self._random
        return lambda: min(bisect(edges, random() * total), last)


def pauses(scenario: Scenario) -> frozenset[int]:
    """The places in the flow that are pauses, not operations."""
    return frozenset(place for place, step in enumerate(scenario.flow) if isinstance(step, Sleep))


def _follows_creation(scenario: Scenario) -> list[bool]:
    """For each step of an ordered flow, whether a step before it creates the pet it acts on."""
    if scenario.is_mix:
        return [False] * len(scenario.flow)
    created: Iterator[bool] = accumulate(
        (isinstance(step, CreationSettings) for step in scenario.flow), lambda before, now: before or now
    )
    return [False, *created][: len(scenario.flow)]
