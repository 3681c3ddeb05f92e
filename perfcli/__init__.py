"""digipal-perf: load-test the DigiPal engine, with results you can gate a merge on.

From Python: `run_scenario`, `load_result` and `load_results`. They raise `PerfError`, or its subclass `UsageError` if
you can fix the cause.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from perfcli import version

if TYPE_CHECKING:
    from perfcli.api import load_result, run_scenario
    from perfcli.errors import PerfError, UsageError
    from perfcli.results import RunResult, load_results

__version__ = version.VERSION

_HOMES: Final = {
    "PerfError": "perfcli.errors",
    "RunResult": "perfcli.results",
    "UsageError": "perfcli.errors",
    "load_result": "perfcli.api",
    "load_results": "perfcli.results",
    "run_scenario": "perfcli.api",
}
"""Imported when they are asked for: the command line imports this package too, and must start at once."""

__all__ = ["PerfError", "RunResult", "UsageError", "__version__", "load_result", "load_results", "run_scenario"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'perfcli' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
