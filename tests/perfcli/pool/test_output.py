"""What an engine prints is counted and its end known, whatever becomes of the file, and it never fills the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfcli.pool import supervised as module
from perfcli.pool.supervised import Output


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Output]:
    opened = Output(tmp_path / "output.txt")
    yield opened
    opened.close()


def test_the_end_of_it_is_kept(output: Output) -> None:
    os.write(output.fileno(), b"first\n" + b"x" * 10_000 + b"\nlast words \xff\n")
    assert output.printed_bytes() == 6 + 10_000 + 14
    assert output.end().startswith("xxx")
    assert output.end().endswith("last words \N{REPLACEMENT CHARACTER}")


def test_a_file_that_is_removed_does_no_harm(output: Output, tmp_path: Path) -> None:
    (tmp_path / "output.txt").unlink()
    os.write(output.fileno(), b"still here")
    assert (output.printed_bytes(), output.end()) == (10, "still here")


def test_it_never_fills_the_disk(output: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_BYTES", 1_000)
    file = tmp_path / "output.txt"
    with file.open("ab") as engine:
        for number in range(100):
            engine.write(b"%99d\n" % number)
            engine.flush()
            output.bound()
            assert file.stat().st_size <= 1_000
        assert output.printed_bytes() == 10_000
        assert output.end().splitlines()[-1].strip() == "99"
        assert len(output.end().splitlines()) == 40


def test_what_was_printed_stays_known(output: Output) -> None:
    os.write(output.fileno(), b"over")
    for _ in range(2):
        output.close()
        assert (output.printed_bytes(), output.end()) == (4, "over")
