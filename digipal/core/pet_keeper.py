"""Whose pet is where: in memory, in storage, or just being changed, and never half of it."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from digipal.core.active_pets import ActivePets, UserLocks
from digipal.core.models import DigiPal
from digipal.errors import DatabaseBusyError, EngineClosedError, LivePetError, StalePetError, StorageError

if TYPE_CHECKING:
    from digipal.storage.storage_manager import StorageManager

_HISTORY_IN_MEMORY = 100
_RELEASE_PATIENCE_S = 0.6
_RELEASE_BUSY_TIMEOUT_S = 0.25
_ATTEMPTS = 100
"""How often a change is repeated on a pet that others keep saving first."""

_MUTABLE = ("conversation_history", "learned_commands", "personality_traits")

_log = logging.getLogger(__name__)
T = TypeVar("T")
Change = Callable[[DigiPal], tuple[bool, T]]
"""Changes a pet; (whether it must be saved, the answer)."""


class PetKeeper:
    """Lets one caller at a time look at or change a user's pet, and saves what changed before anyone sees it.

    `left` is told of every pet that leaves memory. Threads may share a keeper. While it lets go of all pets others
    wait, and are refused with EngineClosedError when all have gone.
    """

    def __init__(self, storage: "StorageManager", max_active_pets: int, left: Callable[[DigiPal], None]) -> None:
        self.active_pets = ActivePets(max_active_pets, self._save_before_leaving, left)
        self._storage = storage
        self._locks = UserLocks()
        self._is_closed = False
        self._may_enter = threading.Event()
        self._may_enter.set()

    def add(self, pet: DigiPal) -> None:
        """Save a new pet and keep it in memory; RuntimeError when its user has one or storage refuses it."""
        self._wait_to_enter()
        with self._locks.of(pet.user_id):
            try:
                saved = self._storage.save_pet(pet)
            except LivePetError as error:
                raise RuntimeError(f"Failed to save new DigiPal: user {pet.user_id!r} already has a DigiPal") from error
            if not saved:
                raise RuntimeError(f"Failed to save new DigiPal of user {pet.user_id!r}")
            self._keep(pet.user_id, pet)

    def fetch(self, user_id: str) -> DigiPal | None:
        """The user's pet, from memory or else from storage; None without a pet."""
        self._wait_to_enter()
        pet = self.active_pets.get(user_id)
        if pet is not None and self._is_current(pet):
            return pet
        with self._locks.of(user_id):
            return self._current_pet(user_id)

    def look(self, user_id: str, view: Callable[[DigiPal], T]) -> T | None:
        """What `view` says of the user's pet, as it was saved last while somebody changes it; None without a pet."""
        self._wait_to_enter()
        lock = self._locks.of(user_id)
        if not lock.acquire(blocking=False):
            pet = self._storage.load_pet(user_id)
            if isinstance(pet, DigiPal):
                return view(pet)
            lock.acquire()
        try:
            pet = self._current_pet(user_id)
            return None if pet is None else view(pet)
        finally:
            lock.release()

    def change(self, user_id: str, change: Change[T]) -> T | None:
        """Change the user's pet and save it, both or neither; None without a pet.

        When another process saved the pet meanwhile, the change is made again to the pet as it is now.
        """
        self._wait_to_enter()
        with self._locks.of(user_id):
            for _ in range(_ATTEMPTS):
                pet = self._pet(user_id)
                if pet is None:
                    return None
                before = _contents(pet)
                try:
                    changed, answer = change(pet)
                    if changed:
                        self._save(user_id, pet)
                except StalePetError:
                    _bring_back(pet, before)
                    self._let_go_of_stale(user_id, pet)
                except BaseException:
                    _bring_back(pet, before)
                    raise
                else:
                    return answer
        raise StalePetError(f"the pet of user {user_id!r} was changed by others {_ATTEMPTS} times in a row")

    def release_all(self) -> None:
        """Save every pet in memory once and let it go, within 0.8 s; nobody gets a pet any more then.

        StorageError names the pets that could not be saved in that time: they stay in memory, and pets are given out
        as before. What a call of the engine changed was saved by that call: only what a caller changed by hand is at
        stake, or the change of a call that has not returned.
        """
        self._may_enter.clear()
        before = self._storage.set_busy_timeout(_RELEASE_BUSY_TIMEOUT_S)
        pets = self.active_pets.snapshot()
        try:
            failures = self._release_until(time.monotonic() + _RELEASE_PATIENCE_S, pets)
            self._is_closed = not failures
        finally:
            self._storage.set_busy_timeout(before)
            self._may_enter.set()
        if failures:
            count = f"{len(failures)} of {len(pets)} pets"
            raise StorageError(f"{count} could not be saved: {failures[0]}") from failures[0]

    def _release_until(self, deadline: float, pets: list[tuple[str, DigiPal]]) -> list[Exception]:
        """Release the pets, those with something to lose first; why those that stay do."""
        failures: list[Exception] = []
        for user_id, pet in sorted(pets, key=lambda item: not self.active_pets.is_changed(*item)):
            lock = self._locks.of(user_id)
            if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
                failures.append(StorageError(f"pet {pet.id!r} of user {user_id!r} is in the midst of something"))
                continue
            try:
                self._release(user_id, pet, deadline)
            except Exception as error:
                failures.append(error)
                if isinstance(error, DatabaseBusyError):
                    deadline = 0.0  # or every pet would wait as long for the same lock
            finally:
                lock.release()
        return failures

    def _release(self, user_id: str, pet: DigiPal, deadline: float) -> None:
        is_changed = self.active_pets.is_changed(user_id, pet)
        if time.monotonic() < deadline:
            self._save_last_time(user_id, pet, is_changed)
        elif is_changed:
            raise DatabaseBusyError(f"there was no time left to save pet {pet.id!r} of user {user_id!r}")
        self.active_pets.discard(user_id, pet)

    def _save_last_time(self, user_id: str, pet: DigiPal, is_changed: bool) -> None:
        try:
            self._save(user_id, pet)
        except StalePetError:
            self._let_go_of_stale(user_id, pet)
        except DatabaseBusyError:
            if is_changed:
                raise

    def _wait_to_enter(self) -> None:
        """Wait while all pets are being let go: nobody who tries again and again may take time from that."""
        if self._is_closed or not self._may_enter.is_set():
            self._may_enter.wait()
            if self._is_closed:
                raise EngineClosedError("the engine has been shut down: make a new DigiPalCore")

    def _is_current(self, pet: DigiPal) -> bool:
        """Whether storage holds nothing newer; a stand-in for a storage may answer anything."""
        return self._storage.is_current(pet) is not False

    def _current_pet(self, user_id: str) -> DigiPal | None:
        """Like _pet, and not one that was deleted, restored or saved elsewhere since."""
        pet = self._pet(user_id)
        if pet is None or self._is_current(pet):
            return pet
        self._let_go_of_stale(user_id, pet)
        return self._pet(user_id)

    def _pet(self, user_id: str) -> DigiPal | None:
        """The user's pet; the caller holds the user's lock."""
        pet = self.active_pets.get(user_id)
        if pet is None:
            pet = self._storage.load_pet(user_id)
            if not isinstance(pet, DigiPal):
                return None
            self._keep(user_id, pet)
        return pet

    def _keep(self, user_id: str, pet: DigiPal) -> None:
        if self._is_closed or not self._may_enter.is_set():
            return  # a call that began before all pets were let go ends without keeping its own
        self.active_pets[user_id] = pet
        self.active_pets.note_saved(user_id, pet)

    def _save(self, user_id: str, pet: DigiPal) -> None:
        if not self._storage.save_pet(pet):
            raise StorageError(f"the storage did not save pet {pet.id!r} of user {user_id!r}")
        pet.trim_history(_HISTORY_IN_MEMORY)
        pet.unsaved = ()
        self.active_pets.note_saved(user_id, pet)

    def _save_before_leaving(self, user_id: str, pet: DigiPal) -> bool:
        """Whether the least recently used pet may leave memory: never in the midst of something, nor unsaved."""
        lock = self._locks.of(user_id)
        if not lock.acquire(blocking=False):
            return False
        try:
            if self.active_pets.is_changed(user_id, pet):
                self._save(user_id, pet)
        except StalePetError:
            self._let_go_of_stale(user_id, pet)
        except StorageError:
            # It belongs to another user than the one being served: it stays, and the next departure tries again.
            _log.exception("pet %r of user %r could not be saved and stays in memory", pet.id, user_id)
            return False
        finally:
            lock.release()
        return True

    def _let_go_of_stale(self, user_id: str, pet: DigiPal) -> None:
        """Drop a pet that another process saved since; only a caller's own edits can be lost, and not in silence."""
        if self.active_pets.is_changed(user_id, pet):
            _log.warning("pet %r of user %r was saved elsewhere; unsaved changes to it are dropped", pet.id, user_id)
        self.active_pets.discard(user_id, pet)


def _contents(pet: DigiPal) -> dict[str, Any]:
    """What the pet holds, copied deeply enough to bring it back."""
    contents = dict(pet.__dict__)
    for name in _MUTABLE:
        if name in contents:
            contents[name] = contents[name].copy()
    if pet.unsaved:
        contents["unsaved"] = list(pet.unsaved)
    return contents


def _bring_back(pet: DigiPal, contents: dict[str, Any]) -> None:
    for added in pet.__dict__.keys() - contents.keys():
        del pet.__dict__[added]
    pet.__dict__.update(contents)
