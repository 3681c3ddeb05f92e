"""What is driven: one protocol, one file per target; the only room that imports digipal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from perfcli.errors import UsageError
from perfcli.plan import ExecutionPlan
from perfcli.targets.protocol import Target
from perfcli.wire import Serving


def make_target(plan: ExecutionPlan, database: Path, process: int = 0, serving: Serving | None = None) -> Target:
    """The target of a plan, not yet open; only now is what it needs imported.

    Args:
        process: the number of the process that it is for.
        serving: where another process of the run serves the engine; None if this one has it.

    Raises:
        UsageError: it needs a package of an extra that is not installed.
    """
    return _TARGETS[plan.scenario.target.name]()(plan, database, process, serving)


def _embedded() -> _Make:
    from perfcli.targets.embedded import EmbeddedTarget

    return EmbeddedTarget


def _mcp() -> _Make:
    try:
        from perfcli.targets.mcp import McpTarget
    except ModuleNotFoundError as error:
        missing = f"the target mcp needs the package {error.name}: pip install 'digipal-perf[mcp]'"
        raise UsageError(missing) from error
    return McpTarget


_Make = Callable[[ExecutionPlan, Path, int, Serving | None], Target]
_TARGETS: Final[Mapping[str, Callable[[], _Make]]] = {"embedded": _embedded, "mcp": _mcp}
"""What each name imports; `scenario.target` holds their settings and capabilities."""
