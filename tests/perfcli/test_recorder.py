"""Samples on their way: nothing lost, nothing out of order, whatever the buffer's size."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st

from perfcli.recorder import FLUSH_INTERVAL_NS, Frame, Recorder, decode_frame, encode_frame

INT64 = st.integers(-(2**63), 2**63 - 1)


@given(st.integers(0, 2**32 - 1), st.booleans(), st.integers(0, 2**63), st.lists(INT64))
def test_a_frame_survives_its_way(vu: int, measured: bool, iterations: int, rows: list[int]) -> None:
    frame = Frame(vu, measured, iterations, array("q", rows))
    assert decode_frame(encode_frame(frame)) == frame


@given(st.integers(1, 2_000), st.integers(0, 5_000))
def test_every_sample_arrives_once_in_its_order(vus: int, samples: int) -> None:
    frames: list[Frame] = []
    recorder = Recorder(7, vus, frames.append)
    recorder.begin(measured=True, now_ns=0)
    for number in range(samples):
        recorder.record(number, 0, number, number, number + 1)
        recorder.complete_iteration()
    recorder.flush(samples)
    assert [packed for frame in frames for packed in frame.column(0)] == list(range(samples))
    assert [end for frame in frames for end in frame.column(4)] == list(range(1, samples + 1))
    assert frames[-1].iterations == samples
    assert {(frame.vu, frame.measured) for frame in frames} == {(7, True)}


def test_samples_do_not_wait_for_a_full_buffer() -> None:
    frames: list[Frame] = []
    recorder = Recorder(0, 1, frames.append)
    recorder.begin(measured=False, now_ns=1_000)
    recorder.record(1, 0, 0, 0, 1_000 + FLUSH_INTERVAL_NS - 1)
    assert frames == []
    recorder.record(2, 0, 0, 0, 1_000 + FLUSH_INTERVAL_NS)
    assert [list(frame.column(0)) for frame in frames] == [[1, 2]]


def test_a_new_phase_counts_its_own_iterations() -> None:
    frames: list[Frame] = []
    recorder = Recorder(0, 1, frames.append)
    recorder.begin(measured=False, now_ns=0)
    recorder.complete_iteration()
    recorder.flush(1)
    recorder.begin(measured=True, now_ns=2)
    recorder.complete_iteration()
    recorder.complete_iteration()
    recorder.flush(3)
    assert [(frame.measured, frame.iterations) for frame in frames] == [(False, 1), (True, 2)]
