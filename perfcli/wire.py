"""What the engine process and the tool say to each other: frames of samples, and small events in JSON.

Both run on one machine under one version of this package, so nothing is negotiated.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final, Literal

from perfcli.recorder import Frame, decode_frame, encode_frame

_EVENT: Final = b"E"
_FRAME: Final = b"F"

LINE_LOST: Final = 74
"""The exit code of an engine process that can no longer talk to the tool (EX_IOERR of sysexits.h)."""

EventName = Literal[
    # from the engine process
    "checkpoint",  # waits at `name` until told to go
    "phase",  # `name` begins, at `at_ns`
    "engine",  # lives in the process `pid`, not in the agent's; None where that is out of sight
    "opened",  # the engine is open, in `version`
    "outcome",  # failures of `kind` and `category` are recorded as `index`
    "wave",  # the phases of a wave begin, at `at_ns`
    "phase_over",  # a phase ended at `at_ns`, with `interrupted` iterations cut off
    "measured",  # the load is over, at `at_ns`, with `active_pets` in the cache; None where that is not known
    "failed",  # at `stage`, with `message` and `traceback`; nothing follows
    "sliced",  # the slice that was asked for is over, and all its frames are sent
    "inspected",  # what was seen of the engine from inside, as the fields of an Inspection
    "done",  # all is said
    # from the tool
    "slice",  # the vus of a `wave` do so many `iterations` each, `measured` or as a warm-up; after the last one, none
    "go",  # on from a checkpoint, at `at_ns`; 0 for at once
    "stop",
]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, with its particulars."""

    name: EventName
    fields: dict[str, Any]


def send_event(connection: Connection, name: EventName, /, **fields: Any) -> None:
    """Send an event; raises OSError where nobody listens any more."""
    connection.send_bytes(_EVENT + json.dumps([name, fields]).encode())


def send_frame(connection: Connection, frame: Frame) -> None:
    """Send samples; raises OSError where nobody listens any more."""
    connection.send_bytes(_FRAME + encode_frame(frame))


def send_json(connection: Connection, value: Any) -> None:
    """Send a value to or from a template; raises OSError if nobody listens any more.

    Not by Connection.send: the traceback of its BrokenPipeError holds a view of a BytesIO, and once the two are part of
    a reference cycle, Python 3.12's garbage collector crashes on them and 3.13's prints a BufferError.
    """
    connection.send_bytes(json.dumps(value).encode())


def receive_json(connection: Connection) -> Any:
    """The next value; raises EOFError or OSError once the other side is gone."""
    return json.loads(connection.recv_bytes())


def receive(connection: Connection) -> Event | Frame:
    """The next message; raises EOFError or OSError once the other side is gone."""
    data = connection.recv_bytes()
    if data[:1] == _FRAME:
        return decode_frame(data[1:])
    name, fields = json.loads(data[1:])
    return Event(name, fields)
