"""Engine processes forked from a template: started in milliseconds, by the dozen."""

from __future__ import annotations

import socket
from functools import partial

from perfcli.agent.orders import Descriptors, Order
from perfcli.errors import PerfError
from perfcli.pool import cleanup
from perfcli.pool.processes import Begin, Post
from perfcli.pool.supervised import SupervisedProcess
from perfcli.pool.template import Template


def forked(template: Template) -> Begin:
    """Starts agents by forking them from a template."""
    return partial(fork, template)


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
