"""The pets in memory: a bounded mapping that forgets nothing unsaved, and one lock a user."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, MutableMapping
from operator import attrgetter
from typing import Any
from weakref import ref

from digipal.core.models import DigiPal

_MUTABLE_FIELDS = ("conversation_history", "learned_commands", "personality_traits")
_plain_values = attrgetter(*(name for name in DigiPal.__dataclass_fields__ if name not in _MUTABLE_FIELDS))
_SPARE_CANDIDATES = 8
"""How many pets that may not leave just now are passed over before the bound gives way for a while."""

_RECENT_LOCKS = 64

_REQUIRED = object()
"""In place of a default that was not given."""

State = tuple[object, ...]


def state_of(pet: DigiPal) -> State:
    """Something that differs when the pet does, cheap enough to take at every save."""
    history = pet.conversation_history
    return (
        _plain_values(pet),
        frozenset(pet.learned_commands),
        tuple(pet.personality_traits.items()),
        len(history),
        history[-1] if history else None,
    )


class ActivePets(MutableMapping[str, DigiPal]):
    """user_id → pet, at most `limit`: the least recently used leaves when `may_leave(user_id, pet)` agrees.

    Reading or setting an item makes it the most recently used. What the caller deletes, pops or clears goes at
    once, unasked. `left(pet)` is told of every pet that went. Threads may share it.
    """

    def __init__(self, limit: int, may_leave: Callable[[str, DigiPal], bool], left: Callable[[DigiPal], None]) -> None:
        if limit < 1:
            raise ValueError(f"at least one pet must fit, not {limit}")
        self.limit = limit
        self._may_leave = may_leave
        self._left = left
        self._pets: OrderedDict[str, DigiPal] = OrderedDict()
        self._saved: dict[str, tuple[DigiPal, State]] = {}
        self._lock = threading.RLock()

    def __getitem__(self, user_id: str) -> DigiPal:
        with self._lock:
            pet = self._pets[user_id]
            self._pets.move_to_end(user_id)
            return pet

    def __setitem__(self, user_id: str, pet: DigiPal) -> None:
        with self._lock:
            replaced = self._pets.get(user_id)
            self._pets[user_id] = pet
            self._pets.move_to_end(user_id)
            crowded = len(self._pets) > self.limit
        if replaced is not None and replaced.id != pet.id:
            self._left(replaced)
        if crowded:
            self._shrink(keep=user_id)

    def __delitem__(self, user_id: str) -> None:
        self.pop(user_id)

    def __contains__(self, user_id: object) -> bool:
        return user_id in self._pets

    def __iter__(self) -> Iterator[str]:
        with self._lock:
            return iter(list(self._pets))

    def __len__(self) -> int:
        return len(self._pets)

    def pop(self, user_id: str, /, default: Any = _REQUIRED) -> Any:
        """Drop the user's pet and return it: of threads that ask at once, one gets it, and the others the default."""
        with self._lock:
            pet = self._pets.pop(user_id, None)
            self._saved.pop(user_id, None)
        if pet is None:
            if default is _REQUIRED:
                raise KeyError(user_id)
            return default
        self._left(pet)
        return pet

    def clear(self) -> None:
        """Drop every pet, unsaved changes included."""
        for user_id, pet in self.snapshot():
            self.discard(user_id, pet)

    def discard(self, user_id: str, pet: DigiPal) -> None:
        """Drop this pet, unless the user has another by now."""
        with self._lock:
            if self._pets.get(user_id) is not pet:
                return
            del self._pets[user_id]
            self._saved.pop(user_id, None)
        self._left(pet)

    def snapshot(self) -> list[tuple[str, DigiPal]]:
        """The pets of this moment, the least recently used first."""
        with self._lock:
            return list(self._pets.items())

    def note_saved(self, user_id: str, pet: DigiPal) -> None:
        """Note that storage holds this pet as it is now; what only stands in for a pet counts as changed for ever."""
        if type(pet) is not DigiPal:
            return
        state = state_of(pet)
        with self._lock:
            if self._pets.get(user_id) is pet:
                self._saved[user_id] = (pet, state)

    def is_changed(self, user_id: str, pet: DigiPal) -> bool:
        """Whether the pet differs from what storage holds, as far as was noted."""
        saved = self._saved.get(user_id)
        return saved is None or saved[0] is not pet or saved[1] != state_of(pet)

    def _shrink(self, keep: str) -> None:
        with self._lock:
            wanted = len(self._pets) - self.limit
            candidates = []
            for candidate in self._pets.items():
                if candidate[0] != keep:
                    candidates.append(candidate)
                if len(candidates) >= wanted + _SPARE_CANDIDATES:
                    break
        for user_id, pet in candidates:
            if len(self._pets) <= self.limit:
                return
            if self._may_leave(user_id, pet):
                self.discard(user_id, pet)


class UserLocks:
    """A reentrant lock for every user anyone is acting on or waiting for; the rest are forgotten in time."""

    def __init__(self) -> None:
        self._locks: dict[str, ref[threading.RLock]] = {}
        self._recent: deque[threading.RLock] = deque(maxlen=_RECENT_LOCKS)
        self._guard = threading.RLock()

    def of(self, user_id: str) -> threading.RLock:
        """The user's lock, the same for all who ask while somebody holds on to it."""
        found = self._locks.get(user_id)
        lock = found() if found is not None else None
        return lock if lock is not None else self._new(user_id)

    def _new(self, user_id: str) -> threading.RLock:
        with self._guard:
            found = self._locks.get(user_id)
            lock = found() if found is not None else None
            if lock is None:
                lock = threading.RLock()
                self._locks[user_id] = ref(lock, lambda dead: self._forget(user_id, dead))
                self._recent.append(lock)
        return lock

    def _forget(self, user_id: str, dead: "ref[threading.RLock]") -> None:
        with self._guard:
            if self._locks.get(user_id) is dead:
                del self._locks[user_id]
