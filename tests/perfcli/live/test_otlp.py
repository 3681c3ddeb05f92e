"""Metrics that a real receiver of OTLP decodes add up to the result; one that fails costs a note."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from gzip import decompress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.errors import UsageError
from perfcli.live.otlp import Collector, exponential
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.results import RunResult
from perfcli.testing import simulate

proto = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")

ENGINE = EngineSource(Path("/nowhere"), "the engine", "d1", "c0ffee", "d1")


class Receiver(ThreadingHTTPServer):
    """Takes metrics over HTTP, and answers as it is told."""

    daemon_threads = True

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.received: list[Any] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = decompress(body)
                request = proto.ExportMetricsServiceRequest()
                request.ParseFromString(body)
                receiver.received.append(request)
                receiver.paths.append(self.path)
                receiver.headers.append(dict(self.headers))
                answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Be silent."""

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def metrics(self) -> dict[str, Any]:
        """Those of the newest request, by name."""
        (resource,) = self.received[-1].resource_metrics
        return {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}


def ok(request: BaseHTTPRequestHandler) -> None:
    """Take it."""
    request.send_response(200)
    request.send_header("Content-Length", "0")
    request.end_headers()


def broken(request: BaseHTTPRequestHandler) -> None:
    """Refuse it."""
    request.send_response(500)
    request.send_header("Content-Length", "8")
    request.end_headers()
    request.wfile.write(b"nonsense")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """One that works."""
    made = Receiver(ok)
    yield made
    made.shutdown()
    made.server_close()


def attributes(point: Any) -> dict[str, str]:
    """Those of a data point."""
    return {each.key: each.value.string_value for each in point.attributes}


@pytest.mark.slow
def test_what_a_receiver_decodes_adds_up_to_the_result(
    receiver: Receiver, simulated: RunResult, make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    collector = Collector(receiver.url)
    collector.begin(make_plan(["load_pet"]), ENGINE, 1, 1)
    collector.end(simulated)
    collector.close()
    assert receiver.paths == ["/v1/metrics"]
    assert receiver.headers[0]["authorization"] == "Bearer abc"
    metrics = receiver.metrics()
    counted = metrics["digipal_perf.operations"]
    assert (counted.unit, counted.sum.is_monotonic) == ("{operation}", True)
    by_outcome: dict[str, int] = {}
    for each in counted.sum.data_points:
        outcome = attributes(each)["outcome"]
        by_outcome[outcome] = by_outcome.get(outcome, 0) + int(each.as_double or each.as_int)
    assert by_outcome == {"ok": simulated.total.ok, "failed": simulated.total.failed}
    latency = metrics["digipal_perf.latency"]
    points = latency.exponential_histogram.data_points
    assert latency.unit == "s"
    assert sum(each.count for each in points) == simulated.total.ok
    assert all(each.count == each.zero_count + sum(each.positive.bucket_counts) for each in points)
    total = simulated.total.latency
    assert total is not None
    assert sum(each.sum for each in points) == pytest.approx(total.mean_ns * total.count / 1e9)
    told = attributes(points[0])
    assert (told["scenario"], told["engine"], told["commit"]) == ("test", "the engine", "c0ffee")
    assert {attributes(each)["phase"] for each in points} == {"calm", "rush"}
    assert "digipal_perf.success_rate" in metrics


@pytest.mark.slow
def test_a_load_that_goes_on_is_told_too(
    receiver: Receiver, make_plan: Callable[..., ExecutionPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("perfcli.live.otlp.INTERVAL_S", 0.0)
    collector = Collector(receiver.url)
    plan = make_plan(["load_pet"], load={"executor": "constant-vus", "vus": 1, "duration": "20s"}, setup={"pets": 2})
    collector.begin(plan, ENGINE, 1, 1)
    result = simulate(plan, observer=collector)
    collector.end(result)
    collector.close()
    counts = [
        sum(point.as_int for metric in scope.metrics if metric.name == "digipal_perf.operations"
            for point in metric.sum.data_points)
        for request in receiver.received
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
    ]  # fmt: skip
    assert counts == sorted(counts)
    assert counts[-1] == result.total.ok + result.total.failed


@pytest.mark.parametrize("kind", ["broken", "hangs", "gone"])
@pytest.mark.slow
def test_a_collector_that_fails_costs_a_note(
    kind: str,
    simulated: RunResult,
    make_plan: Callable[..., ExecutionPlan],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("perfcli.live.otlp._TO_LEAVE_S", 0.3)
    ended = threading.Event()
    receiver = Receiver(broken if kind == "broken" else lambda request: (ended.wait(30), None)[-1])
    if kind == "gone":
        receiver.shutdown()
        receiver.server_close()
    collector = Collector(f"{receiver.url}/custom/path")
    collector.begin(make_plan(["load_pet"]), ENGINE, 1, 1)
    began_s = time.monotonic()
    collector.end(simulated)
    assert time.monotonic() - began_s < 5
    collector.close()
    ended.set()
    told = capsys.readouterr().err
    assert "Warning: --otlp" in told
    assert "did not accept everything" in told
    if kind != "gone":
        assert receiver.paths[0] == "/custom/path"
        receiver.shutdown()
        receiver.server_close()


@pytest.mark.parametrize("url", ["localhost:4318", "ftp://host", "http://", "x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="expected the URL of a collector"):
        Collector(url)


@given(st.dictionaries(st.integers(0, 2**62), st.integers(1, 1_000), max_size=50))
def test_exponential_buckets_hold_what_their_bounds_say(counts: dict[int, int]) -> None:
    scale, offset, made, zeros = exponential(counts)
    assert sum(made) + zeros == sum(counts.values())
    assert len(made) <= 160
    if made:
        assert made[0]
        assert made[-1]
        base = 2.0 ** (2.0**-scale)
        least = min(ns for ns in counts if ns) / 1e9
        greatest = max(counts) / 1e9
        assert base**offset * (1 - 1e-9) <= least
        assert greatest <= base ** (offset + len(made)) * (1 + 1e-9)
