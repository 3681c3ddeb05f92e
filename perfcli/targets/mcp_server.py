"""The engine's MCP server as a process of the run's own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from perfcli import units
from perfcli.plan import ExecutionPlan

_PATIENCE_S: Final = 5.0


def server_arguments(plan: ExecutionPlan, database: Path) -> list[str]:
    """What to give to Python so that it serves the engine on a database over stdio, with the scenario's AI."""
    ai = plan.scenario.engine.ai
    return [
        *("-m", "digipal.mcp"),
        *("--db", str(database), "--assets", str(database.parent / "assets")),
        *("--simulated-ai", "--ai-seed", str(plan.seed)),
        *("--ai-latency-ms", str(units.parse_duration_ns(ai.latency) / 1e6)),
        *("--ai-jitter-ms", str(units.parse_duration_ns(ai.jitter) / 1e6)),
        *("--ai-error-rate", str(units.parse_fraction(ai.error_rate))),
    ]


class HttpServer:
    """A server on a free port of this machine. It ends when this process does, however that ends."""

    def __init__(self, arguments: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, *arguments, "--http", "0", "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid = self._process.pid

    def url(self) -> str:
        """Where it listens; to be asked once, and answered as soon as it does.

        Raises:
            ConnectionError: it ended before.
        """
        assert self._process.stdout
        told = self._process.stdout.readline().decode().strip()
        if not told:
            raise ConnectionError("it ended before it listened")
        return told

    def is_gone(self) -> bool:
        """Whether it has ended; one that is ending is given a moment to do so."""
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        """Have it save its pets and end.

        Raises:
            RuntimeError: it did not end in good order.
        """
        self._process.terminate()
        self._process.communicate(timeout=_PATIENCE_S)
        if self._process.returncode:
            raise RuntimeError(f"the MCP server ended with code {self._process.returncode}")
