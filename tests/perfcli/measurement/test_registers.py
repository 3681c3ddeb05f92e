"""Saves and reads judged as registers: no healthy history is ever accused, and what an engine dropped is found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perfcli.measurement.saves import HORIZON_NS, Registers, Stored
from perfcli.operations.save_canaries import UNSAVED, save_key

PET = 3
MS = 1_000_000


@dataclass(frozen=True)
class Operation:
    """A save, or a read if `key` is what it showed."""

    vu: int
    begin: int
    end: int
    key: int
    is_save: bool
    acknowledged: bool = True


class History(NamedTuple):
    operations: list[Operation]
    stored: int


def is_stale(history: Iterable[Operation], key: int, before: float) -> bool:
    """The rule as it is written in the book, by brute force."""
    saves = [each for each in history if each.is_save]
    written = next((each for each in saves if each.key == key), None)
    if written is not None and not written.acknowledged:
        return False
    ended = -1 if written is None else written.end
    return any(save.acknowledged and save.begin > ended and save.end < before for save in saves)


def judged(operations: Sequence[Operation]) -> Registers:
    registers = Registers()
    for each in operations:
        if each.is_save:
            registers.save(PET, each.key, each.begin, each.end, acknowledged=each.acknowledged)
        else:
            registers.read(PET, each.key, each.begin)
        registers.judge_what_is_old()
    registers.judge_all()
    return registers


def performed(seed: int, vus: int, fault: str = "", rate: float = 0.0, unsure: float = 0.25) -> History:
    """A register that vus save and read at once: each call takes effect at one moment between begin and end."""
    random = Random(seed)
    value, before, operations = UNSAVED, UNSAVED, []
    late: list[tuple[int, int]] = []  # saves that were given up, and take effect later: (when, key)
    moments = []
    for vu in range(vus):
        now, numbers = random.randrange(50), count(1)
        for _ in range(random.randrange(1, 12)):
            begin = now + random.randrange(1, 30)
            end = begin + random.randrange(2, 60)
            moments.append((random.randrange(begin + 1, end), vu, begin, end, next(numbers)))
            now = end
    numbers_of = dict.fromkeys(range(vus), 0)
    for moment, vu, begin, end, _ in sorted(moments):
        for when, key in sorted(late):
            if when < moment:
                before, value = value, key
                late.remove((when, key))
        if random.random() < 0.5:
            shown = before if fault == "stale" and random.random() < rate else value
            operations.append(Operation(vu, begin, end, shown, is_save=False))
            continue
        numbers_of[vu] += 1
        key, fate = save_key(numbers_of[vu], vu), random.random()
        acknowledged = fate >= unsure
        operations.append(Operation(vu, begin, end, key, is_save=True, acknowledged=acknowledged))
        if fate < unsure / 2:
            late.append((moment + random.randrange(200), key))
        elif (acknowledged or random.random() < 0.5) and not (fault == "dropped" and random.random() < rate):
            before, value = value, key
        if fault == "reverted" and random.random() < rate:
            value = before
    return History(operations, value)


def as_frames_come(history: list[Operation], seed: int) -> list[Operation]:
    """In the order in which the tool hears of them: that of each vu is kept, nothing else."""
    random, queues = Random(seed), dict[int, list[Operation]]()
    for each in sorted(history, key=lambda each: each.end):
        queues.setdefault(each.vu, []).append(each)
    told: list[Operation] = []
    while queues:
        vu = random.choice(list(queues))
        some = random.randrange(1, 4)
        told += queues[vu][:some]
        del queues[vu][:some]
        if not queues[vu]:
            del queues[vu]
    return told


def stale_by_the_book(history: History) -> int:
    reads = [each for each in history.operations if not each.is_save]
    return sum(is_stale(history.operations, read.key, read.begin) for read in reads)


@given(st.integers(0, 10**9), st.integers(1, 6))
@settings(max_examples=200)
def test_a_healthy_history_is_never_accused(seed: int, vus: int) -> None:
    history = performed(seed, vus)
    registers = judged(as_frames_come(history.operations, seed))
    assert registers.stale_reads == 0
    for pet in registers.saved_pets():
        assert registers.stored(pet, history.stored).lost == 0


@given(st.integers(0, 10**9), st.integers(1, 6), st.sampled_from(["dropped", "reverted", "stale"]))
@settings(max_examples=200)
def test_any_history_is_judged_as_by_the_book(seed: int, vus: int, fault: str) -> None:
    history = performed(seed, vus, fault, 0.3)
    registers = judged(as_frames_come(history.operations, seed))
    assert registers.stale_reads == stale_by_the_book(history)
    if registers.saved_pets():
        lost = is_stale(history.operations, history.stored, float("inf"))
        assert (registers.stored(PET, history.stored).lost > 0) == lost


@pytest.mark.parametrize("fault", ["dropped", "reverted", "stale"])
def test_what_an_engine_does_wrong_is_found_in_most_histories(fault: str) -> None:
    found = 0
    for seed in range(100):
        history = performed(seed, 2, fault, 0.5, unsure=0.0)
        registers = judged(history.operations)
        lost = any(registers.stored(pet, history.stored).lost for pet in registers.saved_pets())
        found += bool(registers.stale_reads) or lost
    assert found > 60


@given(st.integers(0, 10**9), st.integers(2, 6))
@settings(max_examples=100)
def test_samples_that_never_came_accuse_nobody(seed: int, vus: int) -> None:
    """As if the engine was killed: of each vu the last operations are not known."""
    history, random = performed(seed, vus), Random(seed)
    known = []
    for vu in range(vus):
        of_vu = [each for each in as_frames_come(history.operations, seed) if each.vu == vu]
        known += of_vu[: random.randrange(len(of_vu) + 1)]
    registers = judged(known)
    assert registers.stale_reads == 0
    assert not any(registers.stored(pet, history.stored).lost for pet in registers.saved_pets())


def save(vu: int, number: int, begin: int, end: int, **fields: bool) -> Operation:
    return Operation(vu, begin, end, save_key(number, vu), is_save=True, **fields)


def read(shown: Operation | None, begin: int) -> Operation:
    return Operation(9, begin, begin + 1, shown.key if shown else UNSAVED, is_save=False)


def test_saves_are_checked_by_reads_and_by_what_is_stored() -> None:
    first, second, third = (save(0, number, 10 * number, 10 * number + 5) for number in (1, 2, 3))
    registers = judged([first, read(first, 17), read(first, 18), second, third])
    assert (registers.checked, registers.stored(PET, third.key)) == (1, Stored(lost=0, checked=1))
    registers = judged([first, second, third, read(third, 40)])
    assert (registers.checked, registers.stored(PET, third.key)) == (1, Stored(lost=0, checked=0))


def test_all_saves_are_lost_if_the_pet_is_as_it_was_set_up() -> None:
    registers = judged([save(0, number, 10 * number, 10 * number + 5) for number in (1, 2, 3)])
    assert registers.stored(PET, UNSAVED) == Stored(lost=3, checked=1)
    assert registers.stored(PET, save_key(1, 0)) == Stored(lost=1, checked=1)


def test_a_refused_or_unknown_save_may_be_stored_for_ever() -> None:
    given_up, later = save(0, 1, 10, 20, acknowledged=False), save(1, 1, 30, 40)
    registers = judged([given_up, later, read(given_up, 50), read(later, 60)])
    assert registers.stale_reads == 0
    assert registers.stored(PET, given_up.key).lost == registers.stored(PET, later.key).lost == 0
    assert registers.is_unsure(given_up.key)
    assert not registers.is_unsure(later.key)


def test_the_saves_of_one_vu_follow_one_another_however_coarse_the_clock() -> None:
    first, second = save(0, 1, 10, 10), save(0, 2, 10, 10)
    assert judged([first, second]).stored(PET, first.key).lost == 1


def test_a_save_of_another_pet_is_no_value_of_this_one() -> None:
    registers = Registers()
    registers.save(PET, save_key(1, 0), 10, 20, acknowledged=True)
    registers.save(PET + 1, save_key(2, 0), 30, 40, acknowledged=True)
    registers.judge_all()
    assert registers.stored(PET, save_key(2, 0)).lost == 1


def test_what_is_told_too_late_is_left_out_and_memory_stays_small() -> None:
    operations = []
    for number in range(1, 4_000):
        vu, at = number % 2, number * MS
        operations.append(save(vu, (number + 1) // 2, at, at + MS // 2))
        operations.append(read(operations[-1], at + MS * 3 // 4))
    registers = Registers()
    most = 0
    for each in operations:
        if each.is_save:
            registers.save(PET, each.key, each.begin, each.end, acknowledged=True)
        else:
            registers.read(PET, each.key, each.begin)
        registers.judge_what_is_old()
        most = max(most, len(registers._waiting))
    assert most < 2.1 * 2 * HORIZON_NS / MS
    stale = replace(operations[0], begin=2 * MS)
    registers.read(PET, stale.key, stale.begin)
    registers.judge_all()
    assert registers.stale_reads == 0
    assert registers.checked > 3_900
