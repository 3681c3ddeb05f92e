"""Fidelity: after a restart, is every pet what the engine said it was? A new process opens the database and looks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from perfcli.pool.supervised import start_supervised

_MODULE: Final = "perfcli.agent.fidelity"
_LIMIT_S: Final = 60.0
_PER_PET_S: Final = 0.01


class Fidelity(NamedTuple):
    """What a new process found."""

    compared: int
    """Pets whose answers were compared."""
    differences: int
    """Fields that differ; every pet counts one where the process came to no result."""
    examples: list[str]
    left: Sequence[str] = ()
    """Processes that this one left running."""


def compare_afresh(
    database: Path,
    answers: Sequence[Path],
    directory: Path,
    environment: Mapping[str, str],
    engine_path: Path,
    limit_s: float | None = None,
) -> Fidelity:
    """Have a new process hold what is stored against what was answered before the engine shut down.

    Args:
        answers: files that `perfcli.targets.answers.write_answers` wrote.
        directory: for what the process prints and reports, and to work in.
        environment: of the process; perfcli must be found with it.
        engine_path: the directory with the `digipal` package that ran.
        limit_s: how long it may take; a minute, and 10 ms for each pet, by default.
    """
    asked = sum(_count_lines(file) for file in answers)
    report = directory / "fidelity.json"
    report.unlink(missing_ok=True)
    arguments = [database, report, engine_path, *answers]
    limit_s = _LIMIT_S + asked * _PER_PET_S if limit_s is None else limit_s
    how_it_ended, left = _run([str(argument) for argument in arguments], directory, environment, limit_s)
    if not report.exists():
        return Fidelity(asked, max(1, asked), [f"the new process {how_it_ended}: {_last_words(directory)}"], left)
    outcome = json.loads(report.read_text(encoding="utf-8"))
    if "error" in outcome:
        return Fidelity(asked, max(1, asked), [f"a new process cannot read the database: {outcome['error']}"], left)
    return Fidelity(outcome["compared"], outcome["differences"], outcome["examples"], left)


def _run(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str], limit_s: float
) -> tuple[str, Sequence[str]]:
    """Run the comparison under supervision; how it ended, and what it left running."""
    with (directory / "fidelity.txt").open("wb") as output:
        process = start_supervised(
            _MODULE, arguments, working_directory=directory, environment=environment, output=output.fileno()
        )
    try:
        code = process.wait(limit_s)
    finally:
        left = tuple(process.end())
    return (f"was not done after {limit_s:.0f} s" if code is None else f"ended with code {code}"), left


def _count_lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def _last_words(directory: Path) -> str:
    lines = (directory / "fidelity.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:200] if lines else "it printed nothing"
