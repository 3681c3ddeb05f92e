"""Saves of pets of the setup, and what reads showed of them: from frames of samples to registers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from perfcli.measurement.registers import Registers
from perfcli.operations.save_canaries import CanaryMode, save_key
from perfcli.plan import ExecutionPlan
from perfcli.recorder import OK, SKIPPED, Frame
from perfcli.scenario.canary_mode import canary_mode_of, telling_reads
from perfcli.workload import places, unpack


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
