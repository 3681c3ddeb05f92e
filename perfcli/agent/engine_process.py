"""An engine process, as perfcli.pool starts it: `main([LINE, PLAN, DATABASE, PROCESS, INCARNATION, ENGINE])`."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from socket import socket

# what a target needs beside its engine: the harness's memory, not the engine's
import perfcli.operations.binding
import perfcli.operations.stored  # noqa: F401
from perfcli.agent.channel import Channel, leave_after
from perfcli.agent.engine_import import use_engine
from perfcli.agent.inspection import EngineInspector
from perfcli.agent.private_memory import Pages, make_private, pages_of_files
from perfcli.agent.session import Session
from perfcli.agent.timed_calls import SystemThreads
from perfcli.clock import SystemClock
from perfcli.line import LINE_LOST, Line
from perfcli.plan import ExecutionPlan
from perfcli.recorder import BEGUN
from perfcli.targets.protocol import Target


def main(arguments: list[str], code_in_use: Sequence[Pages] = ()) -> None:
    """Run one session, then leave.

    Args:
        code_in_use: of the template this one was forked from; a fresh interpreter was forked from its supervisor.
    """
    descriptor, plan_file, database_file = int(arguments[0]), Path(arguments[1]), Path(arguments[2])
    process, incarnation, engine = int(arguments[3]), int(arguments[4]), Path(arguments[5])
    plan = ExecutionPlan.model_validate_json(plan_file.read_text(encoding="utf-8"), strict=False)
    _settle(code_in_use or pages_of_files(os.getppid()))
    channel = Channel(Line(socket(fileno=descriptor)), orphaned=partial(os._exit, LINE_LOST))

    def make_target() -> Target:
        # imported only now: the harness's own memory is measured before the engine is there
        from perfcli.targets import make_target

        with use_engine(engine):
            return make_target(plan, database_file, process, channel.serving)

    def work() -> None:
        Session(
            plan,
            process,
            database_file,
            channel,
            SystemClock(channel.stop),
            SystemThreads(_threads_needed(plan, process)),
            incarnation=incarnation,
            begun=plan_file.with_name(BEGUN),
            make_inspector=EngineInspector,
        ).run(make_target)

    leave_after(work)


def _settle(code_in_use: Sequence[Pages]) -> None:
    """Make the harness's memory the same whether this process was forked from a template or is a fresh interpreter."""
    gc.collect()
    # collecting the engine's garbage is not to take longer for what the harness holds
    gc.freeze()
    make_private(code_in_use)


def _threads_needed(plan: ExecutionPlan, process: int) -> int:
    """The most vus of this process that work at once."""
    at_once = (sum(plan.process_of(vu) == process for phase in wave for vu in phase.vus) for wave in plan.waves)
    return max(1, *at_once)
