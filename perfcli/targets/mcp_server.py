"""The run's own MCP server: its process, where it is reached, its certificate, and faults inside it."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import AF_UNIX, socket
from typing import Final

from perfcli import units
from perfcli.clock import await_exit
from perfcli.line import Line
from perfcli.plan import ExecutionPlan
from perfcli.targets.mcp_http import TOKEN_VARIABLE
from perfcli.wire import EndFault, FaultEnded, FaultOrder, FaultReport, Garbled, NoFault, Serving

_CLOSES_WITHIN_S: Final = 30.0
_SAVES_A_PET_WITHIN_S: Final = 0.05
_MOMENT_S: Final = 1.0
_ALL_MOMENTS_S: Final = 3.0


def server_arguments(plan: ExecutionPlan, database: Path) -> list[str]:
    """What to give to Python so that it serves the engine on a database over stdio, with the scenario's AI."""
    ai = plan.scenario.engine.ai
    return [
        *("-m", "digipal.mcp"),
        *("--db", str(database), "--assets", str(database.parent / "assets")),
        *("--simulated-ai", "--ai-seed", str(plan.seed)),
        *("--ai-latency-ms", str(units.parse_duration_ns(ai.latency) / 1e6)),
        *("--ai-jitter-ms", str(units.parse_duration_ns(ai.jitter) / 1e6)),
        *("--ai-error-rate", str(units.parse_fraction(ai.error_rate))),
    ]


class HttpServer:
    """A server on this machine. It ends when this process does, however that ends.

    Args:
        pets: how many it may have to save when it closes.
        token: what it lets in; "" for the one of the environment, if there is one.
        port: where it listens; 0 for any free port.
    """

    def __init__(self, arguments: list[str], pets: int, token: str = "", port: int = 0) -> None:
        self._closes_within_s = _CLOSES_WITHIN_S + _SAVES_A_PET_WITHIN_S * pets
        self._process = subprocess.Popen(
            [sys.executable, *arguments, "--http", str(port), "--until-eof"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, TOKEN_VARIABLE: token} if token else None,
        )
        self.pid = self._process.pid
        self._moments_left_s = _ALL_MOMENTS_S

    def url(self) -> str:
        """Where it listens; to be asked once, and answered as soon as it does.

        Raises:
            ConnectionError: it ended before.
        """
        assert self._process.stdout
        told = self._process.stdout.readline().decode().strip()
        if not told:
            raise ConnectionError("it ended before it listened")
        return told

    def has_ended(self) -> bool:
        """Whether it has ended by now."""
        return self._process.poll() is not None

    def is_gone(self) -> bool:
        """Whether it has ended; one that is ending is given a moment to do so, but not by each of a thousand calls."""
        began_s = time.monotonic()
        try:
            self._process.wait(max(0.0, min(_MOMENT_S, self._moments_left_s)))
        except subprocess.TimeoutExpired:
            self._moments_left_s -= time.monotonic() - began_s
            return False
        return True

    def close(self) -> None:
        """Have it save its pets and end.

        Raises:
            RuntimeError: it did not end in good order.
        """
        self._process.terminate()
        code = await_exit(self._process, self._closes_within_s)
        if code is None:
            raise RuntimeError(f"the MCP server did not end within {self._closes_within_s:.0f} s")
        self._process.communicate()
        if code:
            raise RuntimeError(f"the MCP server ended with code {code}")


_SERVING: Final = "serving.json"


def keep_serving(serving: Serving, folder: Path) -> None:
    """Write where a server is reached to a new file of a folder, for the owner alone: its successor listens there."""
    with os.fdopen(os.open(folder / _SERVING, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(serving), file)


def kept_serving(folder: Path) -> Serving | None:
    """What was kept there; None if nothing was."""
    file = folder / _SERVING
    return Serving(**json.loads(file.read_text("utf-8"))) if file.exists() else None


_CLOCKS_DIFFER_BY: Final = timedelta(days=7)
_LASTS: Final = timedelta(days=30)


def make_certificate(host: str, file: Path) -> str:
    """Make a key and a certificate signed by it: who loads the server trusts this one, and no authority.

    Args:
        host: the name or the address that the server is reached by.
        file: where to put both, as PEM, for the owner alone.

    Returns:
        The certificate without the key, as PEM.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    reached_as: x509.GeneralName
    try:
        reached_as = x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        reached_as = x509.DNSName(host)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "digipal-perf")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCKS_DIFFER_BY)
        .not_valid_after(now + _LASTS)
        .add_extension(x509.SubjectAlternativeName([reached_as]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(private + pem)
    return pem.decode()


_ANSWERS_WITHIN_S: Final = 5.0
_CONTROL: Final = "control"
"""Relative to the working directory, which the server shares: the path of a socket must be short."""
_PLAN: Final = "hosted-plan.json"
_HOME: Final = Path(__file__).parents[2]
_START: Final = (
    # the engine's own directory may hold another perfcli
    f"import sys; sys.path.insert(0, {str(_HOME)!r}); from perfcli.agent.inside_faults import host_server; "
    "sys.path.pop(0); host_server(sys.argv[1:])"
)


class HostedServer:
    """This end of a line to a server that faults can be inflicted in.

    Args:
        process: the number of this process, which reports come from.
    """

    def __init__(self, plan: ExecutionPlan, process: int) -> None:
        self._plan = plan
        self._process = process
        self._listening = socket(AF_UNIX)
        self._line: Line | None = None

    def arguments(self, server: list[str]) -> list[str]:
        """What to give to Python instead of the arguments of a server alone."""
        Path(_PLAN).write_text(self._plan.model_dump_json(), encoding="utf-8")
        # of a server that was killed
        Path(_CONTROL).unlink(missing_ok=True)
        self._listening.bind(_CONTROL)
        self._listening.listen(1)
        return ["-c", _START, _CONTROL, _PLAN, str(self._process), *server]

    def obey(self, order: FaultOrder) -> FaultReport:
        """Pass an order on, and wait for the report."""
        try:
            line = self._line = self._line or self._connected()
            line.send(order)
            if not line.poll(_ANSWERS_WITHIN_S):
                raise TimeoutError
            report = line.receive()
        except (OSError, EOFError, Garbled):
            return self._lost(order)
        return report if isinstance(report, FaultReport) else self._lost(order)

    def close(self) -> None:
        """Listen no more; the server ends by itself."""
        self._listening.close()
        if self._line is not None:
            self._line.close()

    def _connected(self) -> Line:
        self._listening.settimeout(_ANSWERS_WITHIN_S)
        end, _ = self._listening.accept()
        return Line(end)

    def _lost(self, order: FaultOrder) -> FaultReport:
        if isinstance(order, EndFault):
            return FaultEnded(self._process, order.number, time.perf_counter_ns(), None)
        return NoFault(self._process, order.number, "the MCP server does not answer the harness")
