"""Pairs of engines on the machines of a cluster: each pair is made by one of them, from its start to its end."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from itertools import repeat
from typing import Any

from perfcli.ab.pair_source import BothPlans, CountOutcome, PairOutcome
from perfcli.ab.side import Interrupted
from perfcli.errors import ExitCode, MachineLost, PerfError
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.results import MachineResult
from perfcli.run.supervision import StopRequest
from perfcli.spread.dealing import Dealer
from perfcli.spread.remote_runner import RemoteRunner


class SpreadPairs:
    """Has all machines make pairs at the same time, until it is closed.

    Pairs are given in the order in which they were begun, so that which of them count does not hang on how long they
    take.

    Args:
        cpus: of each machine that each pair is given.
    """

    def __init__(
        self,
        runners: Sequence[RemoteRunner],
        plans: BothPlans,
        engines: tuple[EngineSource, EngineSource],
        cpus: int,
        stop: StopRequest,
    ) -> None:
        self._runners = runners
        self._engines = engines
        self._stop = stop
        self._order = {
            "plans": [plan.model_dump(mode="json") for plan in plans],
            "engines": [runners[0].named(engine) for engine in engines],
            "cpus": cpus,
        }
        self._dealer: Dealer[str, PairOutcome] = Dealer(runners, self._make_on, stop)
        self._pairs = self._in_order()

    @property
    def machines(self) -> Sequence[MachineResult]:
        """Those that make pairs."""
        return [runner.machine.description.result(runner.machine.name) for runner in self._runners]

    @property
    def is_pinned(self) -> bool:
        """Whether all of them can hold both engines of a pair on the same CPUs."""
        return all(runner.machine.description.pins for runner in self._runners)

    def count(self, plan: ExecutionPlan, *, of_candidate: bool) -> CountOutcome:
        """Count what operations of one engine cost, on the first machine that answers."""
        order = {
            **self._order,
            "do": "count",
            "counted": plan.model_dump(mode="json"),
            "of_candidate": of_candidate,
        }
        return CountOutcome.read(self._anywhere(order))

    def make(self) -> PairOutcome:
        """The next pair.

        Raises:
            Interrupted: the comparison is being stopped.
            PerfError: no machine is left.
        """
        pair = next(self._pairs, None)
        if pair is not None:
            return pair
        if self._stop.reason:
            raise Interrupted
        raise _nobody(self._dealer.lost)

    def problem_of_base_alone(self) -> str:
        """Why a pair of two bases cannot go on."""
        self.close()
        return str(self._anywhere({**self._order, "do": "pair of bases"}))

    def close(self) -> None:
        """Begin no more pairs, and wait for those that are being made."""
        self._pairs.close()
        self._dealer.wait()

    def _anywhere(self, order: dict[str, Any]) -> Any:
        lost = []
        for runner in self._runners:
            try:
                answer = runner.do(order)
            except MachineLost as error:
                lost.append(error.message)
                continue
            if answer is None:
                raise Interrupted
            return answer
        raise _nobody(lost)

    def _make_on(self, runner: RemoteRunner, do: str) -> PairOutcome:
        answer = runner.do({**self._order, "do": do})
        if answer is None:
            raise Interrupted
        return PairOutcome.read({**answer, "machine": runner.machine.name})

    def _in_order(self) -> Generator[PairOutcome]:
        early: dict[int, PairOutcome] = {}
        number = 0
        for done in self._dealer.deal(repeat("pair")):
            early[done.number] = done.result
            while number in early:
                yield early.pop(number)
                number += 1


def _nobody(lost: Sequence[str]) -> PerfError:
    return PerfError(f"no machine of the cluster is left: {'; '.join(lost)}", exit_code=ExitCode.INVALID)
