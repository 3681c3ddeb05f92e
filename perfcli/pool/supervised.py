"""Processes of the engine under supervision: the tool's end of the talk with `perfcli.agent.subreaper` above each."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from perfcli.agent.subreaper import NO_LINE
from perfcli.clock import RunningTime
from perfcli.pool import cleanup
from perfcli.pool.template import PYTHON, engine_environment

_MOST_BYTES: Final = 16 * 2**20
_KEPT_BYTES: Final = 4_000


class Output:
    """A file to print into. The tool holds it open: an engine may remove it."""

    def __init__(self, file: Path) -> None:
        # to append, so that what is printed after the file was emptied begins where it begins
        self._descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._dropped_bytes = 0
        self._dropped_end = b""

    def fileno(self) -> int:
        """Its descriptor, while it is open."""
        return self._descriptor

    def printed_bytes(self) -> int:
        """How much was printed."""
        return self._dropped_bytes + self._size()

    def end(self) -> str:
        """The end of what was printed."""
        return self._end().decode(errors="replace").strip()

    def bound(self) -> None:
        """Drop what was printed if that has become too much, but its end."""
        if self._size() > _MOST_BYTES:
            self._drop()

    def close(self) -> None:
        """Close the file; what was printed stays known."""
        if self._descriptor >= 0:
            self._drop()
            os.close(self._descriptor)
            self._descriptor = -1

    def _drop(self) -> None:
        self._dropped_end = self._end()
        self._dropped_bytes += self._size()
        os.ftruncate(self._descriptor, 0)

    def _end(self) -> bytes:
        size = self._size()
        here = os.pread(self._descriptor, _KEPT_BYTES, max(0, size - _KEPT_BYTES)) if size else b""
        return (self._dropped_end + here)[-_KEPT_BYTES:]

    def _size(self) -> int:
        return os.fstat(self._descriptor).st_size if self._descriptor >= 0 else 0


_LOOK_INTERVAL_S: Final = 0.5
_TO_START_S: Final = 60.0
_TO_BE_GONE_S: Final = 60.0


class SupervisedProcess:
    """A process, and all that it starts.

    Args:
        control: the socket to its supervisor.
        supervisor: the supervisor, if it is this process's own child.

    Raises:
        EOFError: a supervisor that is not ended before it had started anything.
    """

    def __init__(self, control: socket.socket, supervisor: subprocess.Popen[bytes] | None = None) -> None:
        self._control = control
        self._supervisor = supervisor
        self._heard = b""
        self._is_unwatched = False
        self._code: int | None = None
        self._left: list[str] = []
        self._sees_orphans = True
        self.pid = 0
        self._listen(lambda: self.pid != 0, _TO_START_S)
        if self.pid == 0:
            if supervisor is None:
                raise EOFError
            supervisor.kill()
            self.pid = supervisor.pid
        cleanup.register_group(self.pid)

    def wait(self, timeout_s: float) -> int | None:
        """The exit code, negative for the signal that ended it; None if it still runs after that time."""
        self._listen(lambda: self._code is not None, timeout_s)
        if self._code is None and self._is_unwatched:
            # a supervisor leaves in silence only if it was killed, and what it supervised is killed with it
            self._code = (self._supervisor.wait() if self._supervisor else 0) or -signal.SIGKILL
        return self._code

    def own(self, pid: int) -> None:
        """Take another process for a part of this one: it is not left behind."""
        self._say(f"own {pid}")

    def look(self) -> None:
        """Have its supervisor remember what it has started, on systems that do not lead from there to orphans."""
        if not self._sees_orphans:
            self._say("look")

    def end(self) -> list[str]:
        """Kill what still runs of it; in words, what it left behind if it had ended by itself."""
        if self._supervisor:
            self._supervisor.send_signal(signal.SIGCONT)
        self._say("end")
        self._listen(lambda: False, _TO_BE_GONE_S)
        cleanup.end_group(self.pid)
        self._is_unwatched = True
        self._control.close()
        self.wait(0)
        if self._supervisor:
            self._supervisor.wait()
        return self._left

    def _say(self, line: str) -> None:
        # a supervisor that is gone is noticed by listening
        with suppress(OSError):
            self._control.sendall(f"{line}\n".encode())

    def _listen(self, is_enough: Callable[[], bool], timeout_s: float) -> None:
        """Take in what the supervisor says until it is enough, the supervisor is gone, or time is over."""
        if self._is_unwatched:
            return
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        running = RunningTime()
        while not (is_enough() or self._is_unwatched):
            left_s = timeout_s - running.elapsed_s()
            if poll.poll(max(0.0, min(left_s, _LOOK_INTERVAL_S)) * 1e3):
                self._take_in()
            elif left_s <= 0:
                return

    def _take_in(self) -> None:
        try:
            heard = self._control.recv(4096)
        except OSError:
            heard = b""
        self._is_unwatched = not heard
        *lines, self._heard = (self._heard + heard).split(b"\n")
        for line in lines:
            word, _, rest = line.decode(errors="replace").partition(" ")
            match word:
                case "started":
                    pid, sees_orphans = rest.split()
                    self.pid, self._sees_orphans = int(pid), sees_orphans == "1"
                case "ended":
                    self._code = int(rest)
                case "left":
                    self._left.append(rest)


def start_supervised(
    module: str,
    arguments: Sequence[str],
    *,
    working_directory: Path,
    output: int,
    line: int = NO_LINE,
    variables: Mapping[str, str] = {},
) -> SupervisedProcess:
    """Have a fresh interpreter call `main(arguments)` of a module, under supervision.

    Args:
        output: the descriptor that it prints to.
        line: a descriptor to leave open for it.
        variables: to add to its environment.
    """
    ours, theirs = socket.socketpair()
    control = theirs.fileno()
    with theirs:
        supervisor = subprocess.Popen(
            [
                *(*PYTHON, "-m", "perfcli.agent", str(control), str(line)),
                *(*cleanup.scratch_directories(), "--", module, *arguments),
            ],
            cwd=working_directory,
            env={**engine_environment(), **variables},
            pass_fds=[control] if line == NO_LINE else [control, line],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return SupervisedProcess(ours, supervisor)
