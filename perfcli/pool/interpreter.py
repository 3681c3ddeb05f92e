"""The Python that engine processes run in. Light: it is needed before the tool has loaded."""

from __future__ import annotations

import os
import sys
from typing import Final

import perfcli

PYTHON: Final = (sys.executable, "-P")
"""An interpreter that imports nothing from the directory it is started in, which may be anybody's."""


def engine_environment() -> dict[str, str]:
    """This process's environment, in which the same perfcli is found even where it is not installed."""
    home = os.path.dirname(os.path.dirname(os.path.realpath(perfcli.__file__)))
    # relative entries would mean another place, as the engine has a working directory of its own
    given = [os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    path = os.pathsep.join([*given, home])
    return {**os.environ, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1"}
