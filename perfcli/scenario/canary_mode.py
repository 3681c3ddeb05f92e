"""Which canaries the saves of a scenario may leave in pets, and which reads can tell them: what is known of saves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import accumulate

from perfcli.operations.base import Effects
from perfcli.operations.digipal_data import WRITABLE_FIELDS
from perfcli.operations.save_canaries import CANARY_FIELDS, CanaryMode
from perfcli.scenario.models import Phase, Scenario


def canary_mode_of(scenario: Scenario) -> CanaryMode:
    """How the saves of a scenario change pets of the setup. Pets that the load creates count saves in their name."""
    phases = scenario.phases_to_run
    savers = [index for index, phase in enumerate(phases) if _acts_on_set_up(phase, lambda effects: effects.saves_pet)]
    if not savers:
        return CanaryMode.NONE
    changed = any(_acts_on_set_up(phase, lambda effects: effects.changes_pet_through_engine) for phase in phases)
    # what another process has in memory since an earlier wave is older, and talk to it may store it again
    outlives = scenario.engine_processes > 1 and any(phase.load.start_after is None for phase in phases[1:])
    alone = all(_vus_are_alone(phases, index, scenario.setup.pets) for index in savers)
    if alone and not (changed and outlives):
        return CanaryMode.IN_PLACE
    return CanaryMode.NOTES_ONLY if changed else CanaryMode.ON_COPIES


def may_share_pets(scenario: Scenario) -> bool:
    """Whether two vus may act on one pet of the setup at a time."""
    phases = scenario.phases_to_run
    return not all(_vus_are_alone(phases, index, scenario.setup.pets) for index in range(len(phases)))


def lasting_fields(scenario: Scenario) -> Collection[str]:
    """The fields of pets that stay as own operations wrote them, until another own operation writes them.

    Talk and care change attributes. And an engine may store the pet it has in memory, which an own operation bypassed:
    the harness drops it from the cache, which is enough only if no other vu or process acts on the pet meanwhile.
    """
    phases = scenario.phases_to_run
    stores = any(_acts_on_set_up(phase, lambda effects: effects.stores_whole_pet) for phase in phases)
    outlives = scenario.engine_processes > 1 and any(phase.load.start_after is None for phase in phases[1:])
    if stores and (may_share_pets(scenario) or outlives):
        return ()
    changes = any(step.effects.changes_attributes or step.effects.texts for phase in phases for step in phase.flow)
    return CANARY_FIELDS if changes else WRITABLE_FIELDS


def notes_vanish(scenario: Scenario) -> bool:
    """Whether steps delete what is stored with pets of the setup, the notes of saves among it."""
    return any(_acts_on_set_up(phase, lambda effects: effects.clears_history) for phase in scenario.phases_to_run)


def telling_reads(scenario: Scenario, phase: Phase) -> Mapping[int, bool]:
    """The places in a phase's flow whose reads tell which save they saw, and whether the database told it.

    A cached read can be stale, but shows no more of a save than what the harness itself wrote into the cached pet.
    """
    mode = canary_mode_of(scenario)
    # on copies the harness itself changes the cache, and other processes have a cache of their own
    cache_tells = mode is CanaryMode.IN_PLACE and scenario.engine_processes == 1
    steps = list(zip(phase.flow, follows_creation(phase), strict=True))
    saves_created = any(new and step.effects.saves_pet for step, new in steps)
    return {
        place: step.reads_database
        for place, (step, new) in enumerate(steps)
        if step.reads and (saves_created if new else mode.in_fields and (step.reads_database or cache_tells))
    }


def follows_creation(phase: Phase) -> list[bool]:
    """For each step of an ordered flow, whether a step before it creates the pet it acts on."""
    if phase.is_mix:
        return [False] * len(phase.flow)
    created: Iterator[bool] = accumulate(
        (step.effects.creates_pet for step in phase.flow), lambda before, now: before or now
    )
    return [False, *created][: len(phase.flow)]


def _vus_are_alone(phases: Sequence[Phase], index: int, pets: int) -> bool:
    """Whether each vu of a phase has pets that no other vu acts on while the phase runs."""
    phase = phases[index]
    joins = index > 0 and phase.load.start_after is not None
    is_joined = any(later.load.start_after is not None for later in phases[index + 1 : index + 2])
    return phase.users == "own" and phase.load.vu_count <= pets and not (joins or is_joined)


def _acts_on_set_up(phase: Phase, has: Callable[[Effects], bool]) -> bool:
    """Whether any step with such effects acts on pets of the setup."""
    steps = zip(phase.flow, follows_creation(phase), strict=True)
    return any(has(step.effects) and not created for step, created in steps)
