"""`scaling`: throughput over vus or engine processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from perfcli.commands.context import Context
from perfcli.commands.engine_options import ScalingOptions
from perfcli.commands.quantities import time_ns
from perfcli.plan import ExecutionPlan
from perfcli.report.markdown import to_markdown
from perfcli.report.scaling import about, scaling_document, scaling_so_far
from perfcli.report.wording import counted, one_line
from perfcli.results import RunResult
from perfcli.run import run_scenario
from perfcli.usl.experiment import (
    DEFAULT_VUS,
    Loads,
    SoFar,
    blocks_here,
    check_scalable,
    check_settings,
    measure_scaling,
    parse_loads,
)
from perfcli.usl.scaling_result import Of, ScalingResult

if TYPE_CHECKING:
    from collections.abc import Callable


def scaling(options: ScalingOptions, context: Context) -> int:
    """Measure throughput over load; return the exit code."""
    loads = _loads(options)
    check_settings(options.changes.settings, loads.of)
    plan = context.one_plan(options.scenario, "measured", options.changes)
    check_scalable(plan.scenario, loads.of)
    others = {"json": options.json_file, "events": options.following.events}
    context.will_write(options.files | {form: path for form, path in others.items() if path})
    results: list[ScalingResult] = []
    with (
        context.engine(options.engine) as engine,
        context.runners(options.spread, [engine]) as runners,
        context.follow(options.following, lambda: _page(results[0]) if results else ""),
        context.live(wanted=options.progress) as live,
    ):
        runs = f"{counted(loads.blocks, 'block')} of {len(loads.numbers)} runs, about {about(loads.expected_ns(plan))}"
        live.begin(_line(f"{plan.scenario.name}: {runs}"))
        stop, latest = context.interrupts.stop, list[SoFar]()

        def show() -> None:
            if latest:
                told = scaling_so_far(latest[-1], loads.blocks, loads.of)
                live.tell(lambda: _line(f"{plan.scenario.name}: {told}"))

        def hear(so_far: SoFar) -> None:
            latest[:] = [so_far]
            if not runners:  # else it is a thread of a machine that says so
                show()

        def run_here(point: ExecutionPlan) -> RunResult:
            context.audience.begin(point, engine)
            done = run_scenario(point, pool=context.pool(engine), observer=context.audience, stop=stop, engine=engine)
            context.audience.end(done)
            return done

        if runners:
            from perfcli.commands.spread import spread_blocks

            make_blocks = spread_blocks(runners, engine, stop, show)
        else:
            make_blocks = blocks_here(run_here)
        results.append(measure_scaling(plan, loads, make_blocks=make_blocks, stop=stop, tell=hear))
    return _report(results[0], options, context)


def _report(result: ScalingResult, options: ScalingOptions, context: Context) -> int:
    document = scaling_document(result)
    render: dict[str, Callable[[], str]] = {
        "markdown": lambda: f"{to_markdown(document)}\n",
        "html": lambda: _page(result),
    }
    context.write(options.files, render)
    return context.show(
        document,
        lambda: result.model_dump(mode="json"),
        options.json_file,
        result.exit_code,
        brief=not options.verbose,
    )


def _page(result: ScalingResult) -> str:
    from perfcli.report.html.over_values import scaling_article
    from perfcli.report.html.page import render_document

    return render_document(scaling_article(result), f"{result.verdict.value}: scaling of {result.scenario}")


def _loads(options: ScalingOptions) -> Loads:
    of: Of = "processes" if options.processes else "vus"
    return Loads(
        of=of,
        numbers=parse_loads(options.processes or options.vus or DEFAULT_VUS, of),
        blocks=options.blocks,
        duration_ns=time_ns("--duration", options.duration),
        max_time_ns=time_ns("--max-time", options.max_time) if options.max_time else None,
    )


def _line(text: str) -> Text:
    return Text(one_line(text), no_wrap=True, overflow="crop")
