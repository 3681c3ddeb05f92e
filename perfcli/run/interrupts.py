"""Ctrl-C, SIGTERM and SIGHUP: the first asks the run to stop and report, the second leaves at once."""

from __future__ import annotations

import signal
from types import FrameType

from perfcli.errors import ExitCode
from perfcli.pool import leftovers
from perfcli.run.supervision import StopRequest

_SIGNALS = {
    signal.SIGINT: ("interrupted by Ctrl-C", ExitCode.INTERRUPTED),
    signal.SIGTERM: ("terminated by SIGTERM", ExitCode.TERMINATED),
    signal.SIGHUP: ("its terminal closed (SIGHUP)", ExitCode.HANGUP),
}


class Interrupts:
    """Turns signals into a stop request, from `install` on."""

    def __init__(self) -> None:
        self.stop = StopRequest()
        self.exit_code: ExitCode | None = None

    def install(self) -> None:
        """Receive the signals, SIGHUP unless it is ignored (nohup); to be called from the main thread."""
        for number in _SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        reason, exit_code = _SIGNALS[signal.Signals(number)]
        if self.exit_code is not None:
            if number == signal.SIGHUP:
                return  # a terminal that closes sends it, and the shell in it once more
            leftovers.abandon(exit_code)
        self.exit_code = exit_code
        self.stop.reason = reason
