"""The bounded mapping of pets in memory."""

import threading
from collections.abc import Callable

import pytest

from digipal.ai import SimulatedAI
from digipal.core import DigiPal, EggType
from digipal.core.active_pets import ActivePets, UserLocks
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager

pytestmark = pytest.mark.slow


def small(storage: StorageManager, limit: int = 2) -> DigiPalCore:
    core = DigiPalCore(storage, SimulatedAI(latency_ms=0), max_active_pets=limit)
    for user_id in "abc"[:limit]:
        core.create_new_pet(EggType.RED, user_id)
    return core


def test_it_is_a_mapping() -> None:
    left: list[DigiPal] = []
    pets = ActivePets(10, lambda user_id, pet: True, left.append)
    first, second = DigiPal(), DigiPal()
    pets["a"] = first
    pets["b"] = second
    assert list(pets) == ["a", "b"]
    assert "a" in pets
    assert len(pets) == 2
    assert pets.pop("a") is first
    assert pets.get("a") is None
    pets["b"] = first
    del pets["b"]
    pets["b"] = second
    pets.clear()
    assert left == [first, second, first, second]
    assert dict(pets) == {}
    with pytest.raises(KeyError):
        pets["a"]
    with pytest.raises(ValueError, match="one pet"):
        ActivePets(0, lambda user_id, pet: True, left.append)


class _LetsAnotherIn:
    """A lock that another thread takes as soon as it is free for the first time; runs what that thread does."""

    def __init__(self, other: Callable[[], object]) -> None:
        self._others = [other]
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        while self._others:
            self._others.pop()()


def test_of_two_threads_that_pop_a_pet_one_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[DigiPal] = []
    pets = ActivePets(10, lambda user_id, pet: True, left.append)
    pets["a"] = pet = DigiPal()
    got = []
    monkeypatch.setattr(pets, "_lock", _LetsAnotherIn(lambda: got.append(pets.pop("a", None))))
    got.append(pets.pop("a", None))
    assert got == [None, pet]
    assert left == [pet]
    with pytest.raises(KeyError):
        pets.pop("a")


def test_the_least_recently_used_leaves(storage: StorageManager) -> None:
    core = small(storage)
    core.load_existing_pet("a")
    core.create_new_pet(EggType.RED, "c")
    assert sorted(core.active_pets) == ["a", "c"]
    assert core.get_pet_state("b") is not None


def test_what_leaves_changed_is_saved_and_what_leaves_unchanged_is_not(storage: StorageManager) -> None:
    core = small(storage)
    core.active_pets["a"].name = "Renamed"
    connection = storage.db.get_connection()
    core.load_existing_pet("b")
    before = connection.total_changes
    core.create_new_pet(EggType.RED, "c")
    assert connection.total_changes - before == 2
    assert storage.load_pet("a").name == "Renamed"  # type: ignore[union-attr]
    before = connection.total_changes
    core.load_existing_pet("a")
    assert connection.total_changes == before


def test_clearing_drops_unsaved_changes(storage: StorageManager) -> None:
    core = small(storage)
    core.active_pets["a"].name = "Renamed"
    core.active_pets.clear()
    assert core.load_existing_pet("a").name == "DigiPal"  # type: ignore[union-attr]


def test_a_changed_pet_saved_elsewhere_is_dropped_with_a_warning(
    storage: StorageManager, caplog: pytest.LogCaptureFixture
) -> None:
    core = small(storage)
    other = storage.load_pet("a")
    assert other is not None
    other.name = "Elsewhere"
    storage.save_pet(other)
    core.active_pets["a"].name = "Here"
    core.load_existing_pet("b")
    core.create_new_pet(EggType.RED, "c")
    assert "a" not in core.active_pets
    assert "saved elsewhere" in caplog.text
    assert core.load_existing_pet("a").name == "Elsewhere"  # type: ignore[union-attr]


def test_a_pet_that_cannot_be_saved_stays(storage: StorageManager, caplog: pytest.LogCaptureFixture) -> None:
    core = small(storage)
    core.active_pets["a"].name = "\ud800"
    core.load_existing_pet("b")
    core.create_new_pet(EggType.RED, "c")
    assert sorted(core.active_pets) == ["a", "c"]
    assert "stays in memory" in caplog.text
    core.active_pets["a"].name = "Fine"
    core.shutdown()
    assert storage.load_pet("a").name == "Fine"  # type: ignore[union-attr]


def test_a_pet_in_the_midst_of_something_stays(storage: StorageManager) -> None:
    answering, go_on = threading.Event(), threading.Event()

    def think(seconds: float) -> None:
        answering.set()
        assert go_on.wait(30)

    core = DigiPalCore(storage, SimulatedAI(latency_ms=1, sleep=think), max_active_pets=1)
    core.create_new_pet(EggType.RED, "busy")
    thread = threading.Thread(target=core.process_interaction, args=("busy", "hello"))
    thread.start()
    assert answering.wait(30)
    core.create_new_pet(EggType.RED, "other")
    assert sorted(core.active_pets) == ["busy", "other"]
    go_on.set()
    thread.join()
    core.create_new_pet(EggType.RED, "third")
    assert list(core.active_pets) == ["third"]


def test_memories_leave_with_their_pet(storage: StorageManager) -> None:
    core = small(storage)
    core.process_interaction("a", "hello")
    assert core.enhanced_memory_manager.pet_memories
    core.active_pets.clear()
    assert not core.enhanced_memory_manager.pet_memories


def test_locks_are_one_a_user_and_do_not_pile_up() -> None:
    locks = UserLocks()
    held = locks.of("a")
    for number in range(3000):
        locks.of(str(number))
    assert locks.of("a") is held
    assert len(locks._locks) <= 65
