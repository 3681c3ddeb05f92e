"""How `save_pet` steps can mark the pets of the setup, which decides what can be known of their saves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from itertools import accumulate

from perfcli.scenario.models import Phase, Scenario
from perfcli.scenario.operation import CareSettings, CreationSettings, StepSettings, TalkSettings
from perfcli.scenario.steps import SavePet


class Marking(Enum):
    """How saves may mark the pets of the setup, such that the marking itself tears nothing."""

    NOTHING = "nobody saves them"
    IN_PLACE = "nobody else acts on a pet while it is saved: the engine's own object bears the marks"
    ON_COPIES = "others read it meanwhile: a copy bears the marks, and takes the object's place once it is saved"
    NOTES_ONLY = "others change it through the engine meanwhile, which undoes marks: a note at most tells of a save"

    @property
    def has_marks(self) -> bool:
        """Whether a pet tells which save it bears the mark of."""
        return self in (Marking.IN_PLACE, Marking.ON_COPIES)


def marking_of(scenario: Scenario) -> Marking:
    """How the saves of a scenario mark pets of the setup. Pets that the load creates count saves in their name."""
    phases = scenario.phases_to_run
    savers = [index for index, phase in enumerate(phases) if any(_on_set_up(phase, SavePet))]
    if not savers:
        return Marking.NOTHING
    changed = any(any(_on_set_up(phase, TalkSettings, CareSettings)) for phase in phases)
    # what another process has in memory since an earlier wave is older, and talk to it may store it again
    outlives = scenario.pool.processes > 1 and any(phase.load.start_after is None for phase in phases[1:])
    alone = all(_vus_are_alone(phases, index, scenario.setup.pets) for index in savers)
    if alone and not (changed and outlives):
        return Marking.IN_PLACE
    return Marking.NOTES_ONLY if changed else Marking.ON_COPIES


def follows_creation(phase: Phase) -> list[bool]:
    """For each step of an ordered flow, whether a step before it creates the pet it acts on."""
    if phase.is_mix:
        return [False] * len(phase.flow)
    created: Iterator[bool] = accumulate(
        (isinstance(step, CreationSettings) for step in phase.flow), lambda before, now: before or now
    )
    return [False, *created][: len(phase.flow)]


def _vus_are_alone(phases: Sequence[Phase], index: int, pets: int) -> bool:
    """Whether each vu of a phase has pets that no other vu acts on while the phase runs."""
    phase = phases[index]
    joins = index > 0 and phase.load.start_after is not None
    is_joined = any(later.load.start_after is not None for later in phases[index + 1 : index + 2])
    return phase.users == "own" and phase.load.vu_count <= pets and not (joins or is_joined)


def _on_set_up(phase: Phase, *kinds: type[StepSettings]) -> Iterator[bool]:
    """Of each step of these kinds, whether it acts on pets of the setup."""
    steps = zip(phase.flow, follows_creation(phase), strict=True)
    return (not new for step, new in steps if isinstance(step, kinds))
