"""A cluster of dask on this machine: a scheduler and workers on 127.0.0.1, with certificates that are thrown away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

_START_S: Final = 60.0
_LOOK_S: Final = 0.05


def tls_variables(folder: Path) -> dict[str, str]:
    """dask's configuration for a certificate that is made in a folder, as variables."""
    certificate, key = folder / "cluster.pem", folder / "cluster.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", str(key), "-out", str(certificate), "-days", "1", "-subj", "/CN=digipal-perf demo"),
            *("-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    roles = [f"{tls}{role}__" for role in ("CLIENT", "SCHEDULER", "WORKER")]
    files = {f"{role}{kind}": str(file) for role in roles for kind, file in (("CERT", certificate), ("KEY", key))}
    return {**files, f"{tls}CA_FILE": str(certificate), "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"}


class LoopbackCluster:
    """A scheduler, and workers by their names.

    Args:
        variables: of all its processes: certificates; none for a cluster without TLS.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.variables = dict(variables)
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self._folder = folder
        self._environment = {**os.environ, **variables}
        self._protocol = "tls" if variables else "tcp"
        self._file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        deadline_s = time.monotonic() + _START_S
        while not self._file.exists() or not self._file.read_text():
            if time.monotonic() > deadline_s or self.scheduler.poll() is not None:
                raise RuntimeError("the scheduler does not start: " + self._log("scheduler").read_text())
            time.sleep(_LOOK_S)
        self.address = str(json.loads(self._file.read_text())["address"])

    def add(self, name: str, *options: str, command: Sequence[str] = (), **variables: str) -> None:
        """Start a worker; it is not there yet when this returns.

        Args:
            options: of `dask worker`, instead of those that say where it listens.
            command: before it, such as `taskset -c 0`.
            variables: of it alone.
        """
        scratch = self._folder / f"{name}-scratch"
        scratch.mkdir(exist_ok=True)
        usual = ("--no-nanny", "--nthreads", "1", "--name", name, "--local-directory", str(self._folder / name))
        self.workers[name] = self._start(
            *("worker", *usual, *(options or ("--host", "127.0.0.1"))),
            log=name,
            command=command,
            variables={"TMPDIR": str(scratch), **variables},
        )

    def await_worker(self, name: str) -> None:
        """Wait until a worker is there.

        Raises:
            RuntimeError: it ended, or is not there within a minute.
        """
        deadline_s = time.monotonic() + _START_S
        while "Registered to" not in self._log(name).read_text():
            if time.monotonic() > deadline_s or self.workers[name].poll() is not None:
                raise RuntimeError(f"the worker {name} does not start: " + self._log(name).read_text())
            time.sleep(_LOOK_S)

    def remove(self, name: str) -> None:
        """End a worker, frozen or not."""
        process = self.workers.pop(name)
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(_START_S)

    def scratch(self, name: str) -> list[Path]:
        """What lies in the temporary directory of a worker."""
        return list((self._folder / f"{name}-scratch").iterdir())

    def logs(self) -> str:
        """What the scheduler and all workers have printed."""
        return "".join(file.read_text() for file in sorted(self._folder.glob("*.log")))

    def close(self) -> None:
        """End all of it."""
        for process in [*self.workers.values(), self.scheduler]:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in [*self.workers.values(), self.scheduler]:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(
        self,
        role: str,
        *options: str,
        log: str = "",
        command: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        shared = ("--no-dashboard", "--protocol", self._protocol, "--scheduler-file", str(self._file))
        with self._log(log or role).open("wb") as output:
            return subprocess.Popen(
                [*command, sys.executable, "-m", "dask", role, *shared, *options],
                cwd=self._folder,
                env={**self._environment, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"


@contextmanager
def loopback_cluster(*workers: str, tls: bool = True) -> Iterator[LoopbackCluster]:
    """A cluster with workers of these names, for as long as the block lasts."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dask-loopback-")))
        cluster = LoopbackCluster(folder, tls_variables(folder) if tls else {})
        stack.callback(cluster.close)
        for worker in workers:
            cluster.add(worker)
        yield cluster
