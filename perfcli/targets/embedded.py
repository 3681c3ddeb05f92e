"""The engine in the agent's own process, called as its users call it."""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, Final

import digipal
from digipal.core import DigiPal, EggType
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager
from perfcli.errors import PerfError
from perfcli.operations.base import StepSettings
from perfcli.operations.binding import EmbeddedVu
from perfcli.operations.call import Call
from perfcli.operations.digipal_data import PetRef, VuPets, set_up_user
from perfcli.operations.own.binding import OwnVu
from perfcli.operations.save_canaries import CanaryMode, SaveCanaries
from perfcli.operations.stored import answers
from perfcli.plan import ExecutionPlan
from perfcli.scenario.canary_mode import canary_mode_of, follows_creation, notes_vanish, telling_reads
from perfcli.targets.error_kinds import causes, kind_of_error
from perfcli.targets.protocol import EngineGone, Failure, Found, Obey, Surroundings, assets_of, source_digest
from perfcli.targets.simulated_ai import SimulatedAI
from perfcli.wire import Serving

_MOST_REFUSALS: Final = 10
_BUSY_PAUSE_S: Final = 0.02
_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class EmbeddedTarget:
    """DigiPalCore on a SQLite file, with the simulated AI."""

    def __init__(self, plan: ExecutionPlan, database: Path, process: int = 0, serving: Serving | None = None) -> None:
        assert serving is None, "the engine is in each process"
        self._plan = plan
        self._scenario = plan.scenario
        self._database = database
        self._pets: list[PetRef] = []
        self._pets_of_vus: list[VuPets] = []
        self._canaries = SaveCanaries(canary_mode_of(plan.scenario), notes_vanish=notes_vanish(plan.scenario))

    def open(self, found: Found) -> str:
        """Open the engine on a new database."""
        self._storage = StorageManager(str(self._database), str(assets_of(self._database)))
        self._ai = SimulatedAI(self._scenario.engine.ai, self._plan.seed)
        self._core = DigiPalCore(self._storage, self._ai)
        return source_digest(Path(digipal.__file__).parent)

    def set_up(self) -> None:
        """One user with a hatched pet for each of `setup.pets`."""
        eggs = list(EggType)
        for index in range(self._scenario.setup.pets):
            user = set_up_user(index)
            _patiently(self._storage.create_user, user, user)
            pet = _patiently(self._core.create_new_pet, eggs[index % len(eggs)], user)
            _patiently(self._core.trigger_evolution, user, force=True)
            self._pets.append(PetRef(user, pet.id))

    def join(self) -> None:
        """Read whose pets they are; straight from the database, so that this engine's cache stays cold."""
        for index in range(self._scenario.setup.pets):
            user = set_up_user(index)
            pet = self._storage.load_pet(user)
            if pet is None:
                raise EngineGone(f"the pet of {user}, set up in another process, is not in the database")
            self._pets.append(PetRef(user, pet.id))

    def calls(self, vu: int, shown: array[int], own: OwnVu) -> list[Call | None]:
        """The scenario's steps for one vu."""
        pets = VuPets(vu, self._pets)
        self._pets_of_vus.append(pets)
        phase = self._plan.phase_of(vu).phase
        telling, on_created = telling_reads(self._scenario, phase), follows_creation(phase)
        bound = EmbeddedVu(pets, self._canaries, self._core, self._storage, shown, telling, on_created, own)
        return [self._call(bound, step, place) for place, step in enumerate(phase.flow)]

    @staticmethod
    def _call(vu: EmbeddedVu, step: StepSettings, place: int) -> Call | None:
        if step.is_pause:
            return None
        try:
            return step.within_timeout(step.bind_embedded(vu, place))
        except AttributeError as error:
            raise _lacking(error, step.label) from error

    def classify(self, error: BaseException) -> Failure:
        """Kinds are the type and message, without the parts that differ from case to case."""
        return Failure(kind_of_error(error), _category(error))

    def active_pets(self) -> int:
        """Pets in the core's cache."""
        return len(self._core.active_pets)

    def fault_orders(self, here: Callable[[Surroundings], Obey]) -> Obey:
        """The engine lives here, and its AI is the tool's."""
        return here(Surroundings(self._ai.behave))

    def answers(self, *, of_setup: bool) -> Iterator[str]:
        """What the engine answers about the pets that vus of this process created, and of the setup."""
        newcomers = chain.from_iterable(pets.newcomers() for pets in self._pets_of_vus)
        set_up = (pet.user_id for pet in self._pets) if of_setup else ()
        return answers(self._ask, chain(set_up, newcomers))

    def _ask(self, user: str) -> DigiPal | None:
        alone = self._canaries.mode in (CanaryMode.NONE, CanaryMode.IN_PLACE)
        if self._plan.scenario.pool.processes > 1 or not alone:
            # others may have saved it behind this cache's back, which is no fault of the engine
            self._core.active_pets.pop(user, None)
        return self._core.load_existing_pet(user)

    def see_that_it_lives(self) -> None:
        """It lives as long as this process does."""

    def clean_up(self) -> bool:
        """Empty the core's cache."""
        self._core.active_pets.clear()
        return True

    def close(self) -> None:
        """Shut down the core, then close the database."""
        self._core.shutdown()
        self._storage.close()


def _patiently(call: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
    """Call for the set-up, which is not measured: what is busy is asked again."""
    for _ in range(_MOST_REFUSALS):
        try:
            return call(*arguments, **settings)
        except Exception as error:
            if _category(error) != "busy":
                raise
            time.sleep(_BUSY_PAUSE_S)
    return call(*arguments, **settings)


def _lacking(error: AttributeError, label: str) -> PerfError:
    """A method that is not there, in words for who wrote the engine."""
    owner = type(error.obj).__name__ if error.obj is not None else "digipal"
    return PerfError(f"the engine lacks {owner}.{error.name}, which the step {label} needs")


def _category(error: BaseException) -> str:
    """What the exception, or one that caused it, says of the database or the clock."""
    for cause in causes(error):
        if "PetConflictError" in _names(cause):
            return "stale"  # a refusal to overwrite what others saved: the database is well
        if "DatabaseBusyError" in _names(cause):
            return "busy"  # of an engine whose writers wait for one another before SQLite is asked
        if isinstance(cause, TimeoutError):
            return "timeout"
        if isinstance(cause, sqlite3.Error):
            return "busy" if _is_busy(cause) else "database"
    return "database" if "StorageError" in _names(error) else ""


def _names(error: BaseException) -> set[str]:
    """What its type is called, and those it derives from: another engine's types are no subclasses of ours."""
    return {base.__name__ for base in type(error).__mro__}


def _is_busy(error: sqlite3.Error) -> bool:
    """Whether SQLite's own code says so; where an engine made the error itself, its words."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF in _BUSY_CODES if code is not None else "is locked" in str(error)


def open_storage(database: Path) -> StorageManager:
    """The storage of a database file, with its assets where a run keeps them."""
    return StorageManager(str(database), str(assets_of(database)))
