"""The engine in the agent's own process, called as its users call it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import digipal
from digipal.ai.simulated import SimulatedAI
from digipal.core import DigiPal, EggType
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager
from perfcli import units
from perfcli.plan import ExecutionPlan
from perfcli.scenario import steps
from perfcli.scenario.operation import StepSettings
from perfcli.targets import checks
from perfcli.targets.kinds import kind_of_error
from perfcli.targets.naming import PetRef, save_name, saves_in, set_up_user
from perfcli.targets.pets import VuPets
from perfcli.targets.protocol import Call, Failure, LivesIn, StepImpossible

_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class EmbeddedTarget:
    """DigiPalCore on a SQLite file, with the simulated AI."""

    def __init__(self, plan: ExecutionPlan, database: Path) -> None:
        self._scenario = plan.scenario
        self._seed = plan.seed
        self._database = database
        self._pets: list[PetRef] = []

    def open(self, lives_in: LivesIn) -> str:
        """Open the engine on a new database."""
        ai = self._scenario.engine.ai
        self._storage = StorageManager(str(self._database), str(self._database.parent / "assets"))
        self._core = DigiPalCore(
            self._storage,
            SimulatedAI(
                seed=self._seed,
                latency_ms=units.parse_duration_ns(ai.latency) / 1e6,
                jitter_ms=units.parse_duration_ns(ai.jitter) / 1e6,
                error_rate=units.parse_fraction(ai.error_rate),
            ),
        )
        # not part of the public API: an engine without one has no version to show
        return str(getattr(digipal, "__version__", ""))

    def set_up(self) -> None:
        """One user with a hatched pet for each of `setup.pets`."""
        eggs = list(EggType)
        for index in range(self._scenario.setup.pets):
            user = set_up_user(index)
            pet = self._create(user, eggs[index % len(eggs)])
            self._core.trigger_evolution(user, force=True)
            self._pets.append(PetRef(user, pet.id))

    def calls(self, vu: int) -> list[Call | None]:
        """The scenario's steps for one vu."""
        bound = _VuCalls(VuPets(vu, self._pets), self._core, self._storage, self._create)
        return [bound.bind(step) for step in self._scenario.flow]

    def classify(self, error: BaseException) -> Failure:
        """Kinds are the type and message, without the parts that differ from case to case."""
        return Failure(kind_of_error(error), _category(error))

    def active_pets(self) -> int:
        """Pets in the core's cache."""
        return len(self._core.active_pets)

    def clean_up(self) -> bool:
        """Empty the core's cache."""
        self._core.active_pets.clear()
        return True

    def close(self) -> None:
        """Shut down the core, then close the database."""
        self._core.shutdown()
        self._storage.close()

    def _create(self, user: str, egg: EggType) -> DigiPal:
        self._storage.create_user(user, user)
        return self._core.create_new_pet(egg, user)


class _VuCalls:
    """Binds steps to one vu."""

    def __init__(
        self, pets: VuPets, core: DigiPalCore, storage: StorageManager, create: Callable[[str, EggType], DigiPal]
    ) -> None:
        self._pets = pets
        self._core = core
        self._storage = storage
        self._create = create

    def bind(self, step: StepSettings) -> Call | None:
        core, on_pet = self._core, self._user_arguments
        match step:
            case steps.CreatePet():
                return Call(
                    partial(self._newcomer, [EggType(egg) for egg in step.egg_types]), self._create, self._welcome
                )
            case steps.LoadPet():
                load = self._storage.load_pet if step.source == "database" else core.load_existing_pet
                return Call(on_pet, load, self._check(checks.pet))
            case steps.SavePet():
                return Call(self._changed_pet, self._storage.save_pet, lambda _, answer: checks.saved(answer))
            case steps.Interact():
                return self._talk(core.process_interaction, step.texts, "user_input", step.accept_refusal)
            case steps.Care():
                return self._talk(core.apply_care_action, step.actions, "interpreted_command", step.accept_refusal)
            case steps.Status():
                return Call(on_pet, core.get_pet_state, self._check(checks.pet))
            case steps.Statistics():
                return Call(on_pet, core.get_pet_statistics, self._check(checks.statistics))
            case steps.Evict():
                return Call(on_pet, lambda user: core.active_pets.pop(user, None), lambda *_: "")
        return None

    def _user_arguments(self, user: int, choice: int) -> tuple[str]:
        self._acted_on = self._pets.of(user)
        return (self._acted_on.user_id,)

    def _check(self, check: Callable[[PetRef, Any], str]) -> Callable[[tuple[Any, ...], Any], str]:
        return lambda _, answer: check(self._acted_on, answer)

    def _talk(self, invoke: Callable[..., Any], words: Sequence[str], field: str, accept_refusal: bool) -> Call:
        return Call(
            lambda user, choice: (self._pets.of(user).user_id, words[choice]),
            invoke,
            lambda said, answer: checks.interaction(said[1], field, answer, accept_refusal=accept_refusal),
        )

    def _newcomer(self, eggs: list[EggType], user: int, choice: int) -> tuple[str, EggType]:
        return self._pets.newcomer(), eggs[choice]

    def _welcome(self, asked: tuple[Any, ...], answer: Any) -> str:
        user_id, egg = asked
        problem = checks.created(user_id, egg.value, answer)
        if not problem:
            self._pets.welcome(PetRef(user_id, answer.id))
        return problem

    def _changed_pet(self, user: int, choice: int) -> tuple[DigiPal]:
        reference = self._pets.of(user)
        pet = self._core.load_existing_pet(reference.user_id)
        if pet is None:
            raise StepImpossible("skipped: no pet to save")
        # the pet's name, which no engine changes by itself, counts its saves: the tool looks for it after the load
        pet.name = save_name(saves_in(pet.name) + 1)
        return (pet,)


def _category(error: BaseException) -> str:
    """What the exception, or one that caused it, says of the database or the clock."""
    names = {base.__name__ for base in type(error).__mro__}
    if "PetConflictError" in names:
        return ""  # a refusal to overwrite what others saved: the database is well
    for cause in _causes(error):
        if isinstance(cause, TimeoutError):
            return "timeout"
        if isinstance(cause, sqlite3.Error):
            code = getattr(cause, "sqlite_errorcode", None)
            return "busy" if code is not None and code & 0xFF in _BUSY_CODES else "database"
    return "database" if "StorageError" in names else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The exception and what it was raised from; each once, as an exception can be its own cause."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__
