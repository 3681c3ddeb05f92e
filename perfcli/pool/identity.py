"""Which engine it is: where it comes from, the digest of its sources, and the commit that holds exactly these."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perfcli.pool.git import git, python_files
from perfcli.targets.sources import PACKAGE, digest_of, source_digest

GIT_TIMEOUT_S: Final = 5.0
_SHORT: Final = 7


@dataclass(frozen=True, slots=True)
class EngineSource:
    """Where an engine comes from, and what is known of it before anything imports it."""

    path: Path
    """The directory to import `digipal` from, absolute."""

    name: str
    """What to call it in a report: the path as it was given, the revision with its hash, or which default it is."""

    digest: str = ""
    """Of its sources, as they are on disk."""

    head: str = ""
    """The commit checked out around it, "" if none is, or if git does not know."""

    digest_at_head: str = ""
    """Of the sources that this commit holds in this place."""

    note: str = ""
    """Why it is not the one that somebody may expect."""

    def commit_of(self, digest: str) -> str:
        """The commit that holds the sources of this digest; "" if none is known to."""
        return self.head if digest and digest == self.digest_at_head else ""

    def is_modified(self, digest: str) -> bool:
        """Whether sources of this digest differ from what the commit holds that is checked out around them."""
        return bool(digest and self.head) and digest != self.digest_at_head

    def __str__(self) -> str:
        """All of it on one line: `the working tree (/home/me/pets): sources 0f3a…, commit 1a2b3c4`."""
        place = "" if self.name == str(self.path) else f" ({self.path})"
        commit = "" if not self.head else f", commit {self.head[:_SHORT]}"
        if self.is_modified(self.digest):
            commit = f", modified since commit {self.head[:_SHORT]}"
        return f"{self.name}{place}: sources {self.digest}{commit}" + (f"; {self.note}" if self.note else "")


def identified(path: Path, name: str, *, is_own: bool = False, note: str = "") -> EngineSource:
    """The engine in a directory, with its digest and, as far as git knows, its commit.

    Args:
        is_own: whether the repository around it is its own, even if no commit holds it yet. Otherwise an engine that
            the commit does not hold, such as one in a virtual environment, belongs to no repository.
    """
    package = path / PACKAGE
    digest = source_digest(package)
    try:
        head = git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", directory=package, timeout_s=GIT_TIMEOUT_S).text
        held = list(python_files(head, package, GIT_TIMEOUT_S)) if head else []
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return EngineSource(path, name, digest, note=note)
    if not (held or is_own):
        return EngineSource(path, name, digest, note=note)
    return EngineSource(path, name, digest, head, digest_of(held), note)
