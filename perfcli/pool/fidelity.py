"""Fidelity: after a restart, is every pet what the engine said it was? A new process opens the database and looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Final

from perfcli.clock import RunningTime
from perfcli.line import Line, next_message, open_line
from perfcli.pool.output import Output
from perfcli.pool.protocol import Fidelity
from perfcli.pool.supervised import SupervisedProcess, start_supervised
from perfcli.wire import Answers, Compared, NoMoreAnswers

_MODULE: Final = "perfcli.agent.fidelity"
_LIMIT_S: Final = 60.0
_PER_PET_S: Final = 0.01
_TO_LEAVE_S: Final = 2.0
_TICK_S: Final = 0.1


def compare_afresh(
    database: Path,
    answers: Iterable[str],
    asked: int,
    directory: Path,
    environment: Mapping[str, str],
    engine_path: Path,
    limit_s: float | None = None,
) -> Fidelity:
    """Have a new process hold what is stored against what was answered before the engine shut down.

    Args:
        answers: texts of whole lines, as `perfcli.operations.pet_answers.answers` yields them.
        asked: how many pets that is.
        directory: for what the process prints, and to work in.
        environment: of the process; perfcli must be found with it.
        engine_path: the directory with the `digipal` package that ran.
        limit_s: how long it may take; a minute, and 10 ms for each pet, by default.
    """
    limit_s = _LIMIT_S + asked * _PER_PET_S if limit_s is None else limit_s
    output = Output(directory / "fidelity.txt")
    line, theirs = open_line()
    with theirs:
        process = start_supervised(
            _MODULE,
            [str(theirs.fileno()), str(database), str(engine_path)],
            working_directory=directory,
            environment=environment,
            output=output.fileno(),
            line=theirs.fileno(),
        )
    feeder = Thread(target=_send, args=(line, answers), name="digipal-perf-answers")
    feeder.start()
    try:
        found = _found(line, process, limit_s)
    finally:
        left = tuple(process.end())
        line.close()
        feeder.join()
        output.close()
    if isinstance(found, str):
        printed = output.end().splitlines()
        last_words = printed[-1][:200] if printed else "it printed nothing"
        return Fidelity(asked, max(1, asked), [f"the new process {found}: {last_words}"], left)
    if found.error:
        return Fidelity(asked, max(1, asked), [f"a new process cannot read the database: {found.error}"], left)
    return Fidelity(found.compared, found.differences, found.examples, left)


def _send(line: Line, answers: Iterable[str]) -> None:
    # a process that ends early needs no more
    with suppress(OSError):
        for text in answers:
            line.send(Answers(text))
        line.send(NoMoreAnswers())


def _found(line: Line, process: SupervisedProcess, limit_s: float) -> Compared | str:
    """What the process found, or how it ended without a result."""
    running = RunningTime()
    while running.elapsed_s() < limit_s:
        if line.poll(_TICK_S):
            message = next_message(line)
            if isinstance(message, Compared):
                return message
            code = process.wait(_TO_LEAVE_S)
            return "wrote garbage to the tool" if code is None else f"ended with code {code}"
        if (code := process.wait(0)) is not None:
            return f"ended with code {code}"
    return f"was not done after {limit_s:.0f} s"
