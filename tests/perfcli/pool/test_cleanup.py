"""Scratch directories: whose tool was killed are swept at the next start, and nothing else is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perfcli.pool import cleanup
from perfcli.pool.cleanup import PREFIX, scratch_directory, sweep

pytestmark = pytest.mark.slow

HOLD = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from perfcli.pool.cleanup import scratch_directory
with scratch_directory() as directory:
    (directory / "database").mkdir()
    print(directory, flush=True)
    sys.stdin.read()
"""
LEFT = f"{PREFIX}0123456789ab"


@contextmanager
def another_tool(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process with a scratch directory."""
    command = [sys.executable, "-c", HOLD, str(temporary)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, Path(process.stdout.readline().strip())
        finally:
            process.kill()


def test_a_killed_tools_directory_is_swept_and_a_live_ones_is_not(tmp_path: Path) -> None:
    with another_tool(tmp_path) as (live, of_live):
        with another_tool(tmp_path) as (killed, of_killed):
            sweep(tmp_path)
            assert of_live.is_dir()
            assert of_killed.is_dir()
            killed.kill()
            killed.wait()
        assert (of_killed / "database").is_dir()
        sweep(tmp_path)
        assert list(tmp_path.iterdir()) == [of_live]
        live.communicate("")
        assert list(tmp_path.iterdir()) == []


def test_what_this_tool_did_not_make_stays(tmp_path: Path) -> None:
    without_lock = tmp_path / LEFT
    without_lock.mkdir()
    others = tmp_path / "digipal-perf-results"
    others.mkdir()
    (others / ".lock").touch()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / ".lock").touch()
    link = tmp_path / f"{PREFIX}ba9876543210"
    link.symlink_to(mine)
    lock_elsewhere = tmp_path / f"{PREFIX}aaaaaaaaaaaa"
    lock_elsewhere.mkdir()
    (lock_elsewhere / ".lock").symlink_to(mine / ".lock")
    sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([without_lock, others, mine, link, lock_elsewhere])
    assert (mine / ".lock").exists()


def test_the_first_scratch_directory_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    cleanup._sweep_once.cache_clear()
    (tmp_path / LEFT).mkdir()
    (tmp_path / LEFT / ".lock").touch()
    with scratch_directory() as directory:
        assert list(tmp_path.iterdir()) == [directory]
        sweep(tmp_path)
        assert directory.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_without_locks_nothing_is_ever_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("fcntl.flock", refuse)
    with scratch_directory() as directory:
        monkeypatch.undo()
        sweep(tmp_path)
        assert directory.is_dir()


def test_a_file_that_an_engine_put_in_its_place_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleanup.tempfile, "gettempdir", lambda: str(tmp_path))
    with scratch_directory() as directory:
        (directory / ".lock").unlink()
        directory.rmdir()
        directory.write_text("mine", encoding="utf-8")
    assert not list(tmp_path.iterdir())
