"""What happens while a command goes on, as events: plain data, versioned, for editors and bots; and their file."""

from __future__ import annotations

import json
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from perfcli.ab.result import AbResult
from perfcli.observer import Progress
from perfcli.outputs import STDOUT, reason_of
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.report.reported import Reported
from perfcli.results import OperationResult, ThresholdResult, variation_text
from perfcli.streams import complain
from perfcli.units import NS_PER_S

VERSION: Final = 1
"""Of the events. It grows when a field changes its meaning or is removed, not with new fields and events."""

_MOST_WAITING: Final = 1_000
_TO_LEAVE_S: Final = 5.0
_LONE: Final = "backslashreplace"
"""Half a character from outside is written as its code."""

Event = dict[str, Any]
"""Plain data: `version`, `event`, `at` (UTC) and the fields of its kind. Times are in ns, sizes in bytes."""


class Events:
    """Turns what happens in a command into events, each at once.

    Args:
        tell: receives each event; must return at once.
        now: what time it is.
    """

    wants_snapshots = True

    def __init__(self, tell: Callable[[Event], None], now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._tell = tell
        self._now = now
        self._scenario = ""
        self._known = Progress("", "", 0)
        self._next_snapshot_ns = 0

    def begin(self, plan: ExecutionPlan, engine: EngineSource, number: int, of: int) -> None:
        """A scenario is about to run on an engine: which of how many."""
        self._scenario = plan.title
        self._known, self._next_snapshot_ns = Progress(plan.title, "", 0), 0
        self._say(
            "scenario",
            name=plan.scenario.name,
            variation=variation_text(plan.variation),
            description=plan.scenario.description,
            number=number,
            of=of,
            seed=plan.seed,
            engine=engine.name,
            commit=engine.commit_of(engine.digest),
            thresholds=[str(rule.expr) for rule in plan.scenario.thresholds],
        )

    def note(self, text: str) -> None:
        """Say what a command does that runs no scenario by itself: compares, searches."""
        self._say("note", text=text)

    def update(self, progress: Progress) -> None:
        """The run has moved on."""
        before, self._known = self._known, progress
        if progress.stage != before.stage:
            self._next_snapshot_ns = 0
            self._say("stage", stage=progress.stage)
        for kind, was, now in (("phase", before.phases, progress.phases), ("fault", before.faults, progress.faults)):
            for name, state in _changes(was, now):
                self._say(kind, **{kind: name, "state": state})
        risks = {each.threshold: each.text for each in progress.snapshot.at_risk}
        known = [each.threshold for each in before.snapshot.at_risk]
        for threshold, state in _changes(known, list(risks)):
            self._say("risk", threshold=threshold, state=state, text=risks.get(threshold, ""))
        if progress.stage == "measuring" and progress.elapsed_ns >= self._next_snapshot_ns:
            self._next_snapshot_ns = progress.elapsed_ns + NS_PER_S
            self._say("snapshot", **snapshot(progress))

    def end(self, result: Reported) -> None:
        """A scenario is over: what was found."""
        if isinstance(result, AbResult):
            metrics = [
                {"name": each.name, "ratio": _finite(each.ratio), "change": each.change.value}
                for each in result.metrics
            ]
            self._scenario = result.scenario
            self._say("comparison", change=result.change.value, reasons=list(result.reasons), metrics=metrics)
            return
        self._say(
            "verdict",
            verdict=result.verdict.value,
            exit_code=result.exit_code,
            reasons=list(result.reasons),
            duration_ns=result.duration_ns,
            **_totals(result.total),
            operations=[{"name": each.name, **_totals(each)} for each in result.operations],
            thresholds=[_judged(each) for each in result.thresholds],
        )

    def _say(self, event: str, **fields: Any) -> None:
        at = self._now().isoformat(timespec="milliseconds")
        self._tell({"version": VERSION, "event": event, "at": at, "scenario": self._scenario, **fields})


def snapshot(progress: Progress) -> dict[str, Any]:
    """Where a load is, as plain data."""
    return {
        "elapsed_ns": progress.elapsed_ns,
        "share_done": progress.share_done,
        "vus": progress.vus,
        "iterations": progress.iterations,
        "ok": progress.ok,
        "failed": progress.failed,
        "rate_per_s": progress.rate_per_s,
        "p95_ns": progress.snapshot.p95_ns,
        "rss_bytes": progress.rss_bytes,
        "cpu": progress.cpu,
        "operations": list(map(asdict, progress.snapshot.operations)),
    }


def _totals(operation: OperationResult) -> dict[str, Any]:
    latency = operation.latency
    return {
        "ok": operation.ok,
        "failed": operation.failed,
        "rate_per_s": operation.throughput_per_s,
        **{f"{name}_ns": latency.statistic(name) if latency else None for name in ("p50", "p95", "p99")},
    }


def _judged(threshold: ThresholdResult) -> dict[str, Any]:
    return {
        "phase": threshold.phase,
        "threshold": threshold.expr,
        "passed": threshold.passed if threshold.judged else None,
        "observed": threshold.observed,
    }


def _changes(before: Sequence[str], now: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from ((name, "ends") for name in before if name not in now)
    yield from ((name, "begins") for name in now if name not in before)


def _finite(ratio: float) -> float | None:
    """JSON knows no infinity."""
    return ratio if math.isfinite(ratio) else None


class EventFile(Events):
    """Writes each event as a line of JSON, from a thread of its own, so that no reader can hold up a run.

    If the reader is too slow, snapshots are left out, and nothing else.

    Args:
        path: a file, which is replaced, a pipe, or `-` for stdout.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(self._put)
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        self._descriptor = os.dup(1) if path == STDOUT else os.open(path, flags, 0o666)
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._write_all, daemon=True, name="events")
        self._thread.start()

    def close(self) -> None:
        """Write what is left; a reader that takes nothing for 5 s does without."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join(_TO_LEAVE_S)
        if self._thread.is_alive():
            complain(f"Warning: --events {self._path}: its reader does not read: the last events are lost")
        else:
            os.close(self._descriptor)

    def _put(self, event: Event) -> None:
        with self._changed:
            if len(self._waiting) >= _MOST_WAITING and event["event"] == "snapshot":
                return
            self._waiting.append(event)
            self._changed.notify()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    return
                event = self._waiting.popleft()
            try:
                self._write(f"{json.dumps(event, ensure_ascii=False, allow_nan=False)}\n".encode(errors=_LONE))
            except OSError as error:
                complain(f"Warning: --events {self._path}: cannot be written: {reason_of(error)}")
                return

    def _write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._descriptor, line) :]
