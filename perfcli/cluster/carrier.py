"""Calls to stations by way of dask.distributed, of which only async actors are used. No other module imports it."""

from __future__ import annotations

import asyncio
import logging
import re
import warnings
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

from perfcli.cluster.machine import Unreachable
from perfcli.cluster.station import Station
from perfcli.errors import ExitCode, PerfError, UsageError

if TYPE_CHECKING:
    from distributed import Actor, Client
    from distributed import Future as DaskFuture
    from distributed.security import Security

T = TypeVar("T")

INSTALL: Final = "pip install 'digipal-perf[cluster]'"
ENCRYPTED: Final = "tls://"
_MAKE_STATION: Final = f"__import__({Station.__module__!r}, fromlist=['']).{Station.__name__}()"
_CONNECT_S: Final = 10.0
_HIRE_S: Final = 10.0
_DIRECT_S: Final = 3.0
_CLOSE_S: Final = 2.0


@contextmanager
def connected(address: str, *, insecure: bool) -> Iterator[DaskCarrier]:
    """A carrier of the cluster whose scheduler has this address, for as long as the block lasts.

    Args:
        insecure: whether it may be without TLS.

    Raises:
        UsageError: `distributed` is missing, or the connection would not be encrypted.
        PerfError: no scheduler answers.
    """
    check_address(address, insecure=insecure)
    try:
        with warnings.catch_warnings():
            # dask tries to read each of its variables, such as a path, as an expression of Python
            warnings.simplefilter("ignore", SyntaxWarning)
            from distributed.security import Security
    except ImportError as error:
        raise UsageError(f"--cluster needs the package distributed: {error}", hint=INSTALL) from error
    _be_quiet()
    security = Security()
    if address.startswith(ENCRYPTED):
        _check_certificates(address, security)
    carrier = DaskCarrier(address, security)
    try:
        yield carrier
    finally:
        carrier.close()


def check_address(address: str, *, insecure: bool) -> None:
    """See that a scheduler is reached by TLS, or that anything else was asked for.

    Whoever reaches a scheduler runs code on all its machines, and what they send is unpickled here: without TLS
    anybody on the way, and on loopback anybody on this machine, is trusted with that.

    Raises:
        UsageError: it is not.
    """
    protocol, separator, place = address.partition("://")
    if not separator:
        protocol, place = "tcp", address
    if not re.fullmatch(r".+:\d+", place) or protocol not in ("tls", "tcp"):
        raise UsageError(
            f"--cluster {address}: expected the address of a scheduler",
            hint="use tls://HOST:8786; a --cluster without an address comes last",
        )
    if protocol != "tls" and not insecure:
        raise UsageError(
            f"--cluster {address}: without TLS, everyone who reaches the scheduler can run code",
            hint=f"start it with certificates and give tls://{place}, or add --insecure-cluster if you trust everybody "
            "who can reach it",
        )


def _check_certificates(address: str, security: Security) -> None:
    try:
        context = security.get_connection_args("client").get("ssl_context")
    except OSError as error:
        raise UsageError(f"--cluster {address}: a certificate cannot be read: {error}") from error
    if context is None:
        raise UsageError(
            f"--cluster {address}: TLS needs certificates, and dask's configuration names none",
            hint="set DASK_DISTRIBUTED__COMM__TLS__CA_FILE, …__TLS__CLIENT__CERT and …__TLS__CLIENT__KEY",
        )


def _be_quiet() -> None:
    """Keep dask's log from stderr: results report what goes wrong."""
    for name in logging.root.manager.loggerDict:
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)


class DaskCarrier:
    """Calls stations from a loop in a thread of its own.

    Args:
        address: of the scheduler.
        security: the certificates.

    Raises:
        PerfError: no scheduler answers there.
    """

    def __init__(self, address: str, security: Security) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="cluster", daemon=True)
        self._thread.start()
        self._is_closed = False
        self._client: Client | None = None
        self._actors: dict[str, tuple[DaskFuture, Actor]] = {}
        try:
            self._wait(self._connect(address, security))
        except Exception as error:
            self.close()
            raise PerfError(
                f"--cluster {address}: no scheduler answers within {_CONNECT_S:g} s: {_reason(error)}",
                hint="dask scheduler --protocol tls …, and dask worker on each machine",
                exit_code=ExitCode.INVALID,
            ) from error

    async def _connect(self, address: str, security: Security) -> None:
        from distributed import Client

        self._client = await Client(
            address,
            asynchronous=True,
            security=security,
            timeout=_CONNECT_S,
            # actors look for the default client
            set_as_default=True,
            direct_to_workers=True,
            name="digipal-perf",
        )

    def addresses(self) -> Mapping[str, str]:
        """The workers that the scheduler knows now: addresses by names."""
        try:
            return self._wait(asyncio.wait_for(self._addresses(), _CONNECT_S))
        except (OSError, TimeoutError) as error:
            raise PerfError(f"the scheduler is gone: {_reason(error)}", exit_code=ExitCode.INVALID) from error

    async def _addresses(self) -> dict[str, str]:
        assert self._client
        workers = (await self._client.scheduler.identity())["workers"]
        return {str(worker["name"]): address for address, worker in workers.items()}

    def hire(self, address: str) -> None:
        """Make the station of a worker.

        Raises:
            Unreachable: it does not answer.
            PerfError: perfcli is not installed there.
        """
        try:
            self._wait(asyncio.wait_for(self._hire(address), _HIRE_S))
        except (OSError, TimeoutError) as error:
            raise Unreachable(_reason(error)) from error
        except (ImportError, AttributeError) as error:
            raise PerfError(f"digipal-perf cannot be imported there: {error}") from error

    async def _hire(self, address: str) -> None:
        assert self._client
        if self._client.direct_to_workers and not await self._is_in_reach(address):
            # behind a gateway: by way of the scheduler then
            self._client.direct_to_workers = False
        # not the class itself: the scheduler would have to import it, and need not have the tool
        future = self._client.submit(
            eval,
            _MAKE_STATION,
            key=f"digipal-perf-station-{uuid4().hex}",
            workers=[address],
            allow_other_workers=False,
            actor=True,
            pure=False,
        )
        self._actors[address] = future, await future

    async def _is_in_reach(self, address: str) -> bool:
        assert self._client
        with suppress(OSError, TimeoutError):
            await asyncio.wait_for(self._client.rpc(address).identity(), _DIRECT_S)
            return True
        return False

    def invoke(self, address: str, method: str, arguments: Sequence[Any], limit_s: float) -> Future[Any]:
        """Call a method of a station; the future raises Unreachable if the answer takes longer."""
        if self._is_closed:
            nowhere: Future[Any] = Future()
            nowhere.set_exception(Unreachable("the tool has left the cluster"))
            return nowhere
        return asyncio.run_coroutine_threadsafe(self._invoke(address, method, arguments, limit_s), self._loop)

    async def _invoke(self, address: str, method: str, arguments: Sequence[Any], limit_s: float) -> Any:
        future, actor = self._actors[address]
        if future.status not in ("finished", "pending"):
            raise Unreachable("its worker has ended")
        try:
            return await asyncio.wait_for(getattr(actor, method)(*arguments), limit_s)
        except TimeoutError:
            raise Unreachable(f"no answer within {limit_s:g} s") from None
        except OSError as error:
            raise Unreachable(_reason(error)) from error

    def close(self) -> None:
        """Leave the cluster; its stations end what they still run."""
        self._is_closed = True
        if self._client is not None:
            with suppress(OSError, TimeoutError):
                self._wait(asyncio.wait_for(self._leave(self._client), _CLOSE_S))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_S)

    @staticmethod
    async def _leave(client: Client) -> None:
        await client.close(timeout=_CLOSE_S)

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
