"""What calls report, until a frame takes it: right calls are counted, others may have stored anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.operations import Context
from perfcli.operations.own.journal import NOTHING, Journal, OwnWrite, Page, Tally, read_page, write_page
from tests.perfcli.operations.own.test_context import around

NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | NUMBERS | st.text()


def call(began_ns: int = 100, ended_ns: int = 200, user: str = "user-0", **written: Any) -> Context:
    made = Context(around(), 0)
    made.began_ns, made.ended_ns, made.acted_on, made.written = began_ns, ended_ns, user, written
    return made


def test_nothing_is_no_byte() -> None:
    assert Journal().take(0) == NOTHING
    assert write_page(NOTHING) == b""
    assert read_page(b"") == NOTHING == Page({}, ())


def test_right_calls_are_summed_by_place() -> None:
    journal = Journal()
    for place, letters in ((0, 3), (1, 4), (0, 5)):
        made = call()
        made.counts = {"letters": letters}
        journal.begin(made)
        journal.acknowledge(place, made)
    page = journal.take(0)
    assert page.tallies == {0: Tally(2, 0, {"letters": 8}), 1: Tally(1, 0, {"letters": 4})}
    assert journal.take(0) == NOTHING


def test_preparation_is_what_lies_before_the_block() -> None:
    journal, made = Journal(), Context(around(), 0)
    with made.timed():  # the clock reads 1, then 2
        pass
    made.began_ns, made.ended_ns = -40, 7
    journal.begin(made)
    journal.acknowledge(0, made)
    assert journal.take(0).tallies[0].preparation_ns == 41


def test_a_write_is_told_with_its_times_since_the_frame_began() -> None:
    journal, made = Journal(), call(1_100, 1_200, name="abc")
    journal.begin(made)
    journal.acknowledge(2, made)
    assert journal.take(1_000).writes == (OwnWrite("user-0", {"name": "abc"}, 100, 200, True),)


def test_a_call_that_failed_may_have_stored_anything() -> None:
    journal = Journal()
    journal.begin(call(10, 20))
    journal.begin(call(30, 40))
    assert journal.take(0).writes == (
        OwnWrite("user-0", {}, 10, 20, False),
        OwnWrite("user-0", {}, 30, 40, False),
    )
    assert journal.take(0) == NOTHING


def test_a_call_that_was_given_up_has_no_end() -> None:
    journal = Journal()
    journal.begin(call(10, 0))
    assert journal.take(0).writes == (OwnWrite("user-0", {}, 10, None, False),)


def test_a_call_that_never_asked_for_its_user_stored_nothing_of_a_pet() -> None:
    journal = Journal()
    journal.begin(call(10, 20, user=""))
    assert journal.take(0) == NOTHING


TALLIES = st.builds(Tally, st.integers(1), st.integers(0), st.dictionaries(st.text(), NUMBERS))
WRITES = st.builds(
    OwnWrite, st.text(), st.dictionaries(st.text(), PLAIN), st.integers(), st.none() | st.integers(), st.booleans()
)


@given(st.dictionaries(st.integers(0, 99), TALLIES, min_size=1), st.lists(WRITES).map(tuple))
def test_a_page_arrives_as_it_was_sent(tallies: dict[int, Tally], writes: tuple[OwnWrite, ...]) -> None:
    page = Page(tallies, writes)
    assert read_page(write_page(page)) == page


@pytest.mark.parametrize("data", [b"x", b"[]", b"[1,2]", b"[{},[[1]]]", b'[{"a":[]},[]]', b"\xff"])
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says, the line's own message names the bytes
        read_page(data)
