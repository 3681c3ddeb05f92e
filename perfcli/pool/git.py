"""Runs git, out of reach of a Ctrl-C in the terminal, which must not stop it half way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from perfcli.pool import cleanup

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
