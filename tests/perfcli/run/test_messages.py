"""The order of an engine process's messages: what comes out of turn was not sent by the harness."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import pytest

from perfcli.plan import INCARNATION, ExecutionPlan
from perfcli.recorder import Frame
from perfcli.results import ExactCounters
from perfcli.run.messages import MessageOrder
from perfcli.wire import (
    Checkpoint,
    Counted,
    Done,
    Failed,
    Garbled,
    Go,
    LoadOver,
    Message,
    Opened,
    Outcome,
    PhaseOver,
    Rejoined,
    Stage,
    Wave,
)

MEASURED = [
    Checkpoint("harness"),
    Stage("open"),
    Opened(""),
    Checkpoint("opened"),
    Stage("set-up"),
    Checkpoint("set up"),
    Checkpoint("baseline"),
    Stage("measuring"),
    Wave(0, 1),
]
FAILURE = Outcome(1, "ValueError", "", "")


def frame(vu: int = 0, *, measured: bool = True) -> Frame:
    column = array("q", [1, 2, 3])
    return Frame(vu, measured, 3, column, column, column, failures={1: 2})


def follow(plan: ExecutionPlan, *messages: Message, incarnation: int = 0) -> None:
    order = MessageOrder(plan, incarnation)
    for message in messages:
        order.check(message)


@pytest.mark.parametrize(
    ("beyond", "words"),
    [
        (Done(), "'Done' after 'Wave'"),
        (Wave(0, 1), "'Wave' after 'Wave'"),
        (Opened(""), "'Opened' after 'Wave'"),
        (Checkpoint("end"), "'Checkpoint end' after 'Wave'"),
        (Stage("nonsense"), "'Stage nonsense' after 'Wave'"),
        (Go(0), "'Go' after 'Wave'"),
        (PhaseOver(1, 0, 0), "'PhaseOver' of number 1"),
        (PhaseOver(-1, 0, 0), "'PhaseOver' of number -1"),
        (frame(vu=99), "samples of vu 99"),
        (frame(measured=False), "samples of vu 0 after 'Wave'"),
    ],
)
def test_what_comes_out_of_turn_is_named(make_plan: Callable[..., ExecutionPlan], beyond: Message, words: str) -> None:
    plan = make_plan(["load_pet"])
    follow(plan, *MEASURED, frame(), FAILURE)
    with pytest.raises(Garbled, match=words):
        follow(plan, *MEASURED, beyond)


def test_nothing_but_a_beginning_comes_first(make_plan: Callable[..., ExecutionPlan]) -> None:
    for message in (Done(), Failed("open", "", ""), FAILURE):
        with pytest.raises(Garbled, match=f"'{type(message).__name__}' as the first one"):
            follow(make_plan(["load_pet"]), message)


def test_a_phase_is_over_once(make_plan: Callable[..., ExecutionPlan]) -> None:
    over = PhaseOver(0, 5, 0)
    with pytest.raises(Garbled, match="'PhaseOver' of number 0 after 'PhaseOver'"):
        follow(make_plan(["load_pet"]), *MEASURED, over, over)


def test_vus_of_another_incarnation_are_out_of_turn(make_plan: Callable[..., ExecutionPlan]) -> None:
    plan = make_plan(["load_pet"])
    rejoins = [*MEASURED[:6], Checkpoint("rejoin"), Stage("measuring"), Rejoined(0, 1)]
    follow(plan, *rejoins, frame(vu=INCARNATION), incarnation=1)
    for vu, incarnation, before in ((0, 1, rejoins), (INCARNATION + 1, 1, rejoins), (INCARNATION, 0, MEASURED)):
        with pytest.raises(Garbled, match=f"samples of vu {vu} "):
            follow(plan, *before, frame(vu=vu), incarnation=incarnation)


def test_one_that_replaces_another_joins_in_its_wave(make_plan: Callable[..., ExecutionPlan]) -> None:
    plan = make_plan(["load_pet"])
    rejoins = [*MEASURED[:6], Checkpoint("rejoin"), Stage("measuring"), Rejoined(0, 1)]
    follow(plan, *rejoins, frame(vu=INCARNATION), PhaseOver(0, 5, 0), incarnation=1)
    # its phases may have been over before
    follow(plan, *rejoins, LoadOver(5, None), incarnation=1)
    # a server has no phases
    follow(plan, *rejoins, Checkpoint("end"), incarnation=1)
    with pytest.raises(Garbled, match="'Checkpoint rejoin' after 'Checkpoint set up'"):
        follow(plan, *rejoins)


def test_one_that_counts_measures_nothing_and_says_now_and_then_that_it_goes_on(
    make_plan: Callable[..., ExecutionPlan],
) -> None:
    plan = make_plan(["load_pet"])
    counts = Counted(ExactCounters(seed=0, tool_version="", system="", python="", sqlite="", sqlite_options=""))
    counts_until = [Stage("open"), Opened(""), Stage("set-up"), Stage("counting"), Stage("counting")]
    follow(plan, *counts_until, counts, Stage("close"), Done())
    with pytest.raises(Garbled, match="'Counted' after 'Counted'"):
        follow(plan, *counts_until, counts, counts)
    with pytest.raises(Garbled, match="'Wave' after 'Stage counting'"):
        follow(plan, *counts_until, Wave(0, 1))
