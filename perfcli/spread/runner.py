"""`python -m perfcli.spread.runner`: does one order after another on a machine of a cluster, as the tool would itself.

Orders come by stdin and answers go to stdout, in lines of JSON; what else is printed goes to stderr. At the end of its
input the tool, or the machine's worker, is gone: then everything is ended at once.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from random import Random
from threading import Thread
from typing import Any, Final

from perfcli.ab.comparison import from_engines
from perfcli.ab.pairs import LocalPairs
from perfcli.ab.side import Interrupted
from perfcli.agent.private_memory import can_be_private
from perfcli.cpus import pinnable_cpus
from perfcli.errors import ExitCode, PerfError
from perfcli.observer import Progress
from perfcli.plan import ExecutionPlan
from perfcli.pool import cleanup
from perfcli.pool.identity import EngineSource
from perfcli.pool.processes import LocalPool, forked
from perfcli.pool.template import Template
from perfcli.run import run_scenario
from perfcli.run.interrupts import Interrupts
from perfcli.run.one_run import Counting
from perfcli.run.supervision import StopRequest
from perfcli.spread.remote_runner import DONE, ENGINES, FAILED, PROGRESS, SENT_OF_PROGRESS, STOP, Lines, Order, written

_INTERVAL_S: Final = 0.5

Say = Callable[[dict[str, Any]], None]


def main() -> None:
    """Do what is ordered until there is nothing left to do."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    # whatever prints must not come between the answers
    os.dup2(2, 1)
    gc.freeze()
    interrupts = Interrupts()
    interrupts.install()
    runner = Runner(lambda message: _write(answers.fileno(), written(message)), interrupts.stop)
    orders: SimpleQueue[Order] = SimpleQueue()
    Thread(target=_read, args=(orders, interrupts.stop), daemon=True).start()
    while not interrupts.stop.reason:
        runner.obey(orders.get())
    runner.close()


def _read(orders: SimpleQueue[Order], stop: StopRequest) -> None:
    lines = Lines()
    while content := os.read(0, 2**16):
        for message in lines.add(content):
            if STOP in message:
                stop.reason = str(message[STOP])
            else:
                orders.put(message)
    cleanup.abandon(ExitCode.INTERNAL)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


class Runner:
    """Obeys orders.

    Args:
        say: sends an answer.
        stop: ends what is being done.
    """

    def __init__(self, say: Say, stop: StopRequest) -> None:
        self._say = say
        self._stop = stop
        self._template = Template() if can_be_private() else None
        self._compared: Order = {}
        self._pairs: LocalPairs | None = None

    def obey(self, order: Order) -> None:
        """Do what is ordered, and answer with what came of it."""
        doing: Mapping[str, Callable[[Order], Any]] = {
            "run": self._run,
            "count": self._count,
            "pair": lambda order: self._pairs_of(order).make().written(),
            "pair of bases": lambda order: self._pairs_of(order).problem_of_base_alone(),
        }
        try:
            self._say({DONE: doing[order["do"]](order)})
        except Interrupted:
            self._say({DONE: None})
        except PerfError as error:
            self._say({FAILED: {"message": error.message, "hint": error.hint, "exit_code": int(error.exit_code)}})

    def close(self) -> None:
        """Let go of what is kept for the next order."""
        if self._pairs:
            self._pairs.close()
        if self._template:
            self._template.close()

    def _run(self, order: Order) -> Any:
        engine = engine_at(*order["engine"])
        result = run_scenario(
            ExecutionPlan.model_validate(order["plan"]),
            pool=self._pool(engine),
            observer=_Reporter(self._say),
            stop=self._stop,
            engine=engine,
            counting=Counting(order["counting"]),
        )
        return result.model_dump(mode="json")

    def _count(self, order: Order) -> Any:
        plan = ExecutionPlan.model_validate(order["counted"])
        return self._pairs_of(order).count(plan, of_candidate=order["of_candidate"]).written()

    def _pairs_of(self, order: Order) -> LocalPairs:
        """The pairs that an order is about, which go on where the last order left them."""
        comparison = {key: order[key] for key in ("plans", "engines", "cpus")}
        if self._pairs is None or comparison != self._compared:
            if self._pairs:
                self._pairs.close()
            base, candidate = (ExecutionPlan.model_validate(plan) for plan in order["plans"])
            paths = (engine_at(*engine).path for engine in order["engines"])
            self._compared = comparison
            self._pairs = LocalPairs(
                (base, candidate),
                from_engines(*paths),
                pinnable_cpus(),
                order["cpus"],
                Random(),
                lambda: self._stop.reason,
            )
        return self._pairs

    def _pool(self, engine: EngineSource) -> LocalPool:
        if self._template is None:
            return LocalPool(engine.path)
        self._template.restart_if_ended()
        return LocalPool(engine.path, forked(self._template))


def engine_at(number: int, sent: dict[str, Any]) -> EngineSource:
    """An engine that an order names, in the folder that the machine unpacked it into."""
    return EngineSource(Path.cwd() / ENGINES / str(number), **sent)


class _Reporter:
    """Sends how a run goes on, twice a second at most."""

    wants_snapshots = False

    def __init__(self, say: Say) -> None:
        self._say = say
        self._next_s = 0.0
        self._stage = ""

    def update(self, progress: Progress) -> None:
        """The run has moved on."""
        now_s = time.monotonic()
        if now_s >= self._next_s or progress.stage != self._stage:
            self._next_s, self._stage = now_s + _INTERVAL_S, progress.stage
            self._say({PROGRESS: {name: getattr(progress, name) for name in SENT_OF_PROGRESS}})


if __name__ == "__main__":
    main()
