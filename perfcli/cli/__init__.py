"""The command line: options in, one call out. What takes long to import waits until a command needs it."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Any, Final

import click

from perfcli.cli.defaults import name_variables, project_files
from perfcli.cli.group import EPILOG, Command, cli
from perfcli.commands import engine_options, options, result_options
from perfcli.commands.parameters import filled, parameters_of

__all__ = ["cli"]

_COMMANDS: Final = {
    "run": (options.RunOptions, "run:run"),
    "plan": (options.PlanOptions, "authoring:plan"),
    "list": (options.ListOptions, "authoring:list_scenarios"),
    "validate": (options.ValidateOptions, "authoring:validate"),
    "init": (options.InitOptions, "authoring:init"),
    "schema": (options.SchemaOptions, "authoring:schema"),
    "explain": (options.ExplainOptions, "authoring:explain"),
    "completion": (options.CompletionOptions, "authoring:completion"),
    "ab": (engine_options.AbOptions, "ab:ab"),
    "selftest": (engine_options.SelftestOptions, "ab:selftest"),
    "profile": (engine_options.ProfileOptions, "profile:profile"),
    "report": (result_options.ReportOptions, "results:report"),
    "history": (result_options.HistoryOptions, "results:history"),
    "trend": (result_options.TrendOptions, "results:trend"),
}
"""What each command takes, and the function of `perfcli.commands` that it calls."""

_BASELINE: Final = {
    "save": (result_options.SaveOptions, "results:save"),
    "list": (result_options.BaselinesOptions, "results:list_all"),
    "show": (result_options.ShowOptions, "results:show"),
    "rm": (result_options.RemoveOptions, "results:remove"),
}
_WITH_EXIT_CODES: Final = ("run", "ab", "selftest", "profile")


@cli.group()
def baseline() -> None:
    """Keep runs under a name, for later runs to be compared with.

    \b
    Examples:
      digipal-perf run --tag quick --save
      digipal-perf baseline save main
      digipal-perf run --tag quick --baseline main
    """


def _command(name: str, declared: type, function: str) -> Command:
    def call(**given: Any) -> None:
        from perfcli.commands.context import Context

        ctx = click.get_current_context()
        context = Context(project_files(ctx), template=ctx.obj)
        ctx.exit(resolve_name(f"perfcli.commands.{function}")(filled(declared, given), context))

    epilog = EPILOG if name in _WITH_EXIT_CODES else None
    return Command(name, params=parameters_of(declared), callback=call, help=declared.__doc__, epilog=epilog)


for _group, _table in ((cli, _COMMANDS), (baseline, _BASELINE)):
    for _name, (_declared, _function) in _table.items():
        _group.add_command(_command(_name, _declared, _function))
name_variables(cli)  # once all commands are there
