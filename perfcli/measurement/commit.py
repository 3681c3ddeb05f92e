"""Which commit an engine is of, as far as git knows. A run never fails for it: what is not known is ""."""

from __future__ import annotations

import os
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Final

CHANGED: Final = "+"
"""What stands behind a hash where tracked files differ from that commit."""

_PATIENCE_S: Final = 5.0
_PACKAGE: Final = Path("digipal", "__init__.py")


def commit_of_engine(directory: Path | None = None) -> str:
    """The full hash of the commit that an engine was checked out from, with a "+" where it was changed since.

    Args:
        directory: what the package `digipal` is in, of an engine that `--engine` names; None for the installed one.
            Where that is in no repository, it is taken to be of the one around the current directory.
    """
    if directory is not None:
        return _commit(directory) if _is_tracked(directory) else ""
    installed = _installed()
    return _commit(installed if installed and _is_tracked(installed) else Path())


def _installed() -> Path | None:
    """What the installed package `digipal` is in; it is looked for, not imported."""
    spec = find_spec("digipal")
    return Path(spec.origin).parents[1] if spec and spec.origin else None


def _is_tracked(directory: Path) -> bool:
    """Whether the engine belongs to the repository around it: one in a virtual environment does not."""
    return bool(_git(directory, "ls-files", "--error-unmatch", "--", str(_PACKAGE)))


def _commit(directory: Path) -> str:
    return _git(directory, "describe", "--always", "--exclude=*", "--abbrev=40", f"--dirty={CHANGED}")


def _git(directory: Path, *arguments: str) -> str:
    """What git answers; "" where it is missing, takes too long, or knows of no repository there."""
    # what git tells its hooks is about the repository of the hook, not about that of the directory
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        finished = subprocess.run(
            ["git", "--no-optional-locks", *arguments],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return finished.stdout.strip()
