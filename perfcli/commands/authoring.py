"""`list`, `plan`, `validate`, `init`, `schema` and `explain`: for those who write scenarios. None runs an engine.

Each imports what it needs, as they answer at once.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from perfcli.commands.context import Context
from perfcli.commands.options import (
    CompletionOptions,
    ExplainOptions,
    InitOptions,
    ListOptions,
    PlanOptions,
    SchemaOptions,
    Selection,
    ValidateOptions,
)
from perfcli.errors import ExitCode, UsageError
from perfcli.streams import say

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from perfcli.operations.own.declared import OperationFile


def list_scenarios(options: ListOptions, context: Context) -> int:
    """Show scenarios."""
    from perfcli.plan import plan_run
    from perfcli.report.console import to_console
    from perfcli.report.listing import list_document

    found = [(scenario, plan_run(scenario, 0).describe()) for scenario in context.scenarios(options.selection)]
    _print_lines(to_console(list_document(found)), context.console)
    return ExitCode.PASS


def plan(options: PlanOptions, context: Context) -> int:
    """Show what would run."""
    from perfcli.report.console import to_console
    from perfcli.report.listing import plans_document

    plans = context.plans(options.selection, options.changes, options.sweeps, options.faults)
    _print_lines(to_console(plans_document(plans)), context.console)
    return ExitCode.PASS


def validate(options: ValidateOptions, context: Context) -> int:
    """Check scenario files."""
    from perfcli.scenario.library import find_scenarios
    from perfcli.scenario.loader import load_scenarios, warnings_of

    paths = find_scenarios(options.files)
    for path, scenario in zip(paths, load_scenarios(paths), strict=True):
        warned = [f"  warning: {warning.with_source_line()}" for warning in warnings_of(path)]
        say("\n".join([f"{scenario.name}: ok", *warned]))
    return ExitCode.PASS


def init(options: InitOptions, context: Context) -> int:
    """Write a scenario to begin with."""
    from perfcli.scenario.starter import write_starter

    written = write_starter(options.reference, context.inputs, force=options.force, operations=options.operations)
    for path in written:
        context.outputs.wrote(path)
    context.outputs.list_written()
    say(f"next: digipal-perf run {written[0]}")
    return ExitCode.PASS


def schema(options: SchemaOptions, context: Context) -> int:
    """Print the schema of scenario files."""
    from perfcli.scenario.key_tables import key_tables
    from perfcli.scenario.schema import scenario_schema

    if options.markdown:
        if options.scenario:
            raise UsageError(f"--markdown prints the keys of any scenario: leave out {options.scenario}")
        say(key_tables().removesuffix("\n"))
    else:
        files = _operation_files(options.scenario, context)
        say(json.dumps(scenario_schema(files), indent=2, ensure_ascii=False))
    return ExitCode.PASS


def explain(options: ExplainOptions, context: Context) -> int:
    """Explain a metric or an operation, or list them all."""
    if options.markdown:
        from perfcli.report.markdown_tables import metrics_table

        if options.subject:
            raise UsageError(f"--markdown prints the table of all metrics: leave out {options.subject}")
        say(metrics_table().removesuffix("\n"))
        return ExitCode.PASS
    from perfcli.operations.own.step import knowing
    from perfcli.report.explained import render_all, render_explanation

    with knowing(_operation_files(options.scenario, context)):
        if options.subject:
            context.console.print(render_explanation(options.subject))
        else:
            _print_lines(render_all(), context.console)
    return ExitCode.PASS


def _operation_files(scenario: str, context: Context) -> list[OperationFile]:
    """The files of own operations of the scenarios that a name stands for; of "", none."""
    scenarios = context.scenarios(Selection(scenarios=(scenario,))) if scenario else []
    return [file for each in scenarios for file in each.operations]


def completion(options: CompletionOptions, context: Context) -> int:
    """Print what makes a shell complete."""
    command = click.get_current_context().find_root().command
    shell = get_completion_class(options.shell)
    assert shell is not None, f"click knows no {options.shell}"
    say(shell(command, {}, "digipal-perf", "_DIGIPAL_PERF_COMPLETE").source())
    return ExitCode.PASS


def _print_lines(lines: RenderableType, console: Console) -> None:
    """Print what has a fact on each line; for a pipe a line stays whole, however long, so that grep finds it."""
    console.print(lines, soft_wrap=not console.is_terminal)
