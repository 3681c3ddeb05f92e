"""Look at processes that may end at any moment."""

import os
from contextlib import suppress

import psutil


def command(process: psutil.Process) -> list[str]:
    """Its command line; empty once it has ended, even before its parent has waited for it."""
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


def started_by(pid: int | None = None, part: str = "") -> list[psutil.Process]:
    """All processes below one (this one by default) whose command line has the part."""
    with suppress(psutil.NoSuchProcess):
        below = psutil.Process(os.getpid() if pid is None else pid).children(recursive=True)
        return [process for process in below if part in " ".join(command(process))]
    return []


def without_templates(processes: list[psutil.Process]) -> list[psutil.Process]:
    """But for the templates that tests share: those whose command line is a template's, and that nobody supervises."""
    left = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            above = [process, *process.parents()]
            is_supervised = any(each.name() == "perf-supervisor" for each in above)
            if is_supervised or "perfcli.agent.template" not in command(process):
                left.append(process)
    return left


def is_alive(process: psutil.Process) -> bool:
    """Whether it still runs; one that has ended, but which its parent has not waited for, does not."""
    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False
