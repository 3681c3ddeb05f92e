"""A forked process with a memory of its own: what it touches late is not counted as growth."""

from __future__ import annotations

import subprocess
import sys

import pytest

from perfcli.agent.private_memory import can_be_private, pages_of_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not can_be_private(), reason="this system cannot copy a process's pages"),
]

PROGRAM = """
import gc, mmap, os, sys
import psutil
from perfcli.agent.private_memory import make_private, pages_of_files

held = [object() for _ in range(400_000)]
untouched = mmap.mmap(-1, 64 * 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
of_template = psutil.Process().memory_info().rss
code = pages_of_files()
if pid := os.fork():
    os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
if sys.argv[1] == "private":
    make_private(code)
itself = psutil.Process()
before = itself.memory_full_info()
for each in held:  # counts a reference in each of them
    pass
after = itself.memory_full_info()
print(of_template, before.rss, before.uss, after.uss - before.uss)
"""


def run(how: str) -> list[int]:
    """RSS of the template; RSS and USS of what it forked; growth of its USS by touching what it had: all in bytes."""
    finished = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True, check=True)
    return [int(figure) for figure in finished.stdout.split()]


def test_shared_memory_counts_when_it_is_touched() -> None:
    """What there is to prevent: 400,000 objects of 16 bytes in a list."""
    *_, growth = run("shared")
    assert growth > 5 * 2**20


def test_private_memory_is_counted_from_the_start() -> None:
    of_template, rss, uss, growth = run("private")
    assert growth < 2**19
    assert uss > 9 * 2**20
    assert rss == pytest.approx(of_template, abs=2**20), "all that was in use, and nothing that was not"


def test_pages_of_files_are_those_of_the_interpreter() -> None:
    pages = pages_of_files()
    assert pages
    assert all(start % 4096 == 0 and length % 4096 == 0 and length for start, length in pages)
    # an interpreter of some MB, not what is mapped of every library
    assert 2**20 < sum(length for _, length in pages) < 2**28
