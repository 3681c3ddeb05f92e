"""One engine of a pair: its slices of work, what it failed at, and what its database lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from perfcli.ab.result import EngineSide
from perfcli.clock import RunningTime
from perfcli.errors import UsageError
from perfcli.judgement import Ending
from perfcli.measurement.integrity import check_integrity
from perfcli.measurement.ledger import Ledger
from perfcli.plan import ExecutionPlan
from perfcli.pool.protocol import EngineHandle
from perfcli.recorder import OK, SKIPPED, Frame
from perfcli.run.engine_client import EngineClient
from perfcli.run.time_limits import TimeLimits
from perfcli.wire import Message, NoMoreSlices, Opened, Outcome, Slice, Sliced

_TICK_S: Final = 0.1
_MOST_EXAMPLES: Final = 3
_MOST_LEFT: Final = 3

Stopped = Callable[[], bool]
BASE: Final = "the base"
CANDIDATE: Final = "the candidate"


@contextmanager
def naming(which: str) -> Iterator[None]:
    """A mistake of the user's that shows inside the block says on which engine it did."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"on {which}: {error.message}", hint=error.hint) from error


class EngineProblem(Exception):  # noqa: N818 it is the engine's, and part of the result
    """An engine could not go on; the text says how, and what it said last."""

    def __init__(self, side: Side, text: str) -> None:
        super().__init__(text)
        self.side = side


class Interrupted(Exception):  # noqa: N818 asked for by who started it
    """The comparison is being stopped."""


@dataclass(slots=True)
class SideOutcome:
    """What one engine process did, and what is wrong with it."""

    version: str = ""
    operations: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    left_running: list[str] = field(default_factory=list)
    """Once it has been ended."""

    lost_writes: int = 0
    lost: list[str] = field(default_factory=list)

    @property
    def failed_share(self) -> float:
        """Of its operations; 0 without any."""
        return sum(self.errors.values()) / max(1, self.operations)


class Side:
    """One engine process, which does one slice of work at a time.

    Args:
        stopped: whether the comparison is being stopped.
    """

    def __init__(self, handle: EngineHandle, plan: ExecutionPlan, stopped: Stopped, *, is_base: bool) -> None:
        self.handle = handle
        self.is_base = is_base
        self.outcome = SideOutcome()
        self._ledger = Ledger(plan)
        self._kinds: dict[int, str] = {}
        self._stopped = stopped
        self._frames: list[Frame] = []
        self._sliced = False
        self._client = EngineClient(handle, TimeLimits(plan), 0, self._take, RunningTime())

    def reach_checkpoint(self) -> None:
        """Wait until it stands still."""
        self._listen(lambda: self._client.waits_at)

    def go(self) -> None:
        """Let it go on from its checkpoint."""
        self._client.go(0)

    def do(self, wave: int, iterations: int, *, measured: bool) -> list[Frame]:
        """Have each vu of a wave do this many iterations; return its samples.

        Before and after it stands still: threads and processes of its own would work in the other engine's time.
        """
        self._frames, self._sliced = [], False
        self.handle.resume()
        self._client.send(Slice(wave, iterations, measured))
        self._listen(lambda: self._sliced)
        self.handle.halt()
        return self._frames

    def end_load(self) -> None:
        """No slice follows."""
        self.handle.resume()
        self._client.send(NoMoreSlices())

    def leave(self) -> None:
        """Follow it to its end; its database is then held to what it acknowledged."""
        self._listen(lambda: self._client.ending)
        if removed := self.handle.database.removed():
            raise EngineProblem(self, removed)
        found = check_integrity(self._ledger, self.handle.database)
        self.outcome.lost_writes, self.outcome.lost = found.lost or 0, found.examples[:_MOST_EXAMPLES]

    def growth_since(self, before_bytes: int) -> float:
        """Bytes that each operation has added to the database until now."""
        return (self.handle.database.used_bytes() - before_bytes) / max(1, self.outcome.operations)

    def _listen(self, until: Callable[[], object]) -> None:
        """Receive until something is true.

        Raises:
            EngineProblem: the engine could not go on.
            UsageError: own operations cannot be loaded on it.
            Interrupted: the comparison is being stopped.
        """
        while True:
            ending = self._client.ending
            if ending not in (None, Ending()):
                raise self._problem(ending)
            if until():
                return
            if self._stopped():
                raise Interrupted
            self.handle.bound_output()
            with naming(BASE if self.is_base else CANDIDATE):
                self._client.listen(_TICK_S)

    def _take(self, message: Message) -> None:
        match message:
            case Frame():
                self._ledger.add(message)
                self._frames.append(message)
                self.outcome.operations += len(message.draws)
                for each in message.failures.values():
                    if each not in (OK, SKIPPED):
                        kind = self._kinds[each]
                        self.outcome.errors[kind] = self.outcome.errors.get(kind, 0) + 1
            case Sliced():
                self._sliced = True
            case Opened(version):
                self.outcome.version = version
            case Outcome(index, kind, _, example):
                self._kinds[index] = kind
                self.outcome.examples.setdefault(kind, example)

    def _problem(self, ending: Ending) -> EngineProblem:
        what = ending.error or ending.setup_error or ending.disturbed
        return EngineProblem(
            self, ": ".join(filter(None, [self.handle.database.removed(), what, self.handle.output()]))
        )


@dataclass(slots=True)
class Total:
    """One of the two engines: the sum over its processes."""

    name: str
    problem: str = ""
    """Why it stopped."""

    _processes: list[SideOutcome] = field(default_factory=list)
    _versions: list[str] = field(default_factory=list)

    def note_version(self, version: str) -> None:
        """Take in the version of a process; "" if it did not get so far."""
        if version and version not in self._versions:
            self._versions.append(version)

    def add(self, process: SideOutcome) -> None:
        """Take in one process."""
        self.note_version(process.version)
        self._processes.append(process)

    @property
    def unsteady(self) -> str:
        """That its processes were not all of the same sources, in words; "" where they were."""
        versions = " and ".join(self._versions)
        changed = f"the sources of {self.name} changed during the comparison: {versions}"
        return changed if len(self._versions) > 1 else ""

    def whole(self) -> EngineSide:
        """As reports read it."""
        errors: Counter[str] = Counter()
        examples: dict[str, str] = {}
        for process in self._processes:
            errors.update(process.errors)
            examples = process.examples | examples
        return EngineSide(
            name=self.name,
            version=self._versions[-1] if self._versions else "",
            operations=sum(each.operations for each in self._processes),
            errors=dict(errors.most_common()),
            error_examples={kind: example for kind, example in examples.items() if example},
            left_running=[name for each in self._processes for name in each.left_running][:_MOST_LEFT],
            lost_writes=sum(each.lost_writes for each in self._processes),
            lost_examples=next((each.lost for each in self._processes if each.lost), []),
            problem=self.problem,
        )
