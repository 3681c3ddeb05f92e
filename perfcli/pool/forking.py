"""Engine processes forked from a template: started in milliseconds, by the dozen."""

from __future__ import annotations

import socket
from pathlib import Path

from perfcli.agent.orders import Descriptors, Order
from perfcli.errors import PerfError
from perfcli.line import open_line
from perfcli.plan import ExecutionPlan
from perfcli.pool import cleanup
from perfcli.pool.processes import EngineProcess, Post, prepare
from perfcli.pool.supervised import SupervisedProcess
from perfcli.pool.template import Template


class ForkingPool:
    """Starts engine processes by forking.

    Args:
        engine: the directory to import the engine from.
    """

    def __init__(self, template: Template, engine: Path) -> None:
        self.template = template
        self._engine = engine

    def start(self, plan: ExecutionPlan, directory: Path, database: Path, process: int) -> EngineProcess:
        """Start the one of this number, with `directory` as its own and `database` as the database of all of them."""
        post = prepare(plan, directory, database, process, self._engine)
        line, theirs = open_line()
        with theirs:
            forked = fork(self.template, theirs.fileno(), post)
        return EngineProcess(forked, line, post.output)


def fork(template: Template, line_end: int, post: Post) -> SupervisedProcess:
    """Have an agent forked that talks over this end of a line, under a supervisor of its own.

    Raises:
        PerfError: the template has died.
    """
    ours, theirs = socket.socketpair()
    order = Order(post.arguments, str(post.working_directory), cleanup.scratch_directories())
    try:
        with theirs:
            template.order(order, Descriptors(line_end, theirs.fileno(), post.output.fileno()))
        return SupervisedProcess(ours)
    except (EOFError, OSError) as error:
        ours.close()
        raise PerfError(
            "the process that engine processes are forked from has died",
            hint="see what it printed above; if that is nothing, it was killed, as is done where memory is short",
        ) from error
