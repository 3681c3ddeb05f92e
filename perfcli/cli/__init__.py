"""The command line: options in, one call out. What takes long to import waits until a command needs it."""

from __future__ import annotations

import os
from collections import UserDict
from collections.abc import Callable, Sequence
from functools import partial
from pkgutil import resolve_name
from typing import Any, Final

import click

from perfcli.cli import defaults, usage_mistakes
from perfcli.cli.completion import complete_names
from perfcli.cli.defaults import name_variables, project_files, variables_of, warn_of_unknown_variables
from perfcli.commands.parameters import filled, parameters_of
from perfcli.errors import UsageError
from perfcli.version import VERSION

__all__ = ["cli"]

EPILOG: Final = (
    "Exit codes: 0 pass, 1 the engine died or hung, 2 usage or invalid scenario, 3 a threshold failed, "
    "4 the run is invalid, 5 regression, 130 interrupted (143 by SIGTERM, 129 by SIGHUP)."
)


class Command(click.Command):
    """A command whose options have variables and a project's defaults, and whose arguments complete in a shell."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        complete_names(self.params)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take what the command line does not say from the environment, then from the project's file."""
        try:
            if not ctx.resilient_parsing:
                usage_mistakes.refuse_mistyped(self, ctx, args)
                self._refuse_no_values(ctx, args)
            return super().parse_args(ctx, args)
        except (click.NoSuchOption, click.BadOptionUsage) as error:
            raise usage_mistakes.explained(error, self, ctx, args) from error
        except click.MissingParameter as error:
            message = f"For example: {self._first_example(ctx)}"
            raise click.MissingParameter(message, ctx, error.param) from error
        except click.BadParameter as error:
            is_flag = isinstance(error.param, click.Option) and error.param.is_flag
            # click lists 13 values, with an empty one
            wrong = f"{error.message.partition('.')[0]}: write true or false" if is_flag else error.message
            message = wrong + defaults.origin_of(error.param, ctx)
            raise click.BadParameter(message, ctx, error.param) from error

    def _first_example(self, ctx: click.Context) -> str:
        """The first of the examples in its help that shows it, without the remark behind it."""
        lines = map(str.strip, (self.help or "").splitlines())
        command = " ".join(["digipal-perf", *defaults.words_of(ctx), ""])
        return next(line.partition("  ")[0] for line in lines if line.startswith(command))

    def _refuse_no_values(self, ctx: click.Context, args: list[str]) -> None:
        """Refuse what is no value: no text, as `--baseline "$UNSET"` would quietly compare nothing; or an option.

        Looks at the raw texts, as types may make something of them: an empty path is the working directory.
        """
        given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in self.params:
            written = given.get(parameter.name or "")
            texts = written if isinstance(written, (list, tuple)) else [written]
            if any(isinstance(text, str) and not text.strip() for text in texts):
                what = "option" if isinstance(parameter, click.Option) else "argument"
                message = f"it is empty. Is a shell variable unset? Give a value, or drop the {what}."
                raise click.BadParameter(message, ctx, parameter)
            for text in texts if isinstance(parameter, click.Option) else ():
                if isinstance(text, str) and text.partition("=")[0] in usage_mistakes.options_of(self):
                    raise click.BadParameter(f"{text} is an option: put the value before it", ctx, parameter)
            self._refuse_variables(ctx, parameter)

    def _refuse_variables(self, ctx: click.Context, parameter: click.Parameter) -> None:
        """Refuse variables without text, and two of one option that differ."""
        values = {name: os.environ[name] for name in variables_of(parameter) if os.environ.get(name)}
        for name, value in values.items():
            if value.isspace():
                raise click.BadParameter(f"{name} holds only blanks: set it to a value, or unset it.", ctx, parameter)
        if len(set(values.values())) > 1:
            raise click.BadParameter(f"{' and '.join(values)} differ: unset one of them.", ctx, parameter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options, and where else they can be set."""
        super().format_options(ctx, formatter)
        defaults.write_help(ctx, formatter)


class _Commands(UserDict[str, Any]):
    """The commands of a group by name, each made from its declaration when it is asked for, as most calls use one."""

    def __getitem__(self, name: str) -> click.Command:
        command: click.Command | Callable[[], click.Command] = super().__getitem__(name)
        if not isinstance(command, click.Command):
            self.data[name] = command = command()
        return command


class Group(click.Group):
    """A command of several commands."""

    command_class = Command
    group_class = type

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.commands = _Commands(self.commands)
        self.headings: dict[str, str] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of their headings."""
        return list(dict.fromkeys([*self.headings, *super().list_commands(ctx)]))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named, and its arguments."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            meant = usage_mistakes.command_instead(args, self, ctx)
            raise click.UsageError(f"No such command {name!r:.60}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands below their headings, with whole summaries: a narrow terminal wraps them."""
        by_heading: dict[str, list[tuple[str, str]]] = {}
        width = max(map(len, self.commands))
        for name in self.list_commands(ctx):
            summary = self.commands[name].get_short_help_str(limit=1_000)
            by_heading.setdefault(self.headings.get(name, "Commands"), []).append((f"{name:{width}}", summary))
        for heading, rows in by_heading.items():
            with formatter.section(heading):
                formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the project's file, for all commands below, and look at the environment."""
        wants_help = not {"-h", "--help"}.isdisjoint(args)
        try:
            rest = super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            raise usage_mistakes.explained(error, self, ctx, args) from error
        if ctx.parent is None:
            defaults.take_project_file(self, ctx, or_none=wants_help)
            if not ctx.resilient_parsing:
                warn_of_unknown_variables(self)
        return rest


@click.group(
    cls=Group, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(VERSION, prog_name="digipal-perf")
def cli() -> None:
    """Load-test the DigiPal engine, with results you can gate a merge on.

    \b
    Examples:
      digipal-perf run pet_creation      run a shipped scenario
      digipal-perf init my_session       write a scenario of your own
      digipal-perf run my_session.yaml   run it
      digipal-perf ab --tag quick --base main   is your change slower than main?
    """


_COMMANDS: Final = {
    "Run": {
        "run": ("options:RunOptions", "run:run"),
        "capacity": ("engine_options:CapacityOptions", "capacity:capacity"),
        "scaling": ("engine_options:ScalingOptions", "scaling:scaling"),
        "profile": ("engine_options:ProfileOptions", "engines:profile"),
        "crash": ("engine_options:CrashOptions", "engines:crash"),
        "cluster": ("cluster_options:MachinesOptions", "cluster:cluster"),
    },
    "Compare": {
        "ab": ("engine_options:AbOptions", "engines:ab"),
        "selftest": ("engine_options:SelftestOptions", "engines:selftest"),
        "compare": ("result_options:CompareOptions", "results:compare"),
    },
    "Look back": {
        "report": ("result_options:ReportOptions", "results:report"),
        "history": ("result_options:HistoryOptions", "results:history"),
        "trend": ("result_options:TrendOptions", "results:trend"),
    },
    "Write scenarios": {
        "list": ("options:ListOptions", "authoring:list_scenarios"),
        "init": ("options:InitOptions", "authoring:init"),
        "validate": ("options:ValidateOptions", "authoring:validate"),
        "plan": ("options:PlanOptions", "authoring:plan"),
        "explain": ("options:ExplainOptions", "authoring:explain"),
        "schema": ("options:SchemaOptions", "authoring:schema"),
        "completion": ("options:CompletionOptions", "authoring:completion"),
    },
}
"""By the headings of `--help`: what each command takes, and the function of `perfcli.commands` that it calls."""

_BASELINE: Final = {
    "save": ("result_options:SaveOptions", "results:save"),
    "list": ("result_options:BaselinesOptions", "results:list_all"),
    "show": ("result_options:ShowOptions", "results:show"),
    "rm": ("result_options:RemoveOptions", "results:remove"),
}
_WITH_EXIT_CODES: Final = ("run", "ab", "selftest", "capacity", "crash", "scaling", "profile", "cluster", "compare")


@cli.group()
def baseline() -> None:
    """Save runs under a name, and compare later runs with them.

    \b
    Examples:
      digipal-perf run --tag quick --save
      digipal-perf baseline save main
      digipal-perf run --tag quick --baseline main
    """


def _command(words: Sequence[str], declared: str, function: str) -> Command:
    takes = resolve_name(f"perfcli.commands.{declared}")

    def call(**given: Any) -> None:
        from perfcli.commands.context import Context

        ctx = click.get_current_context()
        context = Context(project_files(ctx), template=ctx.obj)
        try:
            code = resolve_name(f"perfcli.commands.{function}")(filled(takes, given), context)
        except UsageError as error:
            error.hint = "\nHint: ".join(filter(None, (error.hint, defaults.origins_in(error.message, ctx))))
            raise
        ctx.exit(code)

    epilog = EPILOG if words[0] in _WITH_EXIT_CODES else None
    command = Command(words[-1], params=parameters_of(takes), callback=call, help=takes.__doc__, epilog=epilog)
    name_variables(command, words)
    return command


for _heading, _table in _COMMANDS.items():
    cli.headings |= dict.fromkeys(_table, _heading)
    for _name, _facts in _table.items():
        cli.commands[_name] = partial(_command, [_name], *_facts)  # type: ignore[assignment]  # _Commands calls it
cli.headings["baseline"] = "Look back"
for _name, _facts in _BASELINE.items():
    baseline.commands[_name] = partial(_command, ["baseline", _name], *_facts)  # type: ignore[assignment]
