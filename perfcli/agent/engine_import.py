"""Another checkout of the engine, in place of the one that this tool came with."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

from perfcli.errors import PerfError, UsageError

_PACKAGE: Final = "digipal"


@contextmanager
def use_engine(path: Path) -> Iterator[None]:
    """Import `digipal` from the directory `path`; to surround what imports it first in this process.

    Nothing else comes from there, unless it is found nowhere else: a perfcli that lies beside the engine stays unused.
    An engine that is started as a process of its own with this one's environment is taken from there too.

    Raises:
        PerfError: the engine of another place was imported.
        UsageError: what is in `path` cannot be imported, or lacks what the target needs.
    """
    sys.meta_path.insert(0, _OnlyTheEngine(path))
    sys.path.append(str(path))
    inherited = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(path), inherited] if inherited else [str(path)])
    try:
        yield
    except PerfError:
        raise
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"the engine in {path} cannot be imported: {type(error).__name__}: {_reason(error, path)}",
            hint=f'try: cd {path} && python -c "import digipal.core, digipal.storage, digipal.ai"',
        ) from error
    _check(path)


class _OnlyTheEngine:
    """A finder that knows one package in one directory."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The engine's package itself; its modules are then found by way of it."""
        return PathFinder.find_spec(name, [self._path]) if name == _PACKAGE else None


def _check(path: Path) -> None:
    engine = sys.modules.get(_PACKAGE)
    file = getattr(engine, "__file__", None)
    # the package may be a link in there
    if engine is not None and not (file and Path(file).resolve().is_relative_to((path / _PACKAGE).resolve())):
        raise PerfError(
            f"the engine of {path} was asked for, but {_PACKAGE} was imported from {file or 'a place without a name'}",
            hint="something imported the engine earlier: run without other Python hooks (sitecustomize, "
            "PYTHONSTARTUP, .pth files)",
        )


def _reason(error: BaseException, path: Path) -> str:
    """What an error says, and where in the engine it happened, if it happened there."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).is_relative_to(path):
        return f"{error.msg} ({Path(error.filename).relative_to(path)}, line {error.lineno})"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(path)]
    place = f" ({Path(frames[-1].filename).relative_to(path)}, line {frames[-1].lineno})" if frames else ""
    return f"{error}{place}"
