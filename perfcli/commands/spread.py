"""Runs that are spread over the machines of a cluster, each one whole and on one machine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

from rich.text import Text

from perfcli.cluster.carrier import connected
from perfcli.cluster.members import check, gather
from perfcli.errors import UsageError
from perfcli.observer import Progress
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.report.wording import counted, one_line
from perfcli.results import RunResult
from perfcli.run.supervision import StopRequest
from perfcli.spread.dealing import Dealer, nobody_left
from perfcli.spread.remote_runner import RemoteRunner, Tell
from perfcli.streams import complain

if TYPE_CHECKING:
    from perfcli.commands.cluster_options import ClusterOptions
    from perfcli.live.followers import Watched
    from perfcli.usl.experiment import Block, MakeBlocks, RunPlan


@contextmanager
def hired(
    options: ClusterOptions, engines: Sequence[EngineSource], stop: StopRequest
) -> Iterator[Sequence[RemoteRunner]]:
    """The machines of a cluster, ready to run these engines, for as long as the block lasts.

    Raises:
        UsageError: a machine has another tool, or the cluster may not be used so.
        PerfError: too few are there.
    """
    with connected(options.cluster, insecure=options.insecure_cluster) as carrier:
        crew = gather(carrier, options.machines or 1)
        try:
            check(crew)
            names = ", ".join(machine.name for machine in crew.machines)
            complain(f"cluster {options.cluster}: {counted(len(crew.machines), 'machine')}: {names}")
            for note in crew.notes():
                complain(f"Warning: {note}")
            yield [RemoteRunner(machine, engines, stop) for machine in crew.machines]
        finally:
            crew.end()


def check_spread(plans: Sequence[ExecutionPlan]) -> None:
    """See that the runs do not disturb one another.

    Raises:
        UsageError: several load a server that is running already.
    """
    places = [plan.scenario.target.running_at for plan in plans]
    for place in places:
        if place and places.count(place) > 1:
            raise UsageError(
                f"{places.count(place)} runs load the server at {place}: spread over machines, they would do so at "
                "the same time",
                hint="run them one by one, or without --cluster",
            )


def spread_runs(
    plans: Sequence[ExecutionPlan],
    runners: Sequence[RemoteRunner],
    run: Callable[[RemoteRunner, ExecutionPlan, Tell], RunResult],
    stop: StopRequest,
    live: Watched,
) -> Iterator[tuple[int, RunResult]]:
    """Run all plans, one on a machine at a time; give each result as it comes, with the number of its plan.

    Args:
        run: makes the run of a plan on a machine; called from a thread of that machine.
    """
    states: dict[str, str] = {}
    done = 0

    def run_on(runner: RemoteRunner, plan: ExecutionPlan) -> RunResult:
        def tell(progress: Progress) -> None:
            share = "" if progress.share_done is None else f" {progress.share_done:.0%}"
            states[runner.machine.name] = f"{plan.title} {progress.stage}{share}"

        states[runner.machine.name] = plan.title
        try:
            return run(runner, plan, tell)
        finally:
            states.pop(runner.machine.name)

    def line() -> Text:
        at_work = [f"{machine}: {state}" for machine, state in sorted(dict(states).items())]
        text = "; ".join([f"{done} of {len(plans)} done", *at_work])
        return Text(one_line(text), no_wrap=True, overflow="crop")

    dealer = Dealer(runners, run_on, stop, tick=lambda: live.tell(line))
    for finished in dealer.deal(plans):
        done += 1
        yield finished.number, finished.result
    for lost in dealer.lost:
        complain(f"Warning: {lost}")


def alike(runners: Sequence[RemoteRunner]) -> list[RemoteRunner]:
    """The largest group of machines whose times can be put together; the others are named on stderr and left out."""
    groups: dict[tuple[str | float, ...], list[RemoteRunner]] = {}
    for runner in runners:
        groups.setdefault(runner.machine.description.fingerprint, []).append(runner)
    largest = max(groups.values(), key=len)
    there = largest[0].machine.description
    for runner in runners:
        if runner not in largest:
            own = runner.machine.description
            pairs = zip(own.fingerprint, there.fingerprint, strict=True)
            differences = ", ".join(f"{mine}, not {theirs}" for mine, theirs in pairs if mine != theirs)
            complain(f"Warning: {runner.machine.name} is of another kind and left out: {differences}")
    return largest


def spread_blocks(
    runners: Sequence[RemoteRunner], engine: EngineSource, stop: StopRequest, tick: Callable[[], None]
) -> MakeBlocks:
    """Makes blocks on machines of one kind, all runs of a block on the same one.

    Args:
        tick: called several times a second by the thread that takes the blocks.
    """
    used = alike(runners)

    def make(block: Callable[[int, RunPlan], Block]) -> Generator[Block]:
        dealer: Dealer[int, Block] = Dealer(
            used, lambda runner, number: block(number, lambda plan: runner.probe(plan, engine)), stop, tick
        )
        for done in dealer.deal(count()):
            yield done.result
        if not stop.reason:
            raise nobody_left(dealer.lost)

    return make


def probe_all(plans: Sequence[ExecutionPlan], runners: Sequence[RemoteRunner], engine: EngineSource) -> list[RunResult]:
    """Run plans at the same time, as far as there are machines; the results in their order.

    Raises:
        PerfError: no machine is left.
    """
    # a stop ends the runs, which say so; none is left out
    dealer: Dealer[ExecutionPlan, RunResult] = Dealer(
        runners, lambda runner, plan: runner.probe(plan, engine), StopRequest()
    )
    results = {done.number: done.result for done in dealer.deal(plans)}
    if len(results) < len(plans):
        raise nobody_left(dealer.lost)
    return [results[number] for number in range(len(plans))]
