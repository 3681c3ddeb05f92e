"""`--engine PATH|REV`: a directory that holds an engine, or a revision of the current git repository."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perfcli.errors import PerfError, UsageError
from perfcli.pool import leftovers

_PACKAGE: Final = Path("digipal", "__init__.py")
_LAYOUTS: Final = (Path(), Path("src"))
_HASH_DIGITS: Final = 7
_TOLD_TO_HOOKS: Final = frozenset(
    {"GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_PREFIX"}
)
"""Variables that git gives to its hooks: a worktree made with them would be written into the index of the commit."""

_WORKTREE: Final = re.compile(rf"^worktree (.*/({leftovers.PREFIX}[0-9a-f]{{12}})/\2)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class EngineSource:
    """Where an engine comes from."""

    path: Path
    """The directory to import `digipal` from, absolute."""

    name: str
    """What to call it in a report: the path as it was given, or the revision with its hash."""


@contextmanager
def resolve_engine(text: str, option: str = "--engine") -> Iterator[EngineSource]:
    """The engine of a directory or a git revision; a revision is checked out for as long as the block lasts.

    Args:
        option: which one named it, for messages.

    Raises:
        UsageError: there is no such directory or revision, or no engine in it.
        PerfError: git could not check it out.
    """
    directory = Path(os.path.expanduser(text))
    if text and directory.is_dir():
        yield EngineSource(_engine_in(directory.resolve(), f"{option} {text}"), text)
        return
    revision = _revision(text, option)
    name = f"{text} ({revision[:_HASH_DIGITS]})"
    with leftovers.scratch_directory() as scratch, _worktree(scratch, revision):
        yield EngineSource(_engine_in(scratch / scratch.name, f"{option} {name}"), name)


def working_tree() -> EngineSource | None:
    """The engine of the checkout that the current directory lies in, as it is now; None where there is none."""
    here = Path.cwd()
    for directory in (here, *here.parents):
        if any((directory / layout / _PACKAGE).is_file() for layout in _LAYOUTS):
            return EngineSource(_engine_in(directory, "the working tree"), "the working tree")
        if (directory / ".git").exists():
            break
    return None


def _engine_in(directory: Path, asked_for: str) -> Path:
    """The directory to import the engine of a checkout from."""
    for layout in _LAYOUTS:
        if (directory / layout / _PACKAGE).is_file():
            return directory / layout
    raise UsageError(
        f"{asked_for}: no engine in there: neither {_PACKAGE} nor {_LAYOUTS[1] / _PACKAGE}",
        hint="give the directory that holds the package digipal, not the package itself; "
        "of a branch with the name of a directory, give refs/heads/NAME",
    )


def _revision(text: str, option: str) -> str:
    """The full hash of a revision."""
    try:
        # with "--", as otherwise git would take the text for a file
        finished = _git("rev-list", "--max-count=1", "--end-of-options", text, "--")
    except FileNotFoundError as error:
        raise UsageError(
            f"{option} {text}: no such directory, and git, which knows revisions, is not installed",
            hint="give the directory of a checkout",
        ) from error
    if finished.returncode or not finished.stdout:
        raise UsageError(
            f"{option} {text}: neither a directory nor a git revision: {_last_words(finished)}",
            hint="give the directory of a checkout, or a tag, branch or hash that `git rev-parse` knows here",
        )
    return finished.stdout.strip()


@contextmanager
def _worktree(scratch: Path, revision: str) -> Iterator[None]:
    _forget_abandoned()
    # git knows a worktree by its last name: that of the scratch directory is used once
    path = str(scratch / scratch.name)
    try:
        # no hooks: they are for people who change branches
        finished = _git("-c", f"core.hooksPath={os.devnull}", "worktree", "add", "--quiet", "--detach", path, revision)
        if finished.returncode:
            raise PerfError(f"git could not check {revision[:_HASH_DIGITS]} out into {path}: {_last_words(finished)}")
        yield
    finally:
        _git("worktree", "remove", "--force", path)


def _forget_abandoned() -> None:
    """Have git forget worktrees of runs that were left by a second Ctrl-C: their directories are gone already.

    Not `git worktree prune`, which would forget those of the user that are out of reach for the moment.
    """
    for path, _ in _WORKTREE.findall(_git("worktree", "list", "--porcelain").stdout):
        if not Path(path).exists():
            _git("worktree", "remove", "--force", path)


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run git in the current directory, out of reach of a Ctrl-C in the terminal, which must not stop it half way."""
    process = subprocess.Popen(
        ["git", *arguments],
        env={key: value for key, value in os.environ.items() if key not in _TOLD_TO_HOOKS},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    leftovers.register_group(process.pid)
    try:
        output, errors = process.communicate()
    finally:
        leftovers.end_group(process.pid)
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


def _last_words(finished: subprocess.CompletedProcess[str]) -> str:
    fatal = [line for line in finished.stderr.splitlines() if line.startswith("fatal: ")]
    return fatal[-1].removeprefix("fatal: ") if fatal else finished.stderr.strip() or "it names no commit"
