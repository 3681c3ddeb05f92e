"""The engine's storage by itself, for a process that only reads what was stored."""

from __future__ import annotations

from pathlib import Path

from digipal.storage import StorageManager
from perfcli.targets.naming import assets_of


def open_storage(database: Path) -> StorageManager:
    """The storage of a database file, with its assets where a run keeps them."""
    return StorageManager(str(database), str(assets_of(database)))
