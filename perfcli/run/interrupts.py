"""Ctrl-C, SIGTERM and SIGHUP: the first asks the run to stop and report, the second leaves at once."""

from __future__ import annotations

import _thread
import os
import signal
from contextlib import suppress
from types import FrameType
from typing import Final, Protocol

from perfcli.errors import ExitCode
from perfcli.pool import cleanup
from perfcli.run.supervision import StopRequest

STOPPING: Final = "stopping, Ctrl-C again to quit"

_SIGNALS = {
    signal.SIGINT: ("interrupted by Ctrl-C", ExitCode.INTERRUPTED),
    signal.SIGTERM: ("terminated by SIGTERM", ExitCode.TERMINATED),
    signal.SIGHUP: ("its terminal closed (SIGHUP)", ExitCode.HANGUP),
}


class Screen(Protocol):
    """A part of the terminal that is drawn over and over."""

    def announce(self, text: str) -> None:
        """Show this at once; called by a signal handler."""

    def stop(self) -> None:
        """Give the terminal back."""


class Interrupts:
    """Turns signals into a stop request, from `install` on."""

    def __init__(self) -> None:
        self.stop = StopRequest()
        self.exit_code: ExitCode | None = None
        self.screen: Screen | None = None
        """What holds the terminal now."""

    def install(self) -> None:
        """Receive the signals, SIGHUP unless it is ignored (nohup); to be called from the main thread."""
        for number in _SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._receive)

    def interrupt(self) -> None:
        """Do as Ctrl-C does; from any thread."""
        _thread.interrupt_main(signal.SIGINT)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        reason, exit_code = _SIGNALS[signal.Signals(number)]
        if self.exit_code is not None:
            if number == signal.SIGHUP:
                return  # a terminal that closes sends it, and the shell in it once more
            try:
                if self.screen:
                    self.screen.stop()
            finally:
                cleanup.abandon(exit_code)
        self.exit_code = exit_code
        self.stop.reason = reason
        announce = self.screen.announce if self.screen else _write_on_stderr
        announce(STOPPING if number == signal.SIGINT else f"stopping: {reason}")


def _write_on_stderr(text: str) -> None:
    """Write a line past Python's buffers, which the signal may have interrupted in the middle of a write."""
    with suppress(OSError):
        # a terminal has echoed "^C"
        os.write(2, f"{os.linesep if os.isatty(2) else ''}{text}\n".encode())
