"""All that a run has told so far."""

from __future__ import annotations

from pathlib import Path

from perfcli.measurement.digest import PerformedWork
from perfcli.measurement.integrity import Ledger
from perfcli.measurement.samples import Samples
from perfcli.monitor import Reading
from perfcli.plan import ExecutionPlan
from perfcli.recorder import Frame
from perfcli.results import Integrity


class Measurement:
    """What is known of a run; grows while it goes on."""

    def __init__(self, plan: ExecutionPlan) -> None:
        self.plan = plan
        self.samples = Samples(plan.scenario)
        self.ledger = Ledger(plan.scenario)
        self.performed: dict[int, PerformedWork] = {}
        self.warmup_iterations: dict[int, int] = {}
        self.marks: dict[str, Reading] = {}
        self.readings: list[Reading] = []
        self.began_ns: int | None = None
        self.ended_ns: int | None = None
        self.cut_short = False
        self.active_pets: int | None = None
        self.engine_version = ""
        self.integrity: Integrity | None = None

    def add(self, frame: Frame) -> None:
        """Take in a frame of samples."""
        self.ledger.add(frame)
        if not frame.measured:
            self.warmup_iterations[frame.vu] = frame.iterations
            return
        work = self.performed.setdefault(frame.vu, PerformedWork(self.plan.scenario.load.vus))
        work.add(frame.column(0))
        work.iterations = frame.iterations
        self.samples.add(frame)

    def check_integrity(self, database: Path) -> None:
        """Hold the database to what was acknowledged, where the run has a database of its own."""
        if self.plan.scenario.target.starts_engine:
            self.integrity = self.ledger.verify(database)

    @property
    def iterations(self) -> int:
        """Iterations completed by all vus."""
        return sum(work.iterations for work in self.performed.values())

    @property
    def dropped_iterations(self) -> int:
        """Iterations that the load prescribes but time did not allow; none where it was stopped on purpose."""
        planned = self.plan.scenario.load.planned_iterations
        if planned is None or self.ended_ns is None or self.cut_short:
            return 0
        return max(0, planned - self.iterations)

    @property
    def duration_ns(self) -> int | None:
        """Measured time; None until the load has ended."""
        if self.began_ns is None or self.ended_ns is None:
            return None
        return self.ended_ns - self.began_ns

    def measured_readings(self) -> list[Reading]:
        """The monitor's readings from the baseline to the end of the load."""
        baseline, end = self.marks.get("baseline"), self.marks.get("end")
        if baseline is None:
            return []
        last_ns = end.at_ns if end else self.ended_ns
        return [r for r in list(self.readings) if r.at_ns >= baseline.at_ns and (last_ns is None or r.at_ns <= last_ns)]
