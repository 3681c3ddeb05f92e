"""Which engine it is: where it comes from, the digest of its sources, and the commit that holds exactly these."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from perfcli.pool import cleanup
from perfcli.targets.protocol import PACKAGE, digest_of, source_digest

_TOLD_TO_HOOKS: Final = frozenset(
    {"GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"}
)
"""Variables that git gives to its hooks: they name the hook's repository, not that of the directory."""

_REGULAR_FILES: Final = (b"100644", b"100755", b"100664")


class Answer(NamedTuple):
    """What git answered."""

    code: int
    output: bytes
    errors: str

    @property
    def text(self) -> str:
        """The output without its last line break; "" if git failed."""
        return "" if self.code else os.fsdecode(self.output).removesuffix("\n")

    @property
    def last_words(self) -> str:
        """Why it failed."""
        fatal = [line for line in self.errors.splitlines() if line.startswith("fatal: ")]
        return fatal[-1].removeprefix("fatal: ") if fatal else self.errors.strip() or "it names no commit"


def git(*arguments: str, directory: Path | None = None, given: bytes = b"", timeout_s: float | None = None) -> Answer:
    """Run git and wait for it.

    Args:
        directory: to run it in; None for the current one.
        given: its input.

    Raises:
        FileNotFoundError: git is not installed.
        subprocess.TimeoutExpired: it took longer than `timeout_s`, and was ended.
    """
    environment = {key: value for key, value in os.environ.items() if key not in _TOLD_TO_HOOKS}
    with subprocess.Popen(
        ["git", *arguments],
        cwd=directory,
        # in English: what it says is read
        env={**environment, "LC_ALL": "C"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        cleanup.register_group(process.pid)
        try:
            output, errors = process.communicate(given, timeout_s)
        finally:
            cleanup.end_group(process.pid)
    return Answer(process.returncode, output, errors.decode(errors="replace"))


def python_files(commit: str, directory: Path, timeout_s: float) -> Iterator[tuple[PurePosixPath, bytes]]:
    """The Python files that a commit holds of a directory, by their paths within it.

    They are read from git's objects, never from the working tree. Links are left out.

    Raises:
        FileNotFoundError: git is not installed.
        subprocess.TimeoutExpired: it took longer than `timeout_s`, and was ended.
    """
    listed = git("ls-tree", "-r", "-z", commit, directory=directory, timeout_s=timeout_s)
    entries = [entry.partition(b"\t")[::2] for entry in listed.output.split(b"\0") if entry.endswith(b".py")]
    blobs = [(meta.split()[2], os.fsdecode(path)) for meta, path in entries if meta.split()[0] in _REGULAR_FILES]
    asked = b"".join(blob + b"\n" for blob, _ in blobs)
    found = BytesIO(git("cat-file", "--batch", directory=directory, given=asked, timeout_s=timeout_s).output)
    for _, path in blobs:
        _, _, size = found.readline().partition(b" blob ")
        if not size:
            return  # a clone that does not hold all objects
        yield PurePosixPath(path), found.read(int(size))
        found.readline()


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

    is_temporary: bool = False
    """Whether `path` is a checkout of a revision that is removed at the end: then only the revision is shown."""

    def commit_of(self, digest: str) -> str:
        """The commit that holds the sources of this digest; "" if none is known to."""
        return self.head if digest and digest == self.digest_at_head else ""

    def is_modified(self, digest: str) -> bool:
        """Whether sources of this digest differ from what the commit holds that is checked out around them."""
        return bool(digest and self.head) and digest != self.digest_at_head

    def __str__(self) -> str:
        """All of it on one line: `the working tree (/home/me/pets): sources 0f3a…, commit 1a2b3c4`."""
        place = "" if self.is_temporary or self.name == str(self.path) else f" ({self.path})"
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
