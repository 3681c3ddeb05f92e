"""The CPUs that a process may use: its affinity, and the limits of its control groups (cgroups of version 1 and 2)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

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
