"""A pool whose engine processes are on the machines of a cluster: the engine on one, the vus on the others."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Final, Literal
from urllib.parse import urlsplit

from perfcli.cluster.carrier import connected
from perfcli.cluster.clocks import INTERVAL_S, Clock, ClockHistory
from perfcli.cluster.connection import Connection
from perfcli.cluster.machine import Machine, zipped
from perfcli.cluster.members import check, clock_of, gather
from perfcli.cluster.pool_process import ENGINE
from perfcli.cluster.remote_engine import RemoteDatabase, RemoteEngine
from perfcli.errors import MachineLost, UsageError, did_you_mean
from perfcli.plan import ExecutionPlan
from perfcli.pool.protocol import EngineClock
from perfcli.results import Environment
from perfcli.results.observed import MachineClock, MachineResult
from perfcli.scenario.pool_settings import Pool

_COMMAND: Final = ("-m", "perfcli.cluster.pool_process")
_LEAST_LEAD_NS: Final = 100_000_000
_ROUND_TRIPS_AHEAD: Final = 4
_LEAST_INTERVAL_S: Final = 1.0
_MOVES_BY_NS: Final = 1_000_000
"""An offset stays as it is until a new estimate differs by more."""


class KeptClock(EngineClock):
    """The clock of a machine, compared by calls to its station instead of messages of engine processes.

    Args:
        wake: has it compared soon.
    """

    def __init__(self, wake: Event) -> None:
        super().__init__(is_shared=False)
        self.needs_messages = False
        self._wake = wake

    @property
    def lead_ns(self) -> int:
        """Four round trips, and what a message takes on its way through the pipes of processes."""
        return max(_LEAST_LEAD_NS, 2 * _ROUND_TRIPS_AHEAD * self.bound_ns)

    def look_soon(self) -> None:
        """Compare it again soon."""
        self._wake.set()


class _Post:
    """A machine in one run: the pool there, and its clock."""

    def __init__(self, machine: Machine, history: ClockHistory, engine: bytes, wake: Event) -> None:
        self.machine = machine
        self._history = history
        self.clock = KeptClock(wake)
        self.compare()
        self.connection = Connection(machine.name, machine.start(_COMMAND, folders={ENGINE: engine}))

    def compare(self) -> None:
        """Read its clock; raises MachineLost."""
        new = self._history.add(time.perf_counter_ns(), clock_of(self.machine))
        moved_ns = abs(new.offset_ns - self.clock.offset_ns)
        if self.clock.bound_ns and moved_ns <= _MOVES_BY_NS:
            # what was measured across a move would be so much longer or shorter than it was
            new = Clock(self.clock.offset_ns, new.bound_ns + moved_ns)
        self.clock.hold(*new)


class ClusterDatabase(RemoteDatabase):
    """The database of a run, and the machines that its processes are started on; the first one has the database."""

    def __init__(self, posts: Sequence[_Post]) -> None:
        super().__init__(posts[0].connection)
        self.posts = posts


class ClusterPool:
    """Starts engine processes on other machines.

    Args:
        machines: the first one has the engine; the others have the processes with vus, unless there are none.
        engine: as `zipped` makes it.
        counts: whether processes count what operations cost, and time none.
    """

    def __init__(self, machines: Sequence[Machine], engine: bytes, *, counts: bool = False) -> None:
        self._machines = machines
        self._engine = engine
        self._counts = counts
        self._histories = {machine.name: ClockHistory() for machine in machines}
        self._started: dict[str, list[int]] = {}
        self._has_host = False

    @property
    def machines(self) -> Sequence[MachineResult]:
        """Those that processes were started on, that of the engine first."""
        return [self._result(machine) for machine in self._machines if machine.name in self._started]

    @property
    def environment(self) -> Environment:
        """That of the engine."""
        return self._machines[0].description.environment()

    def for_counting(self) -> ClusterPool:
        """On the same machines, starts processes that count what operations cost."""
        return ClusterPool(self._machines, self._engine, counts=True)

    @contextmanager
    def make_database(self) -> Iterator[ClusterDatabase]:
        """A place for the database on the first machine, and for what processes need on each.

        Raises:
            MachineLost: one of them does not answer.
        """
        wake, over = Event(), Event()
        with ExitStack() as stack:
            posts: list[_Post] = []
            for machine in self._machines:
                posts.append(_Post(machine, self._histories[machine.name], self._engine, wake))
                stack.callback(posts[-1].connection.close)
            keeper = Thread(target=_keep_clocks, args=(posts, wake, over), name="digipal-perf-clocks", daemon=True)
            keeper.start()
            try:
                yield ClusterDatabase(posts)
            finally:
                over.set()
                wake.set()

    def start(self, plan: ExecutionPlan, database: ClusterDatabase, process: int = 0) -> RemoteEngine:
        """Start the engine process of this number, where it belongs.

        Raises:
            MachineLost: its machine does not answer.
        """
        post = database.posts[self._place_of(plan, process)]
        machine = post.machine
        self._started.setdefault(machine.name, [])
        if process == plan.host:
            self._has_host = True
            plan = plan.model_copy(update={"serve_at": urlsplit(machine.address).hostname or ""})
        else:
            self._started[machine.name].append(process)
        arguments = (post.connection, plan.model_dump_json(), process, database, post.clock)
        try:
            return RemoteEngine(*arguments, counts=self._counts)
        except OSError as error:
            raise MachineLost(machine.name, str(error)) from error

    def _place_of(self, plan: ExecutionPlan, process: int) -> int:
        """The place of a process's machine: an engine's is the first one."""
        if process == plan.host or plan.scenario.target.in_process or len(self._machines) == 1:
            return 0
        if plan.host is None:
            return process % len(self._machines)
        return 1 + process % (len(self._machines) - 1)

    def _result(self, machine: Machine) -> MachineResult:
        clock = self._histories[machine.name]
        known = clock.now(time.perf_counter_ns())
        return machine.description.result(machine.name).model_copy(
            update={
                "role": self._role(machine),
                "processes": self._started[machine.name],
                "clock": MachineClock(offset_ns=known.offset_ns, bound_ns=known.bound_ns, drift_ppm=clock.drift_ppm),
            }
        )

    def _role(self, machine: Machine) -> Literal["server", "load", "server and load"]:
        if not self._has_host or machine is not self._machines[0]:
            return "load"
        return "server and load" if self._started[machine.name] else "server"


def _keep_clocks(posts: Sequence[_Post], wake: Event, over: Event) -> None:
    """Compare the clocks of machines again and again, and soon after a checkpoint, but not with a lost machine."""
    there = list(posts)
    while not over.wait(_LEAST_INTERVAL_S):
        wake.wait(INTERVAL_S - _LEAST_INTERVAL_S)
        wake.clear()
        for post in list(there):
            if over.is_set():
                return
            try:
                post.compare()
            except MachineLost:
                there.remove(post)


@contextmanager
def split_pool(wanted: Pool, engine: Path, *, insecure: bool) -> Iterator[ClusterPool]:
    """The machines of a cluster that a scenario asks for, for as long as the block lasts; nothing is left on them.

    Args:
        engine: the directory of the engine, which is sent to them.
        insecure: whether the cluster may be one without TLS.

    Raises:
        UsageError: the cluster cannot be used, or has no machine of the server's name.
        PerfError: there are not enough machines.
    """
    with connected(wanted.cluster, insecure=insecure) as carrier:
        crew = gather(carrier, wanted.machines)
        try:
            check(crew)
            yield ClusterPool(chosen(crew.machines, wanted), zipped(engine))
        finally:
            crew.end()


def chosen(machines: Sequence[Machine], wanted: Pool) -> Sequence[Machine]:
    """As many machines as are wanted, that of the server first.

    Raises:
        UsageError: none has that name.
    """
    names = [machine.name for machine in machines]
    if wanted.server and wanted.server not in names:
        meant = did_you_mean([wanted.server], names) or f": there is {', '.join(names)}"
        raise UsageError(f"no machine of the cluster is called {wanted.server!r}{meant}", hint="see pool.server")
    return sorted(machines, key=lambda machine: machine.name != (wanted.server or names[0]))[: wanted.machines]
