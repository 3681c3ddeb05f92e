"""What was acknowledged survives the sudden death of the process."""

import subprocess
import sys
from pathlib import Path

import pytest

from digipal.storage import StorageManager

WRITER = """
import sys
from digipal.ai import SimulatedAI
from digipal.core import EggType
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager

core = DigiPalCore(StorageManager(sys.argv[1]), SimulatedAI(latency_ms=0))
core.create_new_pet(EggType.RED, "u")
for number in range(10**6):
    core.process_interaction("u", f"eat {number}")
    print(core.active_pets["u"].storage_mark[1], flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 40, 333])
def test_kill(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "pets.db"
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], cwd=root, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(acknowledged):
            revision = int(writer.stdout.readline())
        writer.kill()
        revision = max([revision, *map(int, writer.stdout)])
    storage = StorageManager(path)
    assert storage.db.execute_query("PRAGMA integrity_check")[0][0] == "ok"
    pet = storage.load_pet("u")
    assert pet is not None
    assert pet.storage_mark is not None
    assert isinstance(pet.storage_mark[1], int)
    assert pet.storage_mark[1] >= revision
    said = [entry["user_input"] for entry in storage.get_interaction_history("u", limit=10**6)]
    assert said == [f"eat {number}" for number in reversed(range(pet.storage_mark[1] - 1))]
    storage.close()
