"""`capacity`: the largest load at which a scenario's thresholds hold, of one engine or two, or over a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from rich.text import Text

from perfcli.capacity.finding import HIGHEST, Finding, SearchLimits
from perfcli.capacity.probe import check_probed, check_varied, default_of, shared_pets
from perfcli.capacity.result import CapacityResult, Of
from perfcli.commands.context import Context
from perfcli.commands.engine_options import CapacityOptions
from perfcli.commands.quantities import quantity, time_ns
from perfcli.errors import UsageError, of_interrupt, worst
from perfcli.live.followers import Watched
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.report.capacity import capacity_document, capacity_html, capacity_junit
from perfcli.report.capacity_search import ENGINE_ROLES, so_far
from perfcli.report.markdown import to_markdown
from perfcli.report.wording import one_line
from perfcli.results import RunResult
from perfcli.run import run_scenario
from perfcli.scenario.models import Capacity
from perfcli.streams import complain
from perfcli.units import (
    NS_PER_S,
    format_number,
    parse_count,
    parse_fraction,
    parse_rate_per_s,
)

if TYPE_CHECKING:
    from perfcli.spread.remote_runner import RemoteRunner

_FIRST: Final[dict[Of, float]] = {"rate": 50.0, "vus": 1.0}


def capacity(options: CapacityOptions, context: Context) -> int:
    """Search for the capacity of the scenario that was named, or of each of its variations; return the exit code."""
    plans = context.plans_of_one(options.scenario, "searched", options.changes, options.sweeps)
    for plan in plans:
        check_probed(plan.scenario)
        _check_engines(plan, options.engines)
    check_varied(plans)
    searches = [(plan, _limits(plan, options)) for plan in plans]
    others = {"json": options.json_file, "events": options.following.events}
    context.will_write(options.files | {form: path for form, path in others.items() if path})
    results: list[CapacityResult] = []
    with ExitStack() as stack:
        named = options.engines or ("",)
        roles = ("engine",) if len(named) == 1 else ENGINE_ROLES
        engines = [
            stack.enter_context(context.engine(name, "--engine", role)) for name, role in zip(named, roles, strict=True)
        ]
        runners = stack.enter_context(context.runners(options.spread, engines))
        stack.enter_context(context.follow(options.following, lambda: capacity_html(results) if results else ""))
        live = stack.enter_context(context.live(wanted=options.progress))
        if len(searches) > 1:
            live.begin(Text(f"{plans[0].scenario.name}: {len(searches)} variations, at most {options.max_time} each"))
        for number, (plan, limits) in enumerate(searches, start=1):
            if not results or not context.interrupts.stop.reason:
                results += _search(
                    plan, limits, engines, context, _Shown(live, number, len(searches), len(engines)), runners
                )
    searched = {result.title for result in results}
    left_out = [plan.title for plan in plans if plan.title not in searched]
    document = capacity_document(results, left_out)
    render = {
        "markdown": lambda: f"{to_markdown(document)}\n",
        "html": lambda: capacity_html(results, left_out),
        "junit": lambda: capacity_junit(results, strict=options.strict),
    }
    context.write(options.files, render)
    code = _code(results, strict=options.strict)
    return context.show(document, lambda: _record(results), options.json_file, code, brief=not options.verbose)


def _record(results: Sequence[CapacityResult]) -> Any:
    return [result.model_dump(mode="json") for result in results]


def _code(results: Sequence[CapacityResult], *, strict: bool) -> int:
    interrupted = next((result.interrupted for result in results if result.interrupted), "")
    if interrupted:
        return of_interrupt(interrupted)
    return worst([result.exit_code(strict=strict) for result in results])


class _Shown(NamedTuple):
    """Where a search shows how it goes, which of how many it is, and how many engines take turns."""

    live: Watched
    number: int
    of: int
    engines: int


def _search(
    plan: ExecutionPlan,
    limits: SearchLimits,
    engines: Sequence[EngineSource],
    context: Context,
    shown: _Shown,
    runners: Sequence[RemoteRunner],
) -> list[CapacityResult]:
    """Search each engine, a probe of one after a probe of the other, with the same seeds.

    Args:
        runners: on the machines that make the probes; none if they are made here.
    """
    if runners:
        from perfcli.commands.spread import alike

        runners = alike(runners)
    warned: list[str] = []
    findings = [_finding(plan, limits, engine, context, shown, runners, warned) for engine in engines]
    while waiting := [finding for finding in findings if not finding.is_over]:
        for finding in waiting:
            if not finding.is_over:
                finding.step()
    return [finding.result() for finding in findings]


def _finding(
    plan: ExecutionPlan,
    limits: SearchLimits,
    engine: EngineSource,
    context: Context,
    shown: _Shown,
    runners: Sequence[RemoteRunner],
    warned: list[str],
) -> Finding:
    stop = context.interrupts.stop

    def warn_first(probe: ExecutionPlan) -> None:
        """Say once of all probes that what fails may not be the engine."""
        if not warned and (why := shared_pets(probe)):
            warned.append(why)
            complain(f"Warning: {why}")

    def run_here(plans: Sequence[ExecutionPlan]) -> list[RunResult]:
        results = []
        for probe in plans:
            warn_first(probe)
            context.audience.begin(probe, engine, shown.number, shown.of)
            pool = context.pool(engine)
            results.append(run_scenario(probe, pool=pool, observer=context.audience, stop=stop, engine=engine))
            context.audience.end(results[-1])
        return results

    def run_there(plans: Sequence[ExecutionPlan]) -> list[RunResult]:
        from perfcli.commands.spread import probe_all

        for probe in plans:
            warn_first(probe)
        results = probe_all(plans, runners, engine)
        for probe, result in zip(plans, results, strict=True):
            context.audience.begin(probe, engine, shown.number, shown.of)
            context.audience.end(result)
        return results

    def tell(result: CapacityResult, load: float) -> None:
        place = f"{shown.number} of {shown.of}: " if shown.of > 1 else ""
        which = f" on {engine.name}" if shown.engines > 1 else ""
        line = f"{place}{result.title}{which}: {so_far(result, load)}"
        shown.live.tell(lambda: Text(one_line(line), no_wrap=True, overflow="crop"))

    run = run_there if runners else run_here
    return Finding(plan, limits, run, stop, tell, at_once=max(1, len(runners)), engine=engine.name)


def _check_engines(plan: ExecutionPlan, named: Sequence[str]) -> None:
    url = plan.scenario.target.running_at
    if url and named:
        raise UsageError(
            f"--engine {named[0]}: {plan.scenario.name} loads the server at {url}, whatever engine that has",
            hint="drop --engine, or drop url from the scenario's target",
        )


def _limits(plan: ExecutionPlan, options: CapacityOptions) -> SearchLimits:
    load = plan.scenario.phases_to_run[0].load
    of: Of = "vus" if options.of == "vus" else "rate" if options.of == "rate" else default_of(plan.scenario)
    offered = (load.offered_per_s or 0.0) / 4
    # with --of another load is raised than the scenario speaks of
    asked = (plan.scenario.capacity if of == default_of(plan.scenario) else None) or Capacity()
    first = options.start or asked.from_
    start = _load("--from", first, of) if first else (of == "rate" and offered) or _FIRST[of]
    highest = _load("--to", options.highest, of) if options.highest else HIGHEST[of]
    if start > highest:
        raise UsageError(
            f"--from {first or format_number(start)} is above --to {options.highest}: lower --from, or raise --to"
        )
    if of == "vus" and highest > HIGHEST["vus"]:
        raise UsageError(f"--to {options.highest}: at most {HIGHEST['vus']:g} vus can run")
    precision = quantity("--precision", options.precision, parse_fraction)
    if not 0.005 <= precision <= 0.5:
        raise UsageError(f"--precision {options.precision}: expected 0.5% to 50%")
    return SearchLimits(
        of=of,
        start=start,
        highest=highest,
        precision=precision,
        at_least=_load("at_least", asked.at_least, of) if asked.at_least else None,
        max_time_s=time_ns("--max-time", options.max_time) / NS_PER_S,
    )


def _load(option: str, text: str, of: Of) -> float:
    load = quantity(option, text, parse_rate_per_s if of == "rate" else parse_count)
    if load <= 0:
        raise UsageError(f"{option} {text}: expected a load above 0")
    return load
