"""All that a run has told so far."""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from perfcli.clock import Stop
from perfcli.cpus import Scheduling
from perfcli.measurement.fault_spans import FaultSpans
from perfcli.measurement.integrity import Conservation, check_integrity
from perfcli.measurement.ledger import Ledger
from perfcli.measurement.restarts import Death, Restarts
from perfcli.measurement.samples import FailureKind, PerformedWork, PhaseTimes, References, Samples
from perfcli.measurement.spilled_samples import SpilledSamples
from perfcli.measurement.starvation import disturbance, starvation
from perfcli.metrics.timeline import Timeline
from perfcli.monitor import Reading
from perfcli.operations.stored import Readable
from perfcli.plan import INCARNATION, ExecutionPlan, PlannedPhase
from perfcli.pool.protocol import Fidelity
from perfcli.recorder import Frame
from perfcli.results import ExactCounters, Inspection, Integrity
from perfcli.results.findings import Findings
from perfcli.wire import (
    Answers,
    HeldUp,
    Inspected,
    LoadOver,
    Message,
    Opened,
    Outcome,
    PhaseOver,
    Profiled,
    Wave,
)
from perfcli.workload import places


class Measurement:
    """What is known of a run; grows while it goes on, but for long runs within bounds."""

    def __init__(self, plan: ExecutionPlan, spilled: SpilledSamples | None = None) -> None:
        self.plan = plan
        self.samples = Samples(plan)
        self._spill = spilled.begin(plan, self.samples) if spilled else lambda frame, origin_ns: None
        self.ledger = Ledger(plan)
        self.references = [References() for _ in plan.phases]
        self.performed: dict[int, PerformedWork] = {}
        self.warmup_iterations: dict[int, int] = {}
        self.warmed_up: list[Counter[int]] = [Counter() for _ in plan.phases]
        """By phase: how often each place of its flow was done in the warm-up."""
        self.phases = [PhaseTimes() for _ in plan.phases]
        self.restarts = Restarts(plan, self.performed, self.phases)
        self.marks: dict[str, Reading] = {}
        self.readings: Sequence[Reading] = ()
        self.began_ns: int | None = None
        self.ended_ns: int | None = None
        self.is_cut_short = False
        self.broken_off: tuple[str, int] | None = None
        """The phase whose threshold ended the load, "" for one of the whole run, and when: a reading of the clock."""
        self._tool_stops: Sequence[Stop] = ()
        self._starved_before_outage = ""
        self.held_up: list[Stop] = []
        self.start_late_ns: dict[int, int] = {}
        """By process: how long after the common start its vus began."""
        self.loads: dict[int, dict[str, Scheduling]] = {}
        """Of processes without the engine, by checkpoint: what the scheduler gave them."""
        self.generators_cpu_ns: dict[int, dict[str, int]] = {}
        """Of processes with vus and without the engine, by checkpoint: CPU time used until then."""
        self.active_pets: int | None = None
        self.engine_version = ""
        self.integrity: Integrity | None = None
        self.left_running: list[str] = []
        self.inspection = Inspection()
        self.exact: ExactCounters | None = None
        self.printed_bytes: int | None = None
        self.frame_bytes = 0
        self.findings: Findings | None = None
        self.faults = FaultSpans(plan) if plan.faults else None
        self.answered = 0
        """Pets that the engines were asked for before they were shut down."""
        self._answers: list[bytes] = []
        self._conservation: Conservation | None = None

    def take(self, message: Message) -> None:
        """Take in what an engine process says beside its frames."""
        match message:
            case Opened(version):
                self.engine_version = version
            case Outcome(index, kind, category, example):
                self.samples.learn(index, FailureKind(kind, category, example))
            case Wave(number, at_ns):
                self.begin_wave(number, at_ns)
            case PhaseOver(index, at_ns, interrupted):
                self.end_phase(index, at_ns, interrupted)
            case HeldUp(began_ns, ended_ns):
                self.held_up.append(Stop(began_ns, ended_ns))
            case LoadOver(at_ns, active_pets):
                self.end(at_ns, active_pets)
            case Answers(lines):
                # many pets with their histories would be hundreds of MB
                self.answered += lines.count("\n")
                self._answers.append(zlib.compress(lines.encode(), 1))
            case Profiled(findings):
                self.findings = findings
            case Inspected(inspection):
                self.inspection = self.inspection.merged(inspection)

    def add(self, frame: Frame) -> None:
        """Take in a frame of samples."""
        self.ledger.add(frame)
        phase = self.plan.phase_of(frame.vu)
        if not frame.measured:
            if self.phases[phase.index].began_ns is not None:
                return  # the pass that counts statements, after the load
            self.warmup_iterations[frame.vu] = frame.iterations
            self.warmed_up[phase.index].update(places(frame.draws))
            return
        began_ns = self.phases[phase.index].began_ns
        assert began_ns is not None
        if frame.starts and frame.starts[0] < began_ns:
            # another process said first when the phase began, perhaps by another clock
            frame = replace(frame, starts=array("q", [max(began_ns, start_ns) for start_ns in frame.starts]))
        work = self.performed.setdefault(frame.vu, PerformedWork(self.plan.vus))
        work.add(frame)
        if frame.reference_ns and frame.starts:
            self.references[phase.index].add(frame.starts[-1] - began_ns, frame.reference_ns)
        self.samples.add(frame, began_ns)
        assert self.began_ns is not None
        self._spill(frame, self.began_ns)
        if self.faults is not None:
            self.faults.add(frame, self.began_ns)
        self.frame_bytes += frame.size_bytes

    def begin_wave(self, number: int, at_ns: int) -> None:
        """The phases of a wave begin; in which process first, does not matter."""
        if self.began_ns is None:
            self.began_ns = at_ns
        for phase in self.plan.waves[number]:
            times = self.phases[phase.index]
            if times.began_ns is None:
                times.began_ns = at_ns + (phase.load.start_after_ns or 0)

    def end_phase(self, index: int, at_ns: int, interrupted: int) -> None:
        """A phase is over in one of the engine processes."""
        times = self.phases[index]
        times.interrupted += interrupted
        times.over_in += 1
        times.ended_ns = max(at_ns, times.ended_ns or 0, self.restarts.last_known_ns(index))

    def end(self, at_ns: int, active_pets: int | None) -> None:
        """The load is over in one of the engine processes, with so many pets in its cache."""
        self.ended_ns = max(at_ns, self.ended_ns or 0)
        if active_pets is not None:
            self.active_pets = (self.active_pets or 0) + active_pets

    def begin_outage(self) -> None:
        """An engine process is about to be killed, as planned: its CPU time will not be known any more."""
        self._starved_before_outage = self._starved_before_outage or self._starved_since_rejoining

    def note_death(self, death: Death) -> None:
        """An engine process was killed, as planned."""
        if death.load_over is not None and self.active_pets is not None:
            self.active_pets -= death.load_over.active_pets or 0
        for frame in self.restarts.note_death(death, self.ledger.created):
            self.ledger.add(frame)
            assert self.began_ns is not None
            self._spill(frame, self.began_ns)
        if self.faults is not None:
            self.faults.add_unanswered(self.restarts.all[-1])

    def end_outage(self, reading: Reading | None) -> None:
        """The next incarnation of a process is about to go on: the memory it holds by now is not growth."""
        if reading is not None:
            self.marks["rejoined"] = reading
            # of several processes the others have been open for longer
            self.marks.pop("opened", None)

    def end_unless_ended(self, at_ns: int) -> None:
        """The engine did not say when the load was over: it was over by this time."""
        if self.began_ns is not None and self.ended_ns is None:
            self.ended_ns = at_ns

    def cut_short(self, broken_off: tuple[str, int] | None = None) -> None:
        """The load is stopped before its plan is done.

        Args:
            broken_off: the phase of the threshold that ended it, and when.
        """
        self.is_cut_short = True
        self.broken_off = broken_off

    def leave_behind(self, processes: Sequence[str], printed_bytes: int) -> None:
        """What one of the engine processes left running, in words, and how much it printed."""
        self.left_running += processes
        self.printed_bytes = (self.printed_bytes or 0) + printed_bytes

    def follow(self, readings: Sequence[Reading], tool_stops: Sequence[Stop]) -> None:
        """Look at these two from now on, as they grow: readings of the engine, times in which the tool stood still."""
        self.readings, self._tool_stops = readings, tool_stops

    def mark(self, name: str, reading: Reading) -> None:
        """Keep the reading of a checkpoint."""
        self.marks[name] = reading

    def engine_lives_elsewhere(self, *, watched: bool) -> None:
        """The engine has a process of its own, in which there is nothing of the harness; perhaps out of sight."""
        harness = self.marks.pop("harness", None)
        if harness is not None and watched:
            self.marks["harness"] = replace(harness, rss=0, uss=0)

    @property
    def starved(self) -> str:
        """Why the figures are not the engine's alone, so far; "" if they are."""
        if disturbed := self._disturbed:
            return disturbed
        return self._starved_before_outage or self._starved_since_rejoining or self._starved_load

    @property
    def _starved_since_rejoining(self) -> str:
        before, end = self.marks.get("rejoined") or self.marks.get("baseline"), self.marks.get("end")
        newest = (reading for reading in reversed(list(self.readings)) if reading.scheduling is not None)
        after = end or next(newest, None)
        if before is None or after is None or before.scheduling is None or after.scheduling is None:
            return ""
        return starvation(before.scheduling, after.scheduling)

    @property
    def _starved_load(self) -> str:
        """Why a process that loads the engine of another one could not do so as planned; "" if none was starved."""
        for process, marks in self.loads.items():
            if "baseline" in marks and "end" in marks and (why := starvation(marks["baseline"], marks["end"])):
                return f"process {process}, which loads the server: {why}"
        return ""

    @property
    def _disturbed(self) -> str:
        """Why the load was not the planned one, through no fault of the engine; "" if it was."""
        if self.began_ns is None:
            return ""
        judges_shutdown = self.plan.scenario.asks_for("engine.shutdown_time")
        ended_ns = self.ended_ns if self.ended_ns is not None and not judges_shutdown else 2**63
        return disturbance(self._tool_stops, self.held_up, Stop(self.began_ns, ended_ns))

    @property
    def answers(self) -> Iterator[str]:
        """What the engines answered about their pets before they were shut down, in texts of whole lines."""
        return (zlib.decompress(text).decode() for text in self._answers)

    def begin_account(self, database: Readable) -> None:
        """Note what is stored before the load, where a threshold asks what became of it."""
        if self.plan.scenario.asks_for("lost_updates"):
            self._conservation = Conservation(database, self.ledger.cared())

    def check_integrity(self, database: Readable, *, complete: bool = True) -> None:
        """Hold the database to what was acknowledged, where the run has a database of its own.

        Args:
            complete: whether all samples are known.
        """
        if not self.plan.scenario.target.watchable:
            return
        found = check_integrity(self.ledger, database, complete=complete)
        if database.lost:
            return  # a database that cannot be read any more shows no loss
        if (before := self.integrity) is not None:
            # the engine may lose writes as it shuts down
            found = max(found, before, key=lambda each: (each.lost or 0) + (each.duplicates or 0)).model_copy(
                update={"damaged": before.damaged or found.damaged, "lost_updates": before.lost_updates}
            )
        self.integrity = found
        if self._conservation is not None and found.lost_updates is None and complete:
            balance = self._conservation.verify(database, self.ledger.cared())
            update = {"lost_updates": balance.lost_updates, "examples": [*found.examples, *balance.examples]}
            self.integrity = found.model_copy(update=update)

    def add_fidelity(self, fidelity: Fidelity) -> None:
        """What a new process found in the database, against what the engine had answered."""
        self.left_running += fidelity.left
        if self.integrity is not None:
            examples = [*self.integrity.examples, *fidelity.examples]
            differences = fidelity.differences if fidelity.compared or fidelity.differences else None
            update = {"differences": differences, "examples": examples}
            self.integrity = self.integrity.model_copy(update=update)

    def iterations_of(self, phase: PlannedPhase) -> int:
        """Iterations completed by the vus of a phase."""
        return sum(work.iterations for vu, work in self.performed.items() if vu % INCARNATION in phase.vus)

    @property
    def duration_ns(self) -> int | None:
        """Measured time; None until the load has ended."""
        if self.began_ns is None or self.ended_ns is None:
            return None
        ends = [times.ended_ns for times in self.phases]
        # what the agent does once the last vu is done is no load
        ended_ns = max((ns for ns in ends if ns is not None), default=self.ended_ns) if all(ends) else self.ended_ns
        return ended_ns - self.began_ns

    def duration_of(self, phase: PlannedPhase) -> int | None:
        """How long a phase lasted, or has lasted when the load ended; None where it never began."""
        times = self.phases[phase.index]
        ended_ns = times.ended_ns or self.ended_ns
        if times.began_ns is None or ended_ns is None:
            return None
        return max(0, ended_ns - times.began_ns)

    def timeline(
        self, label: str = "", phase: PlannedPhase | None = None, *, by_service_time: bool = False
    ) -> Timeline:
        """When the operations of a label, or all, were; in ns since the phase began, or else since measuring did.

        To be read only: it may be the one that goes on to grow.
        """
        parts = [
            (samples.service_timeline if by_service_time else samples.timeline, 0 if phase else self.offset_ns(index))
            for index in (range(len(self.phases)) if phase is None else [phase.index])
            for samples in self.samples.select(label, index)
        ]
        if len(parts) == 1 and parts[0][1] == 0:
            return parts[0][0]  # a copy of a long load takes a second
        whole = Timeline()
        for timeline, later_ns in parts:
            whole.merge(timeline, later_ns=later_ns)
        return whole

    def offset_ns(self, phase: int) -> int:
        """How long after measuring began a phase did; 0 where it has not."""
        began_ns = self.phases[phase].began_ns
        return 0 if began_ns is None or self.began_ns is None else began_ns - self.began_ns

    def share_done(self, phase: PlannedPhase, now_ns: int) -> float:
        """How much of a phase is done, 0..1."""
        times = self.phases[phase.index]
        if times.began_ns is None:
            return 0.0
        if times.over_in:
            return 1.0
        return phase.load.share_done(self.iterations_of(phase), max(0, now_ns - times.began_ns))

    def measured_readings(self) -> list[Reading]:
        """The monitor's readings from the baseline to the end of the load."""
        baseline, end = self.marks.get("baseline"), self.marks.get("end")
        if baseline is None:
            return []
        last_ns = end.at_ns if end else self.ended_ns
        return [r for r in list(self.readings) if r.at_ns >= baseline.at_ns and (last_ns is None or r.at_ns <= last_ns)]
