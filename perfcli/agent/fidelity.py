"""Is every pet stored as it was answered? `main([LINE, DATABASE, ENGINE])`.

A process of its own, which has not seen the load: what it finds is what a user finds after a restart. `LINE` is the
descriptor of a line that brings the answers and takes the result, `ENGINE` the directory that the engine comes from.
Started by `perfcli.pool.database`.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from socket import socket
from typing import Final

from perfcli.agent.engine_import import use_engine
from perfcli.line import Line
from perfcli.operations.stored import compare_answers
from perfcli.targets.error_kinds import named
from perfcli.wire import Answers, Compared, NoMoreAnswers

_MOST_EXAMPLES: Final = 5


def main(arguments: list[str]) -> None:
    """Compare, report, and leave at once, whatever threads the engine may have left."""
    descriptor, database, engine_path = arguments
    line = Line(socket(fileno=int(descriptor)))
    try:
        found = _compare(Path(database), line, Path(engine_path))
    except BaseException as error:  # an engine may raise anything
        found = Compared(0, 0, (), error=named(error)[:500])
    line.send(found)
    sys.stdout.flush()
    os._exit(0)


def _compare(database: Path, line: Line, engine: Path) -> Compared:
    messages = iter(line.receive, NoMoreAnswers())
    answers = (text for message in messages if isinstance(message, Answers) for text in message.lines.splitlines())
    with use_engine(engine):
        from perfcli.targets.embedded import open_storage

    compared, differences, examples = 0, 0, list[str]()
    storage = open_storage(database)
    for found in compare_answers(storage.load_pet, answers, datetime.now):
        compared += 1
        differences += len(found)
        examples += found[: _MOST_EXAMPLES - len(examples)]
    storage.close()
    return Compared(compared, differences, tuple(examples), error="")
