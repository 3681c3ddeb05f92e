"""The command that says why an engine is slow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perfcli.cli.files import DIRECTORY, FILE, inputs
from perfcli.cli.group import EPILOG, cli
from perfcli.cli.options import CHANGES, PROGRESS, one_plan, with_options

if TYPE_CHECKING:
    from perfcli.plan import ExecutionPlan


@cli.command(epilog=EPILOG)
@click.argument("scenario", metavar="NAME|FILE")
@click.option("--cpu", is_flag=True, help="Functions by time, and a flame graph.")
@click.option("--memory", is_flag=True, help="Lines whose allocations outlive the load.")
@click.option("--sql", is_flag=True, help="Statements with times, plans, full scans and N+1.")
@click.option("--locks", is_flag=True, help="Time waited for locks of SQLite and of the engine.")
@with_options(*CHANGES)
@click.option(
    "--engine",
    default="",
    metavar="PATH|REV",
    help="Profile this engine: a checkout or a revision. Default: this repository's, else the installed one.",
)
@click.option(
    "--out",
    type=DIRECTORY,
    default="profiles",
    show_default=True,
    metavar="DIR",
    help="Where flame graphs go.",
)
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write what was found.")
@PROGRESS
def profile(
    cpu: bool,
    memory: bool,
    sql: bool,
    locks: bool,
    engine: str,
    out: Path,
    json_file: Path | None,
    progress: bool,
    scenario: str,
    **changes: Any,
) -> None:
    """Say where a scenario's time and memory go: which function, which statement, which line, which lock.

    Runs the scenario once without a profiler, and once with each that is asked for (all four by default), 20 s at
    most, and says what each adds. Thresholds are not judged, and no figure is kept.

    \b
    Examples:
      digipal-perf profile long_session
      digipal-perf profile database_load --sql --locks --engine HEAD~3
      digipal-perf profile my.yaml --cpu --iterations 500 --set engine.ai.latency=0ms
    """
    asked = [kind for kind, wanted in {"cpu": cpu, "memory": memory, "sql": sql, "locks": locks}.items() if wanted]
    raise click.exceptions.Exit(
        _profile(one_plan(scenario, "profiled", **changes), asked, engine, out, json_file, progress)
    )


def _profile(
    plan: ExecutionPlan, asked: list[Any], engine: str, out: Path, json_file: Path | None, progress: bool
) -> int:
    from rich.text import Text

    from perfcli.errors import ExitCode
    from perfcli.outputs import Outputs
    from perfcli.pool.checkout import choose_engine
    from perfcli.profiling.runs import LONGEST_NS, choose_kinds, profile_scenario, write_flame_graph
    from perfcli.report.live import LiveProgress
    from perfcli.report.profile import profile_document
    from perfcli.report.wording import announce
    from perfcli.report.writing import console_beside, show_and_write
    from perfcli.run.interrupts import Interrupts
    from perfcli.units import NS_PER_S

    kinds, notes = choose_kinds(asked)
    outputs = Outputs()
    _check_outputs(plan, json_file, out if "cpu" in kinds else None)
    console, interrupts = console_beside([json_file] if json_file else []), Interrupts()
    interrupts.install()
    with choose_engine(engine) as source, LiveProgress(console, wanted=progress, interrupts=interrupts) as live:
        announce(source)
        runs = f"without a profiler, then with {', '.join(kinds)}, each {LONGEST_NS // NS_PER_S} s at most"
        live.begin(Text(f"{plan.scenario.name}: running {runs}", no_wrap=True, overflow="crop"))
        result, graph = profile_scenario(plan, kinds, observer=live, stop=interrupts.stop, engine=source)
    files = write_flame_graph(graph, result.scenario, out, outputs) if graph else []
    result = result.model_copy(update={"files": files, "notes": notes})
    show_and_write(profile_document(result), lambda: result.model_dump(mode="json"), json_file, outputs)
    return interrupts.exit_code if interrupts.exit_code is not None else outputs.exit_code(ExitCode.PASS)


def _check_outputs(plan: ExecutionPlan, json_file: Path | None, out: Path | None) -> None:
    from perfcli.outputs import check_folder, check_outputs
    from perfcli.profiling.runs import flame_graph_files

    if out:
        check_folder(out, "--out")
    graphs = {f"--out {file.name}": file for file in flame_graph_files(plan.scenario.name, out)} if out else {}
    check_outputs(graphs | ({"--json": json_file} if json_file else {}), inputs())
