"""Engine processes that were killed as planned: what became unknown with each, and when the next one went on."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from perfcli.executors import Share
from perfcli.measurement.samples import PerformedWork, PhaseTimes, prescribed
from perfcli.operations.digipal_data import CREATED_PET, created_user, set_up_user
from perfcli.operations.own.journal import NOTHING, OwnWrite, Page
from perfcli.plan import INCARNATION, ExecutionPlan, PlannedPhase
from perfcli.recorder import UNKNOWN, Begun, Frame
from perfcli.results import Restart as RestartResult
from perfcli.wire import LoadOver
from perfcli.workload import pauses, unpack


class Death(NamedTuple):
    """An engine process that was killed as planned."""

    process: int
    incarnation: int
    killed_ns: int
    begun: Sequence[Begun]
    """By vu of the plan; by the tool's clock."""
    over: Sequence[int]
    """The phases that were over in it."""
    load_over: LoadOver | None
    """What it said of the end of its load, if it was killed behind that: the next incarnation says it anew."""


@dataclass(slots=True)
class Restart:
    """A death, and what came of it."""

    death: Death
    unknown: int = 0
    """Operations that were begun, and whose end is unknown."""
    in_flight_ns: list[int] = field(default_factory=list)
    """When the newest of them began, of each vu that has any; the others may have ended."""
    waiting_ns: list[int] = field(default_factory=list)
    """When the first iteration was due that had not begun, of each phase of an open model that has any."""
    rejoined_ns: int | None = None
    """When the next incarnation began to work."""


class Restarts:
    """All of one run.

    Args:
        performed: what each vu of any incarnation did, as far as it was reported.
    """

    def __init__(
        self, plan: ExecutionPlan, performed: Mapping[int, PerformedWork], phases: Sequence[PhaseTimes]
    ) -> None:
        self.all: list[Restart] = []
        self._plan = plan
        self._performed = performed
        self._phases = phases
        self._killed: Counter[tuple[int, int]] = Counter()

    def note_death(self, death: Death, created: Mapping[int, int]) -> Iterator[Frame]:
        """What the process may have done beyond what it reported, as samples whose outcome is UNKNOWN.

        Args:
            created: how many pets each vu has tried to create, as far as is known.
        """
        restart = Restart(death)
        self.all.append(restart)
        for phase in self._plan.phases:
            if self._phases[phase.index].began_ns is None or phase.index in death.over:
                continue
            vus = [vu for vu in phase.vus if self._plan.process_of(vu) == death.process]
            frames = [self._unknown(phase, vu, death, created) for vu in vus]
            unknown = {vu: self._unknown_calls(vu, death) for vu in vus}
            restart.unknown += sum(unknown.values())
            restart.in_flight_ns += [death.begun[vu].newest_ns for vu, calls in unknown.items() if calls]
            self._cut_off(phase, vus, restart)
            yield from filter(None, frames)

    def rejoined(self, process: int, at_ns: int) -> None:
        """The next incarnation goes on."""
        next(each for each in reversed(self.all) if each.death.process == process).rejoined_ns = at_ns

    def replaced_ns(self, process: int, incarnation: int) -> int | None:
        """When the next incarnation began to work; None as long as it did not."""
        deaths = (each for each in self.all if (each.death.process, each.death.incarnation) == (process, incarnation))
        return next((each.rejoined_ns for each in deaths), None)

    def last_known_ns(self, phase: int) -> int:
        """When the last operation of a phase ended that is known of; 0 if no process was replaced.

        A process that was killed did not say when its phases were over.
        """
        works = self._performed.items() if self.all else ()
        return max((work.until_ns for vu, work in works if self._plan.phase_of(vu).index == phase), default=0)

    def results(self, began_ns: int) -> list[RestartResult]:
        """The record of each, if measuring began then."""
        return [
            RestartResult(
                process=each.death.process,
                at_ns=each.death.killed_ns - began_ns,
                down_ns=None if each.rejoined_ns is None else each.rejoined_ns - each.death.killed_ns,
                unknown=each.unknown,
            )
            for each in self.all
        ]

    def _unknown_calls(self, vu: int, death: Death) -> int:
        work = self._performed.get(death.incarnation * INCARNATION + vu)
        begun = death.begun[vu].calls if death.begun else 0
        return max(0, begun - (work.tried if work else 0))

    def _unknown(self, phase: PlannedPhase, vu: int, death: Death, created: Mapping[int, int]) -> Frame | None:
        calls = self._unknown_calls(vu, death)
        if not calls:
            return None
        vu += death.incarnation * INCARNATION
        work = self._performed.get(vu)
        known, length = work.operations if work else 0, _operations_of_iteration(phase)
        if any(step.only_if for step in phase.flow):
            # some may have been skipped: to the end of as many iterations as there were calls
            calls = calls * length - known % length
        draws = prescribed(self._plan, vu, known + calls)[known:]
        began_ns = work.until_ns if work else self._phases[phase.index].began_ns or 0
        writes = tuple(
            OwnWrite(user, {}, 0, max(0, death.killed_ns - began_ns), acknowledged=False)
            for user in self._users_of_own(phase, vu, draws, created.get(vu, 0))
        )
        return Frame(
            vu=vu,
            measured=True,
            iterations=work.iterations if work else 0,
            draws=draws,
            starts=array("q", [began_ns] * calls),
            durations=array("q", [max(0, death.killed_ns - began_ns)] * calls),
            failures=dict.fromkeys(range(calls), UNKNOWN),
            page=Page(writes=writes) if writes else NOTHING,
        )

    @staticmethod
    def _users_of_own(phase: PlannedPhase, vu: int, draws: array[int], created: int) -> Iterator[str]:
        """On whose pets functions of the user's own may have worked."""
        for place, user, _ in map(unpack, draws):
            effects = phase.flow[place].effects
            created += effects.creates_pet
            if not (effects.may_do_anything or effects.writes_fields):
                continue
            if user >= 0:
                yield set_up_user(user)
            elif user == CREATED_PET and created:
                yield created_user(vu, created - 1)

    def _cut_off(self, phase: PlannedPhase, vus: Sequence[int], restart: Restart) -> None:
        """Count iterations that no other process will do; those of a fixed number are done again."""
        load, times, death = phase.load, self._phases[phase.index], restart.death
        began_ns = times.began_ns or 0
        elapsed_ns = death.killed_ns - began_ns
        begun = sum(self._is_within_iteration(phase, vu, death) for vu in vus)
        if not vus or elapsed_ns <= 0:
            return
        if load.is_open:
            # what was due before the kill was its own: it was begun, or waited for a vu
            share = Share(death.process, self._plan.scenario.pool.processes).among(load.vu_count)

            def due_before(at_ns: int) -> int:
                return len(share.part_of(load.due_before(at_ns) or 0))

            due = due_before(elapsed_ns)
            done = sum(work.iterations for vu, work in self._performed.items() if vu % INCARNATION in vus)
            key = death.process, phase.index
            times.killed += max(0, due - done - self._killed[key])
            if due > (ended := done + self._killed[key] + begun):
                restart.waiting_ns.append(began_ns + bisect_right(range(elapsed_ns), ended, key=due_before))
            self._killed[key] = max(self._killed[key], due - done)
        elif load.planned_iterations is None:
            times.killed += begun

    def _is_within_iteration(self, phase: PlannedPhase, vu: int, death: Death) -> bool:
        work = self._performed.get(death.incarnation * INCARNATION + vu)
        is_between = work is not None and work.operations % _operations_of_iteration(phase)
        return bool(is_between or self._unknown_calls(vu, death))


def _operations_of_iteration(phase: PlannedPhase) -> int:
    return 1 if phase.phase.is_mix else len(phase.flow) - len(pauses(phase))
