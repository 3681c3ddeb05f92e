"""Real engine processes side by side on one database, each with its own cache."""

import subprocess
import sys
from pathlib import Path

import pytest

from digipal.core import EggType
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager

pytestmark = pytest.mark.slow

ENGINE = """
import sys
from digipal.ai import AICommunication
from digipal.core import EggType
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager

def engine():
    return DigiPalCore(StorageManager(sys.argv[1]), AICommunication())

def start():
    print("ready", flush=True)
    sys.stdin.readline()
"""

CARE = """
core = engine()
start()
print(sum(core.apply_care_action("u", "fish")[0] for _ in range(60)))
"""

CREATE = """
core = engine()
start()
try:
    print(core.create_new_pet(EggType.RED, "u").id)
except RuntimeError as error:
    print(error)
"""

OPEN = """
start()
engine().storage_manager.create_user(sys.argv[2], sys.argv[2])
print("open")
"""


def side_by_side(db_path: Path, script: str, processes: int = 2) -> list[str]:
    """What each process printed that ran the script, all from the same moment."""
    pipe = subprocess.PIPE
    engines = [
        subprocess.Popen(
            [sys.executable, "-c", ENGINE + script, str(db_path), f"engine {number}"],
            cwd=Path(__file__).parents[2],
            stdin=pipe,
            stdout=pipe,
            text=True,
        )
        for number in range(processes)
    ]
    for engine in engines:
        assert engine.stdout is not None
        assert engine.stdout.readline() == "ready\n"
    for engine in engines:
        assert engine.stdin is not None
        engine.stdin.write("\n")
        engine.stdin.flush()
    answers = [engine.communicate()[0].strip() for engine in engines]
    assert [engine.returncode for engine in engines] == [0] * processes
    return answers


def test_every_acknowledged_change_counts(core: DigiPalCore, storage: StorageManager, db_path: Path) -> None:
    before = core.create_new_pet(EggType.BLUE, "u").brains
    acknowledged = sum(map(int, side_by_side(db_path, CARE)))
    assert acknowledged == 120
    pet = storage.load_pet("u")
    assert pet is not None
    assert pet.brains == before + acknowledged
    assert len(storage.get_interaction_history("u", limit=10**6)) == acknowledged
    core.apply_care_action("u", "fish")
    assert core.active_pets["u"].brains == before + acknowledged + 1


@pytest.mark.parametrize("processes", [2, 3])
def test_one_pet_and_a_clear_answer_for_the_others(storage: StorageManager, db_path: Path, processes: int) -> None:
    answers = side_by_side(db_path, CREATE, processes)
    (pet,) = storage.get_user_pets("u", include_inactive=True)
    assert answers.count(pet.id) == 1
    assert sum("already has a DigiPal" in answer for answer in answers) == processes - 1


def test_a_file_may_be_made_by_several_at_once(db_path: Path) -> None:
    assert side_by_side(db_path, OPEN, 4) == ["open"] * 4
    storage = StorageManager(db_path)
    assert storage.get_database_stats()["users_count"] == 4
    storage.close()
