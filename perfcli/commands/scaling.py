"""`scaling`: throughput over vus or engine processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from perfcli.commands.context import Context
from perfcli.commands.engine_options import ScalingOptions
from perfcli.errors import UsageError
from perfcli.report.markdown import to_markdown
from perfcli.report.scaling import about, scaling_document, scaling_so_far
from perfcli.report.wording import one_line
from perfcli.units import UnitError, parse_duration_ns
from perfcli.usl.experiment import Loads, SoFar, blocks_here, measure_scaling
from perfcli.usl.load_points import DEFAULT_VUS, check_scalable, check_settings, parse_loads
from perfcli.usl.scaling_result import LEAST_BLOCKS, ScalingResult

if TYPE_CHECKING:
    from collections.abc import Callable


def scaling(options: ScalingOptions, context: Context) -> int:
    """Measure throughput over load; return the exit code."""
    loads = _loads(options)
    check_settings(options.changes.settings, loads.of)
    plan = context.one_plan(options.scenario, "measured", options.changes)
    check_scalable(plan.scenario, loads.of)
    files = options.files | ({"json": options.json_file} if options.json_file else {})
    context.will_write(files)
    with (
        context.engine(options.engine) as engine,
        context.runners(options.spread, [engine]) as runners,
        context.live(wanted=options.progress) as live,
    ):
        runs = f"{loads.blocks} blocks of {len(loads.numbers)} runs, about {about(loads.expected_ns(plan))}"
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

        if runners:
            from perfcli.commands.spread import spread_blocks

            make_blocks = spread_blocks(runners, engine, stop, show)
        else:
            make_blocks = blocks_here(lambda: context.pool(engine), engine, stop)
        result = measure_scaling(plan, loads, make_blocks=make_blocks, stop=stop, tell=hear)
    return _report(result, options, context)


def _report(result: ScalingResult, options: ScalingOptions, context: Context) -> int:
    document = scaling_document(result)
    render: dict[str, Callable[[], str]] = {
        "markdown": lambda: f"{to_markdown(document)}\n",
        "html": lambda: _page(result),
    }
    context.write(options.files, render)
    return context.show(document, lambda: result.model_dump(mode="json"), options.json_file, result.exit_code)


def _page(result: ScalingResult) -> str:
    from perfcli.report.html.page import render_document
    from perfcli.report.html.scaling_charts import scaling_article

    return render_document(scaling_article(result), f"{result.verdict.value}: scaling of {result.scenario}")


def _loads(options: ScalingOptions) -> Loads:
    if options.blocks < LEAST_BLOCKS:
        raise UsageError(f"--blocks {options.blocks}: expected {LEAST_BLOCKS} or more, for confidence intervals")
    try:
        duration_ns = parse_duration_ns(options.duration)
    except UnitError as error:
        raise UsageError(f"--duration: {error}") from error
    if not duration_ns:
        raise UsageError(f"--duration {options.duration}: expected more than 0", hint="the default is 500ms")
    if options.processes:
        return Loads("processes", parse_loads(options.processes, "processes"), options.blocks, duration_ns)
    return Loads("vus", parse_loads(options.vus or DEFAULT_VUS, "vus"), options.blocks, duration_ns)


def _line(text: str) -> Text:
    return Text(one_line(text), no_wrap=True, overflow="crop")
