"""The line to an engine process: messages come through, and whatever else is written there is named at once."""

from __future__ import annotations

import os
import socket
import struct
from array import array
from collections.abc import Callable, Iterator

import pytest

from perfcli.plan import ExecutionPlan
from perfcli.recorder import Frame
from perfcli.run.event_order import EventOrder
from perfcli.wire import Event, Garbled, Line, open_line

Ends = tuple[Line, Line, socket.socket]

MEASURED = [
    ("checkpoint", {"name": "harness"}),
    ("phase", {"name": "open"}),
    ("opened", {"version": ""}),
    ("checkpoint", {"name": "opened"}),
    ("phase", {"name": "set-up"}),
    ("checkpoint", {"name": "set up"}),
    ("checkpoint", {"name": "baseline"}),
    ("phase", {"name": "measuring"}),
    ("wave", {"number": 0}),
]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """The tool's end, the engine process's, and that one's socket."""
    ours, socket_of_theirs = open_line(stall_s=0.2)
    theirs = Line(socket_of_theirs)
    yield ours, theirs, socket_of_theirs
    ours.close()
    theirs.close()


def frame(vu: int = 0, *, measured: bool = True) -> Frame:
    column = array("q", [1, 2, 3])
    return Frame(vu, measured, 3, column, column, column, failures={1: 2})


def test_messages_come_through_in_their_order(ends: Ends) -> None:
    ours, theirs, _ = ends
    theirs.send_event("opened", version="1")
    theirs.send_frame(frame())
    ours.send_event("go", at_ns=5)
    assert ours.receive() == Event("opened", {"version": "1"})
    assert ours.receive() == frame()
    assert theirs.receive() == Event("go", {"at_ns": 5})
    theirs.close()
    with pytest.raises(EOFError):
        ours.receive()


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"GARBAGE\n", r"b'GARBAGE\\n' instead of a message"),
        (b"GARBAGE\n" + b"dpf!E\0\0\0" + bytes(8), r"^b'GARBAGE\\n' instead of a message"),
        (b"\0", r"b'\\x00' instead of a message"),
        (b"x" * 100, "instead of a message"),
        (struct.pack("!i", 2**30), "instead of a message"),
        (struct.pack("!i", 15) + b'E["done", {}]', "instead of a message"),
        (b"dpf!E\0\0\0" + struct.pack("!II", 0, 2**31), "a message of 2,147,483,648 bytes"),
        (b"dpf!E\0\0\0" + struct.pack("!II", 0, 50) + b"half", "breaks off 46 bytes before its end"),
        (b"dpf!", "breaks off 12 bytes before its end"),
        (b"dpf!E\0\0\0" + struct.pack("!II", 0, 4) + b"half", "cannot be read: b'half'"),
        (b"dpf!F\0\0\0" + struct.pack("!II", 0, 4) + b"half", "cannot be read: b'half'"),
        (b"dpf!X\0\0\0" + struct.pack("!II", 0, 12) + b'["done", {}]', "cannot be read"),
        (b"dpf!E\0\0\0" + struct.pack("!II", 7, 12) + b'["done", {}]', "message 7 came instead of message 0"),
    ],
)
def test_what_is_no_message_is_named_at_once(ends: Ends, written: bytes, words: str) -> None:
    ours, _, end = ends
    end.sendall(written)
    with pytest.raises(Garbled, match=words):
        ours.receive()


def test_a_frame_that_is_cut_off_is_named_when_the_next_message_comes(ends: Ends) -> None:
    ours, theirs, end = ends
    theirs.send_frame(frame())
    whole = os.read(ours._end.fileno(), 10_000)
    ours._end.close()
    ours, end = open_line(stall_s=0.2)
    end.sendall(whole[:-8])
    end.sendall(b"dpf!E\0\0\0" + struct.pack("!II", 1, 12) + b'["done", {}]')
    with end, pytest.raises(Garbled):
        list(iter(ours.receive, None))
    ours.close()


def test_a_message_that_comes_twice_is_named(ends: Ends) -> None:
    ours, theirs, end = ends
    theirs.send_event("opened", version="1")
    copied = ours._end.recv(10_000, socket.MSG_PEEK)
    end.sendall(copied)
    ours.receive()
    with pytest.raises(Garbled, match="message 0 came twice"):
        ours.receive()


def follow(plan: ExecutionPlan, *messages: tuple[str, dict[str, object]] | Frame) -> None:
    order = EventOrder(plan)
    for message in messages:
        order.check(message if isinstance(message, Frame) else Event(*message))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("beyond", "words"),
    [
        (("done", {}), "'done' after 'wave'"),
        (("wave", {"number": 0}), "'wave' after 'wave'"),
        (("opened", {"version": ""}), "'opened' after 'wave'"),
        (("checkpoint", {"name": "end"}), "'checkpoint end' after 'wave'"),
        (("nonsense", {}), "'nonsense' after 'wave'"),
        (frame(vu=99), "samples of vu 99"),
        (frame(measured=False), "samples of vu 0 after 'wave'"),
    ],
)
def test_what_comes_out_of_turn_is_named(
    make_plan: Callable[..., ExecutionPlan], beyond: tuple[str, dict[str, object]] | Frame, words: str
) -> None:
    plan = make_plan(["load_pet"])
    follow(plan, *MEASURED, frame(), ("outcome", {}))
    with pytest.raises(Garbled, match=words):
        follow(plan, *MEASURED, beyond)


def test_nothing_but_a_beginning_comes_first(make_plan: Callable[..., ExecutionPlan]) -> None:
    for message in ("done", "failed", "outcome"):
        with pytest.raises(Garbled, match=f"'{message}' as the first one"):
            follow(make_plan(["load_pet"]), (message, {}))


def test_a_phase_is_over_once(make_plan: Callable[..., ExecutionPlan]) -> None:
    over = ("phase_over", {"index": 0})
    with pytest.raises(Garbled, match="'phase_over' after 'phase_over'"):
        follow(make_plan(["load_pet"]), *MEASURED, over, over)


def test_a_line_that_another_thread_closed_is_an_os_error() -> None:
    line, other_end = open_line()
    with other_end:
        line.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            line.poll(0)
