"""The CPUs that a process may use, by its affinity and its control groups; and what the scheduler gave its threads."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from perfcli.units import NS_PER_S

_ROOT: Final = Path("/")
_UNITS_NS: Final = {"throttled_usec": 1_000, "throttled_time": 1}
"""What version 2 and version 1 call the time in which threads were stopped, and its unit."""


class Throttling(NamedTuple):
    """How often and how long a limit on CPU time has stopped a process's threads; of several CPUs the sum."""

    stopped_ns: int
    periods: int
    periods_with_stops: int


def allowed_cpus(pid: int = 0) -> frozenset[int]:
    """The numbers of the CPUs that a process may run on; 0 is this one.

    Raises:
        ProcessLookupError: there is no such process.
    """
    if sys.platform == "linux":
        return frozenset(os.sched_getaffinity(pid))
    return frozenset(range(os.cpu_count() or 1))


def usable_cpus(pid: int = 0, root: Path = _ROOT) -> float:
    """How many CPUs a process can keep busy; 1.5 if its control group has a limit of 150 ms in each 100 ms.

    Args:
        root: where proc and sys are.
    """
    limits = (_limit(group) for group in _cpu_groups(pid, root))
    return min([float(len(allowed_cpus(pid))), *(limit for limit in limits if limit)])


def cpu_model(root: Path = _ROOT) -> str:
    """The processor, as the system names it.

    Args:
        root: where proc is.
    """
    with suppress(OSError):
        for line in (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    import platform  # only a result asks

    return platform.processor()


def throttling(pid: int = 0, root: Path = _ROOT) -> Throttling | None:
    """What limits on CPU time have done to a process's control group so far; None if it has no limit.

    Args:
        root: where proc and sys are.
    """
    groups = [_counters(group / "cpu.stat") for group in _cpu_groups(pid, root) if _limit(group)]
    if not groups:
        return None
    stopped_ns = sum(group.get(name, 0) * unit_ns for group in groups for name, unit_ns in _UNITS_NS.items())
    # the limit that stopped it most often is the one that tells
    worst = max(groups, key=lambda group: group.get("nr_throttled", 0))
    return Throttling(stopped_ns, worst.get("nr_periods", 0), worst.get("nr_throttled", 0))


def _limit(group: Path) -> float | None:
    """CPU time that a control group may use, in CPUs; None for no limit."""
    with suppress(OSError, ValueError):
        quota, period = _words(group / "cpu.max")
        return None if quota == "max" else int(quota) / int(period)
    with suppress(OSError, ValueError):
        (quota,), (period,) = _words(group / "cpu.cfs_quota_us"), _words(group / "cpu.cfs_period_us")
        return int(quota) / int(period) if int(quota) > 0 else None
    return None


def _counters(file: Path) -> dict[str, int]:
    try:
        words = _words(file)
        return dict(zip(words[::2], map(int, words[1::2]), strict=False))
    except (OSError, ValueError):
        return {}


def _words(file: Path) -> list[str]:
    return file.read_text(encoding="ascii").split()


def _cpu_groups(pid: int, root: Path) -> Iterator[Path]:
    """The directories of a process's control groups for CPU time, and of those above them."""
    own = root / "proc" / (str(pid) if pid else "self")
    try:
        mounts = (own / "mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        groups = (own / "cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    paths = {tuple(controllers.split(",")): path for _, controllers, path in (line.split(":", 2) for line in groups)}
    for line in mounts:
        if (mount := _mount(line)) is None:
            continue
        top = root / mount.at.lstrip("/")
        path = next((path for controllers, path in paths.items() if mount.controller in controllers), None)
        if path is None:
            continue
        # in a container the mount may begin below the group that the path counts from
        inside = path.removeprefix(mount.begins_at).strip("/") if path.startswith(mount.begins_at) else ""
        group = top / inside
        yield from (each for each in (group, *group.parents) if each.is_relative_to(top))


class _Mount(NamedTuple):
    at: str
    begins_at: str
    controller: str
    """What the process's line in /proc/PID/cgroup names it by."""


def _mount(line: str) -> _Mount | None:
    """A mount of control groups that limit CPU time, from a line of /proc/PID/mountinfo; None for any other."""
    fields, _, kind = line.partition(" - ")
    words, (system, *_, options) = fields.split(), kind.split() or [""]
    if system == "cgroup2":
        return _Mount(words[4], words[3], "")
    if system == "cgroup" and "cpu" in options.split(","):
        return _Mount(words[4], words[3], "cpu")
    return None


TICK_NS: Final = 10_000_000
"""The system counts the busy time of a CPU in ticks of 10 ms; that of a thread in ns."""


class ThreadTime(NamedTuple):
    """How long a thread ran, and how long it was ready to run and had no CPU."""

    ran_ns: int
    waited_ns: int


Threads = Mapping[int, ThreadTime]
"""By the number of the thread."""


@dataclass(frozen=True, slots=True)
class Scheduling:
    """Counters at one moment.

    Args:
        engine: the threads of the engine's processes.
        harness: those of the tool, and of processes of its own between it and the engine.
        busy_ns: of the CPUs that the engine may use: what all processes used, and what the host took.
        stolen_ns: what the host of a virtual machine took of them.
        cpus: how many they are.
        throttling: None without a limit on CPU time.
        processes: of the engine.
        elsewhere_ns: what else the run used: threads that ended, and processes that the engine started.
    """

    at_ns: int
    engine: Threads
    harness: Threads
    busy_ns: int
    stolen_ns: int
    cpus: int
    throttling: Throttling | None = None
    processes: int = 1
    elsewhere_ns: int = 0

    def joined(self, other: Scheduling) -> Scheduling:
        """With the threads of another engine process on the same CPUs."""
        engine, harness = {**self.engine, **other.engine}, {**self.harness, **other.harness}
        return replace(
            self,
            engine=engine,
            harness=harness,
            processes=self.processes + other.processes,
            elsewhere_ns=self.elsewhere_ns + other.elsewhere_ns,
        )


def read_scheduling(pid: int, harness: Sequence[int]) -> Scheduling | None:
    """The counters of an engine process and of those that drive it; None if the system has no such counters.

    Args:
        harness: those of `harness_of`.
    """
    try:
        engine = _threads(pid)
        cpus = allowed_cpus(pid)
        of_harness = {thread: spent for process in harness for thread, spent in _threads(process).items()}
    except (OSError, IndexError, ValueError):
        return None
    times = [own for number, own in enumerate(psutil.cpu_times(percpu=True)) if number in cpus]
    # guest time is part of user time already; a CPU that waits for a disk is free
    busy_s = sum(sum(own[:8]) - own.idle - getattr(own, "iowait", 0.0) for own in times)
    stolen_s = sum(getattr(own, "steal", 0.0) for own in times)
    return Scheduling(
        at_ns=time.perf_counter_ns(),
        engine=engine,
        harness=of_harness,
        busy_ns=round(busy_s * NS_PER_S),
        stolen_ns=round(stolen_s * NS_PER_S),
        cpus=len(times),
        throttling=throttling(pid),
        elsewhere_ns=max(0, _used_ns(pid, harness) - _ran_ns(engine) - _ran_ns(of_harness)),
    )


def harness_of(pid: int) -> list[int]:
    """This process, and its own that stand between it and an engine process."""
    try:
        above = [parent.pid for parent in psutil.Process(pid).parents()]
    except psutil.Error:
        above = []
    own = os.getpid()
    return above[: above.index(own) + 1] if own in above else [own]


def _used_ns(engine: int, harness: Sequence[int]) -> int:
    """CPU time of the tool and of all below it that serves this engine; in ticks, what has ended included."""
    tool = psutil.Process(harness[-1]).cpu_times()
    used_s = tool.user + tool.system
    # daemons are below it too, as the supervising process adopts them
    top = harness[-2] if len(harness) > 1 else engine
    for pid in (top, *_descendants(top)):
        with suppress(psutil.Error):
            spent = psutil.Process(pid).cpu_times()
            used_s += spent.user + spent.system + spent.children_user + spent.children_system
    return round(used_s * NS_PER_S)


def _ran_ns(threads: Threads) -> int:
    return sum(thread.ran_ns for thread in threads.values())


def _descendants(pid: int) -> Iterator[int]:
    """From /proc/PID/task/*/children: psutil would read every process of the system."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            for child in map(int, task.read_text(encoding="ascii").split()):
                yield child
                yield from _descendants(child)


def _threads(pid: int) -> dict[int, ThreadTime]:
    """From /proc/PID/task/*/schedstat (Documentation/scheduler/sched-stats.rst of Linux)."""
    times = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            ran, waited, _ = (task / "schedstat").read_text(encoding="ascii").split()
        except (FileNotFoundError, ProcessLookupError):
            if task.exists():
                raise  # the thread is there, its counters are not
            continue
        times[int(task.name)] = ThreadTime(int(ran), int(waited))
    return times


def pinnable_cpus() -> Sequence[int]:
    """The CPUs that processes can be pinned to; none where the system does not let them be."""
    if sys.platform == "linux":
        with suppress(OSError):
            allowed = os.sched_getaffinity(0)
            # some sandboxes tell the CPUs and refuse to choose among them
            os.sched_setaffinity(0, allowed)
            return sorted(allowed)
    return []


def pin(pid: int, cpus: Iterable[int]) -> None:
    """Have a process and those below it run on these CPUs alone: all their threads, and what they start from now on.

    Raises:
        OSError: the process is gone, or the system refuses.
    """
    process = psutil.Process(pid)
    _pin(process, set(cpus))
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            _pin(child, set(cpus))


def _pin(process: psutil.Process, cpus: set[int]) -> None:
    if sys.platform == "linux":
        for thread in process.threads():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(thread.id, cpus)
