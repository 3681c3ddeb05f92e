"""`list`, `plan`, `validate`, `init`, `schema` and `explain`: for those who write scenarios. None runs an engine.

Each imports what it needs, as they answer at once.
"""

from __future__ import annotations

import json
from pathlib import Path
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
    from perfcli.report.listing import ListedScenario


def list_scenarios(options: ListOptions, context: Context) -> int:
    """Show scenarios."""
    from perfcli.report.console import to_console
    from perfcli.report.listing import ListedScenario, list_document
    from perfcli.scenario.fact_cache import facts_of
    from perfcli.scenario.library import bears_any, find_scenarios, no_such_tag

    paths, tags = find_scenarios(options.selection.scenarios), options.selection.tags
    known = [ListedScenario(*facts) for facts in facts_of("list", paths, _listed, cached=not options.no_cache)]
    chosen = [scenario for scenario in known if bears_any(tags, scenario.tags)]
    if tags and not chosen:
        raise no_such_tag(tags, {tag for scenario in known for tag in scenario.tags})
    _print_lines(to_console(list_document(chosen)), context.console)
    return ExitCode.PASS


def _listed(path: Path) -> ListedScenario:
    from perfcli.plan import plan_run
    from perfcli.report.listing import ListedScenario
    from perfcli.scenario.loader import load_scenario

    scenario = load_scenario(path)
    return ListedScenario(scenario.name, scenario.description, scenario.tags, plan_run(scenario, 0).describe())


def plan(options: PlanOptions, context: Context) -> int:
    """Show what would run."""
    from perfcli.report.console import to_console
    from perfcli.report.listing import plans_document

    plans = context.plans(options.selection, options.changes, options.sweeps, options.faults)
    _print_lines(to_console(plans_document(plans)), context.console)
    return ExitCode.PASS


def validate(options: ValidateOptions, context: Context) -> int:
    """Check scenario files."""
    from perfcli.scenario.fact_cache import facts_of
    from perfcli.scenario.library import find_scenarios

    paths = find_scenarios(options.files)
    for name, warnings in facts_of("validate", paths, _validated, cached=not options.no_cache):
        say("\n".join([f"{name}: ok", *(f"  warning: {warning}" for warning in warnings)]))
    return ExitCode.PASS


def _validated(path: Path) -> tuple[str, list[str]]:
    """The name of a scenario, and its warnings with their source lines."""
    from perfcli.scenario.loader import load_with_warnings

    scenario, warnings = load_with_warnings(path)
    return scenario.name, [warning.with_source_line() for warning in warnings]


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
            raise UsageError(f"--markdown prints the keys of every scenario: drop {options.scenario}")
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
            raise UsageError(f"--markdown prints all metrics: drop {options.subject}")
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
