"""After clears: what must be gone, what must still be stored, and what may be either because calls overlapped."""

from __future__ import annotations

from array import array
from itertools import permutations
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from perfcli.measurement.ledger import ClearedHistories
from perfcli.measurement.ledger_counts import Newcomers, Tally
from perfcli.operations.base import Effects, Proof
from perfcli.operations.digipal_data import CREATED_PET, NO_PET
from perfcli.operations.save_canaries import UNSAVED
from perfcli.recorder import SKIPPED
from perfcli.workload import pack
from tests.perfcli.faulty.driving import frame

TALK, CLEAR, SAVE, CREATE = range(4)
TALKS = Effects(texts=["good", "eat"], proof=lambda choice: (Proof.SUCCEEDED, Proof.NOTHING)[choice])
EFFECTS = [TALKS, Effects(clears_history=True), Effects(saves_pet=True, leaves_note=True), Effects(creates_pet=True)]
FAILED = 1


class Event(NamedTuple):
    """One call on the pet of the setup."""

    place: int
    begin_ns: int
    end_ns: int
    is_right: bool = True
    choice: int = 0


def histories(*events: Event) -> ClearedHistories:
    """The events, each from a vu of its own, as they became known."""
    made = ClearedHistories()
    for vu, each in enumerate(events):
        failures = {} if each.is_right else {0: FAILED}
        times = [(each.begin_ns, each.end_ns)]
        made.add(frame(vu, [pack(each.place, 0, each.choice)], failures, times=times), EFFECTS)
    return made


def said(*events: Event) -> Tally:
    """What must be stored of "good", or of the only text."""
    ((pet, all_of),) = histories(*events).interactions()
    assert pet == 0
    return next((tally for texts, tally in all_of if texts == {"good"}), all_of[0].tally)


def test_without_a_clear_all_must_be_stored() -> None:
    assert said(Event(TALK, 0, 1), Event(TALK, 0, 9)) == Tally(succeeded=2)


def test_what_ended_before_a_clear_is_gone_and_what_began_after_it_is_stored() -> None:
    before, clear, after = Event(TALK, 0, 1), Event(CLEAR, 2, 3), Event(TALK, 4, 5)
    for order in permutations([before, clear, after]):
        assert said(*order) == Tally(succeeded=1, gone=1)


def test_what_touches_the_clear_may_be_either() -> None:
    clear = Event(CLEAR, 10, 20)
    for begin_ns, end_ns in [(5, 10), (5, 15), (5, 25), (12, 15), (15, 25), (20, 25)]:
        assert said(clear, Event(TALK, begin_ns, end_ns)) == Tally(unsure=1)


def test_a_long_clear_may_take_effect_after_a_short_one_that_began_later() -> None:
    clears = [Event(CLEAR, 1, 10), Event(CLEAR, 7, 8)]
    assert said(*clears, Event(TALK, 5, 6)) == Tally(gone=1)
    assert said(*clears, Event(TALK, 9, 9)) == Tally(unsure=1)
    assert said(*clears, Event(TALK, 11, 12)) == Tally(succeeded=1)


def test_a_clear_that_was_not_acknowledged_may_take_effect_at_any_later_time() -> None:
    failed = Event(CLEAR, 2, 3, is_right=False)
    assert said(Event(TALK, 0, 1), failed, Event(TALK, 4, 5)) == Tally(unsure=2)
    assert said(Event(TALK, 0, 1), failed, Event(CLEAR, 6, 7)) == Tally(gone=1)


def test_talk_that_failed_may_be_stored_even_after_a_clear() -> None:
    assert said(Event(TALK, 0, 1, is_right=False), Event(CLEAR, 2, 3)) == Tally(unsure=1)


def test_whatever_talk_proves_it_is_gone_after_a_clear() -> None:
    unproven = Event(TALK, 0, 1, choice=1)
    assert said(unproven, Event(TALK, 0, 1, is_right=False, choice=1)) == Tally(unsure=2)
    assert said(unproven, Event(CLEAR, 2, 3)) == Tally(gone=1)


def test_notes_of_saves_are_cleared_too_and_are_no_talk() -> None:
    made = histories(Event(SAVE, 0, 1), Event(CLEAR, 2, 3), Event(SAVE, 4, 5), Event(SAVE, 6, 7, is_right=False))
    assert made.notes(0) == Tally(succeeded=1, gone=1)
    assert [tally for _, all_of in made.interactions() for _, tally in all_of] == []
    assert made.notes(1) == Tally()


def test_other_pets_and_skipped_steps_do_not_matter() -> None:
    made = ClearedHistories()
    draws = [pack(TALK, 0, 0), pack(CLEAR, 1, 0), pack(CLEAR, 0, 0), pack(CLEAR, CREATED_PET, 0)]
    made.add(frame(0, draws, {2: SKIPPED}, times=[(0, 1), (2, 3), (4, 5), (6, 7)]), EFFECTS)
    assert {pet: all_of[0].tally for pet, all_of in made.interactions() if all_of} == {0: Tally(succeeded=1)}


TIMES = st.tuples(st.integers(0, 30), st.integers(1, 10))
CALLS = st.lists(st.tuples(st.sampled_from([TALK, CLEAR]), TIMES, st.booleans()), max_size=8)


@given(CALLS, st.data())
def test_a_sound_engine_is_never_accused(calls: list[tuple[int, tuple[int, int], bool]], data: Any) -> None:
    """Each call takes effect at some moment between its begin and its end; a failed one at any later time, or never."""
    events, effects = [], []
    for place, (begin_ns, duration_ns), is_right in calls:
        events.append(Event(place, begin_ns, begin_ns + duration_ns, is_right))
        latest_ns = begin_ns + duration_ns if is_right else 100
        if is_right or data.draw(st.booleans()):
            effects.append((data.draw(st.floats(begin_ns, latest_ns)), place))
    stored = 0
    for _, place in sorted(effects):
        stored = stored + 1 if place == TALK else 0
    for _, all_of in histories(*events).interactions():
        for _, tally in all_of:
            assert (tally.lost(stored, 0), tally.surplus(stored, 0)) == (0, 0)


class Flow:
    """Steps of which only the effects are known."""

    def __init__(self, effects: Effects) -> None:
        self.effects = effects


def newcomers(*samples: tuple[int, bool]) -> Newcomers:
    made = Newcomers([Flow(effects) for effects in EFFECTS], {})  # type: ignore[arg-type]
    draws = [pack(place, NO_PET if place == CREATE else CREATED_PET, 0) for place, _ in samples]
    failures = {index: FAILED for index, (_, is_right) in enumerate(samples) if not is_right}
    made.add(array("q", draws), failures, {})
    return made


def test_of_a_pet_that_one_vu_created_the_order_of_its_calls_decides() -> None:
    made = newcomers((CREATE, True), (TALK, True), (CLEAR, True), (TALK, True), (CREATE, True), (TALK, True))
    assert [made.interactions(number) for number in (0, 1)] == [Tally(succeeded=1, gone=1), Tally(succeeded=1)]


def test_a_clear_of_a_created_pet_that_failed_makes_all_of_it_unsure() -> None:
    made = newcomers((CREATE, True), (TALK, True), (CLEAR, False), (TALK, True), (CREATE, True), (TALK, True))
    assert [made.interactions(number) for number in (0, 1)] == [Tally(unsure=2), Tally(succeeded=1)]


def test_without_clears_a_created_pet_takes_no_more_memory() -> None:
    made = Newcomers([Flow(TALKS), Flow(Effects(creates_pet=True))], {UNSAVED: True})  # type: ignore[arg-type]
    made.add(array("q", [pack(1, NO_PET, 0), pack(0, CREATED_PET, 0)]), {}, {})
    assert made.interactions(0) == Tally(succeeded=1)
    assert not made._gone
