"""How long commands take to start: `python benchmarks/startup.py`, a minute.

Each figure is a wall time over that of an interpreter that imports the tool's libraries and nothing else, taken in the
same turn, so that it means the same on every machine; the median of the turns. Two turns that differ in order follow
one another. All start from bytecode, as an installed tool does, whatever PYTHONDONTWRITEBYTECODE says. `--against
CHECKOUT` also starts the tool of another checkout, with the same interpreter and libraries, and prints new over old.
Exit code 1 if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from rows import Row

ROOT: Final = Path(__file__).resolve().parents[1]
LIBRARIES: Final = "import click, yaml, rich.console, rich.table; from pydantic import BaseModel, TypeAdapter"
SCENARIO: Final = """
name: {name}
load: {{executor: shared-iterations, iterations: 20}}
flow: [create_pet]
thresholds: [success_rate == 100%]
"""
CACHED: Final = ("list", "validate")
NAMES: Final = ("first", "second", "third")

Times = Mapping[str, float]
"""Wall seconds of one turn, by what was started."""


class Figure(NamedTuple):
    """What is made of the times of a turn, in units of an interpreter with the libraries."""

    what: str
    of: Callable[[Times], float]
    most: float


FIGURES: Final = (
    Figure("--help", lambda times: times["help"], 0.6),
    Figure("list, first", lambda times: times["list first"], 3.0),
    Figure("list, cached", lambda times: times["list"], 1.5),
    Figure("validate, first", lambda times: times["validate first"], 2.5),
    Figure("validate, cached", lambda times: times["validate"], 1.0),
    Figure("run -q", lambda times: times["run"], 4.5),
    Figure("each further scenario", lambda times: (times["run three"] - times["run"]) / (len(NAMES) - 1), 1.2),
)


def commands(folder: Path) -> dict[str, Sequence[str]]:
    """What is started, by its name."""
    files = []
    for name in NAMES:
        files.append(str(folder / f"{name}.yaml"))
        Path(files[-1]).write_text(SCENARIO.format(name=name), encoding="utf-8")
    run = ("run", "-q", "--retries", "0")
    return {
        "help": ["--help"],
        "list": ["list"],
        "validate": ["validate", files[0]],
        "run": [*run, files[0]],
        "run three": [*run, *files],
    }


def wall_s(arguments: Sequence[str], checkout: Path, caches: Path) -> float:
    """How long an interpreter takes that starts in a checkout; it has to succeed, or to have been starved."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "XDG_CACHE_HOME": str(caches)}
    began_s = time.perf_counter()
    finished = subprocess.run([sys.executable, *arguments], cwd=checkout, env=environment, capture_output=True)
    took_s = time.perf_counter() - began_s
    # exit code 4: others had the CPUs, which says nothing of the engine and all of the turn
    if finished.returncode not in (0, 4):
        sys.exit(finished.stderr.decode())
    return took_s


def turn(checkout: Path, to_start: Mapping[str, Sequence[str]], caches: Path) -> Times:
    """Everything once, over an interpreter with the libraries; what can be cached twice, beginning without a cache."""
    unit_s = wall_s(["-c", LIBRARIES], checkout, caches)
    times = {}
    with tempfile.TemporaryDirectory(dir=caches) as own:
        for name, words in to_start.items():
            if name in CACHED:
                times[f"{name} first"] = wall_s(["-m", "perfcli", *words], checkout, Path(own)) / unit_s
            times[name] = wall_s(["-m", "perfcli", *words], checkout, Path(own)) / unit_s
    return times


def main() -> int:
    """Print a table; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    options = parser.parse_args()
    checkouts = [ROOT, *([options.against.resolve()] if options.against else [])]
    turns: dict[Path, list[Times]] = {checkout: [] for checkout in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{folder}/bytecode"}
        to_start = commands(Path(folder))
        for checkout in checkouts:
            turn(checkout, to_start, Path(folder))  # writes bytecode, and brings files into the system's cache
        for number in range(options.turns):
            for checkout in checkouts if number % 2 else reversed(checkouts):
                turns[checkout].append(turn(checkout, to_start, Path(folder)))
    rows = [
        Row(figure.what, f"{median(map(figure.of, turns[ROOT])):.2f} interpreters", value, figure.most)
        for figure in FIGURES
        for value in [median(map(figure.of, turns[ROOT]))]
    ]
    for checkout in checkouts[1:]:
        for figure in FIGURES:
            pairs = zip(turns[ROOT], turns[checkout], strict=True)
            ratio = median(figure.of(new) / figure.of(old) for new, old in pairs)
            old_value = median(map(figure.of, turns[checkout]))
            rows.append(Row(f"{figure.what}, new / old", f"old: {old_value:.2f} interpreters", ratio, 1.0))
    print(*rows, sep="\n")
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
