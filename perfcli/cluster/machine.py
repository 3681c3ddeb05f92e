"""A machine of a cluster as the tool sees it: calls with time limits, and processes that run there."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Condition, Event, Thread
from typing import Any, Final, Protocol
from uuid import uuid4

from perfcli.cluster.description import Description
from perfcli.cluster.station import digest_of
from perfcli.errors import MachineLost, PerfError
from perfcli.targets.protocol import PACKAGE

LIMIT_S: Final = 5.0
"""Of each call. After two in a row that took longer, a machine is lost."""

_TRIES: Final = 2
_PAUSE_S: Final = 0.5
_WAIT_S: Final = 1.0
_BEAT_S: Final = 2.0
_CONTENT_LIMIT_S: Final = 30.0
_PIECE_BYTES: Final = 2**20
_MOST_WAITING_BYTES: Final = 64 * 2**20
_TO_END_S: Final = 10.0


class Unreachable(Exception):  # noqa: N818 of the machine, not of this side
    """A call did not arrive, or its answer did not; the text says how that was noticed."""


class Carrier(Protocol):
    """Carries calls to the stations of a cluster."""

    def addresses(self) -> Mapping[str, str]:
        """The machines that are there now: addresses by names."""

    def hire(self, address: str) -> None:
        """Make the station of a machine.

        Raises:
            Unreachable: it is not there.
            PerfError: it has no digipal-perf, or another one that cannot be talked to.
        """

    def invoke(self, address: str, method: str, arguments: Sequence[Any], limit_s: float) -> Future[Any]:
        """Call a method of a station; returns at once.

        The future raises Unreachable, or what the station raised.
        """


class Machine:
    """A machine with a station; calls may come from any thread. It hears of the tool all the time, until `end`."""

    def __init__(self, carrier: Carrier, name: str, address: str) -> None:
        self._carrier = carrier
        self.name = name
        self.address = address
        self._why_lost = ""
        self.description = Description.of(self.call("describe"))
        self._is_over = Event()
        Thread(target=self._beat, daemon=True).start()

    def call(self, method: str, *arguments: Any, limit_s: float = LIMIT_S) -> Any:
        """Call a method of the station, and wait for its answer; one that does not come is asked for once more.

        Raises:
            MachineLost: it did not come either, now or at an earlier call.
            StationError: the station says that it cannot.
        """
        why = ""
        if self._why_lost:
            # what the tool started there has ended by itself, and each further wait would delay the report
            raise MachineLost(self.name, self._why_lost)
        for attempt in range(_TRIES):
            began_s = time.monotonic()
            try:
                return self._carrier.invoke(self.address, method, arguments, limit_s).result()
            except (Unreachable, CancelledError) as error:
                why = str(error) or "the connection was closed"
            if attempt + 1 < _TRIES:
                time.sleep(max(0.0, _PAUSE_S - (time.monotonic() - began_s)))
        self._why_lost = why
        raise MachineLost(self.name, why)

    def ship(self, content: bytes) -> str:
        """Have the machine hold a content; return its digest."""
        digest = digest_of(content)
        if self.call("missing", [digest]):
            self.call("put", digest, content, limit_s=_CONTENT_LIMIT_S)
        return digest

    def start(self, command: Sequence[str], *, folders: Mapping[str, bytes] | None = None) -> RemoteProcess:
        """Start a process there: Python with these arguments, in a folder of its own.

        Args:
            folders: zip archives, see `zipped`, by the paths of folders; not to be written to.
        """
        process = uuid4().hex[:12]
        archives = {path: self.ship(content) for path, content in (folders or {}).items()}
        self.call("start", process, list(command), archives, limit_s=_CONTENT_LIMIT_S)
        return RemoteProcess(self, process)

    def end(self) -> None:
        """End what was started there, and remove its files; a machine that is lost does so by itself."""
        self._is_over.set()
        with suppress(MachineLost):
            self.call("end", limit_s=_TO_END_S)

    def _beat(self) -> None:
        with suppress(PerfError):  # whoever needs the machine meets with the same
            while not self._is_over.wait(_BEAT_S):
                self.call("clock_ns")


class RemoteProcess:
    """A process on a machine. Two threads carry its bytes, so that callers wait for the net only if they ask to."""

    def __init__(self, machine: Machine, name: str) -> None:
        self.machine = machine
        self._name = name
        self._came = Condition()
        self._waiting = bytearray()
        self._to_send: SimpleQueue[bytes | None] = SimpleQueue()
        self.code: int | None = None
        """Its exit code, once all that it wrote has come."""
        self.lost = ""
        """Why its machine is lost; "" if it is not."""
        for work in (self._fetch, self._deliver):
            Thread(target=self._or_lose, args=(work,), daemon=True).start()

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come, though some that came may not have been received."""
        return self.code is not None or bool(self.lost)

    def send(self, content: bytes) -> None:
        """Write to its stdin; returns at once."""
        self._to_send.put(content)

    def shut(self) -> None:
        """Close its stdin, once all is sent."""
        self._to_send.put(None)

    def receive(self, wait_s: float) -> bytes:
        """What came from its stdout; b"" if nothing does in this time. With 0 it never waits."""
        with self._came:
            if not self._waiting and wait_s > 0:
                self._came.wait_for(lambda: self._waiting or self.is_over, wait_s)
            content = bytes(self._waiting)
            self._waiting.clear()
            self._came.notify_all()
        return content

    def errors(self) -> str:
        """The end of what it wrote to stderr; "" if the machine is lost."""
        with suppress(MachineLost):
            return str(self.machine.call("errors", self._name))
        return ""

    def _or_lose(self, work: Any) -> None:
        try:
            work()
        except PerfError as error:
            with self._came:
                self.lost = self.lost or str(error)
                self._came.notify_all()

    def _fetch(self) -> None:
        position = 0
        while True:
            content, code = self.machine.call("take", self._name, position, _WAIT_S)
            position += len(content)
            with self._came:
                self._waiting += content
                self.code = code
                self._came.notify_all()
                if code is not None:
                    self._to_send.put(None)
                    return
                # the machine keeps what is not fetched
                self._came.wait_for(lambda: len(self._waiting) <= _MOST_WAITING_BYTES)

    def _deliver(self) -> None:
        position = 0
        while (content := self._to_send.get()) is not None:
            for begin in range(0, len(content), _PIECE_BYTES):
                piece = content[begin : begin + _PIECE_BYTES]
                self.machine.call("send", self._name, position, piece)
                position += len(piece)
        if self.code is None:
            self.machine.call("shut", self._name)


def zipped(engine: Path) -> bytes:
    """The engine in a directory as `Machine.start` takes it: its package alone, the same bytes for the same files."""
    package = engine / PACKAGE
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as written:
        for file in sorted(package.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                name = zipfile.ZipInfo(str(file.relative_to(engine)), (1980, 1, 1, 0, 0, 0))
                written.writestr(name, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive.getvalue()
