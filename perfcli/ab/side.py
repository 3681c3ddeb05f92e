"""One engine of a pair: the talk with it, what it failed at, and what its database lost."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import psutil

from perfcli import wire
from perfcli.measurement.integrity import Ledger
from perfcli.measurement.stored import open_stored
from perfcli.plan import ExecutionPlan
from perfcli.planned_silence import step_silence_ns
from perfcli.pool.affinity import pin
from perfcli.pool.protocol import EngineHandle
from perfcli.pool.scratch import Scratch
from perfcli.recorder import OK, SKIPPED, Frame
from perfcli.run.conversation import GARBAGE
from perfcli.run.event_order import EventOrder
from perfcli.running_time import RunningTime

_TICK_S: Final = 0.1
_MOST_SILENCE_S: Final = 60.0
_SETS_UP_A_PET_WITHIN_S: Final = 0.05
_MOST_EXAMPLES: Final = 3
_TO_LEAVE_S: Final = 2.0

Stopped = Callable[[], bool]


class EngineProblem(Exception):  # noqa: N818 it is the engine's, and part of the result
    """An engine could not go on; the text says how, and what it said last."""

    def __init__(self, side: Side, text: str) -> None:
        super().__init__(text)
        self.side = side


class Interrupted(Exception):  # noqa: N818 asked for by who started it
    """The comparison is being stopped."""


class Side:
    """Talks to one engine process, which does one slice of work at a time.

    Args:
        stopped: whether the comparison is being stopped.
    """

    def __init__(
        self, handle: EngineHandle, plan: ExecutionPlan, places: Scratch, stopped: Stopped, *, is_base: bool
    ) -> None:
        self.handle = handle
        self.is_base = is_base
        self.version = ""
        self.operations = 0
        self.errors: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.lost: list[str] = []
        self.lost_writes = 0
        self.costs: dict[str, Any] = {}
        self._places = places
        self._database = places.database
        self._ledger = Ledger(plan)
        self._kinds: dict[int, str] = {}
        self._stopped = stopped
        self._frames: list[Frame] = []
        self._order = EventOrder(plan)
        self._silence_s = (
            _MOST_SILENCE_S
            + _SETS_UP_A_PET_WITHIN_S * plan.scenario.setup.pets
            + max(step_silence_ns(plan, phase) for phase in plan.phases) / 1e9
        )

    def reach_checkpoint(self) -> None:
        """Listen until it stands still."""
        self._hear("checkpoint")
        self.handle.note_children()

    def go(self) -> None:
        """Let it go on from its checkpoint."""
        self._say("go", at_ns=0)

    def do(self, wave: int, iterations: int, *, measured: bool) -> list[Frame]:
        """Have each vu of a wave do so many iterations; return its samples.

        Before and after it stands still: threads and processes of its own would work in the other engine's time.
        """
        self._frames = []
        self.handle.resume()
        self._say("slice", wave=wave, iterations=iterations, measured=measured)
        self._hear("sliced")
        self.handle.halt()
        return self._frames

    def end_load(self) -> None:
        """No slice follows."""
        self.handle.resume()
        self._say("slice", wave=0, iterations=0, measured=False)

    def pin(self, cpus: Sequence[int]) -> None:
        """Have it run on these CPUs alone."""
        try:
            pin(self.handle.pid, cpus)
        except (OSError, psutil.Error) as error:
            raise self._gone() from error

    def leave(self) -> None:
        """Hear it out: it is closed, and its database held to what it acknowledged."""
        self.costs = self._hear("inspected").fields
        self._hear("done")
        # it leaves at once: what runs after that was left by the engine
        self.handle.wait(_TO_LEAVE_S)
        if removed := self._places.removed():
            raise EngineProblem(self, removed)
        found = self._ledger.verify(self._database)
        self.lost_writes, self.lost = found.lost or 0, found.examples[:_MOST_EXAMPLES]

    def database_bytes(self) -> int:
        """What its database holds, in whole pages; those that are free are not counted."""
        with suppress(sqlite3.Error), open_stored(self._database) as stored:
            ((size,),) = stored.query(
                "SELECT (page_count - freelist_count) * page_size"
                " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
            )
            return int(size)
        return 0

    def growth_since(self, before_bytes: int) -> float:
        """Bytes that each operation has added to the database until now."""
        return (self.database_bytes() - before_bytes) / max(1, self.operations)

    def left_running(self) -> Sequence[str]:
        """The processes that it left running, once it has been ended."""
        return self.handle.leftovers()

    def _say(self, name: wire.EventName, **fields: Any) -> None:
        try:
            self.handle.line.send_event(name, **fields)
        except OSError as error:
            raise self._gone() from error

    def _hear(self, awaited: wire.EventName) -> wire.Event:
        """Listen until an event of this name."""
        silence = RunningTime()
        while True:
            if not self._something_is_there():
                if silence.elapsed_s() > self._silence_s:
                    raise EngineProblem(self, f"it hangs: nothing was heard of it for {self._silence_s:.0f} s")
                continue
            try:
                message = self.handle.line.receive()
                self._order.check(message)
            except (EOFError, OSError) as error:
                raise self._gone() from error
            except wire.Garbled as error:
                raise EngineProblem(self, f"{GARBAGE}: {error}") from error
            silence = RunningTime()
            if isinstance(message, Frame):
                self._take(message)
            elif message.name == awaited:
                return message
            else:
                self._note(message)

    def _something_is_there(self) -> bool:
        if self._stopped():
            raise Interrupted
        self.handle.bound_output()
        try:
            return self.handle.line.poll(_TICK_S)
        except OSError as error:
            raise self._gone() from error

    def _take(self, frame: Frame) -> None:
        self._ledger.add(frame)
        self._frames.append(frame)
        self.operations += len(frame.draws)
        self.errors.update(self._kinds[each] for each in frame.failures.values() if each not in (OK, SKIPPED))

    def _note(self, event: wire.Event) -> None:
        fields = event.fields
        match event.name:
            case "opened":
                self.version = fields["version"]
            case "outcome":
                self._kinds[fields["index"]] = fields["kind"]
                self.examples.setdefault(fields["kind"], fields["example"])
            case "engine" if fields["pid"] is not None:
                self.handle.adopt(fields["pid"])
            case "failed":
                raise EngineProblem(self, f"{fields['stage']} failed: {fields['message']}")

    def _gone(self) -> EngineProblem:
        code = self.handle.wait(2.0)
        is_silent = code in (None, wire.LINE_LOST)
        how = (
            "it closed the harness's line to the tool, which it did not open"
            if is_silent
            else f"its process ended with code {code}"
        )
        return EngineProblem(self, ": ".join(filter(None, [self._places.removed(), how, self.handle.output()])))
