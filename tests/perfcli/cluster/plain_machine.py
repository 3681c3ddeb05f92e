"""A machine of a cluster without the cluster: its processes are started here, and talked to over plain pipes."""

from __future__ import annotations

import io
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from perfcli.cluster.description import Description, describe

ROOT = Path(__file__).parents[3]


class PlainProcess:
    """As RemoteProcess."""

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self._name = name
        self._folder = folder
        self._errors = (folder / "errors").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-P", *command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            bufsize=0,
        )
        self._sending, self._receiving = Lock(), Lock()
        self.received = bytearray()
        """All that left its machine."""
        self.code: int | None = None
        self.lost = ""
        self._is_cut = False

    @property
    def is_over(self) -> bool:
        return self.code is not None or bool(self.lost)

    def send(self, content: bytes) -> None:
        assert self._process.stdin
        with self._sending:
            if not self.is_over and not self._is_cut:
                while content:
                    content = content[self._process.stdin.write(content) :]

    def shut(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()

    def receive(self, wait_s: float) -> bytes:
        if self._is_cut:
            time.sleep(0.02)
        with self._receiving:
            return self._receive(wait_s)

    def _receive(self, wait_s: float) -> bytes:
        assert self._process.stdout
        if self.is_over or self._is_cut or not select.select([self._process.stdout], [], [], wait_s)[0]:
            return b""
        if self._is_cut:
            return b""
        content = os.read(self._process.stdout.fileno(), 2**18)
        self.received += content
        if not content:
            self.code = self._close()
        return content

    def errors(self) -> str:
        return self._said

    def _close(self) -> int:
        assert self._process.stdin
        assert self._process.stdout
        code = self._process.wait()
        self._errors.seek(0)
        self._said = self._errors.read().decode()
        for file in (self._process.stdin, self._process.stdout, self._errors):
            file.close()
        shutil.rmtree(self._folder)
        return code

    def lose(self, unnoticed_s: float = 0.0) -> None:
        """As if its machine did not answer any more, which is noticed that long after it fell silent."""
        lost = f"machine {self._name} is lost: no answer"
        self._is_cut = True
        if not unnoticed_s:
            self.lost = lost
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        with self._receiving:
            while self._process.stdout.read(2**18):
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
            zipfile.ZipFile(io.BytesIO(content)).extractall(folder / path)
        self.processes.append(PlainProcess(self.name, command, folder))
        return self.processes[-1]
