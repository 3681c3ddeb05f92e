"""Is every pet stored as it was answered? `main([DATABASE, REPORT, ENGINE, ANSWERS…])`.

A process of its own, which has not seen the load: what it finds is what a user finds after a restart. `ENGINE` is the
directory that the engine comes from, `REPORT` the file to write to, as the engine may print to stdout. Started by
`perfcli.measurement.fidelity`.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from perfcli.agent.engine_import import use_engine
from perfcli.targets.answers import compare_answers
from perfcli.targets.kinds import named

_MOST_EXAMPLES: Final = 5


def main(arguments: list[str]) -> None:
    """Compare, report, and leave at once, whatever threads the engine may have left."""
    database, report, engine_path, *answers = arguments
    try:
        outcome = compare(Path(database), [Path(file) for file in answers], Path(engine_path))
    except BaseException as error:  # an engine may raise anything
        outcome = {"error": named(error)[:500]}
    Path(report).write_text(json.dumps(outcome), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)


def compare(database: Path, answers: list[Path], engine: Path) -> dict[str, Any]:
    """Pets compared, fields that differ, and the first of them in words."""
    with use_engine(engine):
        from perfcli.targets.storage import open_storage

    compared, differences, examples = 0, 0, list[str]()
    storage = open_storage(database)
    for found in compare_answers(storage.load_pet, answers, datetime.now):
        compared += 1
        differences += len(found)
        examples += found[: _MOST_EXAMPLES - len(examples)]
    storage.close()
    return {"compared": compared, "differences": differences, "examples": examples}
