"""The process of ours above each engine process: whatever an engine starts, it finds, names and ends.

A daemon forks twice and calls setsid, so neither its parent nor its group leads to the engine. On Linux the supervisor
is a subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): orphans below it become its own children, and only those. Elsewhere
it ends the children that it saw when it was told to look.

It speaks in lines of text. It says `started PID REAPS`, `ended CODE`, and in the end `left NAME` for each process that
the engine left behind. It is told `own PID` (part of the engine), `look` and `end`. When the tool is gone, it ends all
and removes the tool's scratch directories.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    import psutil

NO_LINE: Final = -1
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15
_PR_SET_CHILD_SUBREAPER: Final = 36
_NAME: Final = b"perf-supervisor"
_REAP_INTERVAL_MS: Final = 1_000
_LOOK_INTERVAL_MS: Final = 50
_GRACE_S: Final = 0.5
"""For what ends by itself when its engine has: a pool of workers, multiprocessing's resource tracker."""

_TO_BE_GONE_S: Final = 30.0
_KILL_INTERVAL_S: Final = 0.002
_LONGEST_NAME: Final = 100


def supervise(control: int, line: int, directories: Sequence[str], work: Callable[[], object]) -> NoReturn:
    """Fork: the child does `work` and exits, the parent supervises it until it is told to end.

    Args:
        control: the socket to the tool.
        line: a descriptor that is the child's alone; `NO_LINE` if there is none.
        directories: to be removed if the tool is gone.
    """
    # the tool decides when to end: a Ctrl-C in its terminal must end neither of the two
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    reaps = _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    supervisor = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(control)
        _work(supervisor, work)
    try:
        if line != NO_LINE:
            os.close(line)
        _prctl(_PR_SET_NAME, _NAME)
        _lead_group(pid)
        supervision = _Supervisor(control, pid, reaps=reaps)
        supervision.run()
        supervision.end_all()
        if supervision.tool_is_gone:
            _remove(directories)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def _work(supervisor: int, work: Callable[[], object]) -> NoReturn:
    try:
        # without its supervisor nobody would end what it starts
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == supervisor:
            _lead_group(0)
            # no terminal reaches it: one that comes is meant for the engine
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            work()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def _lead_group(pid: int) -> None:
    # by both, as either may come first: whoever knows the pid may kill the group
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, pid)


def _prctl(option: int, value: int | bytes) -> bool:
    """Whether the system knows that option and did it."""
    if sys.platform != "linux":
        return False
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def _remove(directories: Iterable[str]) -> None:
    import shutil

    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


class _Supervisor:
    """Waits for the engine process to end, and for what the tool says."""

    def __init__(self, control: int, pid: int, *, reaps: bool) -> None:
        self.tool_is_gone = False
        self._control = control
        self._pid = pid
        self._has_ended = False
        self._own = {pid}
        self._seen: set[psutil.Process] = set()
        self._heard = b""
        self._say(f"started {pid} {int(reaps)}")

    def run(self) -> None:
        """Supervise until the tool says that it is over, or is gone."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        # not by SIGCHLD: that comes at every SIGSTOP too, and would wake this process in the middle of a measurement
        process = _descriptor_of(self._pid)
        if process is not None:
            poll.register(process, select.POLLIN)
        goes_on = True
        while goes_on:
            is_slow = process is not None or self._has_ended
            events = dict(poll.poll(_REAP_INTERVAL_MS if is_slow else _LOOK_INTERVAL_MS))
            self._reap()
            if process is not None and self._has_ended:
                poll.unregister(process)
                process = None
            if self._control in events:
                goes_on = self._listen()

    def end_all(self) -> None:
        """Kill what still runs; tell the tool what of it the engine left behind when it ended by itself."""
        ended_by_itself = self._has_ended
        if not ended_by_itself:
            # most engines have started nothing: no need to look for more then
            self._kill_group()
        deadline_s = time.monotonic() + _GRACE_S
        while ended_by_itself and self._has_some_left() and time.monotonic() < deadline_s:
            time.sleep(_LOOK_INTERVAL_MS / 1e3)
        deadline_s = time.monotonic() + _TO_BE_GONE_S
        while self._has_some_left() and time.monotonic() < deadline_s:
            for process in self._running():
                if ended_by_itself and process.pid not in self._own:
                    self._say(f"left {_describe(process)}")
                self._own.add(process.pid)
                with suppress(ProcessLookupError):
                    process.kill()
            time.sleep(_KILL_INTERVAL_S)

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        deadline_s = time.monotonic() + _TO_BE_GONE_S
        while not self._has_ended and not self._reap() and time.monotonic() < deadline_s:
            time.sleep(_KILL_INTERVAL_S)

    def _has_some_left(self) -> bool:
        return not self._reap() or any(map(_runs, self._seen))

    def _running(self) -> list[psutil.Process]:
        """All processes below this one, and those it has seen below it."""
        import psutil

        below = set(psutil.Process().children(recursive=True)) | self._seen
        return [process for process in below if _runs(process)]

    def _reap(self) -> bool:
        """Take note of children that have ended; whether there are none left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self._pid:
                self._has_ended = True
                self._say(f"ended {os.waitstatus_to_exitcode(status)}")

    def _listen(self) -> bool:
        """Do what the tool says; whether to go on."""
        try:
            heard = os.read(self._control, 4096)
        except OSError:
            heard = b""
        self.tool_is_gone = not heard
        *lines, self._heard = (self._heard + heard).split(b"\n")
        for word, *numbers in map(bytes.split, lines):
            if word == b"end":
                return False
            if word == b"own":
                self._own.add(int(numbers[0]))
            if word == b"look":
                self._look()
        return not self.tool_is_gone

    def _look(self) -> None:
        import psutil

        with suppress(psutil.Error):
            self._seen.update(psutil.Process(self._pid).children(recursive=True))

    def _say(self, line: str) -> None:
        # a tool that is gone is noticed by reading
        with suppress(OSError):
            os.write(self._control, line.encode(errors="replace") + b"\n")


def _descriptor_of(pid: int) -> int | None:
    """A descriptor that is readable once the process has ended; None if the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _runs(process: psutil.Process) -> bool:
    import psutil

    with suppress(psutil.Error):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _describe(process: psutil.Process) -> str:
    """Its name and, for whoever has to find what started it, its command line."""
    import psutil

    name, command = "", ""
    with suppress(psutil.Error):
        name = process.name()
        command = " ".join(process.cmdline())
    longest = _LONGEST_NAME - len(f"{name} (pid {process.pid}: )")
    if len(command) > longest:
        command = f"{command[: max(0, longest - 1)]}…"
    words = f"{name} (pid {process.pid}: {command})" if command not in ("", name) else f"{name} (pid {process.pid})"
    return "".join(char if char.isprintable() else " " for char in words)
