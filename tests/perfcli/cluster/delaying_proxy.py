"""A net between two programs of this machine: all that passes takes its time, one way another than back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread

_PART_BYTES = 2**18


class DelayingProxy:
    """Listens on a port of its own, and passes on to another one.

    Args:
        there_s: what bytes take to the port that they are passed on to.
        back_s: what those of the answer take.
    """

    def __init__(self, to_port: int, there_s: float, back_s: float) -> None:
        self.there_s, self.back_s = there_s, back_s
        self.port = 0
        self._to_port = to_port

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to_port)
            writers.append(far_writer)
            await asyncio.gather(
                self._pass(reader, far_writer, "there_s"),
                self._pass(far_reader, writer, "back_s"),
            )
        except OSError:
            return  # the other end is closed
        finally:
            for each in writers:
                each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: str) -> None:
        """Each part leaves when its time is over, whether or not others follow."""
        loop, waiting = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

        async def deliver() -> None:
            data = b"?"
            while data:
                at_s, data = await waiting.get()
                await asyncio.sleep(at_s - loop.time())
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

        delivering = asyncio.create_task(deliver())
        data = b"?"
        while data:
            try:
                data = await reader.read(_PART_BYTES)
            except OSError:
                data = b""
            waiting.put_nowait((loop.time() + getattr(self, delay), data))
        with suppress(OSError):
            await delivering


@contextmanager
def delaying_proxy(to_port: int, there_s: float, back_s: float) -> Iterator[DelayingProxy]:
    """A proxy that runs as long as the block does."""
    loop, proxy = asyncio.new_event_loop(), DelayingProxy(to_port, there_s, back_s)
    server = loop.run_until_complete(proxy.serve())
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # transports are closed in the next turn of the loop
    await asyncio.sleep(0.01)
