"""What was acknowledged survives the sudden death of the process, however often it dies."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from digipal.storage import StorageManager

pytestmark = pytest.mark.slow

KILLS = 60
LONGEST_LIFE_S = 0.04

# Imports everything once, then forks a writer for every number it reads; "dead" follows the writer's last word.
NURSERY = """
import os, sys, threading
from itertools import count
from digipal.ai import SimulatedAI
from digipal.core import EggType
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def live(life):
    storage = StorageManager(sys.argv[1], sys.argv[2])
    core = DigiPalCore(storage, SimulatedAI(latency_ms=0))
    if core.load_existing_pet("u") is None:
        core.create_new_pet(EggType.RED, "u")
    def work(thread):
        for number in count():
            name = f"{life}/{thread}/{number}"
            if number % 10 == 9:
                storage.create_user(name, name)
                say("user", name)
            elif number % 10 == 3:
                storage.create_backup("u")
                say("backup", name)
            else:
                core.process_interaction("u", name)
                say("said", name)
    say(os.getpid())
    for thread in range(1, life % 3):
        threading.Thread(target=work, args=(thread,), daemon=True).start()
    work(0)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        live(int(line))
    os.waitpid(child, 0)
    say("dead")
"""


@pytest.fixture
def nursery(db_path: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", NURSERY, str(db_path), str(tmp_path / "assets")]
    root = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def one_life(nursery: subprocess.Popen[str], life: int, life_s: float) -> list[str]:
    """Let a writer live for a while, kill it, and tell what it acknowledged."""
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(f"{life}\n")
    nursery.stdin.flush()
    writer = int(nursery.stdout.readline())
    time.sleep(life_s)
    os.kill(writer, signal.SIGKILL)
    return list(iter(nursery.stdout.readline, "dead\n"))


def test_every_acknowledged_write_survives_every_kill(
    nursery: subprocess.Popen[str], db_path: Path, tmp_path: Path
) -> None:
    chance, acknowledged, backups = random.Random(), set[str](), 0
    for life in range(KILLS):
        acknowledged.update(one_life(nursery, life, chance.uniform(0, LONGEST_LIFE_S)))
        storage = StorageManager(db_path, tmp_path / "assets")
        assert storage.db.execute_query("PRAGMA integrity_check")[0][0] == "ok"
        said = storage.db.execute_query("SELECT user_input FROM interactions ORDER BY id")
        names = storage.db.execute_query("SELECT id FROM users")
        found = {f"said {row[0]}\n" for row in said} | {f"user {row[0]}\n" for row in names}
        assert not {line for line in acknowledged if not line.startswith("backup")} - found
        assert len(said) == len({row[0] for row in said})
        backups = sum(line.startswith("backup") for line in acknowledged)
        kept = storage.get_backups("u", limit=10**6)
        assert len(kept) >= backups
        assert all(Path(backup["file_path"]).is_file() for backup in kept)
        pet = storage.load_pet("u")
        assert pet is not None
        assert [entry.user_input for entry in pet.conversation_history] == [row[0] for row in said[-100:]]
        storage.close()
    assert backups > 0
