"""The actor on a machine of a cluster: starts processes there, and carries their bytes. It knows nothing of dask.

All calls may be repeated, as one whose answer is late is. Each renews the lease.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import subprocess
import time
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Thread
from typing import Any, Final

from perfcli.cluster.description import describe
from perfcli.cluster.keeper import end_groups
from perfcli.cluster.station_process import StationProcess
from perfcli.errors import ExitCode, PerfError
from perfcli.pool import cleanup
from perfcli.pool.template import PYTHON, engine_environment

MOST_BYTES: Final = 256 * 2**10
"""In one answer."""

_OF_DASK: Final = {
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""What dask's nanny sets for its workers: an engine must find the machine as a local run does."""


class StationError(PerfError):
    """A station could not do what it was asked for; the tool and it go on."""

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=ExitCode.INVALID)


def digest_of(content: bytes) -> str:
    """The name of a content: SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


class Station:
    """One machine, for one tool."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._folder: Path | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        self._processes: dict[str, StationProcess] = {}
        self._is_over = False

    async def describe(self) -> dict[str, Any]:
        """What the machine has, see `description.Description`."""
        self._renew()
        return await asyncio.to_thread(describe)

    async def clock_ns(self) -> int:
        """The monotonic clock, which all processes of the machine share."""
        self._renew()
        return time.perf_counter_ns()

    async def missing(self, digests: Sequence[str]) -> list[str]:
        """Which of these contents it does not have."""
        self._renew()
        return [digest for digest in digests if not self._content(digest).exists()]

    async def put(self, digest: str, content: bytes) -> None:
        """Take in a content.

        Raises:
            StationError: it is not the one of that digest, or there is no room for it.
        """
        self._renew()
        if digest_of(content) != digest:
            raise StationError(f"{len(content):,} bytes arrived that are not those of {digest[:12]}")
        try:
            self._content(digest).write_bytes(content)
        except OSError as error:
            raise StationError(f"no place for {len(content):,} bytes: {error}") from error

    async def start(
        self,
        process: str,
        command: Sequence[str],
        folders: Mapping[str, str],
    ) -> None:
        """Start a process in a new folder; does nothing if there is one of this name.

        Args:
            process: a name for it: letters, digits and hyphens.
            command: the arguments of Python.
            folders: digests of zip archives, by the paths at which the unpacked folder is seen; not to be written to.

        Raises:
            StationError: it cannot be started.
        """
        self._renew()
        if process in self._processes:
            return
        try:
            folder = self._make_folder(process, folders)
            variables = {name: value for name, value in engine_environment().items() if _OF_DASK.get(name) != value}
            started = StationProcess([*PYTHON, *command], folder, variables, self._forget)
        except (OSError, zipfile.BadZipFile) as error:
            raise StationError(f"a process could not be started: {type(error).__name__}: {error}") from error
        self._processes[process] = started
        self._tell_keeper(f"group {started.group}")

    async def take(self, process: str, position: int, wait_s: float) -> tuple[bytes, int | None]:
        """What the process wrote to stdout from `position` on, at most MOST_BYTES; what is before it is forgotten.

        Returns:
            b"" and the exit code, once it has ended and all is taken; b"" and None if nothing came within `wait_s`.
        """
        return await self._process(process).take(position, MOST_BYTES, wait_s)

    async def send(self, process: str, position: int, content: bytes) -> None:
        """Write to its stdin, from this position on."""
        self._process(process).send(position, content)

    async def shut(self, process: str) -> None:
        """Close its stdin."""
        self._process(process).shut()

    async def errors(self, process: str) -> str:
        """The end of what it wrote to stderr."""
        return self._process(process).errors()

    async def end(self) -> None:
        """End all processes, and remove all files; nothing can be started afterwards."""
        self._is_over = True
        running = [process for process in self._processes.values() if process.code is None]
        for process in running:
            process.shut()
        await asyncio.to_thread(end_groups, [process.group for process in running])
        for process in self._processes.values():
            process.close()
        if self._keeper:
            assert self._keeper.stdin
            with suppress(OSError):
                self._keeper.stdin.close()
            await asyncio.to_thread(self._keeper.wait)
            self._keeper = None
        self._open.close()

    def _process(self, name: str) -> StationProcess:
        self._renew()
        if name not in self._processes:
            raise StationError(f"there is no process {name}")
        return self._processes[name]

    def _renew(self) -> None:
        """Tell the keeper that the tool is there.

        Raises:
            StationError: all is over here.
        """
        self._tell_keeper("beat")
        if self._is_over:
            raise StationError("its processes were ended after ten seconds without a request")

    def _tell_keeper(self, line: str) -> None:
        keeper = self._keeper
        if keeper is None:
            return
        assert keeper.stdin
        try:
            keeper.stdin.write(f"{line}\n".encode())
        except (OSError, ValueError):  # the keeper has ended, or `end` has closed its input meanwhile
            self._is_over = True

    def _forget(self, group: int) -> None:
        self._tell_keeper(f"gone {group}")

    def _place(self) -> Path:
        """The folder of all that is here, with a process that ends and removes it if the station cannot."""
        if self._folder is None:
            self._folder = self._open.enter_context(cleanup.scratch_directory())
            self._keeper = subprocess.Popen(
                [*PYTHON, "-m", "perfcli.cluster.keeper", str(self._folder)],
                env=engine_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                bufsize=0,
            )
            # the worker outlives it: else it would stay a zombie
            Thread(target=self._keeper.wait, daemon=True).start()
        return self._folder

    def _content(self, digest: str) -> Path:
        return self._place() / "".join(char for char in digest if char.isalnum())

    def _make_folder(self, process: str, folders: Mapping[str, str]) -> Path:
        folder = self._place() / f"process-{process}"
        folder.mkdir(exist_ok=True)
        for path, digest in folders.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.is_symlink():
                place.symlink_to(self._unpacked(digest))
        return folder

    def _unpacked(self, digest: str) -> Path:
        folder = self._content(digest).with_suffix(".unpacked")
        if not folder.exists():
            with zipfile.ZipFile(io.BytesIO(self._content(digest).read_bytes())) as archive:
                archive.extractall(partial := folder.with_suffix(".partial"))
            os.rename(partial, folder)
        return folder
