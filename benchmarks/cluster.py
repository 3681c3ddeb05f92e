"""How much load of how many machines the tool can take in: `python benchmarks/cluster.py`, about a minute.

Simulated stations hand over what the processes of a split load would write, as fast as it is taken. It goes the whole
way: packets, lines, messages and their order, clocks, the account of writes, histograms and time lines. Figures are of
one core of this machine; ratios and limits are what to compare. Exit code 1 where a limit is exceeded.
"""

from __future__ import annotations

import argparse
import sys
import time
from array import array
from collections.abc import Iterator
from queue import SimpleQueue
from time import perf_counter, process_time
from typing import Any, Final, NamedTuple, cast

import psutil
from rows import Row

from perfcli.clock import RunningTime
from perfcli.cluster.connection import Connection
from perfcli.cluster.packets import LINE, Packet
from perfcli.line import Line
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.samples import prescribed
from perfcli.plan import ExecutionPlan
from perfcli.pool.protocol import EngineClock
from perfcli.recorder import Frame
from perfcli.run.engine_client import EngineClient
from perfcli.run.messages import Inbox
from perfcli.run.time_limits import TimeLimits
from perfcli.scenario.models import Scenario
from perfcli.wire import Checkpoint, LoadOver, Message, Opened, PhaseOver, Stage, Wave

_PART_BYTES: Final = 2**18
_TAKES_NS: Final = 1_000_000
_AHEAD_NS: Final = 3_600_000_000_000
_LEAST_SAMPLES_PER_S: Final = 100_000
_MOST_MB: Final = 200
"""For lines, threads, what is known of vus, and samples that wait."""


class _Bytes:
    """An end of a line that keeps what is sent."""

    def __init__(self) -> None:
        self.sent = bytearray()

    def sendall(self, data: bytes) -> None:
        self.sent += data


class _Machine:
    """A pool on another machine, whose processes have written all of this already."""

    def __init__(self, packets: Iterator[bytes]) -> None:
        self.code: int | None = None
        self.lost = ""
        self._packets = packets

    @property
    def is_over(self) -> bool:
        return self.code is not None

    def receive(self, wait_s: float) -> bytes:
        part = bytearray()
        for packet in self._packets:
            part += packet
            if len(part) >= _PART_BYTES:
                return bytes(part)
        if not part:
            time.sleep(wait_s)
        return bytes(part)

    def send(self, content: bytes) -> None:
        """Go on, and the like."""

    def shut(self) -> None:
        self.code = 0

    def errors(self) -> str:
        return ""


class _Handle:
    """Of an engine process there."""

    incarnation = 0
    lost = ""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.clock = EngineClock(is_shared=False)
        self.clock.needs_messages = False
        self.clock.hold(_AHEAD_NS, 1_000_000)

    def note_children(self) -> None:
        """There are none."""

    def wait(self, timeout_s: float) -> int:
        return 0


class Taken(NamedTuple):
    """What the tool took in."""

    samples: int
    size_bytes: int
    elapsed_s: float
    cpu_s: float
    rss_bytes: int


def plan_for(processes: int) -> ExecutionPlan:
    """A vu in each process; more processes than scenarios may have."""
    load = {"executor": "constant-vus", "vus": processes, "duration": "10m"}
    flow = ["get_pet_status", {"interact_with_pet": {"texts": ["hello"]}}]
    keys = {"name": "intake", "target": {"mcp": {"url": "http://x/mcp"}}, "setup": {"pets": processes}}
    scenario = Scenario.model_validate({**keys, "load": load, "flow": flow})
    pool = scenario.pool.model_copy(update={"processes": processes})
    return ExecutionPlan.model_construct(scenario=scenario.model_copy(update={"pool": pool}), seed=1)


def written(plan: ExecutionPlan, process: int, frames: int, samples: int) -> Iterator[bytes]:
    """The packets of one process: until its load, then frames, then the end of its load."""
    end = _Bytes()
    line = Line(cast("Any", end))
    draws = prescribed(plan, process, frames * samples)

    def packet(*messages: Message) -> bytes:
        end.sent.clear()
        for message in messages:
            line.send(message)
        return Packet(LINE, bytes(end.sent), process).packed()

    yield packet(Stage("open"), Opened("x"), Stage("set-up"), Checkpoint("baseline"))
    yield packet(Stage("measuring"), Wave(0, _AHEAD_NS))
    for number in range(frames):
        first = number * samples
        starts = array("q", range(_AHEAD_NS + first * _TAKES_NS, _AHEAD_NS + (first + samples) * _TAKES_NS, _TAKES_NS))
        durations = array("q", [_TAKES_NS - 1_000 * (index % 97) for index in range(samples)])
        yield packet(Frame(process, True, (first + samples) // 2, draws[first : first + samples], starts, durations))
    over_ns = _AHEAD_NS + frames * samples * _TAKES_NS
    yield packet(PhaseOver(0, over_ns, 0), LoadOver(over_ns, None))


def in_turns(writers: list[Iterator[bytes]]) -> Iterator[bytes]:
    """A packet of each, again and again."""
    while writers:
        for writer in list(writers):
            packet = next(writer, None)
            if packet is None:
                writers.remove(writer)
            else:
                yield packet


def take_in(machines: int, processes: int, frames: int, samples: int) -> Taken:
    """Have the tool take in what the processes of all machines have written."""
    plan = plan_for(machines * processes)
    size = 0
    ready: list[list[bytes]] = []
    for machine in range(machines):
        mine = [written(plan, machine * processes + each, frames, samples) for each in range(processes)]
        ready.append(list(in_turns(mine)))
        size += sum(map(len, ready[-1]))
    before = psutil.Process().memory_info().rss
    began_s, cpu_began_s = perf_counter(), process_time()
    measurement = Measurement(plan)
    handles: list[Any] = []
    for number, packets in enumerate(ready):
        # nothing comes before its line is there
        begin = SimpleQueue[bool]()
        connection = Connection(f"machine-{number}", _Machine(_after(begin, packets)))
        handles += [_Handle(connection.line(number * processes + each, 0)) for each in range(processes)]
        begin.put(True)
    limits, running = TimeLimits(plan), RunningTime()

    def take(message: Message) -> None:
        if isinstance(message, Frame):
            measurement.add(message)
        else:
            measurement.take(message)

    clients = [EngineClient(handle, limits, number, take, running) for number, handle in enumerate(handles)]
    inbox = Inbox([handle.line for handle in handles])
    ended = 0
    while ended < len(clients):
        received = inbox.take(1.0)
        if received is None:
            continue
        number, message = received
        ended += isinstance(message, LoadOver)
        clients[number].receive(message)
        if clients[number].waits_at:
            clients[number].go(0)
    elapsed_s, cpu_s = perf_counter() - began_s, process_time() - cpu_began_s
    grown = psutil.Process().memory_info().rss - before
    assert measurement.samples.ok == machines * processes * frames * samples
    return Taken(measurement.samples.ok, size, elapsed_s, cpu_s, grown)


def _after(begin: SimpleQueue[bool], packets: list[bytes]) -> Iterator[bytes]:
    begin.get()
    yield from packets


def main() -> int:
    """Print the table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer samples, for a first look")
    frames = 4 if parser.parse_args().quick else 40
    take_in(1, 1, 2, 500)  # what is imported and compiled on first use
    few, many = take_in(2, 8, 10 * frames, 500), take_in(100, 8, frames, 100)
    rows = []
    for name, taken, processes in (("2 machines of 8 processes", few, 16), ("100 machines of 8 processes", many, 800)):
        rate, size = taken.samples / taken.elapsed_s, taken.size_bytes / taken.elapsed_s / 1e6
        figure = f"{rate / 1e3:,.0f}k samples/s, {size:.1f} MB/s"
        rows.append(Row(f"{name}: intake", figure, rate, _LEAST_SAMPLES_PER_S, at_least=True))
        memory = f"{taken.rss_bytes / processes / 1e3:,.0f} kB a process"
        rows.append(Row(f"{name}: MB of memory", memory, taken.rss_bytes / 1e6, _MOST_MB))
    for row in rows:
        print(row)
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
