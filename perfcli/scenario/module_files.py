"""Where the source of a module is, found without executing it or the packages it is in."""

from __future__ import annotations

import os
import sys
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path


class NoSourceError(Exception):
    """Why a module has no source to read."""


def module_file(name: str) -> Path:
    """The file of a module that Python could import here, e.g. "package.module".

    Raises:
        NoSourceError: there is no such module, or its source is not a file.
    """
    first, *rest = name.split(".")
    spec, path = _top_level(first), first
    for part in rest:
        if spec is None:
            break
        if spec.submodule_search_locations is None:
            raise NoSourceError(f"{path} is a module, not a package: it holds no {part!r:.60}")
        # by the last name alone: the full name would ask for the parent, which is not imported
        spec, path = PathFinder.find_spec(part, list(spec.submodule_search_locations)), f"{path}.{part}"
    if spec is None:
        raise NoSourceError(f"Python finds no module called {path!r:.60}")
    if spec.origin is None:
        raise NoSourceError(f"{path} is a folder without __init__.py: name a module in it")
    if not (spec.origin.endswith(".py") and os.path.isfile(spec.origin)):
        raise NoSourceError(f"{path} has no source file")
    return Path(spec.origin)


def _top_level(name: str) -> ModuleSpec | None:
    """As an import finds it; the finders look for files, and run none."""
    for finder in sys.meta_path:
        spec = finder.find_spec(name, None)
        if spec is not None:
            return spec
    return None
