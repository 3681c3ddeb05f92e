"""A machine as the tool sees it: calls that are repeated once, and processes whose bytes come in the background."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfcli.cluster.machine import Machine, RemoteProcess, zipped
from perfcli.errors import ExitCode, MachineLost
from tests.perfcli.cluster.fake_carrier import FakeCarrier, carried
from tests.perfcli.cluster.test_station import ECHO, SLEEP

pytestmark = pytest.mark.slow


@pytest.fixture
def carrier() -> Iterator[FakeCarrier]:
    with carried() as cluster:
        yield cluster


@pytest.fixture
def machine(carrier: FakeCarrier) -> Machine:
    return Machine(carrier, "a", "a")


def received(process: RemoteProcess, least: int) -> bytes:
    content, deadline_s = b"", time.monotonic() + 20
    while len(content) < least and not process.is_over and time.monotonic() < deadline_s:
        content += process.receive(0.2)
    return content + process.receive(0)


def test_what_is_sent_comes_back(machine: Machine) -> None:
    process = machine.start(ECHO)
    for number in range(50):
        process.send(b"%d\n" % number)
    process.shut()
    assert received(process, 140) == b"".join(b"%d\n" % number for number in range(50))
    while process.code is None:
        process.receive(0.1)
    assert (process.code, process.lost) == (0, "")


def test_receiving_without_waiting_never_waits(machine: Machine, carrier: FakeCarrier) -> None:
    process = machine.start(SLEEP)
    assert received(process, 3) == b"up\n"
    carrier.freeze("a")
    began_s = time.monotonic()
    for _ in range(1000):
        assert process.receive(0) == b""
    assert time.monotonic() - began_s < 1
    carrier.thaw("a")


def test_a_frozen_machine_that_goes_on_loses_nothing(machine: Machine, carrier: FakeCarrier) -> None:
    process = machine.start(ECHO)
    process.send(b"before\n")
    assert received(process, 7) == b"before\n"
    carrier.freeze("a")
    process.send(b"meanwhile\n")
    time.sleep(1.5)
    carrier.thaw("a")
    assert received(process, 10) == b"meanwhile\n"
    assert process.lost == ""


def test_a_call_is_repeated_once_then_the_machine_is_lost(machine: Machine, carrier: FakeCarrier) -> None:
    carrier.freeze("a")
    before = len(carrier.calls)
    with pytest.raises(MachineLost, match=r"machine a is lost: no answer within 0\.1 s") as lost:
        machine.call("clock_ns", limit_s=0.1)
    assert lost.value.exit_code is ExitCode.INVALID
    assert len(carrier.calls) - before == 2
    # it may go on later, but what it had has ended by then: no call waits for it again
    with pytest.raises(MachineLost, match=r"machine a is lost: no answer within 0\.1 s"):
        machine.call("clock_ns")
    machine.end()
    assert len(carrier.calls) - before == 2
    carrier.thaw("a")


def test_a_process_on_a_lost_machine_says_so(machine: Machine, carrier: FakeCarrier) -> None:
    process = machine.start(SLEEP)
    assert received(process, 3) == b"up\n"
    carrier.cut("a")
    deadline_s = time.monotonic() + 10
    while not process.lost and time.monotonic() < deadline_s:
        process.receive(0.1)
    assert "machine a is lost: cut" in process.lost
    assert process.errors() == ""
    machine.end()
    carrier._cut.clear()


def test_a_content_is_sent_once(machine: Machine, carrier: FakeCarrier) -> None:
    assert machine.ship(b"content") == machine.ship(b"content")
    assert carrier.calls.count(("a", "put")) == 1


def test_an_engine_is_the_same_archive_whenever_it_is_made(tmp_path: Path) -> None:
    package = tmp_path / "digipal"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    first = zipped(tmp_path)
    (package / "__pycache__" / "x.pyc").write_bytes(b"compiled")
    (tmp_path / "secret.txt").write_text("not part of it")
    (package / "__init__.py").touch()
    assert zipped(tmp_path) == first
    (package / "__init__.py").write_text("#")
    assert zipped(tmp_path) != first
