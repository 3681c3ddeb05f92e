"""`profile`: why an engine is slow."""

from __future__ import annotations

from rich.text import Text

from perfcli.commands.context import Context
from perfcli.commands.engine_options import ProfileOptions
from perfcli.outputs import check_folder
from perfcli.profiling import (
    KINDS,
    LONGEST_NS,
    choose_kinds,
    flame_graph_files,
    profile_scenario,
    write_flame_graph,
)
from perfcli.report.profile import profile_document
from perfcli.units import NS_PER_S


def profile(options: ProfileOptions, context: Context) -> int:
    """Profile the scenario that was named; return the exit code."""
    plan = context.one_plan(options.scenario, "profiled", options.changes)
    kinds, notes = choose_kinds([kind for kind in KINDS if getattr(options, kind)])
    files = {"json": options.json_file} if options.json_file else {}
    if "cpu" in kinds:
        check_folder(options.out, "--out")
        files |= {f"out {file.name}": file for file in flame_graph_files(plan.scenario.name, options.out)}
    context.will_write(files)
    with context.engine(options.engine) as engine, context.live(wanted=options.progress) as live:
        runs = f"without a profiler, then with {', '.join(kinds)}, each {LONGEST_NS // NS_PER_S} s at most"
        live.begin(Text(f"{plan.scenario.name}: running {runs}", no_wrap=True, overflow="crop"))
        stop = context.interrupts.stop
        result, graph = profile_scenario(plan, kinds, observer=live, stop=stop, engine=engine)
    written = write_flame_graph(graph, result.scenario, options.out, context.outputs) if graph else []
    result = result.model_copy(update={"files": written, "notes": notes})
    return context.show(profile_document(result), lambda: result.model_dump(mode="json"), options.json_file)
