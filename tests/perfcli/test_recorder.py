"""Samples on their way: nothing lost, nothing out of order, whatever the buffer's size."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perfcli.operations import Context
from perfcli.operations.own.journal import NOTHING, OwnWrite, Page, Tally
from perfcli.recorder import FLUSH_INTERVAL_NS, NOT_DUE, SKIPPED, Frame, Recorder, decode_frame, encode_frame
from tests.perfcli.operations.own.test_context import around

WRITE = OwnWrite("user-0", {"name": "ä\udc80"}, -5, None, False)
INT64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    length = draw(st.integers(0, 20))
    column = st.lists(INT64, min_size=length, max_size=length).map(lambda values: array("q", values))
    failures = draw(st.dictionaries(st.integers(0, length - 1), INT64)) if length else {}
    lags = draw(column) if draw(st.booleans()) else array("q")
    return Frame(
        draw(st.integers(0, 2**32 - 1)),
        draw(st.booleans()),
        draw(st.integers(0, 2**63)),
        draw(column),
        draw(column),
        draw(column),
        lags,
        failures,
        draw(st.integers(0, 2**63)),
        array("q", draw(st.lists(INT64, max_size=length))),
        draw(st.just(NOTHING) | st.builds(Page, st.just({3: Tally(2, 5, {"letters": 8})}), st.just((WRITE,)))),
    )


@given(frames())
def test_a_frame_survives_its_way(frame: Frame) -> None:
    data = encode_frame(frame)
    assert decode_frame(data) == frame
    assert frame.size_bytes == len(data)


def test_bytes_too_many_or_too_few_are_no_frame() -> None:
    data = encode_frame(Frame(0, True, 2, array("q", [1, 2]), array("q", [3, 4]), array("q", [5, 6])))
    for wrong in (data[:-8], data + bytes(8)):
        with pytest.raises(ValueError, match=rf"{len(wrong)} bytes are no frame of 2 samples"):
            decode_frame(wrong)


def test_what_reads_saw_goes_with_the_frame_that_holds_them() -> None:
    sent: list[Frame] = []
    recorder = Recorder(7, 1, sent.append)
    recorder.begin(measured=True, now_ns=0)
    for number in range(5):
        recorder.shown.append(100 + number)
        recorder.record(number, number, number + 1)
        if number == 2:
            recorder.flush(3)
    recorder.flush(5)
    assert [list(frame.shown) for frame in sent] == [[100, 101, 102], [103, 104]]


def test_what_own_operations_reported_goes_with_the_frame_of_their_samples() -> None:
    sent: list[Frame] = []
    recorder = Recorder(7, 1, sent.append)
    recorder.begin(measured=True, now_ns=0)
    for number in range(1, 4):
        call = Context(around(), 0)
        recorder.journal.begin(call)
        call.began_ns, call.ended_ns = 10 * number, 10 * number + 5
        call.acted_on, call.written = "user-0", {"hp": number}
        recorder.journal.acknowledge(0, call)
        recorder.record(0, 10 * number + 1, 10 * number + 4)
        if number == 2:
            recorder.flush(30)
    recorder.flush(50)
    recorder.flush(60)
    told = [[(write.begin_ns + frame.starts[0], write.fields) for write in frame.page.writes] for frame in sent]
    assert told == [[(10, {"hp": 1}), (20, {"hp": 2})], [(30, {"hp": 3})], []]
    assert [frame.page.tallies for frame in sent] == [{0: Tally(2)}, {0: Tally(1)}, {}]


@given(st.integers(1, 2_000), st.lists(st.integers(-1, 3), max_size=5_000))
def test_every_sample_arrives_once_in_its_order(vus: int, outcomes: list[int]) -> None:
    sent: list[Frame] = []
    recorder = Recorder(7, vus, sent.append)
    recorder.begin(measured=True, now_ns=0, is_open=True)
    for number, outcome in enumerate(outcomes):
        recorder.due_ns = -number  # 0: the first has no time of its own
        if outcome:
            recorder.record_failure(number, outcome, number, number + 1)
        else:
            recorder.record(number, number, number + 1)
        recorder.iterations += 1
    recorder.flush(len(outcomes))
    assert [packed for frame in sent for packed in frame.draws] == list(range(len(outcomes)))
    assert [start for frame in sent for start in frame.starts] == list(range(len(outcomes)))
    assert all(duration == 1 for frame in sent for duration in frame.durations)
    lags = [NOT_DUE, *range(2, 2 * len(outcomes), 2)] if outcomes else []
    assert [lag for frame in sent for lag in frame.lags] == lags
    found = [frame.failures.get(index, 0) for frame in sent for index in range(len(frame.draws))]
    assert found == outcomes
    assert sent[-1].iterations == len(outcomes)
    assert {(frame.vu, frame.measured) for frame in sent} == {(7, True)}


def test_a_closed_model_sends_no_lags() -> None:
    sent: list[Frame] = []
    recorder = Recorder(0, 1, sent.append)
    recorder.begin(measured=True, now_ns=0)
    recorder.record(1, 2, 3)
    recorder.record_failure(1, SKIPPED, 3, 3)
    recorder.flush(4)
    assert [(len(frame.draws), len(frame.lags), frame.failures) for frame in sent] == [(2, 0, {1: SKIPPED})]


@pytest.mark.parametrize(
    ("vus", "interval_ns"), [(1, 50_000_000), (4, 100_000_000), (10, FLUSH_INTERVAL_NS), (1_000, FLUSH_INTERVAL_NS)]
)
def test_samples_do_not_wait_for_a_full_buffer(vus: int, interval_ns: int) -> None:
    sent: list[Frame] = []
    recorder = Recorder(0, vus, sent.append)
    recorder.begin(measured=False, now_ns=1_000)
    recorder.record(1, 0, 1_000 + interval_ns - 1)
    assert sent == []
    recorder.record(2, 0, 1_000 + interval_ns)
    assert [list(frame.draws) for frame in sent] == [[1, 2]]


@pytest.mark.parametrize("vus", [1, 100])
def test_a_vu_is_overdue_that_has_sent_nothing_for_as_long_as_all_may_wait(vus: int) -> None:
    recorder = Recorder(0, vus, lambda frame: None)
    recorder.begin(measured=True, now_ns=1_000)
    for sent_ns in (1_000, 7_000):
        assert not recorder.is_overdue(sent_ns + FLUSH_INTERVAL_NS - 1)
        assert recorder.is_overdue(sent_ns + FLUSH_INTERVAL_NS)
        recorder.flush(7_000)


def test_the_reference_kernel_travels_with_the_samples() -> None:
    sent: list[Frame] = []
    times = iter([21, 0])
    recorder = Recorder(0, 1, sent.append, lambda: next(times))
    recorder.flush(1)
    recorder.flush(2)
    assert [frame.reference_ns for frame in sent] == [21, 0]


def test_a_new_phase_counts_its_own_iterations() -> None:
    sent: list[Frame] = []
    recorder = Recorder(0, 1, sent.append)
    recorder.begin(measured=False, now_ns=0)
    recorder.iterations += 1
    recorder.flush(1)
    recorder.begin(measured=True, now_ns=2)
    recorder.iterations += 1
    recorder.iterations += 1
    recorder.flush(3)
    assert [(frame.measured, frame.iterations) for frame in sent] == [(False, 1), (True, 2)]
