"""Checkouts of faulty engines: ours, with its storage replaced by that of one of the modules beside this one.

Each of those modules holds a `StorageManager` over the sound one. Tests may use it directly; a checkout is for whatever
takes the path of an engine, and holds a `digipal` package of its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

FAULTS = (
    "stores_nothing",
    "loses_writes",
    "wrong_pet",
    "copies_database",
    "stores_twice",
    "empties_backups",
    "saves_slower",
    "forgets_updates",
    "tears_reads",
    "leaks",
    "forgets_at_shutdown",
    "loses_saves",
    "drops_saves",
    "grows",
    "answers_busy",
    "hangs",
    "exits",
    "leaves_things",
    "stalls_and_logs",
    "leaves_daemon",
    "misbehaves",
    "writes_behind",
    "rewrites_in_two",
    "reads_lock_as_no_pet",
    "keeps_its_turn",
    "doubles_on_retry",
    "stays_closed",
    "retries_for_ever",
    "acknowledges_full",
    "decays_by_rhythm",
    "waits_for_space",
    "asks_again",
    "locks_while_asking",
    "keeps_transaction",
)
_ENGINE = Path(__file__).parents[3] / "digipal"


def make_checkout(directory: Path, fault: str = "") -> Path:
    """A directory with an engine that has one fault, or none; to be given to --engine."""
    package = directory / "digipal"
    shutil.copytree(_ENGINE, package, ignore=shutil.ignore_patterns("__pycache__"))
    if fault:
        shutil.copy(Path(__file__).with_name(f"{fault}.py"), package / "storage" / "faulty.py")
        with (package / "storage" / "__init__.py").open("a", encoding="utf-8") as room:
            room.write("\nfrom digipal.storage.faulty import StorageManager  # noqa\n")
    return directory
