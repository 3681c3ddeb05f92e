"""The line to an engine process: messages come through, and whatever else is written there is named at once."""

from __future__ import annotations

import json
import os
import socket
import struct
from array import array
from collections.abc import Iterator
from dataclasses import fields

import pytest

from perfcli.line import Line, open_line
from perfcli.recorder import Frame
from perfcli.results import Inspection
from perfcli.wire import Event, Garbled, Go, Inspected, LoadOver, Opened, Slice, decode, encode

Ends = tuple[Line, Line, socket.socket]


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
    theirs.send(Opened("1"))
    theirs.send(frame())
    ours.send(Go(5))
    assert ours.receive() == Opened("1")
    assert ours.receive() == frame()
    assert theirs.receive() == Go(5)
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
        (struct.pack("!i", 9) + b'E["Done"]', "instead of a message"),
        (b"dpf!E\0\0\0" + struct.pack("!II", 0, 2**31), "a message of 2,147,483,648 bytes"),
        (b"dpf!E\0\0\0" + struct.pack("!II", 0, 50) + b"half", "breaks off 46 bytes before its end"),
        (b"dpf!", "breaks off 12 bytes before its end"),
        (b"dpf!E\0\0\0" + struct.pack("!II", 0, 4) + b"half", "cannot be read: b'half'"),
        (b"dpf!F\0\0\0" + struct.pack("!II", 0, 4) + b"half", "cannot be read: b'half'"),
        (b"dpf!X\0\0\0" + struct.pack("!II", 0, 8) + b'["Done"]', "cannot be read"),
        (b"dpf!E\0\0\0" + struct.pack("!II", 7, 8) + b'["Done"]', "message 7 arrived instead of message 0"),
    ],
)
def test_what_is_no_message_is_named_at_once(ends: Ends, written: bytes, words: str) -> None:
    ours, _, end = ends
    end.sendall(written)
    with pytest.raises(Garbled, match=words):
        ours.receive()


def test_a_frame_that_is_cut_off_is_named_when_the_next_message_comes(ends: Ends) -> None:
    ours, theirs, end = ends
    theirs.send(frame())
    whole = os.read(ours.end.fileno(), 10_000)
    ours.end.close()
    ours, end = open_line(stall_s=0.2)
    end.sendall(whole[:-8])
    end.sendall(b"dpf!E\0\0\0" + struct.pack("!II", 1, 8) + b'["Done"]')
    with end, pytest.raises(Garbled):
        list(iter(ours.receive, None))
    ours.close()


def test_a_message_that_comes_twice_is_named(ends: Ends) -> None:
    ours, theirs, end = ends
    theirs.send(Opened("1"))
    copied = ours.end.recv(10_000, socket.MSG_PEEK)
    end.sendall(copied)
    ours.receive()
    with pytest.raises(Garbled, match="message 0 arrived twice"):
        ours.receive()


def test_a_line_that_another_thread_closed_is_an_os_error() -> None:
    line, other_end = open_line()
    with other_end:
        line.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            line.poll(0)


@pytest.mark.parametrize(
    "message",
    [
        LoadOver(2**62, None),
        LoadOver(0, 3),
        Slice(1, 20, measured=True),
        Inspected(Inspection(threads_left=["a", "b"], fsyncs_per_operation=1.5)),
        Inspected(Inspection()),
    ],
)
def test_a_message_is_the_same_on_the_other_side(message: Event) -> None:
    assert decode(*encode(message)) == message


@pytest.mark.parametrize(
    "text",
    [
        '["Opened", 1]',
        '["Opened", null]',
        '["Opened"]',
        '["Opened", "1", "2"]',
        '["PhaseOver", 0, 1.5, 0]',
        '["PhaseOver", 0, true, 0]',
        '["Slice", 0, 1, 1]',
        '["LoadOver", 0, "many"]',
        '["Inspected", {"threads_left": 3}]',
        '["Inspected", null]',
        '["Frame", 1]',
        '["__class__"]',
        '[["Done"]]',
        '"Done"',
        "[]",
        "3",
    ],
)
def test_a_field_of_another_type_is_garbled(text: str) -> None:
    with pytest.raises(Garbled, match="cannot be read"):
        decode(b"E", text.encode())


def test_every_message_checks_each_of_its_fields() -> None:
    wrong = json.dumps([["a list"]] * 9)
    assert len(Event.__subclasses__()) > 30
    for event in Event.__subclasses__():
        for count in range(1, len(fields(event)) + 1):
            values = json.loads(wrong)[:count]
            with pytest.raises(Garbled):
                decode(b"E", json.dumps([event.__name__, *values]).encode())


def test_a_frame_is_sent_as_the_bytes_of_its_columns() -> None:
    kind, data = encode(frame())
    assert (kind, len(data)) == (b"F", frame().size_bytes)
