"""What every command works with, from the files it reads to its exit code.

What takes long to import waits until it is needed: `list` and `validate` run no engine.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from perfcli.commands.options import Changes, Following, Selection
from perfcli.errors import ExitCode, UsageError, worst
from perfcli.outputs import Outputs
from perfcli.streams import complain

if TYPE_CHECKING:
    from rich.console import Console

    from perfcli.commands.cluster_options import ClusterOptions
    from perfcli.live.followers import Audience, Watched
    from perfcli.plan import ExecutionPlan
    from perfcli.pool.identity import EngineSource
    from perfcli.pool.protocol import WorkerPool
    from perfcli.pool.template import Template
    from perfcli.report.blocks import Document
    from perfcli.run.interrupts import Interrupts
    from perfcli.scenario.models import Scenario
    from perfcli.scenario.overrides import Override
    from perfcli.spread.remote_runner import RemoteRunner

Job = TypeVar("Job")


class Context:
    """The files, engines, signals and outputs of one command.

    Args:
        inputs: files that were read for it already; no output may replace one.
        console: for people; by default stdout, or stderr if a report goes to stdout.
        template: what its engine processes are forked from; None starts each as a fresh interpreter.
    """

    def __init__(
        self, inputs: Iterable[Path] = (), console: Console | None = None, template: Template | None = None
    ) -> None:
        self.inputs = list(inputs)
        self.outputs = Outputs()
        self._console = console
        self._interrupts: Interrupts | None = None
        self._template = template
        self._audience: Audience | None = None

    @property
    def interrupts(self) -> Interrupts:
        """What signals ask for."""
        if self._interrupts is None:
            from perfcli.run.interrupts import Interrupts

            self._interrupts = Interrupts()
        return self._interrupts

    def scenarios(self, selection: Selection, changes: Sequence[Override] = ()) -> list[Scenario]:
        """The scenarios that were named, checked as they will run; their files become inputs."""
        from perfcli.scenario.library import find_scenarios, recorded_reads
        from perfcli.scenario.loader import load_scenarios

        with recorded_reads() as reads:
            loaded = load_scenarios(find_scenarios(selection.scenarios), changes, tags=selection.tags)
        self.inputs += reads.files
        return loaded

    def plans(
        self, selection: Selection, changes: Changes, sweeps: Sequence[str] = (), faults: Sequence[str] = ()
    ) -> list[ExecutionPlan]:
        """The plans of the scenarios that were named, with the changes that options ask for.

        Args:
            sweeps: as `--sweep` takes them; each scenario has a plan for every combination of their values.
            faults: as `--fault` takes them, to add to those of every scenario.

        Raises:
            UsageError: none was named.
        """
        from perfcli.plan import plan_run

        if not selection.scenarios and not selection.tags:
            raise UsageError(
                "no scenario given: name one, a file or a directory, or use --tag",
                hint="digipal-perf list shows the shipped scenarios",
            )
        if sweeps:
            return self._variations(selection, changes, sweeps, faults)
        overrides = _overrides(changes, faults)
        return [plan_run(scenario, changes.seed) for scenario in self.scenarios(selection, overrides)]

    def _variations(
        self, selection: Selection, changes: Changes, texts: Sequence[str], faults: Sequence[str]
    ) -> list[ExecutionPlan]:
        from perfcli.plan import plan_run
        from perfcli.scenario.library import find_scenarios, recorded_reads
        from perfcli.scenario.sweeps import check_sweeps, load_variations, parse_sweep

        sweeps, overrides = list(map(parse_sweep, texts)), _overrides(changes, faults)
        check_sweeps(sweeps, overrides)
        with recorded_reads() as reads:
            loaded = load_variations(find_scenarios(selection.scenarios), overrides, sweeps, tags=selection.tags)
        self.inputs += reads.files
        # one seed for all variations of a scenario: nothing but the swept keys differs between them
        seeds: dict[str, int] = {}
        plans = []
        for scenario, variation in loaded:
            plans.append(plan_run(scenario, seeds.get(scenario.name, changes.seed), variation))
            seeds[scenario.name] = plans[-1].seed
        return plans

    def one_plan(self, scenario: str, what_is_done: str, changes: Changes, faults: Sequence[str] = ()) -> ExecutionPlan:
        """The plan of the one scenario that a command takes.

        Args:
            what_is_done: to it by the command: compared, profiled.
            faults: as `--fault` takes them.

        Raises:
            UsageError: the name stands for several.
        """
        (plan,) = self.plans_of_one(scenario, what_is_done, changes, faults=faults)
        return plan

    def plans_of_one(
        self,
        scenario: str,
        what_is_done: str,
        changes: Changes,
        sweeps: Sequence[str] = (),
        faults: Sequence[str] = (),
    ) -> list[ExecutionPlan]:
        """The plan of the one scenario that a command takes, or with `sweeps` that of each variation.

        Raises:
            UsageError: the name stands for several.
        """
        plans = self.plans(Selection(scenarios=(scenario,)), changes, sweeps, faults)
        scenarios = [plan.scenario.name for plan in plans if plan.variation == plans[0].variation]
        if len(scenarios) > 1:
            message = f"{scenario}: one scenario is {what_is_done} at a time, not {len(scenarios)}"
            raise UsageError(message, hint=f"choose: {', '.join(scenarios)}")
        return plans

    def will_write(self, files: Mapping[str, Path], *, beside: Iterable[Path] = (), quiet: bool = False) -> None:
        """See that every report can be written, before there is one to lose.

        Args:
            files: where each goes, by its format.
            beside: more files that no output may replace.
            quiet: do not list the files that were written.

        Raises:
            UsageError: as `check_report_files`.
        """
        from perfcli.report.report_files import check_report_files, console_beside

        check_report_files(files, [*self.inputs, *beside])
        self.outputs = Outputs(quiet=quiet)
        self._console = self._console or console_beside(files.values())

    @property
    def console(self) -> Console:
        """For people."""
        if self._console is None:
            from perfcli.report.console import make_console

            self._console = make_console()
        return self._console

    @contextmanager
    def engine(self, named: str = "", option: str = "--engine", role: str = "engine") -> Iterator[EngineSource]:
        """An engine that is there for as long as the block lasts: the one that was named, else the default one.

        From here on the first signal stops the work, which is reported, and the second one quits.
        """
        from perfcli.pool.checkout import choose_engine
        from perfcli.report.wording import announce

        # collected again from here on, as a run may be long; what the tool has loaded is none
        gc.freeze()
        gc.enable()
        self.interrupts.install()
        with choose_engine(named, option) as engine:
            announce(engine, role)
            yield engine

    def pool(self, engine: EngineSource) -> WorkerPool[Any]:
        """Starts processes of an engine: all runs of the command share its template."""
        from perfcli.pool.processes import LocalPool, forked

        if self._template is None:
            return LocalPool(engine.path)
        self._template.restart_if_ended()
        return LocalPool(engine.path, forked(self._template))

    @contextmanager
    def runners(self, options: ClusterOptions, engines: Sequence[EngineSource]) -> Iterator[Sequence[RemoteRunner]]:
        """What runs these engines on the machines of a cluster, as long as the block lasts; nothing without one.

        Raises:
            UsageError, PerfError: as `hired`.
        """
        if not options.cluster:
            yield ()
            return
        from perfcli.commands.spread import hired

        with hired(options, engines, self.interrupts.stop) as runners:
            yield runners

    @property
    def audience(self) -> Audience:
        """Those who follow the command."""
        if self._audience is None:
            from perfcli.live.followers import Audience

            self._audience = Audience()
        return self._audience

    def live(self, *, wanted: bool) -> Watched:
        """Shows how a run goes on: on the console, and to the audience."""
        from perfcli.live.followers import Watched
        from perfcli.report.panel import LiveProgress

        return Watched(LiveProgress(self.console, wanted=wanted, interrupts=self.interrupts), self.audience)

    @contextmanager
    def follow(self, following: Following, report: Callable[[], str] = str) -> Iterator[None]:
        """Tell those who were asked for how the command goes, for as long as the block lasts.

        Args:
            report: makes the page's last state, once the block is over: an HTML page, or "" without a result.

        Raises:
            UsageError, PerfError: one of them cannot be told: its port is taken, or an extra is missing.
        """
        with ExitStack() as closing:
            if following.otlp:
                from perfcli.live.otlp import Collector

                closing.callback(self.audience.add(Collector(following.otlp)).close)
            if following.events:
                from perfcli.live.events import EventFile

                closing.callback(self.audience.add(EventFile(following.events)).close)
            if following.wants_page:
                from perfcli.live.web import Page

                page = self.audience.add(Page(following.live_port or 0, self.interrupts.interrupt))
                closing.callback(lambda: page.close(self._page_report(report)))
                complain(f"live page: {page.url}")
                if following.open:
                    import webbrowser

                    webbrowser.open(page.url)
            yield

    def _page_report(self, report: Callable[[], str]) -> str:
        with self.outputs.attempt("--live"):
            return report()
        return ""

    def until_interrupted(self, jobs: Iterable[Job]) -> Iterator[Job]:
        """The jobs, but none after a signal."""
        for job in jobs:
            if self.interrupts.exit_code is not None:
                return
            yield job

    def exit_code(self, codes: Sequence[int]) -> int:
        """That of a signal; else the worst of these, and of the outputs."""
        if self._interrupts is not None and self._interrupts.exit_code is not None:
            return self._interrupts.exit_code
        return self.outputs.exit_code(worst(codes))

    def write(self, files: Mapping[str, Path], render: Mapping[str, Callable[[], str]]) -> None:
        """Write a report in each format that was asked for."""
        from perfcli.outputs import write_text

        for form, path in files.items():
            with self.outputs.attempt(f"--{form}", path):
                write_text(render[form](), path)

    def show(
        self,
        report: Document,
        record: Callable[[], Any],
        json_file: Path | None,
        code: int = ExitCode.PASS,
        *,
        brief: bool = False,
    ) -> int:
        """Write what `--json` asks for, print the report, list the files that were written; return the exit code."""
        from perfcli.outputs import write_document
        from perfcli.report.console import to_console

        if json_file:
            with self.outputs.attempt("--json", json_file):
                write_document(record(), json_file)
        with self.outputs.attempt("stdout"):
            self.console.print(to_console(report, brief=brief))
        self.outputs.list_written()
        return self.exit_code([code])


def say_faults_left_out(plans: Iterable[ExecutionPlan], by: str) -> None:
    """Say on stderr which scenarios have faults that a command does not inflict.

    Args:
        by: what does not inflict them, e.g. "ab".
    """
    for plan in plans:
        if number := len(plan.scenario.faults):
            complain(f"{plan.title}: {by} ignores its {number} fault{'s' if number > 1 else ''}")


def _overrides(changes: Changes, faults: Sequence[str]) -> list[Override]:
    from perfcli.scenario import overrides

    made = [overrides.parse_set(setting) for setting in changes.settings]
    made += [overrides.workers(changes.workers)] if changes.workers else []
    made += [overrides.iterations(changes.iterations)] if changes.iterations else []
    made += [overrides.duration(changes.duration)] if changes.duration else []
    for one, other in combinations(made, 2):
        if one.path == other.path and one.every_phase != other.every_phase:
            raise UsageError(f"{one.origin} and {other.origin} change the same key: drop one of them")
    return [*made, *map(overrides.fault, faults)]
