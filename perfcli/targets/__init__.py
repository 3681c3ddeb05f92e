"""What is driven: one protocol, one file per target; the only room that imports digipal."""

from __future__ import annotations

from pathlib import Path

from perfcli.errors import UsageError
from perfcli.plan import ExecutionPlan
from perfcli.scenario.target import McpSettings
from perfcli.targets.protocol import Target


def make_target(plan: ExecutionPlan, database: Path) -> Target:
    """The target of a plan, not yet open; only now is what it needs imported.

    Raises:
        UsageError: it needs a package of an extra that is not installed.
    """
    if isinstance(plan.scenario.target, McpSettings):
        return _mcp_target(plan, plan.scenario.target, database)
    from perfcli.targets.embedded import EmbeddedTarget

    return EmbeddedTarget(plan, database)


def _mcp_target(plan: ExecutionPlan, settings: McpSettings, database: Path) -> Target:
    try:
        from perfcli.targets.mcp import McpTarget
    except ModuleNotFoundError as error:
        missing = f"the target mcp needs the package {error.name}: pip install 'digipal-perf[mcp]'"
        raise UsageError(missing) from error
    return McpTarget(plan, settings, database)
