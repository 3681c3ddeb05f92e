"""The tool's end of a process that runs for it on another machine, and what they say to one another.

That is a JSON object a line. Only JSON comes back: a machine's answer is data, whatever runs there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from perfcli.cluster.machine import Machine, RemoteProcess, zipped
from perfcli.errors import ExitCode, MachineLost, PerfError, UsageError
from perfcli.judgement import Ending
from perfcli.observer import Progress
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.results import RunResult
from perfcli.run.one_run import Counting, run_without_result
from perfcli.run.supervision import StopRequest

ENGINES: Final = "engines"
"""The folder in which the process finds the engines, by their numbers."""

STOP: Final = "stop"
PROGRESS: Final = "progress"
DONE: Final = "done"
FAILED: Final = "failed"

Order = dict[str, Any]
"""Plain values: `do`, and what that needs; or `stop`, with the reason."""

SENT_OF_PROGRESS: Final = (
    "scenario",
    "stage",
    "elapsed_ns",
    "phase",
    "iterations",
    "vus",
    "share_done",
    "ok",
    "failed",
    "rate_per_s",
    "rss_bytes",
)
"""What is cheap to know."""

_SENT_OF_ENGINE: Final = ("name", "digest", "head", "digest_at_head", "note")
"""How it is identified where it came from."""

_TICK_S: Final = 0.1

Tell = Callable[[Progress], None]


def written(message: Mapping[str, Any]) -> bytes:
    """A message as a line."""
    return json.dumps(message).encode() + b"\n"


class Lines:
    """Puts lines together from pieces."""

    def __init__(self) -> None:
        self._begun = b""

    def add(self, content: bytes) -> Iterator[dict[str, Any]]:
        """The messages that are complete with this piece.

        Raises:
            PerfError: it is none.
        """
        *lines, self._begun = (self._begun + content).split(b"\n")
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if not isinstance(message, dict):
                raise PerfError(f"something else than a message arrived: {line[:80]!r}")
            yield message


class RunnerEnded(PerfError):  # noqa: N818 an event, as MachineLost is
    """What runs for the tool on a machine has ended unasked."""

    def __init__(self, machine: str, code: int | None, said: str) -> None:
        super().__init__(f"what ran on {machine} has ended with code {code}", hint=said)
        self.said = said


class RemoteRunner:
    """Does one order after another on a machine; for one thread.

    Args:
        engines: that orders may name; each is sent once, to machines that do not have it yet.
        stop: ends what is being done.
    """

    def __init__(self, machine: Machine, engines: Sequence[EngineSource], stop: StopRequest) -> None:
        self.machine = machine
        self._engines = engines
        self._stop = stop
        self._lines = Lines()
        self._process: RemoteProcess | None = None
        self._is_stopping = False
        self._progress: Progress | None = None

    def prepare(self) -> None:
        """Have the process run.

        Raises:
            MachineLost: the machine is gone.
        """
        if self._process is not None and self._process.code is not None:
            self._process = None
        if self._process is None:
            self._is_stopping = False
            archives = {f"{ENGINES}/{number}": zipped(engine.path) for number, engine in enumerate(self._engines)}
            self._process = self.machine.start(["-m", "perfcli.spread.runner"], folders=archives)
        if self._process.lost:
            raise MachineLost(self.machine.name, self._process.lost)

    def do(self, order: Order, tell: Tell = lambda progress: None) -> Any:
        """Have an order done; return the answer.

        Raises:
            MachineLost: the machine is gone.
            PerfError: it cannot be done, or what runs for the tool there has ended.
        """
        self.prepare()
        process, self._progress = self._process, None
        assert process
        process.send(written(order))
        while True:
            self._pass_stop_on(process)
            for message in self._lines.add(process.receive(_TICK_S)):
                if PROGRESS in message:
                    self._progress = Progress(**{name: message[PROGRESS][name] for name in SENT_OF_PROGRESS})
                    tell(self._progress)
                elif FAILED in message:
                    raise _error(message[FAILED])
                elif DONE in message:
                    if self._is_stopping:
                        # it obeys no more, and ends
                        self._process = None
                    return message[DONE]
            if process.is_over:
                self._give_up(process)

    def run(
        self,
        plan: ExecutionPlan,
        engine: EngineSource,
        counting: Counting = Counting.IF_ASKED,
        tell: Tell = lambda progress: None,
    ) -> RunResult:
        """Run a plan there, as `run_scenario` does here; if the machine is lost meanwhile, the run is invalid.

        Raises:
            MachineLost: it was lost before; nothing has run.
            UsageError, PerfError: as `run_scenario`.
        """
        self.prepare()
        started_at = datetime.now(UTC)
        try:
            return self.probe(plan, engine, counting, tell)
        except MachineLost as lost:
            ending = Ending(disturbed=f"{lost.message}{self._got_to()}")
        except RunnerEnded as ended:
            ending = Ending(error=f"{ended.message}{self._got_to()}", details=ended.said)
        result = run_without_result(plan, engine, started_at, ending)
        there = self.machine.description
        return result.model_copy(
            update={"environment": there.environment(), "machines": [there.result(self.machine.name)]}
        )

    def probe(
        self,
        plan: ExecutionPlan,
        engine: EngineSource,
        counting: Counting = Counting.IF_ASKED,
        tell: Tell = lambda progress: None,
    ) -> RunResult:
        """The same of a run that may be made again on another machine.

        Raises:
            MachineLost: before it or meanwhile.
            RunnerEnded: what runs for the tool there has ended.
            UsageError, PerfError: as `run_scenario`.
        """
        order = {
            "do": "run",
            "plan": plan.model_dump(mode="json"),
            "engine": self.named(engine),
            "counting": counting.value,
        }
        result = RunResult.model_validate(self.do(order, tell))
        return result.model_copy(update={"machines": [self.machine.description.result(self.machine.name)]})

    def named(self, engine: EngineSource) -> tuple[int, dict[str, str]]:
        """An engine as orders name it."""
        return self._engines.index(engine), {name: getattr(engine, name) for name in _SENT_OF_ENGINE}

    def _pass_stop_on(self, process: RemoteProcess) -> None:
        if self._stop.reason and not self._is_stopping:
            self._is_stopping = True
            process.send(written({STOP: self._stop.reason}))

    def _give_up(self, process: RemoteProcess) -> NoReturn:
        if process.lost:
            raise MachineLost(self.machine.name, process.lost)
        self._process = None
        raise RunnerEnded(self.machine.name, process.code, process.errors().strip())

    def _got_to(self) -> str:
        """How far a run had come, in words."""
        progress = self._progress
        if progress is None:
            return ""
        share = "" if progress.share_done is None else f" at {progress.share_done:.0%} of its load"
        return f"; it was {progress.stage}{share}, with {progress.ok:,} operations ok and {progress.failed:,} failed"


def _error(given: Mapping[str, Any]) -> PerfError:
    """What went wrong on a machine."""
    message, hint, code = str(given["message"]), str(given["hint"]), ExitCode(given["exit_code"])
    return UsageError(message, hint=hint) if code is ExitCode.USAGE else PerfError(message, hint=hint, exit_code=code)
