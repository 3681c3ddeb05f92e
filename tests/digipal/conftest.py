"""A storage on a temporary file and a core whose AI answers at once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from digipal.ai import SimulatedAI
from digipal.core.digipal_core import DigiPalCore
from digipal.storage import StorageManager


@pytest.fixture
def db_path(tmp_path: Path) -> Path:
    return tmp_path / "pets.db"


@pytest.fixture
def storage(db_path: Path, tmp_path: Path) -> Iterator[StorageManager]:
    manager = StorageManager(db_path, tmp_path / "assets")
    yield manager
    manager.close()


@pytest.fixture
def core(storage: StorageManager) -> DigiPalCore:
    return DigiPalCore(storage, SimulatedAI(latency_ms=0))


@pytest.fixture(autouse=True)
def folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A storage without a folder for its assets makes one where it is: never in the project."""
    monkeypatch.chdir(tmp_path)
