"""Which engine is used: `--engine PATH|REV`, else that of the repository around, else the installed one.

`--engine` names a directory that holds an engine, or a revision of the current git repository.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from perfcli.errors import PerfError, UsageError
from perfcli.pool import cleanup
from perfcli.pool.identity import GIT_TIMEOUT_S, EngineSource, git, identified
from perfcli.targets.protocol import PACKAGE, installed_in

WORKING_TREE: Final = "the working tree"
INSTALLED: Final = "the installed engine"
_PACKAGE: Final = Path(PACKAGE, "__init__.py")
_LAYOUTS: Final = (Path(), Path("src"))
_HASH_DIGITS: Final = 7

_REFUSED: Final = re.compile(r"^fatal: (?:detected dubious ownership|unsafe repository).*'(/.+)'", re.MULTILINE)
"""What git says of a repository that belongs to somebody else and is no `safe.directory`."""

_WORKTREE: Final = re.compile(rf"^worktree (.*/({cleanup.PREFIX}[0-9a-f]{{12}})/\2)$", re.MULTILINE)


@contextmanager
def choose_engine(text: str, option: str = "--engine") -> Iterator[EngineSource]:
    """The engine that was named, else the default one, for as long as the block lasts.

    Raises:
        UsageError: there is no such engine, or none at all.
        PerfError: git could not check it out.
    """
    if text:
        with resolve_engine(text, option) as engine:
            yield engine
    else:
        yield default_engine()


def default_engine() -> EngineSource:
    """The engine of the git repository around the current directory if it is the user's own; else the installed one.

    Whose a repository is decides git, by its rule for `safe.directory`: to import what stands in a directory of
    somebody else's would run their code.

    Raises:
        UsageError: there is no engine.
    """
    try:
        answer = git("rev-parse", "--show-toplevel", timeout_s=GIT_TIMEOUT_S)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        why = "git is not installed" if isinstance(error, FileNotFoundError) else "git does not answer"
        return installed_engine(note=_passed_over(_around(Path.cwd()), why))
    if answer.text and (path := _package_in(Path(answer.text))):
        return identified(path, WORKING_TREE, is_own=True)
    if refused := _REFUSED.search(answer.errors):
        allow = f"it belongs to another user; to use it: git config --global --add safe.directory {refused[1]}"
        return installed_engine(note=_passed_over(Path(refused[1]), allow))
    return installed_engine()


def installed_engine(note: str = "") -> EngineSource:
    """The engine that `import digipal` finds.

    Raises:
        UsageError: none is installed.
    """
    path = installed_in()
    if path is None:
        raise UsageError(
            f"no engine: the package {PACKAGE} is neither installed nor in this git repository",
            hint="name one with --engine PATH, or install it" + (f"; {note}" if note else ""),
        )
    return identified(path, INSTALLED, note=note)


def _around(directory: Path) -> Path:
    """The directory or parent that looks like a repository; without one the directory itself."""
    return next((each for each in (directory, *directory.parents) if (each / ".git").exists()), directory)


def _passed_over(repository: Path, why: str) -> str:
    """Why the engine of a repository is not used; "" if it has none."""
    is_one = (repository / ".git").exists() and _package_in(repository)
    return f"not the one in {repository}: {why}" if is_one else ""


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
        yield identified(_engine_in(directory.resolve(), f"{option} {text}"), text)
        return
    revision = _revision(text, option)
    name = f"{text} ({revision[:_HASH_DIGITS]})"
    with cleanup.scratch_directory() as scratch, _worktree(scratch, revision):
        engine = identified(_engine_in(scratch / scratch.name, f"{option} {name}"), name)
        yield replace(engine, is_temporary=True)


def _engine_in(directory: Path, asked_for: str) -> Path:
    """The directory to import the engine of a checkout from."""
    if path := _package_in(directory):
        return path
    raise UsageError(
        f"{asked_for}: it holds no engine: neither {_PACKAGE} nor {_LAYOUTS[1] / _PACKAGE}",
        hint="name the directory that contains the package digipal, not the package itself; "
        "for a branch with the name of a directory, write refs/heads/NAME",
    )


def _package_in(directory: Path) -> Path | None:
    """The directory of a checkout that holds the package; None if it has no engine."""
    return next((directory / layout for layout in _LAYOUTS if (directory / layout / _PACKAGE).is_file()), None)


def _revision(text: str, option: str) -> str:
    """The full hash of a revision."""
    try:
        # with "--", as otherwise git would take the text for a file
        finished = git("rev-list", "--max-count=1", "--end-of-options", text, "--")
    except FileNotFoundError as error:
        raise UsageError(
            f"{option} {text}: no such directory, and git is not installed to look up a revision",
            hint="name the directory of a checkout, or install git",
        ) from error
    if not finished.text:
        raise UsageError(
            f"{option} {text}: neither a directory nor a git revision: {finished.last_words}",
            hint="name the directory of a checkout, or a tag, branch or hash that `git rev-parse` finds here",
        )
    return finished.text


@contextmanager
def _worktree(scratch: Path, revision: str) -> Iterator[None]:
    _forget_abandoned()
    # git knows a worktree by its last name: that of the scratch directory is used once
    path = str(scratch / scratch.name)
    try:
        # no hooks: they are for people who change branches
        finished = git("-c", f"core.hooksPath={os.devnull}", "worktree", "add", "--quiet", "--detach", path, revision)
        if finished.code:
            raise PerfError(f"git could not check {revision[:_HASH_DIGITS]} out into {path}: {finished.last_words}")
        yield
    finally:
        git("worktree", "remove", "--force", path)


def _forget_abandoned() -> None:
    """Have git forget worktrees of runs that were left by a second Ctrl-C: their directories are gone already.

    Not `git worktree prune`, which would forget those of the user that are out of reach for the moment.
    """
    for path, _ in _WORKTREE.findall(git("worktree", "list", "--porcelain").text):
        if not Path(path).exists():
            git("worktree", "remove", "--force", path)
