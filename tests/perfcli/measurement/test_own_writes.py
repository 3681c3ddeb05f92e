"""Writes of own operations against the stored pets: a lost one is found, and no order of sound calls is accused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.measurement.own_writes import HORIZON_NS, OwnFindings, OwnWrites
from perfcli.operations.own.journal import OwnWrite, Page

USER = "user-0"
FIELDS = ("name", "hp")


def account(*writes: OwnWrite, origin_ns: int = 0) -> OwnWrites:
    made = OwnWrites()
    for write in writes:
        made.add(Page({}, (write,)), origin_ns)
    made.settle_all()
    return made


def wrote(begin_ns: int, end_ns: int | None, name: str, *, acknowledged: bool = True, user: str = USER) -> OwnWrite:
    return OwnWrite(user, {"name": name}, begin_ns, end_ns, acknowledged)


def failed(begin_ns: int, end_ns: int | None) -> OwnWrite:
    return OwnWrite(USER, {}, begin_ns, end_ns, False)


def touched(begin_ns: int, end_ns: int) -> OwnWrite:
    return OwnWrite(USER, {}, begin_ns, end_ns, True)


def found(made: OwnWrites, *names: Any) -> OwnFindings:
    return made.verify({USER: [{"name": name} for name in names]}, FIELDS)


def test_the_last_value_must_be_stored() -> None:
    made = account(wrote(0, 1, "one"), wrote(2, 3, "two"))
    assert found(made, "two") == OwnFindings(2, 1, 0)
    assert found(made, "one") == OwnFindings(2, 1, 0, ("user-0: name 'two' acknowledged, 'one' stored",))
    assert found(made, "one", "two").lost == ()


def test_the_order_in_which_calls_become_known_does_not_matter() -> None:
    made = account(wrote(2, 3, "two"), wrote(0, 1, "one"))
    assert (found(made, "two").lost, len(found(made, "one").lost)) == ((), 1)


def test_of_overlapping_calls_either_may_be_the_last() -> None:
    made = account(wrote(-9, -8, "zero"), wrote(0, 5, "one"), wrote(3, 8, "two"))
    assert found(made, "zero").lost == found(made, "one").lost == found(made, "two").lost == ()
    assert found(made, "Digi").lost == ("user-0: name 'one' or 'two' acknowledged, 'Digi' stored",)


def test_until_a_call_was_alone_the_pet_may_be_as_it_was_before() -> None:
    assert found(account(wrote(0, 5, "one"), wrote(3, 8, "two")), "Digi") == OwnFindings(2, 0, 1)


def test_a_call_that_overlaps_may_bring_back_what_it_had_loaded() -> None:
    """It loads a pet with the name "one", changes another field, and stores it after "two" was stored."""
    made = account(wrote(0, 1, "one"), wrote(5, 6, "two"), touched(4, 9))
    assert found(made, "one").lost == found(made, "two").lost == ()
    alone = account(wrote(0, 1, "one"), wrote(5, 6, "two"), touched(7, 9))
    assert len(found(alone, "one").lost) == 1


def test_overlap_is_seen_through_a_long_call_among_short_ones() -> None:
    made = account(touched(0, 100), touched(1, 2), touched(3, 4), wrote(50, 60, "two"))
    before = account(wrote(-9, -8, "one"), touched(0, 100), touched(1, 2), touched(3, 4), wrote(50, 60, "two"))
    assert found(made, "two").lost == found(before, "one").lost == ()


def test_after_a_failure_anything_may_be_stored_until_the_next_write() -> None:
    made = account(wrote(0, 1, "one"), failed(2, 3))
    assert found(made, "whatever") == OwnFindings(1, 0, 1)
    later = account(wrote(0, 1, "one"), failed(2, 3), wrote(4, 5, "two"))
    assert len(found(later, "one").lost) == 1


def test_a_failure_that_reported_its_value_may_have_stored_it() -> None:
    made = account(wrote(0, 1, "one"), wrote(2, 3, "two", acknowledged=False))
    assert found(made, "one").lost == found(made, "two").lost == ()
    assert len(found(made, "Digi").lost) == 1
    assert made.acknowledged == 1


def test_a_call_that_was_given_up_may_store_at_any_later_time() -> None:
    made = account(wrote(0, 1, "one"), failed(2, None), wrote(9, 10, "two"))
    assert found(made, "whatever") == OwnFindings(2, 0, 1)


def test_fields_are_looked_for_each() -> None:
    made = account(OwnWrite(USER, {"name": "one", "hp": 7}, 0, 1, True), OwnWrite(USER, {"hp": 9}, 2, 3, True))
    assert made.fields == ["hp", "name"]
    assert made.verify({USER: [{"name": "one", "hp": 9}]}, FIELDS) == OwnFindings(3, 2, 0)
    assert made.verify({USER: [{"name": "one", "hp": 7}]}, FIELDS).lost == ("user-0: hp 9 acknowledged, 7 stored",)


def test_a_field_that_others_change_proves_nothing() -> None:
    made = account(OwnWrite(USER, {"name": "one", "hp": 7}, 0, 1, True))
    assert made.verify({USER: [{"name": "one", "hp": 9}]}, ["name"]) == OwnFindings(2, 1, 1)
    assert made.verify({USER: [{"name": "two", "hp": 9}]}, []) == OwnFindings(2, 0, 2)


def test_pets_are_told_apart_and_one_that_is_not_stored_is_found_elsewhere() -> None:
    made = account(wrote(0, 1, "one"), wrote(0, 1, "two", user="user-1"))
    assert found(made, "one") == OwnFindings(2, 1, 1)


def test_times_count_from_the_first_sample_of_the_frame() -> None:
    made = OwnWrites()
    made.add(Page({}, (wrote(0, 10, "one"),)), 1_000)
    made.add(Page({}, (wrote(0, 10, "two"),)), 500)
    made.settle_all()
    assert (found(made, "one").lost, len(found(made, "two").lost)) == ((), 1)


def test_nothing_written_is_nothing_found() -> None:
    assert account(touched(0, 1), failed(2, 3)).verify({USER: [{}]}, FIELDS) == OwnFindings()


def test_a_call_known_too_late_makes_its_pet_unsure() -> None:
    made = OwnWrites()
    made.add(Page({}, (wrote(0, 10, "one"), wrote(20, 30, "two"))), 0)
    made.add(Page({}, (wrote(0, 10, "other", user="user-1"),)), 9 * HORIZON_NS)
    made.add(Page({}, (touched(15, 8 * HORIZON_NS),)), 0)
    made.settle_all()
    assert found(made, "one") == OwnFindings(3, 0, 2)


CALLS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 12), st.sampled_from(["write", "touch", "fail", "late"])), max_size=9
)


@given(CALLS, st.data(), st.sampled_from([1, HORIZON_NS // 10]))
def test_no_sound_engine_is_accused(calls: list[tuple[int, int, str]], data: st.DataObject, unit_ns: int) -> None:
    """Each call loads the pet at some time and stores it whole at a later one, both within the call."""
    events, writes = [], []
    for number, (begin, length, kind) in enumerate(calls):
        load = data.draw(st.integers(begin, begin + length))
        store = data.draw(st.integers(load, begin + length + (20 if kind == "late" else 0)))
        fields = {"name": f"value {number}"} if kind in ("write", "late") else {}
        stores = kind in ("write", "touch") or data.draw(st.booleans())
        told = {} if kind == "late" else fields
        changed = fields or ({"name": "unknown"} if kind == "fail" else {})
        events += [(load, 0, number, changed, False), (store, 1, number, changed, stores)]
        end_ns = None if kind == "late" else (begin + length) * unit_ns
        writes.append(OwnWrite(USER, told, begin * unit_ns, end_ns, kind in ("write", "touch")))
    pet, copies = {"name": "Digi"}, {}
    for _, what, number, changed, stores in sorted(events, key=lambda event: event[:3]):
        if what == 0:
            copies[number] = {**pet, **changed}
        elif stores:
            pet = copies[number]
    made = OwnWrites()
    for write in data.draw(st.permutations(writes)):
        made.add(Page({}, (write,)), 0)
    made.settle_all()
    assert made.verify({USER: [pet]}, FIELDS).lost == ()


@pytest.mark.parametrize("lost", [True, False])
def test_a_long_load_takes_little_memory(lost: bool) -> None:
    made = OwnWrites()
    for number in range(5_000):
        made.add(Page({}, (wrote(0, HORIZON_NS // 500, f"value {number}"),)), number * HORIZON_NS // 100)
    pet = made._pets[USER]
    assert len(pet.waiting) + len(pet.fields["name"].values) < 500
    made.settle_all()
    assert len(found(made, f"value {4_998 if lost else 4_999}").lost) == lost


def test_of_too_many_overlapping_values_none_is_looked_for() -> None:
    def with_values(count: int) -> OwnFindings:
        overlapping = [wrote(10, 20, f"value {number}") for number in range(count)]
        return found(account(wrote(0, 1, "first"), *overlapping), "Digi")

    assert (len(with_values(900).lost), with_values(900).unchecked) == (1, 0)
    assert (len(with_values(1_100).lost), with_values(1_100).unchecked) == (0, 1)
