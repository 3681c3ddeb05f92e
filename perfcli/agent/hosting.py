"""The engine's MCP server in a process with a line to the agent, so that faults can be inflicted inside it too.

Started by `perfcli.targets.mcp_hosting` as `main(CONTROL, PLAN, PROCESS, SERVER_ARGUMENT …)`.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from socket import AF_UNIX, socket
from threading import Thread

from perfcli.agent.inside_faults import Inflictor, ThisProcess
from perfcli.line import Line
from perfcli.plan import ExecutionPlan
from perfcli.targets.protocol import Surroundings
from perfcli.targets.server_ai import watch_ai
from perfcli.wire import BeginFault, EndFault


def main(arguments: Sequence[str]) -> None:
    """Run the module of the server, `-m MODULE …`, and obey orders meanwhile."""
    control, plan_file, process, _, module, *rest = arguments
    plan = ExecutionPlan.model_validate_json(Path(plan_file).read_text(encoding="utf-8"), strict=False)
    end = socket(AF_UNIX)
    end.connect(control)
    inside = ThisProcess(plan, Surroundings(watch_ai()))
    inflictor = Inflictor(plan, int(process), time.perf_counter_ns, inside)
    Thread(target=_obey, args=(Line(end), inflictor), daemon=True).start()
    sys.argv = [module, *rest]
    # the clock goes back when this process ends
    with inside.movable_clock():
        runpy.run_module(module, run_name="__main__", alter_sys=True)


def _obey(line: Line, inflictor: Inflictor) -> None:
    # the agent is gone, and ends this process
    with suppress(EOFError, OSError):
        while isinstance(order := line.receive(), BeginFault | EndFault):
            line.send(inflictor.obey(order))
