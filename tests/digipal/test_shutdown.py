"""shutdown() and close() end everything within a second, and say in one error what could not be saved."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock

import pytest

from digipal.ai import AICommunication, SimulatedAI
from digipal.core import DigiPal, EggType
from digipal.core.digipal_core import DigiPalCore
from digipal.errors import DatabaseBusyError, EngineClosedError, StorageError
from digipal.storage import StorageManager

pytestmark = pytest.mark.slow

THREADS = 8


@contextmanager
def locked(db_path: Path) -> Iterator[None]:
    """The database as it is while another process writes."""
    with closing(sqlite3.connect(db_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextmanager
def within_a_second() -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 1


def callers(call: Callable[[int], object]) -> tuple[list[threading.Thread], list[Exception]]:
    """Threads that make a call over and over, until it fails; and what it failed with."""
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            while True:
                call(number)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    return threads, failures


@pytest.mark.slow
def test_a_thousand_changed_pets_beside_calls_that_go_on(core: DigiPalCore, storage: StorageManager) -> None:
    for number in range(1000):
        core.create_new_pet(EggType.RED, f"u{number}").name = "Changed"
    threads, failures = callers(lambda number: core.apply_care_action(f"u{number}", "meat"))
    with within_a_second():
        core.shutdown()
    for thread in threads:
        thread.join()
    assert {type(failure) for failure in failures} == {EngineClosedError}
    assert len(core.active_pets) == 0
    assert len(storage.db.execute_query("SELECT 1 FROM digipals WHERE name = 'Changed'")) == 1000


def test_beside_a_lock_what_is_at_stake_is_told_once_and_can_be_saved_later(
    core: DigiPalCore, storage: StorageManager, db_path: Path
) -> None:
    for number in range(50):
        core.create_new_pet(EggType.RED, f"u{number}")
    core.active_pets["u7"].name = "Changed"
    with locked(db_path):
        with within_a_second(), pytest.raises(StorageError, match="1 of 50 pets could not be saved") as caught:
            core.shutdown()
        assert isinstance(caught.value.__cause__, DatabaseBusyError)
        assert list(core.active_pets) == ["u7"]
    assert core.apply_care_action("u7", "meat")[0]
    core.shutdown()
    assert storage.load_pet("u7").name == "Changed"  # type: ignore[union-attr]


def test_calls_that_wait_for_a_lock_end_too(core: DigiPalCore, storage: StorageManager, db_path: Path) -> None:
    for number in range(THREADS):
        core.create_new_pet(EggType.RED, f"u{number}")
    core.start_background_updates()
    with locked(db_path):
        threads, failures = callers(lambda number: core.apply_care_action(f"u{number}", "meat"))
        with within_a_second():
            with suppress(StorageError):  # for pets that were in the midst of a call for too long
                core.shutdown()
            storage.close()
        for thread in threads:
            thread.join(1)
        assert not any(thread.is_alive() for thread in threads)
    assert all(isinstance(failure, StorageError) for failure in failures)
    assert core._update_thread is not None
    assert not core._update_thread.is_alive()


def test_close_ends_a_wait_of_ten_seconds(storage: StorageManager, db_path: Path) -> None:
    pets = [DigiPal(user_id=f"u{number}") for number in range(THREADS)]
    with locked(db_path):
        threads, failures = callers(lambda number: storage.save_pet(pets[number]))
        with within_a_second():
            storage.close()
            for thread in threads:
                thread.join()
    assert len(failures) == THREADS


def test_any_error_is_told_after_everything_has_ended() -> None:
    storage, ai = Mock(spec=StorageManager), Mock(spec=AICommunication)
    core = DigiPalCore(storage, ai)
    for user in "abc":
        core.active_pets[user] = DigiPal(user_id=user)
    storage.save_pet.side_effect = [True, OSError("disk"), True]
    with pytest.raises(StorageError, match="1 of 3 pets could not be saved: disk"):
        core.shutdown()
    assert storage.save_pet.call_count == 3
    assert list(core.active_pets) == ["b"]
    ai.unload_all_models.assert_called_once_with()


def test_memories_end_even_if_the_models_do_not(storage: StorageManager) -> None:
    ai = Mock(spec=AICommunication)
    ai.unload_all_models.side_effect = RuntimeError("stuck")
    core = DigiPalCore(storage, ai)
    core.enhanced_memory_manager.add_memory("pet", "words", "talk")
    with pytest.raises(RuntimeError, match="stuck"):
        core.shutdown()
    assert core.enhanced_memory_manager.pet_memories == {}


def test_an_engine_that_was_shut_down_says_so(core: DigiPalCore) -> None:
    core.create_new_pet(EggType.RED, "u")
    core.shutdown()
    core.shutdown()
    for call in (core.load_existing_pet, core.get_pet_state, core.update_pet_state):
        with pytest.raises(EngineClosedError, match="make a new DigiPalCore"):
            call("u")
    with pytest.raises(EngineClosedError):
        core.create_new_pet(EggType.RED, "v")


def test_a_status_does_not_wait_for_an_answer(storage: StorageManager) -> None:
    answering, go_on = threading.Event(), threading.Event()

    def think(seconds: float) -> None:
        answering.set()
        assert go_on.wait(30)

    core = DigiPalCore(storage, SimulatedAI(latency_ms=1, sleep=think))
    core.create_new_pet(EggType.RED, "u", "Bob")
    thread = threading.Thread(target=core.process_interaction, args=("u", "hello"))
    thread.start()
    assert answering.wait(30)
    assert core.get_pet_state("u").name == "Bob"  # type: ignore[union-attr]
    assert core.get_pet_statistics("u")["basic_info"]["life_stage"] == "egg"
    go_on.set()
    thread.join()
    assert core.get_pet_statistics("u")["basic_info"]["life_stage"] == "baby"
