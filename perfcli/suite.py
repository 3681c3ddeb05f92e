"""Several scenarios, one after another: run, show, save, and the worst exit code of all."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from perfcli.errors import UsageError, worst
from perfcli.plan import ExecutionPlan
from perfcli.pool.checkout import resolve_engine
from perfcli.report.console import render_result, render_summary, render_verdict_line
from perfcli.report.live import LiveProgress
from perfcli.results import RunResult, save_results
from perfcli.run import run_scenario
from perfcli.run.interrupts import Interrupts


@dataclass(frozen=True, slots=True)
class SuiteOptions:
    """What the command line says of a whole suite."""

    json_file: Path | None = None
    quiet: bool = False
    keep_database_in: Path | None = None
    engine: str = ""


def run_suite(plans: Sequence[ExecutionPlan], options: SuiteOptions, console: Console) -> int:
    """Run all plans; after the first Ctrl-C report what is known and run no more.

    Raises:
        UsageError: the results or the databases have no place to go; told before anything runs.
    """
    _check_places(options)
    interrupts = Interrupts()
    interrupts.install()
    results: list[RunResult] = []
    with resolve_engine(options.engine) if options.engine else nullcontext() as engine:
        for plan in plans:
            if interrupts.exit_code is not None:
                break
            with LiveProgress(console) as live:
                result = run_scenario(
                    plan,
                    observer=live,
                    stop=interrupts.stop,
                    keep_database_in=options.keep_database_in,
                    engine=engine,
                )
            results.append(result)
            console.print(render_verdict_line(result) if options.quiet else render_result(result))
            if not options.quiet:
                console.print()
            if options.json_file:
                # after every scenario, so that a crash of a later one loses nothing
                save_results(results, options.json_file)
    if len(plans) > 1 and not options.quiet:
        console.print(render_summary(results))
    if len(results) < len(plans):
        console.print(f"not run: {len(plans) - len(results)} of {len(plans)} scenarios", style="yellow")
    codes = [result.exit_code for result in results]
    return interrupts.exit_code if interrupts.exit_code is not None else worst(codes)


def _check_places(options: SuiteOptions) -> None:
    if options.keep_database_in:
        try:
            options.keep_database_in.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--keep-db {options.keep_database_in}: {error.strerror}") from error
    if options.json_file and not os.access(options.json_file.resolve().parent, os.W_OK):
        raise UsageError(f"--json {options.json_file}: its folder is missing or cannot be written to")
