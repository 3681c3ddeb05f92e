"""Where a run's own server is reached, kept beside the database: one that replaces it must be found there again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Final

from perfcli.wire import Serving

_FILE: Final = "serving.json"


def keep_serving(serving: Serving, folder: Path) -> None:
    """Write it to a new file of this folder, for the owner alone."""
    with os.fdopen(os.open(folder / _FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(serving), file)


def kept_serving(folder: Path) -> Serving | None:
    """What was kept there; None if nothing was."""
    file = folder / _FILE
    return Serving(**json.loads(file.read_text("utf-8"))) if file.exists() else None
