"""Stacks and allocations as they are told: the harness left out, paths that name no machine."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

import perfcli
from digipal.core import DigiPal, models
from perfcli.agent.profiling.allocations import kept_by_line
from perfcli.agent.profiling.profiler import short

pytest.importorskip("pyinstrument", reason="the extra profile is not installed")

from perfcli.agent.profiling.cpu import count_functions, folded

HARNESS = str(Path(perfcli.__file__).parent)
ENGINE = str(Path(models.__file__).parents[1])
VU = f"iterate\0{HARNESS}/agent/vu.py\x0012"
CALL = f"operation: interact\0{HARNESS}/agent/profiling/cpu.py\x0099"
BOUND = f"_create\0{HARNESS}/targets/embedded.py\x0099"
AI = f"process_interaction\0{HARNESS}/targets/simulated_ai.py\x0036"
TALK = f"talk\0{ENGINE}/core/digipal_core.py\x005\x01cDigiPalCore\x01l7"
SLEEP = "sleep\0<built-in>\x000"


def test_stacks_begin_at_the_operation() -> None:
    stacks = folded([([VU, CALL, BOUND, TALK], 1.0), ([VU, CALL, BOUND, TALK], 2.0), ([VU], 4.0)])
    assert stacks == {
        ("interact\0operation\x000", "talk\0digipal/core/digipal_core.py\x005\x01cDigiPalCore\x01l7"): 3.0
    }


def test_functions_by_their_own_time() -> None:
    stacks = folded([([VU, CALL, TALK, TALK, AI, SLEEP], 3.0), ([VU, CALL, TALK], 1.0), ([VU], 4.0)])
    found = count_functions(stacks, 3, 8.0)
    assert [(each.name, each.self_share, each.total_share) for each in found.functions] == [
        ("the simulated AI", 0.75, 0.75),
        ("talk", 0.25, 1.0),
    ]
    assert found.functions[1].place == "digipal/core/digipal_core.py:5"
    assert (found.sampled_ns, found.harness_share) == (4_000_000_000, 0.5)


def test_nothing_sampled() -> None:
    assert count_functions({}, 0, 0.0).functions == []


def test_allocations_stand_at_the_engines_line() -> None:
    tracemalloc.start(6)
    try:
        kept = [DigiPal(user_id=f"user {number}") for number in range(50)]
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    found = kept_by_line(snapshot)
    assert len(kept) == 50
    assert found.lines[0].in_engine
    assert found.lines[0].place.startswith("digipal/core/models.py:")
    assert found.lines[0].source
    assert not [line for line in found.lines if line.place.startswith("perfcli/")]


@pytest.mark.parametrize(
    ("file", "shown"),
    [(f"{ENGINE}/core/models.py", "digipal/core/models.py"), ("/nowhere/else.py", "else.py"), ("<string>", "<string>")],
)
def test_places_name_no_machine(file: str, shown: str) -> None:
    assert short(file) == shown
