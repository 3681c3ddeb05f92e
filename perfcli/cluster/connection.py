"""The tool's end of the pipes to a pool on another machine: requests, and the lines of engine processes."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from itertools import count
from threading import Condition, Lock, Thread
from typing import Any, Final, cast

from perfcli.cluster.machine import RemoteProcess
from perfcli.cluster.packets import (
    ANSWER,
    ASK,
    LINE,
    STATE,
    EngineState,
    Packet,
    PacketReader,
    as_json,
    error_of,
    from_json,
)
from perfcli.line import Line

LIMIT_S: Final = 60.0
"""For an answer; a machine that is lost is noticed long before."""

_LOOK_S: Final = 0.5
_MOST_WAITING_BYTES: Final = 64 * 2**20
_ROOM_S: Final = 0.05
_LAST_WORDS: Final = 300


class FarEnd:
    """What a line needs of a socket, for an engine process on another machine: nothing of it waits for the net.

    Args:
        send: passes bytes on.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._came = Condition()
        self._waiting = bytearray()
        self._is_over = self._is_closed = False

    @property
    def waiting_bytes(self) -> int:
        """What came, and was not received yet."""
        return len(self._waiting)

    def put(self, data: bytes) -> None:
        """Some bytes came; none: the end."""
        with self._came:
            self._waiting += data
            self._is_over = self._is_over or not data
            self._came.notify_all()

    def wait(self, timeout_s: float | None) -> bool:
        """Whether something is there in time, be it the end; raises OSError if this end is closed."""
        with self._came:
            if self._is_closed:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            return bool(self._came.wait_for(lambda: self._waiting or self._is_over or self._is_closed, timeout_s))

    def recv(self, size: int) -> bytes:
        """Up to that number of bytes, as soon as there are any; none: the end."""
        with self._came:
            self._came.wait_for(lambda: self._waiting or self._is_over or self._is_closed)
            data = bytes(self._waiting[:size])
            del self._waiting[: len(data)]
            return data

    def sendall(self, data: bytes) -> None:
        """Pass bytes on; raises OSError if the reader has gone."""
        if self._is_over or self._is_closed:
            raise OSError(errno.EPIPE, os.strerror(errno.EPIPE))
        self._send(data)

    def shutdown(self, how: int) -> None:
        """Nothing more is to come."""

    def close(self) -> None:
        """Receive and send no more."""
        with self._came:
            self._is_closed = True
            self._came.notify_all()


class FarLine(Line):
    """A line whose bytes come from another machine; the rest of a message may take as long as the machine is there."""

    def __init__(self, end: FarEnd) -> None:
        # all that a line asks of its socket, but `poll`
        super().__init__(cast("socket.socket", end))
        self._far = end

    def poll(self, timeout_s: float | None) -> bool:
        """Whether something arrives within that time, or has arrived; also the end of the line.

        Raises:
            OSError: this end is closed.
        """
        return self._far.wait(timeout_s)


class Connection:
    """To the pool on one machine.

    Args:
        machine: the name of the machine.
        remote: the process that the pool is.
    """

    def __init__(self, machine: str, remote: RemoteProcess) -> None:
        self.machine = machine
        self._remote = remote
        self._using = Lock()
        self._numbers = count()
        self._asked: dict[int, Future[Any]] = {}
        self._ends: dict[tuple[int, int], FarEnd] = {}
        self._states: dict[tuple[int, int], EngineState] = {}
        self._is_closing = False
        self.lost = ""
        """Why nothing more comes from there; "" while it may."""
        self._thread = Thread(target=self._listen, name="digipal-perf-machine", daemon=True)
        self._thread.start()

    def line(self, process: int, incarnation: int) -> Line:
        """The line of an engine process that is about to start."""

        def send(data: bytes) -> None:
            self._remote.send(Packet(LINE, data, process, incarnation).packed())

        end = self._ends[process, incarnation] = FarEnd(send)
        if self.lost:
            end.put(b"")
        return FarLine(end)

    def state(self, process: int, incarnation: int) -> EngineState:
        """What was last said of an engine process."""
        return self._states.get((process, incarnation), EngineState())

    def ask(self, name: str, limit_s: float = LIMIT_S, **arguments: Any) -> Any:
        """Have something done there, and wait for the answer.

        Raises:
            OSError: the machine is lost, or it failed there.
            sqlite3.Error, PerfError: it failed there.
        """
        try:
            return self._begin(name, arguments).result(limit_s)
        except TimeoutError as error:
            raise OSError(f"machine {self.machine} did not {name} within {limit_s:g} s") from error

    def tell(self, name: str, **arguments: Any) -> None:
        """Have something done there, after all that was asked for before, and do not wait."""
        self._begin(name, arguments)

    def _begin(self, name: str, arguments: dict[str, Any]) -> Future[Any]:
        future: Future[Any] = Future()
        with self._using:
            number = next(self._numbers)
            if self.lost:
                future.set_exception(OSError(self.lost))
                return future
            self._asked[number] = future
            self._remote.send(Packet(ASK, as_json([number, name, arguments])).packed())
        return future

    def close(self) -> None:
        """Have the pool end, with all that it started."""
        self._is_closing = True
        self._remote.shut()
        self._thread.join(LIMIT_S)

    def _listen(self) -> None:
        reader = PacketReader()
        while True:
            content = self._remote.receive(_LOOK_S)
            for packet in reader.feed(content):
                self._take(packet)
            if not content and self._remote.is_over:
                return self._end()
            while sum(end.waiting_bytes for end in list(self._ends.values())) > _MOST_WAITING_BYTES:
                # the machine keeps what is not received
                time.sleep(_ROOM_S)

    def _take(self, packet: Packet) -> None:
        key = packet.process, packet.incarnation
        match packet.kind:
            case kind if kind == LINE and key in self._ends:
                self._ends[key].put(packet.data)
            case kind if kind == STATE:
                self._states[key] = EngineState.model_validate_json(packet.data)
            case kind if kind == ANSWER:
                number, value, error = from_json(packet.data)
                with self._using:
                    future = self._asked.pop(number)
                if error is None:
                    future.set_result(value)
                else:
                    future.set_exception(error_of(*error))

    def _end(self) -> None:
        lost = self._remote.lost
        if not lost:
            said = "" if self._is_closing else self._remote.errors().strip()[-_LAST_WORDS:]
            words = f": {said}" if said else ""
            lost = f"the pool on machine {self.machine} ended with code {self._remote.code}{words}"
        with self._using:
            self.lost = lost
            waiting, self._asked = list(self._asked.values()), {}
        for future in waiting:
            future.set_exception(OSError(lost))
        for end in list(self._ends.values()):
            end.put(b"")
