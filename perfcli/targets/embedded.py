"""The engine in the agent's own process, called as its users call it."""

from __future__ import annotations

import sqlite3
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import digipal
from digipal.core import DigiPal, EggType, Interaction
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager
from perfcli.errors import PerfError
from perfcli.plan import ExecutionPlan
from perfcli.scenario import steps
from perfcli.scenario.marking import Marking, follows_creation, marking_of
from perfcli.scenario.operation import StepSettings
from perfcli.targets import checks
from perfcli.targets.answers import answers
from perfcli.targets.kinds import causes, kind_of_error
from perfcli.targets.marks import TORN_KEY, Marks, count_save, telling_reads
from perfcli.targets.naming import PetRef, assets_of, saves_in, set_up_user
from perfcli.targets.pets import VuPets
from perfcli.targets.protocol import Call, Check, EngineGone, Failure, LivesIn, StepImpossible, call_within
from perfcli.targets.simulated_ai import SimulatedAI
from perfcli.targets.sources import source_digest
from perfcli.workload import CREATED_PET

_MOST_REFUSALS: Final = 10
_BUSY_PAUSE_S: Final = 0.02
_BUSY_CODES = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class EmbeddedTarget:
    """DigiPalCore on a SQLite file, with the simulated AI."""

    def __init__(self, plan: ExecutionPlan, database: Path) -> None:
        self._plan = plan
        self._scenario = plan.scenario
        self._database = database
        self._pets: list[PetRef] = []
        self._pets_of_vus: list[VuPets] = []
        self._marks = Marks(marking_of(plan.scenario))

    def open(self, lives_in: LivesIn) -> str:
        """Open the engine on a new database."""
        self._storage = StorageManager(str(self._database), str(assets_of(self._database)))
        self._core = DigiPalCore(self._storage, SimulatedAI(self._scenario.engine.ai, self._plan.seed))
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

    def calls(self, vu: int, shown: array[int]) -> list[Call | None]:
        """The scenario's steps for one vu."""
        pets = VuPets(vu, self._pets)
        self._pets_of_vus.append(pets)
        bound = _VuCalls(pets, self._marks, self._core, self._storage, self._create, shown)
        phase = self._plan.phase_of(vu)
        telling = telling_reads(self._plan, phase)
        flow = enumerate(zip(phase.flow, follows_creation(phase.phase), strict=True))
        return [
            call_within(step, self._bind(bound, step, tells=place in telling, created=created))
            for place, (step, created) in flow
        ]

    @staticmethod
    def _bind(bound: _VuCalls, step: StepSettings, *, tells: bool, created: bool) -> Call | None:
        try:
            return bound.bind(step, tells=tells, created=created)
        except AttributeError as error:
            raise _lacking(error, step.label) from error

    def classify(self, error: BaseException) -> Failure:
        """Kinds are the type and message, without the parts that differ from case to case."""
        return Failure(kind_of_error(error), _category(error))

    def active_pets(self) -> int:
        """Pets in the core's cache."""
        return len(self._core.active_pets)

    def answers(self, *, of_setup: bool) -> Iterator[str]:
        """What the engine answers about the pets that vus of this process created, and of the setup."""
        newcomers = chain.from_iterable(pets.newcomers() for pets in self._pets_of_vus)
        set_up = (pet.user_id for pet in self._pets) if of_setup else ()
        return answers(self._ask, chain(set_up, newcomers))

    def _ask(self, user: str) -> DigiPal | None:
        alone = self._marks.marking in (Marking.NOTHING, Marking.IN_PLACE)
        if self._plan.scenario.pool.processes > 1 or not alone:
            # others may have saved it behind this cache's back, which is no fault of the engine
            self._core.active_pets.pop(user, None)
        return self._core.load_existing_pet(user)

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
        self,
        pets: VuPets,
        marks: Marks,
        core: DigiPalCore,
        storage: StorageManager,
        create: Callable[[str, EggType], DigiPal],
        shown: array[int],
    ) -> None:
        self._pets = pets
        self._marks = marks
        self._unsaved = ""
        self._core = core
        self._storage = storage
        self._create = create
        self._shown = shown

    def bind(self, step: StepSettings, *, tells: bool, created: bool) -> Call | None:
        core, on_pet = self._core, self._user_arguments()
        match step:
            case steps.CreatePet():
                return Call(
                    partial(self._newcomer, [EggType(egg) for egg in step.egg_types]), self._create, self._welcome
                )
            case steps.LoadPet():
                load = self._storage.load_pet if step.source == "database" else core.load_existing_pet
                return Call(on_pet, load, self._check_pet(tells, created))
            case steps.SavePet():
                note = Interaction if step.history else None
                return Call(partial(self._changed_pet, note), self._storage.save_pet, self._saved)
            case steps.Interact():
                return self._talk(core.process_interaction, step.texts, "user_input", step.accept_refusal)
            case steps.Care():
                return self._talk(core.apply_care_action, step.actions, "interpreted_command", step.accept_refusal)
            case steps.Status():
                return Call(on_pet, core.get_pet_state, self._check_pet(tells, created))
            case steps.Statistics():
                return Call(on_pet, core.get_pet_statistics, self._check(checks.statistics))
            case steps.Evict():
                return Call(on_pet, lambda user: core.active_pets.pop(user, None), lambda *_: "")
        return None

    def _user_arguments(self) -> Callable[[int, int], tuple[str]]:
        set_up, of = self._pets.set_up, self._pets.of

        def arguments(user: int, choice: int) -> tuple[str]:
            self._acted_on = pet = set_up[user] if user >= 0 else of(user)
            return (pet[0],)

        return arguments

    def _check(self, check: Callable[[PetRef, Any], str]) -> Callable[[tuple[Any, ...], Any], str]:
        return lambda _, answer: check(self._acted_on, answer)

    def _check_pet(self, tells: bool, created: bool) -> Check:
        show, look = self._shown.append, self._look(created)

        def check(_: tuple[Any, ...], answer: Any) -> str:
            expected = self._acted_on
            user_id, pet_id = expected
            # the plain case by itself: it is much of what the harness does beside the engine
            if answer is None or answer.user_id != user_id or answer.id != pet_id:
                return checks.pet(expected, answer)
            if look is None:
                return ""
            key = look(answer)
            if key == TORN_KEY:
                return checks.TORN
            if tells:
                show(key)
            return ""

        return check

    def _look(self, created: bool) -> Callable[[Any], int] | None:
        """What tells which save a pet that was read bears the mark of; None if none can be told."""
        if created:
            return lambda pet: saves_in(pet.name)
        return self._marks.key_of if self._marks.marking.has_marks else None

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

    def _changed_pet(self, note: Callable[..., Interaction] | None, user: int, choice: int) -> tuple[DigiPal]:
        marks, vu = self._marks, self._pets.vu
        if user != CREATED_PET:
            # first of all: whatever becomes of it, the tool counts each sample of a save
            marks.begin(vu)
        reference = self._pets.of(user)
        if self._unsaved:
            # somebody else saved it first: what this engine has in memory is older
            self._core.active_pets.pop(self._unsaved, None)
        notes_only = user != CREATED_PET and marks.marking is Marking.NOTES_ONLY
        # others may be in the midst of changing the object in memory, and half a change must not be saved
        pet = (self._storage.load_pet if notes_only else self._core.load_existing_pet)(reference.user_id)
        if pet is None:
            raise StepImpossible("skipped: no pet to save")
        if user == CREATED_PET:
            return (count_save(pet),)
        marked = marks.leave(pet, vu, note)
        self._unsaved = "" if marked is pet else reference.user_id
        return (marked,)

    def _saved(self, asked: tuple[Any, ...], answer: Any) -> str:
        problem = checks.saved(answer)
        if self._unsaved and not problem:
            (marked,) = asked
            self._core.active_pets[self._unsaved] = marked
            self._unsaved = ""
        return problem


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
