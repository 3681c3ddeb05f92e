"""The agent's end of a line to the MCP server that it starts: faults are inflicted in that process."""

from __future__ import annotations

import time
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Final

from perfcli.line import Line
from perfcli.plan import ExecutionPlan
from perfcli.wire import EndFault, FaultEnded, FaultOrder, FaultReport, Garbled, NoFault

_ANSWERS_WITHIN_S: Final = 5.0
_CONTROL: Final = "control"
"""Relative to the working directory, which the server shares: the path of a socket must be short."""
_PLAN: Final = "hosted-plan.json"
_HOME: Final = Path(__file__).parents[2]
_START: Final = (
    # the engine's own directory may hold another perfcli
    f"import sys; sys.path.insert(0, {str(_HOME)!r}); from perfcli.agent.hosting import main; "
    "sys.path.pop(0); main(sys.argv[1:])"
)


class HostedServer:
    """A server that faults can be inflicted in.

    Args:
        process: the number of this process, which reports come from.
    """

    def __init__(self, plan: ExecutionPlan, process: int) -> None:
        self._plan = plan
        self._process = process
        self._listening = socket(AF_UNIX)
        self._line: Line | None = None

    def arguments(self, server: list[str]) -> list[str]:
        """What to give to Python instead of the arguments of a server alone."""
        Path(_PLAN).write_text(self._plan.model_dump_json(), encoding="utf-8")
        # of a server that was killed
        Path(_CONTROL).unlink(missing_ok=True)
        self._listening.bind(_CONTROL)
        self._listening.listen(1)
        return ["-c", _START, _CONTROL, _PLAN, str(self._process), *server]

    def obey(self, order: FaultOrder) -> FaultReport:
        """Pass an order on, and wait for the report."""
        try:
            line = self._line = self._line or self._connected()
            line.send(order)
            if not line.poll(_ANSWERS_WITHIN_S):
                raise TimeoutError
            report = line.receive()
        except (OSError, EOFError, Garbled):
            return self._lost(order)
        return report if isinstance(report, FaultReport) else self._lost(order)

    def close(self) -> None:
        """Listen no more; the server ends by itself."""
        self._listening.close()
        if self._line is not None:
            self._line.close()

    def _connected(self) -> Line:
        self._listening.settimeout(_ANSWERS_WITHIN_S)
        end, _ = self._listening.accept()
        return Line(end)

    def _lost(self, order: FaultOrder) -> FaultReport:
        if isinstance(order, EndFault):
            return FaultEnded(self._process, order.number, time.perf_counter_ns(), None)
        return NoFault(self._process, order.number, "the MCP server does not answer the harness")
