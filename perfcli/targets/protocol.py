"""What the agent needs of a target; and the files of an engine, whose digest is the version that every engine has."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path, PurePath
from typing import Final, NamedTuple, Protocol

from perfcli.errors import PerfError
from perfcli.operations.call import Call
from perfcli.operations.own.binding import OwnVu
from perfcli.scenario.models import SimulatedAi
from perfcli.wire import FaultOrder, FaultReport, LivesIn, Serving

PACKAGE: Final = "digipal"


def installed_in() -> Path | None:
    """The directory that `import digipal` takes the engine from; it is looked for, not imported."""
    spec = find_spec(PACKAGE)
    return Path(spec.origin).parents[1] if spec and spec.origin else None


def source_digest(package: Path) -> str:
    """The digest of the Python files in a package's directory, as `digest_of` gives it."""
    files = (file for file in package.rglob("*.py") if file.is_file())
    return digest_of((file.relative_to(package), file.read_bytes()) for file in files)


def digest_of(sources: Iterable[tuple[PurePath, bytes]]) -> str:
    """The digest of Python files by their paths within the package: 12 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=6)
    for path, content in sorted(sources):
        digest.update(f"{path}\0".encode(errors="surrogateescape") + content)
    return digest.hexdigest()


def assets_of(database: Path) -> Path:
    """The directory that an engine is told to keep its assets in."""
    return database.parent / "assets"


class Failure(NamedTuple):
    """What an exception of the engine means."""

    kind: str
    category: str  # "timeout", "busy", "stale", "database" or ""


class EngineGone(Exception):  # noqa: N818 not a failure of an operation: there is nothing left to operate on
    """The engine is no longer there, so the run is over; the text says how that was noticed."""


ChangeAi = Callable[[SimulatedAi, Callable[[], None]], Callable[[], None]]
"""Has an AI behave so, and calls the second argument at each of its calls; what it returns ends that.

The newest settings hold. Raises PerfError if there is no such AI.
"""


class Cut(NamedTuple):
    """Connections to a server that were cut."""

    lift: Callable[[], None]
    """Lets new ones be opened."""
    connections: int
    """How many were reset."""


def _no_ai(settings: SimulatedAi, on_call: Callable[[], None]) -> Callable[[], None]:
    raise PerfError("there is no AI in this process")


def _no_connections() -> Cut:
    raise PerfError("there is no connection in this process")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What of a target faults reach in a process, beside SQLite and the clock; what is not there raises PerfError.

    Args:
        cut: resets all connections to the server, and refuses others until that is lifted.
    """

    change_ai: ChangeAi = _no_ai
    cut: Callable[[], Cut] = _no_connections


Obey = Callable[[FaultOrder], FaultReport]
"""Carries out an order, and reports on it."""

Found = Callable[[LivesIn | Serving], None]
"""Told the process that an engine lives in, and where other processes of the run reach it."""


class Target(Protocol):
    """An engine to drive. Called from the agent's main thread, but for what `calls` returns."""

    def open(self, found: Found) -> str:
        """Import and open the engine; return its version.

        Args:
            found: to be called as soon as the engine has a process, unless that is the agent's own; and with where it
                is reached, if this process is the host of others.
        """

    def set_up(self) -> None:
        """Make what the scenario's `setup` asks for."""

    def join(self) -> None:
        """Find what another process, which shares the database, has set up."""

    def calls(self, vu: int, shown: array[int], own: OwnVu) -> Sequence[Call | None]:
        """The scenario's steps bound to one vu, each used by that vu's thread alone; None for a pause.

        Args:
            shown: the check of each of `telling_reads` that finds the answer right appends what the read saw: the key
                of a save, or of a pet that the load created the saves its name counts.
        """

    def answers(self, *, of_setup: bool) -> Iterator[str]:
        """Ask the engine for the pets this process acted on: a line for each answer.

        Args:
            of_setup: also for those of the setup.
        """

    def classify(self, error: BaseException) -> Failure:
        """The kind and category of an exception that a call raised."""

    def active_pets(self) -> int | None:
        """Pets in the engine's active cache; None where it does not tell."""

    def fault_orders(self, here: Callable[[Surroundings], Obey]) -> Obey:
        """What carries out orders of faults where they act: in this process `here`, given what there is of the target.

        Called at most once, before the load.
        """

    def see_that_it_lives(self) -> None:
        """Look at a server that others load; raises EngineGone if it has ended."""

    def clean_up(self) -> bool:
        """Clear the engine's cache, as an engine under memory pressure would; False where that cannot be done."""

    def close(self) -> None:
        """Shut the engine down in good order."""
