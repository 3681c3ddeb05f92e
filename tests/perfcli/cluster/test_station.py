"""A station: processes started once, bytes by their position, and nothing left behind."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from perfcli.cluster import station as station_module
from perfcli.cluster.station import Station, StationError, digest_of

pytestmark = pytest.mark.slow

ECHO = ["-c", "import sys\nfor line in sys.stdin.buffer: sys.stdout.buffer.write(line); sys.stdout.flush()"]
SLEEP = ["-c", "import time; print('up', flush=True); time.sleep(60)"]


def at_a_station(work: Callable[[Station], Awaitable[None]]) -> None:
    async def run() -> None:
        station = Station()
        try:
            await work(station)
        finally:
            await station.end()

    asyncio.run(run())


async def all_of(station: Station, process: str) -> tuple[bytes, int]:
    """Everything it writes, and its exit code."""
    content = b""
    while True:
        piece, code = await station.take(process, len(content), 5.0)
        content += piece
        if code is not None:
            return content, code


def test_a_process_gets_folders_and_what_it_writes_comes_back() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("digipal/__init__.py", "NAME = 'sent'")
    program = "import sys; sys.path.insert(0, 'engines/0'); import digipal\nprint(digipal.NAME); sys.exit(3)"

    async def work(station: Station) -> None:
        content = archive.getvalue()
        digest = digest_of(content)
        assert await station.missing([digest]) == [digest]
        await station.put(digest, content)
        assert await station.missing([digest]) == []
        await station.start("one", ["-c", program], {"engines/0": digest})
        assert await all_of(station, "one") == (b"sent\n", 3)

    at_a_station(work)


def test_a_process_that_ends_while_the_keeper_is_let_go_harms_nothing() -> None:
    async def work(station: Station) -> None:
        await station.start("one", SLEEP, {})
        assert station._keeper
        assert station._keeper.stdin
        station._keeper.stdin.close()
        station._forget(1)
        await station.end()

    at_a_station(work)


def test_calls_may_be_repeated() -> None:
    async def work(station: Station) -> None:
        for _ in range(2):
            await station.start("echo", ECHO, {})
        for position, content in ((0, b"one\n"), (0, b"one\n"), (0, b"one\ntwo\n"), (4, b"two\n")):
            await station.send("echo", position, content)
        assert (await station.take("echo", 0, 5.0))[0].startswith(b"one\n")
        assert (await station.take("echo", 0, 5.0))[0].startswith(b"one\n")
        for _ in range(2):
            await station.shut("echo")
        assert await all_of(station, "echo") == (b"one\ntwo\n", 0)
        assert await station.take("echo", 8, 0.0) == (b"", 0)

    at_a_station(work)


def test_a_content_that_is_not_the_one_of_its_digest_is_refused() -> None:
    async def work(station: Station) -> None:
        with pytest.raises(StationError, match="not those of"):
            await station.put(digest_of(b"one"), b"two")
        with pytest.raises(StationError, match="no process"):
            await station.take("nobody", 0, 0.0)

    at_a_station(work)


def test_what_is_printed_to_stderr_can_be_asked_for() -> None:
    async def work(station: Station) -> None:
        await station.start("broken", ["-c", "import nothing_of_this_name"], {})
        assert await all_of(station, "broken") == (b"", 1)
        assert "nothing_of_this_name" in await station.errors("broken")

    at_a_station(work)


def test_variables_that_dask_gives_its_workers_do_not_reach_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")

    async def work(station: Station) -> None:
        program = "import os; print(os.environ.get('MALLOC_TRIM_THRESHOLD_'), os.environ['OMP_NUM_THREADS'])"
        await station.start("one", ["-c", program], {})
        assert await all_of(station, "one") == (b"None 3\n", 0)

    at_a_station(work)


def test_the_end_leaves_neither_processes_nor_files() -> None:
    seen: dict[str, Any] = {}

    async def work(station: Station) -> None:
        program = "import os, time; print(f'{os.getcwd()} {os.getpid()}.', flush=True); time.sleep(60)"
        await station.start("sleeper", ["-c", program], {})
        words = ""
        while not words.endswith(".\n"):
            words = (await station.take("sleeper", 0, 5.0))[0].decode()
        folder, pid = words[:-2].split()
        seen.update(folder=Path(folder), pid=int(pid))

    at_a_station(work)
    assert not seen["folder"].parent.exists()
    assert not psutil.pid_exists(seen["pid"])


KEEPER = "from perfcli.cluster import keeper; keeper.LEASE_S = {lease}; keeper.main({folder!r})"


def started_keeper(folder: Path, lease_s: float) -> subprocess.Popen[bytes]:
    program = KEEPER.format(lease=lease_s, folder=str(folder))
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)


def stubborn() -> subprocess.Popen[bytes]:
    """A process that ignores SIGTERM."""
    program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    return process


@pytest.mark.parametrize("how", ["its worker is killed", "nobody calls"])
def test_a_keeper_ends_what_nobody_else_can(how: str, tmp_path: Path) -> None:
    folder = tmp_path / "station"
    folder.mkdir()
    gone, obeys = (subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(2))
    keeper = started_keeper(folder, 60.0 if how == "its worker is killed" else 0.5)
    assert keeper.stdin
    keeper.stdin.write(f"group {gone.pid}\ngroup {obeys.pid}\ngone {gone.pid}\n".encode())
    keeper.stdin.flush()
    if how == "its worker is killed":
        keeper.stdin.close()
    assert obeys.wait(15) == -signal.SIGTERM
    assert keeper.wait(15) == 0
    keeper.stdin.close()
    assert not folder.exists()
    assert gone.poll() is None
    gone.kill()
    gone.wait()


def test_a_keeper_waits_as_long_as_it_is_told_to(tmp_path: Path) -> None:
    keeper = started_keeper(tmp_path / "station", 0.6)
    assert keeper.stdin
    for _ in range(6):
        time.sleep(0.2)
        keeper.stdin.write(b"beat\n")
        keeper.stdin.flush()
    assert keeper.poll() is None
    assert keeper.wait(15) == 0
    keeper.stdin.close()


def test_who_ignores_sigterm_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    from perfcli.cluster import keeper

    monkeypatch.setattr(keeper, "_GRACE_S", (0.1, 0.1))
    process = stubborn()
    keeper.end_groups([process.pid])
    assert process.wait(5) == -signal.SIGKILL


def test_after_the_lease_a_station_says_that_all_is_over() -> None:
    async def work(station: Station) -> None:
        await station.start("sleeper", SLEEP, {})
        assert station._keeper
        os.kill(station._keeper.pid, signal.SIGKILL)
        station._keeper.wait()
        with pytest.raises(StationError, match="were ended after ten seconds without a request"):
            await station.take("sleeper", 0, 0.0)

    at_a_station(work)


def test_dask_is_no_part_of_a_station() -> None:
    assert "distributed" not in vars(station_module)
