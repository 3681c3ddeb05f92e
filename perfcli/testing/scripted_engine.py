"""An engine that follows a script, and the time in which it does."""

from __future__ import annotations

import sqlite3
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Any, Final

from perfcli.agent.timed_calls import TimedCaller, TimedOut
from perfcli.operations.base import StepSettings
from perfcli.operations.call import Call
from perfcli.operations.digipal_data import CREATED_PET, created_user, set_up_user
from perfcli.operations.own.binding import OwnVu
from perfcli.operations.save_canaries import SaveCanary, key_in, save_name, saves_in
from perfcli.operations.stored import MinimalDatabase
from perfcli.plan import ExecutionPlan
from perfcli.scenario.canary_mode import telling_reads
from perfcli.targets.protocol import EngineGone, Failure, Found, Obey, Surroundings
from perfcli.units import format_duration

_LOOK_NS: Final = 10_000_000
_LOOKS: Final = 6
"""In so many the tool has gone through its loop."""


class SimulatedTime:
    """A clock that moves only when every vu waits; it is the `Clock` and the `Threads` of a session.

    Args:
        stands_still_at: times, ascending, at which it stands still until the tool has looked, and done what is due:
            only then can a session be killed or halted.
    """

    def __init__(
        self,
        start_ns: int = 1_000_000_000,
        reference_ns: Callable[[int], int] = lambda now_ns: 0,
        stands_still_at: Sequence[int] = (),
    ) -> None:
        self.stuck: set[Thread] = set()
        self._now_ns = start_ns
        self.reference_ns = reference_ns
        self._turns: list[tuple[int, int, Event]] = []
        self._order = count()
        self._running = False
        self._stands_still_at = list(stands_still_at)
        self._dead = Event()
        self._released = Event()
        self._looks_left = 0
        self.is_halted = False

    def now_ns(self) -> int:
        """Simulated nanoseconds."""
        return self._now_ns

    def pause(self, duration_ns: int) -> None:
        """Let simulated time pass, and others move meanwhile."""
        if not self._running:
            self._now_ns += duration_ns
        elif duration_ns > 0:
            turn = self._take_a_turn(self._now_ns + duration_ns)
            self._pass_on()
            turn.wait()
            if self._dead.is_set():
                raise EngineGone("killed")

    def die(self) -> None:
        """End all that waits, as a kill does."""
        self.is_halted = False
        self._dead.set()
        self._released.set()

    def revive(self) -> None:
        """Another session begins."""
        self._dead.clear()

    def resume(self) -> None:
        """Go on after a halt."""
        self.is_halted = False
        self._released.set()

    def look(self, *, nobody_moves: bool) -> None:
        """The tool looks at the time; while no session can let it pass, each look does."""
        if self.is_halted or nobody_moves:
            self._now_ns += _LOOK_NS
        if self._looks_left > 1:
            self._looks_left -= 1
        elif self._looks_left and not self.is_halted:
            self._looks_left = 0
            self._released.set()

    def run(self, jobs: Sequence[Callable[[], None]]) -> None:
        """Do all jobs in simulated parallel; raise the first failure."""
        failures: list[BaseException] = []

        def take_part(job: Callable[[], None], turn: Event) -> None:
            turn.wait()
            try:
                job()
            except BaseException as error:  # raised again below
                failures.append(error)
            self._pass_on()

        if self._dead.is_set():
            raise EngineGone("killed")
        self._running = True
        threads = [Thread(target=take_part, args=(job, self._take_a_turn(self._now_ns))) for job in jobs]
        for thread in threads:
            thread.start()
        self._pass_on()
        for thread in threads:
            thread.join()
        self._running = False
        if failures:
            raise failures[0]

    def timed_caller(self, name: str) -> TimedCaller:
        """What does the calls of one vu that have a timeout, in simulated time."""
        return _SimulatedCaller(self)

    def time_reference_ns(self) -> int:
        """What the reference kernel takes now."""
        return self.reference_ns(self._now_ns)

    def _take_a_turn(self, at_ns: int) -> Event:
        turn = Event()
        heappush(self._turns, (at_ns, next(self._order), turn))
        return turn

    def _pass_on(self) -> None:
        if self._turns and self._stands_still_at and self._turns[0][0] >= self._stands_still_at[0]:
            self._now_ns = max(self._now_ns, self._stands_still_at.pop(0))
            self._released.clear()
            self._looks_left = _LOOKS
            if not self._dead.is_set():
                self._released.wait()
        if self._turns and self._dead.is_set():
            *_, turn = heappop(self._turns)
            turn.set()
        elif self._turns:
            at_ns, _, turn = heappop(self._turns)
            self._now_ns = max(self._now_ns, at_ns)
            turn.set()


class _SimulatedCaller(TimedCaller):
    """Calls take their simulated time, or as much of it as they may."""

    def __init__(self, time: SimulatedTime) -> None:
        self._time = time
        self.start_ns = self.end_ns = 0

    def do(self, invoke: Callable[..., Any], arguments: tuple[Any, ...], timeout_ns: int) -> tuple[int, int, Any]:
        """Call; one that takes longer is over, as a failure, only when it returns."""
        self.start_ns = self._time.now_ns()
        try:
            answer = invoke(*arguments)
        finally:
            self.end_ns = self._time.now_ns()
        if self.end_ns - self.start_ns > timeout_ns:
            raise TimedOut(f"no answer within {format_duration(timeout_ns)}")
        return self.start_ns, self.end_ns, answer

    @property
    def thread(self) -> Thread:
        """The vu's own thread does the calls."""
        return current_thread()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a scripted operation does."""

    takes_ns: int = 1_000_000
    raises: BaseException | None = None
    problem: str = ""  # what the check finds wrong with the answer
    stores: bool = True  # whether a write that is acknowledged reaches the database


Script = Callable[[str, int], Behaviour]
"""(label of the step, how many times it was called before) → what happens this time."""


class ScriptedTarget:
    """An engine that does what a script says, in simulated time, on a real database file."""

    def __init__(self, plan: ExecutionPlan, time: SimulatedTime, database: Path, script: Script) -> None:
        self._plan = plan
        self._scenario = plan.scenario
        self._time = time
        self.database = database
        self._stored = MinimalDatabase(database)
        self._script = script
        self._called: Counter[str] = Counter()
        self._created: Counter[int] = Counter()
        self._saved: Counter[str] = Counter()
        self._begun: Counter[int] = Counter()
        self.performed: dict[int, list[tuple[str, int, int]]] = {}

    def open(self, found: Found) -> str:
        """Make the tables the tool looks into, unless they are there."""
        self._stored.create()
        return "scripted"

    @property
    def calls_done(self) -> int:
        """Calls of all steps, in whatever way they ended."""
        return self._called.total()

    def set_up(self) -> None:
        """Store the pets of the setup."""
        for index in range(self._scenario.setup.pets):
            self._stored.add_pet(set_up_user(index))

    def join(self) -> None:
        """The pets of the setup are where `set_up` of an earlier process put them."""

    def calls(self, vu: int, shown: array[int], own: OwnVu) -> list[Call | None]:
        """The scenario's steps, scripted."""
        telling = telling_reads(self._scenario, self._plan.phase_of(vu).phase)
        return [
            None if step.is_pause else step.within_timeout(self._call(vu, step, shown, tells=place in telling))
            for place, step in enumerate(self._plan.flow_of(vu))
        ]

    def classify(self, error: BaseException) -> Failure:
        """The type's name; TimeoutError and sqlite3's errors have their categories."""
        categories: dict[type[BaseException], str] = {TimeoutError: "timeout", sqlite3.OperationalError: "database"}
        return Failure(type(error).__name__, categories.get(type(error), ""))

    def answers(self, *, of_setup: bool) -> Iterator[str]:
        """None: there is no engine to ask in another process."""
        return iter(())

    def active_pets(self) -> int:
        """The pets of the setup."""
        return self._scenario.setup.pets

    def fault_orders(self, here: Callable[[Surroundings], Obey]) -> Obey:
        """The engine lives here, without an AI."""
        return here(Surroundings())

    def see_that_it_lives(self) -> None:
        """It lives as long as this process does."""

    def clean_up(self) -> bool:
        """Nothing is cached."""
        return True

    def close(self) -> None:
        """Nothing is open."""

    def _call(self, vu: int, step: StepSettings, shown: array[int], *, tells: bool) -> Call:
        def arguments(user: int, choice: int) -> tuple[int, int]:
            self.performed.setdefault(vu, []).append((step.label, user, choice))
            self._begun[vu] += step.effects.saves_pet and user != CREATED_PET
            return user, choice

        def invoke(user: int, choice: int) -> Behaviour:
            behaviour = self._script(step.label, self._called[step.label])
            self._called[step.label] += 1
            self._time.pause(behaviour.takes_ns)
            if behaviour.raises is not None:
                raise behaviour.raises
            if behaviour.stores and not behaviour.problem:
                self._store(vu, step, user, choice)
            return behaviour

        def check(asked: tuple[int, int], behaviour: Behaviour) -> str:
            if tells and not behaviour.problem:
                user, _ = asked
                name = self._stored.name_of(self._owner(vu, user))
                shown.append(saves_in(name) if user == CREATED_PET else key_in(name))
            return behaviour.problem

        return Call(arguments, invoke, check)

    def _store(self, vu: int, step: StepSettings, user: int, choice: int) -> None:
        effects = step.effects
        if effects.creates_pet:
            self._stored.add_pet(created_user(vu, self._created[vu]))
            self._created[vu] += 1
        if effects.texts:
            self._stored.add_interaction(self._owner(vu, user), effects.texts[choice])
        if effects.clears_history:
            self._stored.clear_interactions(self._owner(vu, user))
        if effects.saves_pet:
            owner = self._owner(vu, user)
            self._saved[owner] += 1
            canary = SaveCanary(self._begun[vu], vu, noted=False).text
            name = save_name(self._saved[owner]) if user == CREATED_PET else canary
            self._stored.rename_pet(owner, name)

    def _owner(self, vu: int, user: int) -> str:
        return created_user(vu, self._created[vu] - 1) if user == CREATED_PET else set_up_user(user)
