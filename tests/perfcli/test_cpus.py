"""Which CPUs a process may use, from the files that Linux shows it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfcli.cpus import Throttling, allowed_cpus, throttling, usable_cpus
from perfcli.measurement.assembly import describe_environment

V2 = "30 23 0:26 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = "33 31 0:29 {root} /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct"
OTHERS = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset"
)


class Linux:
    """The files of a machine below a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def process(self, mounts: str, groups: str) -> None:
        self._write("proc/self/mountinfo", f"{OTHERS}\n{mounts}\n")
        self._write("proc/self/cgroup", groups)

    def group(self, path: str, **files: str) -> None:
        for name, text in files.items():
            self._write(f"sys/fs/cgroup/{path}/cpu.{name}", text)

    def _write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="ascii")


@pytest.fixture
def linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linux:
    monkeypatch.setattr("perfcli.cpus.allowed_cpus", lambda pid=0: frozenset(range(8)))
    return Linux(tmp_path)


STAT_V2 = "usage_usec 900\nnr_periods 40\nnr_throttled 30\nthrottled_usec 1500\n"
STAT_V1 = "nr_periods 40\nnr_throttled 30\nthrottled_time 1500000\n"
STOPPED = Throttling(1_500_000, 40, 30)


@pytest.mark.parametrize(("written", "cpus"), [("150000 100000", 1.5), ("max 100000", 8), ("1600000 100000", 8)])
def test_a_limit_of_version_2(linux: Linux, written: str, cpus: float) -> None:
    linux.process(V2.format(root="/"), "0::/user.slice/job")
    linux.group("user.slice/job", max=written, stat=STAT_V2)
    assert usable_cpus(root=linux.root) == cpus
    assert throttling(root=linux.root) == (None if written.startswith("max") else STOPPED)


@pytest.mark.parametrize(("quota", "cpus"), [("50000", 0.5), ("-1", 8)])
def test_a_limit_of_version_1(linux: Linux, quota: str, cpus: float) -> None:
    linux.process(V1.format(root="/"), "4:cpu,cpuacct:/jobs/one\n3:cpuset:/\n0::/")
    linux.group("cpu,cpuacct/jobs/one", cfs_quota_us=quota, cfs_period_us="100000", stat=STAT_V1)
    assert usable_cpus(root=linux.root) == cpus
    assert throttling(root=linux.root) == (None if quota == "-1" else STOPPED)


def test_the_tightest_limit_above_counts(linux: Linux) -> None:
    linux.process(V2.format(root="/"), "0::/pod/box")
    linux.group("pod", max="200000 100000", stat=STAT_V2)
    linux.group("pod/box", max="300000 100000", stat="nr_periods 40\nnr_throttled 2\nthrottled_usec 100\n")
    assert usable_cpus(root=linux.root) == 2
    assert throttling(root=linux.root) == Throttling(1_600_000, 40, 30)


@pytest.mark.parametrize("path", ["/docker/abc", "/", "/../elsewhere"])
@pytest.mark.parametrize("version", [1, 2])
def test_in_a_container_the_mount_is_its_own_group(linux: Linux, version: int, path: str) -> None:
    root = "/docker/abc"
    if version == 1:
        linux.process(V1.format(root=root), f"4:cpu,cpuacct:{path}")
        linux.group("cpu,cpuacct", cfs_quota_us="50000", cfs_period_us="100000", stat=STAT_V1)
    else:
        linux.process(V2.format(root=root), f"0::{path}")
        linux.group("", max="50000 100000", stat=STAT_V2)
    assert usable_cpus(root=linux.root) == 0.5
    assert throttling(root=linux.root) == STOPPED


@pytest.mark.parametrize("written", ["", "many few", "1 0 2"])
def test_what_cannot_be_read_is_no_limit(linux: Linux, written: str) -> None:
    linux.process(V2.format(root="/"), "0::/")
    linux.group("", max=written, stat=STAT_V2)
    assert usable_cpus(root=linux.root) == 8
    assert throttling(root=linux.root) is None


def test_without_such_files_affinity_alone_counts(linux: Linux) -> None:
    assert usable_cpus(root=linux.root) == 8


@pytest.fixture
def on_one_cpu() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets CPUs be chosen")
@pytest.mark.usefixtures("on_one_cpu")
def test_a_pinned_process_has_one_cpu() -> None:
    assert len(allowed_cpus()) == 1
    where = describe_environment("")
    assert where.usable_cpus is not None
    assert where.usable_cpus <= 1
    assert where.cpu_count == os.cpu_count()


@pytest.fixture
def limited_group() -> Iterator[Path]:
    """A true control group of version 1 with 15 ms of CPU time in each 100 ms."""
    group = Path(f"/sys/fs/cgroup/cpu/digipal-perf-test-{os.getpid()}")
    try:
        group.mkdir()
    except OSError:
        pytest.skip("this system does not let a test make a control group")
    try:
        (group / "cpu.cfs_quota_us").write_text("15000")
        yield group
    finally:
        group.rmdir()


@pytest.mark.slow
def test_a_true_limit_is_seen_to_stop_a_process(limited_group: Path) -> None:
    work = (
        "import sys, time; from perfcli.cpus import throttling, usable_cpus; open(sys.argv[1], 'w').write('0')\n"
        "before, until = throttling(), time.monotonic() + 0.4\n"
        "while time.monotonic() < until: pass\n"
        "print(usable_cpus(), throttling().stopped_ns - before.stopped_ns)"
    )
    said = subprocess.run(
        [sys.executable, "-c", work, str(limited_group / "cgroup.procs")], capture_output=True, text=True, check=True
    )
    cpus, stopped_ns = said.stdout.split()
    assert float(cpus) == 0.15
    assert int(stopped_ns) > 50_000_000
