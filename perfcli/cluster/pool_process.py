"""`python -m perfcli.cluster.pool_process`: a pool of this machine for a tool on another one.

It talks in packets over stdin and stdout. The engine is in the directory `engine`. When its input ends it ends all that
it started.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from socket import socket
from threading import Event, Lock, Thread
from typing import Any, Final

from perfcli.cluster.packets import (
    ANSWER,
    ASK,
    LINE,
    STATE,
    EngineState,
    Packet,
    PacketReader,
    as_json,
    described,
    from_json,
)
from perfcli.plan import ExecutionPlan
from perfcli.pool import cleanup
from perfcli.pool.processes import EngineProcess, LocalPool

ENGINE: Final = "engine"
_PART_BYTES: Final = 2**18
_LOOK_S: Final = 0.1
_TERMINATED: Final = 143


class _Engine:
    """An engine process, and what was last said of it."""

    def __init__(self, process: int, handle: EngineProcess, *, is_watched: bool, say: Callable[[Packet], None]) -> None:
        self.handle = handle
        self.using = Lock()
        self._process = process
        self._is_watched = is_watched
        self._say = say
        self.listen()

    def listen(self) -> None:
        """Pass on what this incarnation writes on its line."""
        self._said = EngineState()
        arguments = (self.handle.line.end, self.handle.incarnation)
        Thread(target=self._pass_on, args=arguments, daemon=True).start()

    def write(self, incarnation: int, data: bytes) -> None:
        """Write on its line; what is for one that was replaced is dropped."""
        if incarnation == self.handle.incarnation:
            try:
                self.handle.line.end.sendall(data)
            except OSError:
                return  # it is gone, which its end of the line says

    def look(self) -> None:
        """Say what has changed."""
        with self.using:
            handle = self.handle
            handle.bound_output()
            reading = handle.readings() if self._is_watched else None
            state = EngineState(code=handle.wait(0), printed_bytes=handle.printed_bytes(), reading=reading)
            if state != self._said:
                self._said = state
                data = state.model_dump_json().encode()
                self._say(Packet(STATE, data, self._process, handle.incarnation))

    def _pass_on(self, end: socket, incarnation: int) -> None:
        data = b"?"
        while data:
            try:
                data = end.recv(_PART_BYTES)
            except OSError:
                data = b""
            self._say(Packet(LINE, data, self._process, incarnation))


class PoolProcess:
    """Does what the tool asks for, one thing after another.

    Args:
        engine: the directory to import the engine from.
        say: sends a packet to the tool, from any thread; it never waits.
    """

    def __init__(self, engine: Path, say: Callable[[Packet], None]) -> None:
        self._pool = LocalPool(engine)
        self._say = say
        self._engines: dict[int, _Engine] = {}
        self._ended = Event()
        self._held: dict[int, Callable[[], None]] = {}
        self._ending = ExitStack()
        self._database = self._ending.enter_context(self._pool.make_database())

    def serve(self, packets: Iterator[Packet]) -> None:
        """Until there are no more packets; then end everything."""
        Thread(target=self._watch, daemon=True).start()
        try:
            for packet in packets:
                if packet.kind == LINE:
                    self._engines[packet.process].write(packet.incarnation, packet.data)
                elif packet.kind == ASK:
                    self._answer(packet)
        finally:
            self._ended.set()
            for engine in list(self._engines.values()):
                with engine.using:
                    engine.handle.end()
            self._ending.close()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_S):
            for engine in list(self._engines.values()):
                engine.look()

    def _answer(self, packet: Packet) -> None:
        number, name, arguments = from_json(packet.data)
        answer: list[Any]
        try:
            if "process" in arguments and name != "start":
                engine = self._engines[arguments.pop("process")]
                with engine.using:
                    answer = [number, _OF_ENGINE[name](engine, **arguments), None]
            else:
                answer = [number, _OF_POOL[name](self, **arguments), None]
        except Exception as error:
            answer = [number, None, described(error)]
        self._say(Packet(ANSWER, as_json(answer)))

    def start(self, process: int, plan: str, *, counts: bool) -> None:
        """Start an engine process."""
        planned = ExecutionPlan.model_validate_json(plan, strict=False)
        pool = self._pool.for_counting() if counts else self._pool
        handle = pool.start(planned, self._database, process)
        is_watched = planned.scenario.target.watchable and planned.host in (None, process)
        self._engines[process] = _Engine(process, handle, is_watched=is_watched, say=self._say)

    def query(self, sql: str) -> list[Any]:
        """The rows of an answer."""
        with self._database.reading() as query:
            return list(query(sql))

    def fetch(self, suffix: str, position: int) -> bytes | None:
        """A part of the database's file, or of one beside it, b"" behind its end; None if there is none."""
        file = self._database.path.with_name(self._database.path.name + suffix)
        if not file.exists():
            return None
        with file.open("rb") as opened:
            opened.seek(position)
            return opened.read(_PART_BYTES)

    def hold(self, *, writes: bool) -> int | None:
        """Hold a transaction; return the number that `release` takes."""
        release = self._database.hold_transaction(writes=writes)
        if release is None:
            return None
        number = len(self._held)
        self._held[number] = release
        return number

    def release(self, held: int) -> None:
        """End a transaction."""
        self._held[held]()


_OF_POOL: Final[Mapping[str, Callable[..., Any]]] = {
    "start": PoolProcess.start,
    "query": PoolProcess.query,
    "fetch": PoolProcess.fetch,
    "hold": PoolProcess.hold,
    "release": PoolProcess.release,
    "used": lambda pool: pool._database.used_bytes(),
    "removed": lambda pool: pool._database.removed(),
    "compare": lambda pool, answers, asked: list(pool._database.compare(answers, asked)),
}


def _read(engine: _Engine) -> Any:
    reading = engine.handle.readings(whole=True)
    return reading and EngineState(reading=reading).model_dump(mode="json")["reading"]


def _end(engine: _Engine) -> list[Any]:
    handle = engine.handle
    handle.end()
    return [handle.wait(0), handle.printed_bytes(), handle.output(), list(handle.leftovers())]


def _replace(engine: _Engine) -> None:
    engine.handle.replace()
    engine.listen()


_OF_ENGINE: Final[Mapping[str, Callable[..., Any]]] = {
    "read": _read,
    "end": _end,
    "replace": _replace,
    "lives_in": lambda engine, pid: engine.handle.lives_in(pid),
    "note_children": lambda engine: engine.handle.note_children(),
    "pin": lambda engine, cpus: engine.handle.pin(cpus),
    "halt": lambda engine: engine.handle.halt(),
    "resume": lambda engine: engine.handle.resume(),
    "signal": lambda engine, number: engine.handle.end_by_signal(signal.Signals(number)),
    "begun": lambda engine: [list(begun) for begun in engine.handle.begun_calls()],
    "is_stopped": lambda engine: engine.handle.is_stopped(),
    "wait": lambda engine, timeout_s: engine.handle.wait(timeout_s),
    "output": lambda engine: engine.handle.output(),
}
"""By the names that `remote_engine` asks for."""


def main() -> None:
    """Serve the tool on stdin and stdout; what else is printed goes to stderr."""
    signal.signal(signal.SIGTERM, lambda *_: cleanup.abandon(_TERMINATED))
    out = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    waiting: SimpleQueue[Packet | None] = SimpleQueue()
    writer = Thread(target=_write, args=(out, waiting))
    writer.start()
    try:
        PoolProcess(Path(ENGINE).resolve(), waiting.put).serve(_packets(sys.stdin.fileno()))
    finally:
        waiting.put(None)
        writer.join()


def _packets(descriptor: int) -> Iterator[Packet]:
    reader = PacketReader()
    while content := os.read(descriptor, _PART_BYTES):
        yield from reader.feed(content)


def _write(descriptor: int, waiting: SimpleQueue[Packet | None]) -> None:
    with os.fdopen(descriptor, "wb") as out:
        while (packet := waiting.get()) is not None:
            try:
                out.write(packet.packed())
                if waiting.empty():
                    out.flush()
            except OSError:
                return  # the reader has gone: the end of input follows


if __name__ == "__main__":
    main()
