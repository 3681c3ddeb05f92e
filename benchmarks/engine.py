"""The engine against raw sqlite3: what its calls cost beyond the statements they need.

    python benchmarks/engine.py            all of it, about a minute
    python benchmarks/engine.py --quick    fewer batches, for a first look

Raw and engine do the same statements with the same pragmas on databases of their own, in small batches that alternate,
so that a machine that slows down slows both; each figure is the median over batches. Ratios are the result: absolute
times belong to the machine. The exit code is 1 where a limit is exceeded.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from itertools import count, cycle
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import psutil
from rows import Row

from digipal.ai.communication import AICommunication
from digipal.core import DigiPal, EggType, Interaction
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager
from digipal.storage import pets as statements
from digipal.storage.rows import interaction_values, pet_values

BATCH = 50
_INSERT_USER = (
    "INSERT INTO users (id, huggingface_token, username, created_at, last_login, session_data) "
    "VALUES (?, ?, ?, ?, ?, '{}')"
)


class InstantAI(AICommunication):
    """An AI that answers at once: what is left is the engine's own work."""

    def process_interaction(self, text: str, pet: DigiPal) -> Interaction:
        """An answer without thought."""
        interaction = Interaction(user_input=text, interpreted_command="talk", pet_response="Yes.")
        pet.conversation_history.append(interaction)
        return interaction


class Engine:
    """An engine on a database file of its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.db"
        self.storage = StorageManager(self.path, folder / "assets")
        self.core = DigiPalCore(self.storage, InstantAI())

    def pet(self, user: str) -> DigiPal:
        """A new user with a hatched pet."""
        self.storage.create_user(user, user)
        pet = self.core.create_new_pet(EggType.RED, user)
        self.core.trigger_evolution(user, force=True)
        return pet

    def close(self) -> None:
        """Shut down."""
        self.core.shutdown()
        self.storage.close()


class Raw:
    """What the engine's statements cost without the engine: prepared statements, ready values."""

    def __init__(self, engine: Engine) -> None:
        self.connection = sqlite3.connect(engine.path, isolation_level=None)
        (synchronous,) = engine.storage.db.get_connection().execute("PRAGMA synchronous").fetchone()
        self.connection.execute(f"PRAGMA synchronous = {synchronous}")
        self.now = datetime.now().isoformat()

    def create(self, user: str, pet_id: str, values: tuple[object, ...]) -> None:
        """A user, then a pet, each in its transaction: a single statement needs no BEGIN."""
        run = self.connection.execute
        run(_INSERT_USER, (user, "", user, self.now, self.now))
        run("BEGIN IMMEDIATE")
        run("SELECT user_id, revision FROM digipals WHERE id = ?", (pet_id,)).fetchone()
        run(statements._INSERT, (*values, pet_id, user, self.now, self.now))
        run("COMMIT")

    def load(self, user: str) -> None:
        """A pet and its last interactions, of which there are none."""
        self.connection.execute(statements.SELECT_LIVE, (user,)).fetchall()

    def change(self, pet_id: str, user: str, revision: int, pet: tuple[object, ...], said: tuple[object, ...]) -> None:
        """A pet's row and one interaction."""
        run = self.connection.execute
        run("BEGIN IMMEDIATE")
        run(statements._UPDATE, (*pet, self.now, pet_id, user, revision))
        run(statements._INSERT_INTERACTION, (*said, pet_id, user))
        run("COMMIT")


def alternate(batches: int, engine: Callable[[], object], raw: Callable[[], object]) -> tuple[float, float]:
    """Median time of one call in seconds, of the engine and of raw, from batches that take turns."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(batches):
        for is_engine in (True, False) if number % 2 else (False, True):
            call = engine if is_engine else raw
            began = time.perf_counter()
            for _ in range(BATCH):
                call()
            times[is_engine].append((time.perf_counter() - began) / BATCH)
    return median(times[True]), median(times[False])


def against_raw(folder: Path, batches: int) -> Iterator[Row]:
    """The four calls that matter, each as a multiple of its statements."""
    engine, twin = Engine(folder, "engine"), Engine(folder, "raw")
    raw = Raw(twin)
    names = (f"user-{number}" for number in count())
    sample = DigiPal(user_id="sample", egg_type=EggType.RED)

    def create() -> None:
        user = next(names)
        engine.storage.create_user(user, user)
        engine.core.create_new_pet(EggType.RED, user)

    def create_raw() -> None:
        user = next(names)
        raw.create(user, f"pet-{user}", pet_values(sample))

    yield compared("create_user + create_new_pet", alternate(batches, create, create_raw), 2.5)

    egg = DigiPal(user_id="reader")
    for side in (engine, twin):
        side.storage.save_pet(DigiPal.from_dict(egg.to_dict()))
    loads = alternate(batches * 4, lambda: engine.storage.load_pet("reader"), lambda: raw.load("reader"))
    yield compared("load_pet (no history)", loads, 4)

    engine.pet("talker")
    changes = _raw_changes(raw, twin.pet("talker"), "talker")
    talks = alternate(batches, lambda: engine.core.process_interaction("talker", "hello"), lambda: next(changes))
    yield compared("process_interaction (instant AI)", talks, 3)
    cares = alternate(batches, lambda: engine.core.apply_care_action("talker", "meat"), lambda: next(changes))
    yield compared("apply_care_action", cares, 3)
    raw.connection.close()
    engine.close()
    twin.storage.close()


def _raw_changes(raw: Raw, pet: DigiPal, user: str) -> Iterator[None]:
    values = pet_values(pet)
    said = interaction_values(Interaction(user_input="hello", interpreted_command="talk", pet_response="Yes."))
    (revision,) = raw.connection.execute("SELECT revision FROM digipals WHERE id = ?", (pet.id,)).fetchone()
    for number in count(revision):
        raw.change(pet.id, user, number, values, said)
        yield


def compared(what: str, times: tuple[float, float], limit: float) -> Row:
    """A row for two medians."""
    engine_s, raw_s = times
    return Row(what, f"{engine_s * 1e6:7.1f} µs, raw {raw_s * 1e6:6.1f} µs", engine_s / raw_s, limit)


def long_session(folder: Path, batches: int) -> Iterator[Row]:
    """The memory between the 1,000th and the 10,000th interaction, then the 10,000th against the 100th."""
    engine, process = Engine(folder, "session"), psutil.Process()
    engine.pet("old friend")
    memory = {}
    for number in range(1, 10_001):
        engine.core.process_interaction("old friend", "hello")
        if number in (1_000, 10_000):
            gc.collect()
            memory[number] = process.memory_info().rss
    growth_mb = (memory[10_000] - memory[1_000]) / 1e6
    yield Row("RSS from the 1,000th to the 10,000th", f"{growth_mb:7.2f} MB", growth_mb, 2)
    newcomers = cycle(_newcomers(engine, 20))
    late, early = alternate(
        batches,
        lambda: engine.core.process_interaction("old friend", "hello"),
        lambda: engine.core.process_interaction(next(newcomers), "hello"),
    )
    figure = f"{late * 1e6:7.1f} µs, 100th {early * 1e6:6.1f} µs"
    yield Row("10,000th interaction of a session", figure, late / early, 1.2)
    engine.close()


def _newcomers(engine: Engine, pets: int) -> list[str]:
    """Users whose pets have had about a hundred interactions."""
    names = [f"newcomer-{number}" for number in range(pets)]
    for name in names:
        engine.pet(name)
        for _ in range(60):
            engine.core.process_interaction(name, "hello")
    return names


def many_pets(folder: Path) -> Iterator[Row]:
    """What 1,000 pets in memory with five interactions each take."""
    engine, process = Engine(folder, "pets"), psutil.Process()
    engine.pet("first")
    gc.collect()
    before = process.memory_info().rss
    for number in range(1_000):
        engine.pet(f"user-{number}")
        for _ in range(5):
            engine.core.process_interaction(f"user-{number}", "hello")
    gc.collect()
    per_pet_kb = (process.memory_info().rss - before) / 1_000 / 1e3
    yield Row("1,000 active pets, 5 interactions each", f"{per_pet_kb:7.2f} kB a pet", per_pet_kb, 20)
    engine.close()


def many_threads(folder: Path, seconds: float) -> Iterator[Row]:
    """Loads and saves of 16 threads on one database against those of one, taking turns; no update may be lost.

    Beside them stands what raw sqlite3 makes of the same threads: it gives Python's lock away around every step of
    a statement, and most of what many threads lose goes into getting it back.
    """
    engine, twin = Engine(folder, "threads"), Engine(folder, "raw threads")
    pets = [(engine.pet(f"user-{number}"), twin.pet(f"user-{number}"))[1] for number in range(16)]
    saved = [0] * 16
    turns = {"engine": _engine_turns(engine, saved), "raw": _raw_turns(twin, pets)}
    rates: dict[tuple[str, int], list[float]] = {(side, threads): [] for side in turns for threads in (1, 16)}
    for _ in range(5):
        for (side, threads), measured in rates.items():
            measured.append(_rate(turns[side], threads, seconds / 20))
    lost = 0
    for number, saves in enumerate(saved):
        pet = engine.storage.load_pet(f"user-{number}")
        lost += saves - (pet.generation - 1 if pet else 0)
    rate = {key: median(measured) for key, measured in rates.items()}
    raw = rate["raw", 16] / rate["raw", 1]
    figure = f"{rate['engine', 16]:7.0f}/s, 1 thread {rate['engine', 1]:6.0f}/s; raw {raw:.2f}"
    yield Row("16 threads, loads and saves", figure, rate["engine", 16] / rate["engine", 1], 0.8, at_least=True)
    yield Row("lost updates of 16 threads", f"{lost:7} of {sum(saved)}", abs(lost), 0)
    engine.close()
    twin.close()


def _engine_turns(engine: Engine, saved: list[int]) -> Callable[[int], Callable[[], None]]:
    """For the thread of a number: a load and a save of its pet."""

    def start(number: int) -> Callable[[], None]:
        def turn() -> None:
            pet = engine.storage.load_pet(f"user-{number}")
            assert pet is not None
            pet.generation += 1
            engine.storage.save_pet(pet)
            saved[number] += 1

        return turn

    return start


def _raw_turns(twin: Engine, pets: list[DigiPal]) -> Callable[[int], Callable[[], None]]:
    """The same statements on a connection of the thread's own; the writers take turns as the engine's do."""
    writing, now = threading.Lock(), datetime.now().isoformat()

    def start(number: int) -> Callable[[], None]:
        pet, run = pets[number], Raw(twin).connection.execute
        values = pet_values(pet)

        def turn() -> None:
            (row,) = run(statements.SELECT_LIVE, (pet.user_id,)).fetchall()
            with writing:
                run(statements._UPDATE, (*values, now, pet.id, pet.user_id, row[-2]))

        return turn

    return start


def _rate(start: Callable[[int], Callable[[], None]], threads: int, seconds: float) -> float:
    """Operations a second of some threads, two in each turn."""
    done = [0] * threads
    deadline = time.perf_counter() + seconds

    def work(number: int) -> None:
        turn = start(number)
        while time.perf_counter() < deadline:
            turn()
            done[number] += 2

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    began = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(done) / (time.perf_counter() - began)


PARTS: dict[str, Callable[[Path, bool], Iterator[Row]]] = {
    "against raw sqlite3": lambda folder, quick: against_raw(folder, 20 if quick else 120),
    "a long session": lambda folder, quick: long_session(folder, 16 if quick else 40),
    "many pets": lambda folder, quick: many_pets(folder),
    "many threads": lambda folder, quick: many_threads(folder, 4 if quick else 20),
}


def measure(part: str, quick: bool) -> list[Row]:
    """The rows of one part, on databases of its own."""
    with tempfile.TemporaryDirectory(prefix="digipal-bench-") as folder:
        return list(PARTS[part](Path(folder), quick))


def main() -> int:
    """Measure, print, and say whether every limit is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer batches")
    quick = parser.parse_args().quick
    print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}")
    exceeded = False
    for part in PARTS:
        # a process of its own: memory that an earlier part freed would hide what this one takes
        with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
            rows = fresh.submit(measure, part, quick).result()
        for row in rows:
            exceeded |= not row.holds
            print(row)
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())
