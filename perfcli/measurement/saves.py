"""Saves of pets of the setup, and what reads showed of them: from frames of samples to registers."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from perfcli.operations.save_canaries import UNSAVED, CanaryMode, save_key, split_key
from perfcli.plan import ExecutionPlan
from perfcli.recorder import OK, SKIPPED, Frame
from perfcli.scenario.canary_mode import canary_mode_of, telling_reads
from perfcli.workload import places, unpack

HORIZON_NS: Final = 1_000_000_000
"""Operations of different vus become known in another order than they happened: so long is waited for late ones."""

_READ, _SAVE = 0, 1  # of two at the same time, the read is judged first: it may have begun before the save ended
_BEFORE_ALL: Final = -1
_MOST_EXAMPLES: Final = 5

_Event = tuple[int, ...]
"""(begin, _READ, pet, key, checks), or (end, _SAVE, pet, key, begin, acknowledged, counted)."""


class Stored(NamedTuple):
    """What the value that is stored in the end says of a pet's saves."""

    lost: int
    """Acknowledged saves that must have been overwritten or stored, and are neither."""
    checked: int
    """Counted saves that it shows to be right or lost, beside those that a read showed."""


@dataclass(slots=True)
class _Register:
    """One pet, as far as its saves are known."""

    acknowledged: int = 0
    latest_begin_ns: int = _BEFORE_ALL
    latest: int = UNSAVED
    """The acknowledged save that began last."""
    current: dict[int, int] = field(default_factory=dict)
    """When each acknowledged save ended that none which began later has replaced."""
    unread: set[int] = field(default_factory=set)
    """Those of them that count and that no read showed."""

    def save(self, key: int, begin_ns: int, end_ns: int, *, counted: bool) -> None:
        """Take in an acknowledged save."""
        self.acknowledged += 1
        if begin_ns >= self.latest_begin_ns:
            self.latest_begin_ns, self.latest = begin_ns, key
        # a vu saves one after another, however coarse the clock
        _, vu = split_key(key)
        self.current[key] = end_ns
        self.current = {
            other: ended_ns
            for other, ended_ns in self.current.items()
            if ended_ns >= self.latest_begin_ns and (other == key or split_key(other)[1] != vu)
        }
        if counted:
            self.unread.add(key)
        self.unread &= self.current.keys()

    def look_at(self, key: int) -> bool:
        """Note that a save was looked for; whether that is the first time."""
        is_new = key in self.unread
        self.unread.discard(key)
        return is_new


class Registers:
    """All pets of a run, judged in the order of time with little memory, while samples come.

    Saves of one vu must be told in their order, and numbered in it from 1; all else may come in any order. A read that
    is told more than HORIZON_NS late is not judged.
    """

    def __init__(self) -> None:
        self.stale_reads = 0
        """Reads that showed a value which an acknowledged save had replaced before."""
        self.checked = 0
        """Counted saves that a read showed, or should have shown, before another replaced them."""
        self.examples: list[tuple[int, int, int]] = []
        """Of stale reads: pet, the save that was read, and the save that had replaced it."""
        self._pets: dict[int, _Register] = {}
        self._last: dict[int, int] = {}  # by vu, the number of its last save that is known
        self._unsure: dict[int, array[int]] = {}  # by vu, the numbers of saves that were not acknowledged
        self._waiting: list[_Event] = []
        self._judged_until_ns = self._newest_ns = _BEFORE_ALL

    def save(self, pet: int, key: int, begin_ns: int, end_ns: int, *, acknowledged: bool, counted: bool = True) -> None:
        """A save of a pet was over.

        Args:
            counted: whether it counts in `checked`.
        """
        self._newest_ns = max(self._newest_ns, end_ns)
        self._waiting.append((end_ns, _SAVE, pet, key, begin_ns, acknowledged, counted))

    def read(self, pet: int, key: int, begin_ns: int, *, checks: bool = True) -> None:
        """A read of a pet showed the value of a save, or UNSAVED.

        Args:
            checks: whether the save that it showed is thereby checked.
        """
        self._newest_ns = max(self._newest_ns, begin_ns)
        if begin_ns >= self._judged_until_ns:
            self._waiting.append((begin_ns, _READ, pet, key, checks))

    def judge_what_is_old(self) -> None:
        """Judge what happened so long ago that nothing before it is still to come; cheap if there is little."""
        if self._newest_ns - self._judged_until_ns >= 2 * HORIZON_NS:
            self._judge(self._newest_ns - HORIZON_NS)

    def judge_all(self) -> None:
        """Judge all that was told: nothing is still to come."""
        self._judge(self._newest_ns + 1)

    def saved_pets(self) -> list[int]:
        """The pets with an acknowledged save, after `judge_all`."""
        return [pet for pet, register in self._pets.items() if register.acknowledged]

    def stored(self, pet: int, key: int) -> Stored:
        """What it says that a pet is stored with this value, after `judge_all`."""
        register = self._pets[pet]
        last = key if key in register.current else register.latest
        checked = int(last in register.unread)
        if self._may_show(register, key):
            return Stored(0, checked)
        return Stored(register.acknowledged if key == UNSAVED else 1, checked)

    def is_unsure(self, key: int) -> bool:
        """Whether a save was not acknowledged, as far as is known."""
        number, vu = split_key(key)
        if number > self._last.get(vu, 0):
            return True
        unsure = self._unsure.get(vu, ())
        place = bisect_left(unsure, number)
        return place < len(unsure) and unsure[place] == number

    def count(self, key: int, *, acknowledged: bool) -> None:
        """A save whose pet tells nothing was over: only whether it was acknowledged will be asked."""
        number, vu = split_key(key)
        self._last[vu] = number
        if not acknowledged:
            self._unsure.setdefault(vu, array("q")).append(number)

    def _judge(self, until_ns: int) -> None:
        self._waiting.sort()
        split = bisect_left(self._waiting, (until_ns,))
        for event in self._waiting[:split]:
            if event[1] == _READ:
                self._judge_read(*event)
            else:
                self._take_save(*event)
        del self._waiting[:split]
        self._judged_until_ns = max(self._judged_until_ns, until_ns)

    def _take_save(
        self, end_ns: int, _: int, pet: int, key: int, begin_ns: int, acknowledged: int, counted: int
    ) -> None:
        self.count(key, acknowledged=bool(acknowledged))
        if acknowledged:
            register = self._pets.get(pet) or self._pets.setdefault(pet, _Register())
            register.save(key, begin_ns, end_ns, counted=bool(counted))

    def _judge_read(self, _: int, __: int, pet: int, key: int, checks: int) -> None:
        register = self._pets.get(pet)
        if register is None:
            return  # no save of it was acknowledged
        if self._may_show(register, key):
            self.checked += bool(checks) and register.look_at(key)
            return
        self.stale_reads += 1
        self.checked += register.look_at(register.latest)
        if len(self.examples) < _MOST_EXAMPLES:
            self.examples.append((pet, key, register.latest))

    def _may_show(self, register: _Register, key: int) -> bool:
        if key == UNSAVED:
            return not register.acknowledged
        return key in register.current or self.is_unsure(key)


class _Flow(NamedTuple):
    """What the samples of a phase tell of saves."""

    saves: Mapping[int, bool]
    """The places that save, and whether they leave a note."""
    reads: Mapping[int, bool]
    """The places whose reads tell what they saw, and whether the database told it."""


def shown_in(frame: Frame, reads: Collection[int]) -> Mapping[int, int]:
    """What each read at these places showed, by the index of its sample."""
    if not reads:
        return {}
    failures = frame.failures
    indexes = [index for index, place in enumerate(places(frame.draws)) if place in reads and index not in failures]
    return dict(zip(indexes, frame.shown, strict=True))


class SetUpSaves:
    """Numbers the saves of each vu as the engine's process does, and has registers judge them."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self.registers = Registers()
        self.acknowledged = 0
        """Acknowledged saves."""
        self.noted: Counter[int] = Counter()
        """Those of them that left a note, by pet."""
        mode = canary_mode_of(plan.scenario)
        self._in_fields = mode.in_fields
        self._needs_notes = mode is CanaryMode.NOTES_ONLY
        self._numbers: Counter[int] = Counter()
        self._plan = plan
        self._flows = [
            _Flow(
                {place: step.effects.leaves_note for place, step in enumerate(planned.flow) if step.effects.saves_pet},
                telling_reads(plan.scenario, planned.phase),
            )
            for planned in plan.phases
        ]

    @property
    def unchecked(self) -> int:
        """Acknowledged saves that nothing can be held against."""
        return self.acknowledged - self.noted.total() if self._needs_notes else 0

    def _flow_of(self, vu: int) -> _Flow:
        return self._flows[self._plan.phase_of(vu).index]

    def reads_of(self, vu: int) -> Mapping[int, bool]:
        """The places in a vu's flow whose reads tell what they saw, and whether the database told it."""
        return self._flow_of(vu).reads

    def add(self, frame: Frame, shown: Mapping[int, int]) -> None:
        """Take in the samples of a frame."""
        flow = self._flow_of(frame.vu)
        if not flow.saves and not flow.reads:
            return
        for index, place in enumerate(places(frame.draws)):
            if index in shown:
                _, user, _ = unpack(frame.draws[index])
                if user >= 0:
                    self.registers.read(user, shown[index], frame.starts[index], checks=flow.reads[place])
            elif place in flow.saves:
                self._add_save(frame, index, noted=flow.saves[place])
        self.registers.judge_what_is_old()

    def _add_save(self, frame: Frame, index: int, *, noted: bool) -> None:
        _, user, _ = unpack(frame.draws[index])
        outcome = frame.failures.get(index, OK)
        if user < 0 or outcome == SKIPPED:
            return
        self._numbers[frame.vu] += 1
        key, acknowledged = save_key(self._numbers[frame.vu], frame.vu), outcome == OK
        if acknowledged:
            self.acknowledged += 1
            if noted:
                self.noted[user] += 1
        if self._in_fields:
            begin_ns = frame.starts[index]
            end_ns = begin_ns + frame.durations[index]
            # a save with a note is looked for by its note, whatever replaced it
            self.registers.save(user, key, begin_ns, end_ns, acknowledged=acknowledged, counted=not noted)
        else:
            self.registers.count(key, acknowledged=acknowledged)
