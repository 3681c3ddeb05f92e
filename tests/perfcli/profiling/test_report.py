"""The profile on a terminal: what is grave is said, names from outside stay as they are, and it fits 80 columns."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len

from perfcli.report.console import make_console, to_console
from perfcli.report.profile import profile_document
from perfcli.results.findings import ProfileResult

STATEMENT = {
    "sql": "SELECT [bold]name[/] FROM pets WHERE name = ?",
    "count": 1200,
    "total_ns": 3_000_000_000,
    "mean_ns": 2_500_000,
    "p99_ns": 9_000_000,
    "rows": 1200,
}
PARTS = {"operation": "interact | <b>", "count": 10, "whole_ns": 1000, "ai_ns": 500, "database_ns": 300}
FOUND: dict[str, Any] = {
    "scenario": "long_session",
    "plan": "120 iterations by 1 vu; interact",
    "seed": 7,
    "started_at": "2026-01-01T00:00:00+00:00",
    "processes": 2,
    "operations": {"memory": 10},
    "cpu": {
        "samples": 100,
        "sampled_ns": 1_000_000_000,
        "harness_share": 0.1,
        "functions": [
            {"name": "compare", "place": "digipal/core/models.py:12", "self_share": 0.75, "total_share": 0.8},
            {"name": "<listcomp>", "place": "digipal/core/x.py:1", "self_share": 0.25, "total_share": 0.25},
        ],
    },
    "memory": {
        "kept_bytes": 20_100,
        "lines": [
            {
                "place": "digipal/a.py:5",
                "source": "kept.append(x)",
                "in_engine": True,
                "kept_bytes": 20_000,
                "blocks": 5,
            },
            {"place": "digipal/a.py:6", "source": "small()", "in_engine": True, "kept_bytes": 100, "blocks": 1},
        ],
    },
    "sql": [
        STATEMENT | {"full_scans": [{"table": "pets", "rows": 500}], "plan": ["SCAN pets"], "lock_wait_ns": 5_000_000},
        STATEMENT | {"sql": "SELECT 2", "repeated_in": "interact", "most_in_one_operation": 40},
        STATEMENT | {"sql": "SELECT 3", "no_plan": "no such function: f"},
    ],
    "locks": [
        {
            "kind": "Lock",
            "place": "digipal/storage/database.py:237",
            "source": "self._write_lock = threading.Lock()",
            "acquired": 10,
            "waits": 3,
            "wait_ns": 30_000_000,
            "longest_ns": 20_000_000,
            "operations": {"save_pet": 30_000_000},
        }
    ],
    "breakdown": [{"parts": PARTS | {"lock_wait_ns": 0, "engine_ns": 200}, "service_time_ns": 200.0}],
    "overheads": [{"by": "cpu", "operations": 10, "typical_ns": 150.0, "plain_ns": 100.0}],
    "notes": ["skipping --cpu"],
}


def shown(width: int = 80, **changes: Any) -> str:
    file = io.StringIO()
    console = make_console(file=file)
    console.width = width
    console.print(to_console(profile_document(ProfileResult.model_validate(FOUND | changes))))
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 200])
def test_fits(width: int) -> None:
    lines = shown(width).splitlines()
    assert max(map(cell_len, lines)) <= width


@pytest.mark.slow
@pytest.mark.parametrize(
    "said",
    [
        "FULL SCAN of pets",
        "N+1: 40 times in one interact",
        "unknown: no such function: f",
        "SELECT [bold]name[/] FROM pets",
        "5.00 ms for other writers",
        "interact | <b>",
        "50.0%",
        "50% of its time is the profiler's",
        "kept.append(x)",
        "4.00 kB/op",
        "digipal/storage/database.py:237",
        "+50.0 ns",
        "+50.0%",
        "the first of 2 engine processes was profiled",
        "skipping --cpu",
    ],
)
def test_says(said: str) -> None:
    assert said in shown(160)


def test_says_whose_engine_it_was() -> None:
    assert "engine   HEAD~3 (abc1234); sources 0f3a5c7e9b1d, commit abc1234" in shown(
        160, engine="HEAD~3 (abc1234)", engine_version="0f3a5c7e9b1d", commit="abc1234f00"
    )
    assert "engine   the working tree; sources 0f3a5c7e9b1d, modified" in shown(
        160, engine="the working tree", engine_version="0f3a5c7e9b1d", engine_modified=True
    )


@pytest.mark.parametrize("width", [60, 80, 200])
def test_headings_stand_above_their_tables(width: int) -> None:
    lines = shown(width).splitlines()
    for heading in ("Mean time of each operation, and its parts", "Locks, by waiting time"):
        at = next(index for index, line in enumerate(lines) if line.startswith(heading))
        assert lines[at].rstrip() == lines[at]
        assert lines[at + 1].strip()


def test_small_lines_are_left_out() -> None:
    assert "small()" not in shown(160)


def test_nothing_found() -> None:
    output = shown(cpu=None, memory={"kept_bytes": 0}, sql=[], locks=[], breakdown=[], overheads=[])
    assert "no line keeps 1 KiB or more" in output
    assert "no statement ran within an operation" in output
    assert "no waits: 0 locks" in output


def test_a_profile_that_was_stopped() -> None:
    assert shown(interrupted="interrupted by Ctrl-C").startswith(
        "INTERRUPTED  long_session  partial profile: interrupted by Ctrl-C\n"
    )
