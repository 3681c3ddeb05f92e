"""The engine's MCP server as a process of the run's own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from perfcli import units
from perfcli.clock import await_exit
from perfcli.plan import ExecutionPlan

_CLOSES_WITHIN_S: Final = 30.0
_SAVES_A_PET_WITHIN_S: Final = 0.05
_MOMENT_S: Final = 1.0
_ALL_MOMENTS_S: Final = 3.0


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
    """A server on a free port of this machine. It ends when this process does, however that ends.

    Args:
        pets: how many it may have to save when it closes.
    """

    def __init__(self, arguments: list[str], pets: int) -> None:
        self._closes_within_s = _CLOSES_WITHIN_S + _SAVES_A_PET_WITHIN_S * pets
        self._process = subprocess.Popen(
            [sys.executable, *arguments, "--http", "0", "--until-eof"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.pid = self._process.pid
        self._moments_left_s = _ALL_MOMENTS_S

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
        """Whether it has ended; one that is ending is given a moment to do so, but not by each of a thousand calls."""
        began_s = time.monotonic()
        try:
            self._process.wait(max(0.0, min(_MOMENT_S, self._moments_left_s)))
        except subprocess.TimeoutExpired:
            self._moments_left_s -= time.monotonic() - began_s
            return False
        return True

    def close(self) -> None:
        """Have it save its pets and end.

        Raises:
            RuntimeError: it did not end in good order.
        """
        self._process.terminate()
        code = await_exit(self._process, self._closes_within_s)
        if code is None:
            raise RuntimeError(f"the MCP server did not end within {self._closes_within_s:.0f} s")
        self._process.communicate()
        if code:
            raise RuntimeError(f"the MCP server ended with code {code}")
