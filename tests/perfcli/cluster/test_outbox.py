"""What a process wrote and nobody has taken yet: in memory, then in a file, never dropped."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from perfcli.cluster.station_process import Outbox


def test_bytes_are_taken_from_a_position_on_and_again_until_the_next_one(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "file")
    outbox.add(b"abc")
    assert outbox.take(0, 2) == b"ab"
    assert outbox.take(0, 2) == b"ab"
    assert outbox.take(2, 9) == b"c"
    assert outbox.take(3, 9) == b""
    with pytest.raises(ValueError, match="position 2"):
        outbox.take(2, 9)
    with pytest.raises(ValueError, match="position 4"):
        outbox.take(4, 9)


def test_what_memory_does_not_hold_goes_to_a_file_and_back(tmp_path: Path) -> None:
    random, file = Random(1), tmp_path / "file"
    outbox, written, position = Outbox(file, most_bytes=100), b"", 0
    largest = 0
    for _ in range(500):
        piece = random.randbytes(random.randrange(90))
        outbox.add(piece)
        written += piece
        largest = max(largest, file.stat().st_size if file.exists() else 0)
        if random.random() < 0.4:
            taken = outbox.take(position, random.randrange(1, 300))
            assert written.startswith(taken, position)
            position += len(taken)
    while taken := outbox.take(position, 64):
        assert written.startswith(taken, position)
        position += len(taken)
    assert position == len(written)
    assert largest > 1000
    assert file.stat().st_size == 0
    outbox.close()
