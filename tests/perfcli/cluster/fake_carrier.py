"""Stations in this process, without dask: calls that can be held back, cut or lost, as a net does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Thread
from typing import Any

from perfcli.cluster.machine import Unreachable
from perfcli.cluster.station import Station
from perfcli.errors import PerfError


class FakeCarrier:
    """Carries calls to stations of this process; a frozen one answers when it goes on, a cut one never.

    Args:
        stations: by the names of their machines, which are their addresses too.
    """

    def __init__(self, stations: Mapping[str, Any]) -> None:
        self.stations = dict(stations)
        self.calls: list[tuple[str, str]] = []
        self.unusable: dict[str, PerfError] = {}
        self._frozen: dict[str, asyncio.Event] = {}
        self._cut: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def addresses(self) -> Mapping[str, str]:
        return {name: name for name in self.stations}

    def hire(self, address: str) -> None:
        if address in self.unusable:
            raise self.unusable[address]
        if address in self._cut:
            raise Unreachable("cut")

    def invoke(self, address: str, method: str, arguments: Sequence[Any], limit_s: float) -> Future[Any]:
        if self._loop.is_closed():
            nowhere: Future[Any] = Future()
            nowhere.set_exception(Unreachable("closed"))
            return nowhere
        self.calls.append((address, method))
        return asyncio.run_coroutine_threadsafe(self._invoke(address, method, arguments, limit_s), self._loop)

    async def _invoke(self, address: str, method: str, arguments: Sequence[Any], limit_s: float) -> Any:
        if address in self._cut:
            raise Unreachable("cut")
        try:
            if address in self._frozen:
                await asyncio.wait_for(self._frozen[address].wait(), limit_s)
            return await asyncio.wait_for(getattr(self.stations[address], method)(*arguments), limit_s)
        except TimeoutError:
            raise Unreachable(f"no answer within {limit_s:g} s") from None

    def cut(self, address: str) -> None:
        """Let nothing through any more."""
        self._cut.add(address)

    def freeze(self, address: str) -> None:
        """Hold calls back until `thaw`."""
        self._frozen[address] = asyncio.Event()

    def thaw(self, address: str) -> None:
        """Go on."""
        self._loop.call_soon_threadsafe(self._frozen.pop(address).set)

    def close(self) -> None:
        """End all stations."""
        for station in self.stations.values():
            if isinstance(station, Station):
                asyncio.run_coroutine_threadsafe(station.end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextmanager
def carried(make: Callable[[], Any] = Station, *names: str) -> Iterator[FakeCarrier]:
    """A cluster of such machines, for as long as the block lasts."""
    carrier = FakeCarrier({name: make() for name in names or ("a",)})
    try:
        yield carrier
    finally:
        carrier.close()
