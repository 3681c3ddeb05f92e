"""Many threads, many pets, long times: nothing is lost, and everything ends when told to."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta

import psutil
import pytest

from digipal.ai import SimulatedAI
from digipal.core import EggType, LifeStage
from digipal.core.digipal_core import DigiPalCore
from digipal.errors import StorageError
from digipal.storage import StorageManager

pytestmark = pytest.mark.slow

THREADS = 8


def in_threads(work: Callable[[int], None]) -> None:
    """Run `work(n)` in threads that start together; the first exception of any is raised here."""
    together, failures = threading.Barrier(THREADS), []

    def run(number: int) -> None:
        together.wait()
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_eight_threads_on_one_pet_add_up(core: DigiPalCore, storage: StorageManager) -> None:
    pet = core.create_new_pet(EggType.RED, "u")
    pet.life_stage, pet.happiness, brains = LifeStage.CHILD, 0, pet.brains

    def work(number: int) -> None:
        core.apply_care_action("u", "play")
        core.process_interaction("u", "status")
        core.apply_care_action("u", "vegetables")
        core.apply_care_action("u", "vegetables")

    in_threads(work)
    assert (pet.energy, pet.happiness, pet.weight) == (100 - 8 * THREADS, 12 * THREADS, 20 + THREADS)
    in_threads(lambda number: [core.apply_care_action("u", "fish") for _ in range(10)] and None)
    assert pet.brains == brains + 10 * THREADS
    said = [entry["user_input"] for entry in storage.get_interaction_history("u", limit=10**6)]
    assert {what: said.count(what) for what in set(said)} == {
        "play": THREADS,
        "status": THREADS,
        "vegetables": 2 * THREADS,
        "fish": 10 * THREADS,
    }
    assert storage.load_pet("u") == pet


def test_eight_threads_with_two_caches_and_room_for_one_pet(storage: StorageManager) -> None:
    cores = [DigiPalCore(storage, SimulatedAI(latency_ms=0), max_active_pets=1) for _ in range(2)]
    brains = {user: cores[0].create_new_pet(EggType.RED, user).brains for user in "uv"}

    def work(number: int) -> None:
        for step in range(10):
            assert cores[number % 2].apply_care_action("uv"[step % 2], "fish")[0]

    in_threads(work)
    for user in "uv":
        assert storage.load_pet(user).brains == brains[user] + 5 * THREADS  # type: ignore[union-attr]
        assert len(storage.get_interaction_history(user, limit=10**6)) == 5 * THREADS


def test_backups_and_restores_beside_care_lose_nothing_but_what_they_replace(
    core: DigiPalCore, storage: StorageManager
) -> None:
    core.create_new_pet(EggType.RED, "u")
    core.create_new_pet(EggType.RED, "v")

    def work(number: int) -> None:
        for _ in range(5):
            if number == 0:
                assert storage.create_backup("u")
                assert storage.restore_backup("u")
            else:
                core.apply_care_action("u", "fish")
                core.apply_care_action("v", "fish")

    in_threads(work)
    for user in "uv":
        stored = storage.load_pet(user)
        assert stored is not None
        assert stored.brains == 8 + len(storage.get_interaction_history(user, limit=10**6))
    assert storage.load_pet("v").brains == 8 + 5 * (THREADS - 1)  # type: ignore[union-attr]


def test_the_pet_that_makes_room_for_the_thousand_and_first_is_saved(
    core: DigiPalCore, storage: StorageManager
) -> None:
    core.create_new_pet(EggType.RED, "first").name = "Changed"
    for number in range(1000):
        core.create_new_pet(EggType.RED, f"u{number}")
    assert len(core.active_pets) == 1000
    assert "first" not in core.active_pets
    assert storage.load_pet("first").name == "Changed"  # type: ignore[union-attr]
    assert core.load_existing_pet("first").name == "Changed"  # type: ignore[union-attr]
    assert len(core.active_pets) == 1000


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [5, 31, 24 * 60])
@pytest.mark.parametrize("reload_every", [1, 7])
def test_decay_depends_on_time_alone_across_reloads_too(core: DigiPalCore, minutes: int, reload_every: int) -> None:
    core.create_new_pet(EggType.RED, "u")
    steps, rest = divmod(24 * 60, minutes)
    for number, step in enumerate([minutes] * steps + [rest]):
        core.active_pets["u"].last_interaction -= timedelta(minutes=step)
        core.update_pet_state("u", force_save=True)
        if number % reload_every == 0:
            core.active_pets.clear()
            assert core.load_existing_pet("u") is not None
    pet = core.active_pets["u"]
    assert (pet.energy, pet.happiness, pet.evolution_timer) == (52, 26, 24.0)


def test_everything_ends_within_a_second(core: DigiPalCore, storage: StorageManager) -> None:
    before, files = set(threading.enumerate()), len(psutil.Process().open_files())
    core.create_new_pet(EggType.RED, "u")
    core.start_background_updates()
    core.enhanced_memory_manager.start_background_cleanup()
    storage.backup_manager.start_schedule(0.01)
    go, resting = threading.Event(), threading.Barrier(5)

    def rest() -> None:
        storage.load_pet("u")
        resting.wait()
        go.wait()

    idle = [threading.Thread(target=rest) for _ in range(4)]
    for thread in idle:
        thread.start()
    resting.wait()
    began = time.monotonic()
    core.shutdown()
    storage.close()
    assert time.monotonic() - began < 1
    assert set(threading.enumerate()) - before == set(idle)
    assert len(psutil.Process().open_files()) <= files
    go.set()
    for thread in idle:
        thread.join()


def test_shutdown_does_not_wait_for_an_ai_that_thinks(storage: StorageManager) -> None:
    answering, go_on = threading.Event(), threading.Event()

    def think(seconds: float) -> None:
        answering.set()
        assert go_on.wait(30)

    core = DigiPalCore(storage, SimulatedAI(latency_ms=1, sleep=think))
    for user in ("busy", "idle"):
        core.create_new_pet(EggType.RED, user)
    thread = threading.Thread(target=core.process_interaction, args=("busy", "hello"))
    thread.start()
    assert answering.wait(30)
    began = time.monotonic()
    with pytest.raises(StorageError, match="in the midst of something"):
        core.shutdown()
    assert time.monotonic() - began < 1
    assert list(core.active_pets) == ["busy"]
    go_on.set()
    thread.join()
    assert storage.load_pet("busy").life_stage is LifeStage.BABY  # type: ignore[union-attr]
    core.shutdown()
    assert len(core.active_pets) == 0
