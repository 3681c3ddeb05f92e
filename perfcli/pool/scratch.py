"""Where the engine processes of one run live on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from perfcli.pool.cleanup import scratch_directory

_DATABASE: Final = Path("database", "digipal.db")


class Scratch:
    """A scratch directory with a place for a database, and one for each engine process."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database = directory / _DATABASE
        self.database.parent.mkdir()
        self._given: list[Path] = [directory, self.database.parent]

    def make_place(self, process: int) -> Path:
        """A new directory for the engine process of this number."""
        place = self.directory / f"engine-{process}"
        place.mkdir()
        self._given.append(place)
        return place

    def note_what_is_given(self) -> None:
        """Remember what the pool has laid ready in those places."""
        self._given += [file for place in self._given[2:] for file in place.iterdir()]

    def removed(self) -> str:
        """What an engine has removed of all that, in words; "" for nothing."""
        missing = next((path for path in self._given if not path.exists()), None)
        if missing is None:
            return ""
        if missing == self.directory:
            return "the engine removed its scratch directory"
        return f"the engine removed {missing.relative_to(self.directory)} from its scratch directory"


@contextmanager
def scratch() -> Iterator[Scratch]:
    """One that is removed at the end, whatever happens."""
    with scratch_directory() as directory:
        yield Scratch(directory)
