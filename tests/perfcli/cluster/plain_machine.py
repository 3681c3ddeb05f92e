"""A machine of a cluster without the cluster: its pool is served by a thread of this process, over plain pipes."""

from __future__ import annotations

import atexit
import io
import os
import select
import shutil
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from perfcli.cluster.description import Description, describe
from perfcli.cluster.packets import Packet
from perfcli.cluster.pool_process import ENGINE, PoolProcess, _packets, _write

ROOT = Path(__file__).parents[3]


@cache
def extracted(content: bytes) -> Path:
    """A folder with what is in an archive; there until this process ends, so Python compiles it once."""
    folder = Path(tempfile.mkdtemp(prefix="plain-machines-"))
    atexit.register(shutil.rmtree, folder)
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    return folder


class PlainProcess:
    """As RemoteProcess, of a pool process."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder
        theirs, self._input = os.pipe()
        self._output, out = os.pipe()
        self._serving = Thread(target=self._serve, args=(theirs, out), daemon=True)
        self._serving.start()
        self._sending, self._receiving = Lock(), Lock()
        self.received = bytearray()
        """All that left its machine."""
        self.code: int | None = None
        self.lost = ""
        self._is_cut = self._is_shut = False

    def _serve(self, descriptor: int, out: int) -> None:
        """As `main` of a pool process."""
        waiting: SimpleQueue[Packet | None] = SimpleQueue()
        writer = Thread(target=_write, args=(out, waiting))
        writer.start()
        try:
            PoolProcess((self._folder / ENGINE).resolve(), waiting.put).serve(_packets(descriptor))
        finally:
            os.close(descriptor)
            waiting.put(None)
            writer.join()

    @property
    def is_over(self) -> bool:
        return self.code is not None or bool(self.lost)

    def send(self, content: bytes) -> None:
        with self._sending:
            if not (self.is_over or self._is_cut or self._is_shut):
                while content:
                    content = content[os.write(self._input, content) :]

    def shut(self) -> None:
        with self._sending:
            if not self._is_shut:
                self._is_shut = True
                os.close(self._input)

    def receive(self, wait_s: float) -> bytes:
        if self._is_cut:
            time.sleep(0.02)
        with self._receiving:
            return self._receive(wait_s)

    def _receive(self, wait_s: float) -> bytes:
        if self.is_over or self._is_cut or not select.select([self._output], [], [], wait_s)[0]:
            return b""
        if self._is_cut:
            return b""
        content = os.read(self._output, 2**18)
        self.received += content
        if not content:
            self._close()
            self.code = 0
        return content

    def errors(self) -> str:
        return ""

    def _close(self) -> None:
        self._serving.join()
        os.close(self._output)
        shutil.rmtree(self._folder)

    def lose(self, unnoticed_s: float = 0.0) -> None:
        """As if its machine did not answer any more, which is noticed that long after it fell silent."""
        lost = f"machine {self._name} is lost: no answer"
        self._is_cut = True
        if not unnoticed_s:
            self.lost = lost
        self.shut()
        with self._receiving:
            while os.read(self._output, 2**18):
                pass
            time.sleep(unnoticed_s)
            self.lost = lost
            self._close()


class PlainMachine:
    """As Machine.

    Args:
        there_s: what a call takes on its way there.
        back_s: what its answer takes.
    """

    def __init__(self, name: str = "a", there_s: float = 0.0, back_s: float = 0.0) -> None:
        self._there_s, self._back_s = there_s, back_s
        self.name = name
        self.address = "tls://127.0.0.1:40000"
        self.description = Description.of(describe())
        self.processes: list[PlainProcess] = []

    def call(self, method: str, *arguments: Any, limit_s: float = 5.0) -> int:
        assert method == "clock_ns"
        time.sleep(self._there_s)
        read_ns = time.perf_counter_ns()
        time.sleep(self._back_s)
        return read_ns

    def start(self, command: Sequence[str], *, folders: Mapping[str, bytes]) -> PlainProcess:
        folder = Path(tempfile.mkdtemp(prefix="plain-machine-"))
        for path, content in folders.items():
            (folder / path).symlink_to(extracted(content))
        assert list(command) == ["-m", PoolProcess.__module__]
        self.processes.append(PlainProcess(self.name, folder))
        return self.processes[-1]
