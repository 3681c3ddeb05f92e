"""The messages between the tool and an engine process: frames of samples in binary, everything else in JSON.

Both ends are of one version of this package, so nothing is negotiated. The engine shares the process that writes here:
what is read is held to the types below, and anything else is `Garbled`.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import BaseModel

from perfcli.recorder import Frame, decode_frame, encode_frame
from perfcli.results import ExactCounters, Inspection

if TYPE_CHECKING:
    from perfcli.results.findings import Findings

OWN_OPERATIONS: Final = "operations"
"""The stage in which the functions of the user's own are loaded."""

EVENT: Final = b"E"
FRAME: Final = b"F"
MOST_SHOWN: Final = 40

WIRE_VERSION: Final = 2
"""Raised when a message or a frame changes its form. Within one machine both ends are of one version anyway."""


class Garbled(Exception):  # noqa: N818 of what the other side sent, not of this side's
    """Something other than the next message arrived; the text says what."""


EngineTime = int
"""Nanoseconds of the monotonic clock of the engine process."""


@dataclass(frozen=True)
class Event:
    """A message that is no frame; those that derive from it follow: first what the engine process sends, then the tool.

    `Serving` and `Answers` are sent by both.
    """


@dataclass(frozen=True)
class Stage(Event):
    """The session begins its next step."""

    name: str


@dataclass(frozen=True)
class Checkpoint(Event):
    """The session stands still until `Go`."""

    name: str
    cpu_ns: int = 0
    """CPU time of the whole process until then."""


@dataclass(frozen=True)
class LivesIn(Event):
    """The engine has a process of its own: its number where the agent runs; None if that is out of sight."""

    process: int | None


@dataclass(frozen=True)
class Serving(Event):
    """Where the processes that load the engine reach it, and what they need to be let in; passed on by the tool."""

    url: str
    token: str
    """Empty if everybody is let in who reaches it."""
    certificate: str
    """The only one to trust, as PEM; empty without TLS."""


@dataclass(frozen=True)
class Opened(Event):
    """The engine is open."""

    version: str


@dataclass(frozen=True)
class Outcome(Event):
    """Failures of this kind and category are recorded as `index`; the first of them in full is the example."""

    index: int
    kind: str
    category: str
    example: str


@dataclass(frozen=True)
class Wave(Event):
    """The phases of a wave begin."""

    number: int
    at_ns: EngineTime


@dataclass(frozen=True)
class Rejoined(Event):
    """A process that replaces one that was killed goes on with its wave."""

    process: int
    at_ns: EngineTime


@dataclass(frozen=True)
class PhaseOver(Event):
    """A phase ended, with this many iterations cut off."""

    index: int
    at_ns: EngineTime
    interrupted: int


@dataclass(frozen=True)
class HeldUp(Event):
    """The process did not run, or waited for the tool to read."""

    began_ns: EngineTime
    ended_ns: EngineTime


@dataclass(frozen=True)
class FaultBegan(Event):
    """The fault of this number in the plan is there."""

    process: int
    number: int
    at_ns: EngineTime


@dataclass(frozen=True)
class FaultEnded(Event):
    """It is no longer there; how many calls it hit, None if that is not counted."""

    process: int
    number: int
    at_ns: EngineTime
    hits: int | None


@dataclass(frozen=True)
class NoFault(Event):
    """It could not be inflicted, or was gone before it was lifted."""

    process: int
    number: int
    why: str


@dataclass(frozen=True)
class LoadOver(Event):
    """The load is over, with this many pets in the engine's cache; None if it does not tell."""

    at_ns: EngineTime
    active_pets: int | None


@dataclass(frozen=True)
class ClockRead(Event):
    """The answer to `ReadClock`."""

    at_ns: EngineTime


@dataclass(frozen=True)
class Sliced(Event):
    """The slice is over, and all its frames are sent."""


@dataclass(frozen=True)
class Answers(Event):
    """What an engine answers about some pets: a line of JSON for each, with its line break."""

    lines: str


@dataclass(frozen=True)
class Profiled(Event):
    """What the profiler found."""

    findings: Findings


@dataclass(frozen=True)
class Inspected(Event):
    """What was seen of the engine from inside."""

    inspection: Inspection


@dataclass(frozen=True)
class Counted(Event):
    """What operations cost in counts: see `results.exact`."""

    counts: ExactCounters


@dataclass(frozen=True)
class Failed(Event):
    """The session failed at a stage; nothing follows."""

    stage: str
    message: str
    traceback: str
    """Of OWN_OPERATIONS, what to do about it."""


@dataclass(frozen=True)
class Done(Event):
    """The session is over."""


@dataclass(frozen=True)
class Compared(Event):
    """What a new process found: pets compared, fields that differ, some of them in words; or why it could not look."""

    compared: int
    differences: int
    examples: tuple[str, ...]
    error: str


@dataclass(frozen=True)
class Go(Event):
    """Go on from the checkpoint, at this time of the engine process's clock; 0 for at once."""

    at_ns: EngineTime


@dataclass(frozen=True)
class Rejoin(Event):
    """Go on in a wave that the process before was killed in."""

    wave: int
    began_ns: EngineTime
    killed_ns: EngineTime
    iterations: tuple[int, ...]
    """Completed by each vu of the plan, as far as the tool knows."""
    over: tuple[int, ...]
    """The phases of the wave that were over."""


@dataclass(frozen=True)
class ReadClock(Event):
    """Answer at once with the engine process's clock."""


@dataclass(frozen=True)
class Slice(Event):
    """The vus of a wave do this many iterations each."""

    wave: int
    iterations: int
    measured: bool


@dataclass(frozen=True)
class NoMoreSlices(Event):
    """The sliced load is over."""


@dataclass(frozen=True)
class BeginFault(Event):
    """Inflict the fault of this number in the plan, and answer with `FaultBegan` or `NoFault`."""

    number: int


@dataclass(frozen=True)
class EndFault(Event):
    """Lift it, and answer with `FaultEnded`; the process lifts all when its load is over."""

    number: int


@dataclass(frozen=True)
class EndPhase(Event):
    """Vus of a phase whose load ends on order begin no further iteration."""

    phase: int


@dataclass(frozen=True)
class StopLoad(Event):
    """Vus begin no further iteration."""


@dataclass(frozen=True)
class NoMoreAnswers(Event):
    """All answers are sent."""


FaultOrder = BeginFault | EndFault
FaultReport = FaultBegan | FaultEnded | NoFault
Message = Event | Frame


def encode(message: Message) -> tuple[bytes, bytes]:
    """The kind of a message and its bytes."""
    if isinstance(message, Frame):
        return FRAME, encode_frame(message)
    values = [_plain(getattr(message, each.name)) for each in fields(message)]
    return EVENT, json.dumps([type(message).__name__, *values]).encode()


def decode(kind: bytes, data: bytes) -> Message:
    """The message; raises Garbled if it is none, or a field has another type."""
    try:
        if kind == FRAME:
            return decode_frame(data)
        if kind == EVENT:
            name, *values = json.loads(data)
            event, readers = _EVENTS[name]
            return event(*(read(value) for read, value in zip(readers, values, strict=True)))
    except (ValueError, TypeError, LookupError, struct.error):
        pass
    raise Garbled(f"a message of {len(data):,} bytes that cannot be read: {data[:MOST_SHOWN]!r}")


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value


_Reader = Callable[[Any], Any]


def _exactly(*types: type) -> _Reader:
    """Passes on a value of one of these types; a bool is no int."""

    def read(value: Any) -> Any:
        if type(value) not in types:
            raise TypeError
        return value

    return read


def _all(kind: type) -> _Reader:
    """Passes on a list of values of this type as a tuple."""
    read_list, read = _exactly(list), _exactly(kind)
    return lambda value: tuple(map(read, read_list(value)))


def _findings(value: Any) -> Findings:
    # only a profile needs these models
    from perfcli.results.findings import Findings

    return Findings.model_validate(value)


_READERS: Final[Mapping[str, _Reader]] = {
    "str": _exactly(str),
    "int": _exactly(int),
    "EngineTime": _exactly(int),
    "bool": _exactly(bool),
    "int | None": _exactly(int, type(None)),
    "tuple[str, ...]": _all(str),
    "tuple[int, ...]": _all(int),
    "Findings": _findings,
    "Inspection": Inspection.model_validate,
    "ExactCounters": ExactCounters.model_validate,
}
"""By the annotation of a field: what raises TypeError or ValueError for any other value."""

_EVENTS: Final[Mapping[str, tuple[Callable[..., Event], list[_Reader]]]] = {
    event.__name__: (event, [_READERS[cast(str, each.type)] for each in fields(event)])
    for event in Event.__subclasses__()
}
