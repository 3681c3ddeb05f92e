"""Commands for those who write scenarios: init, schema, explain, completion."""

from __future__ import annotations

import click

from perfcli.cli.files import inputs
from perfcli.cli.group import cli
from perfcli.streams import say


@cli.command()
@click.argument("reference", metavar="NAME")
@click.option("--force", is_flag=True, help="Also in the place of a file that is there.")
def init(reference: str, force: bool) -> None:
    """Write a commented scenario to begin with, NAME.yaml, that runs as it is.

    Beside it goes digipal-perf.schema.json, by which editors complete keys and mark mistakes.

    \b
    Examples:
      digipal-perf init my_session
      digipal-perf run my_session.yaml
    """
    from perfcli.outputs import Outputs
    from perfcli.scenario.starter import write_starter

    outputs = Outputs()
    path, schema = write_starter(reference, inputs(), force=force)
    outputs.wrote(path)
    outputs.wrote(schema)
    outputs.list_written()
    say(f"next: digipal-perf run {path}")


@cli.command()
@click.option("--markdown", is_flag=True, help="As a document with tables, instead of a JSON Schema.")
def schema(markdown: bool) -> None:
    """Print the JSON Schema of scenario files, for completion in editors.

    An editor with the YAML language server takes it by a first line in the scenario:

    \b
      # yaml-language-server: $schema=./digipal-perf.schema.json

    \b
    Examples:
      digipal-perf schema > digipal-perf.schema.json
      digipal-perf schema --markdown
    """
    import json

    from perfcli.scenario.reference import scenario_reference
    from perfcli.scenario.schema import scenario_schema

    text = scenario_reference() if markdown else json.dumps(scenario_schema(), indent=2, ensure_ascii=False) + "\n"
    click.echo(text, nl=False)


@cli.command()
@click.argument("subject", default="", metavar="[METRIC|OPERATION]")
@click.option("--markdown", is_flag=True, help="All metrics as a table, for a document.")
def explain(subject: str, markdown: bool) -> None:
    """Say what a metric means and how it is computed, or what an operation does; without a name, list them all.

    \b
    Examples:
      digipal-perf explain
      digipal-perf explain memory.leak
      digipal-perf explain load_pet.latency.p95
      digipal-perf explain interact
      digipal-perf explain --markdown
    """
    if markdown:
        _print_table(subject)
        return
    from perfcli.report.console import make_console
    from perfcli.report.explained import render_all, render_explanation

    console = make_console()
    if subject:
        console.print(render_explanation(subject))
    else:
        # for a pipe a line stays whole, however long, so that grep finds it
        console.print(render_all(), soft_wrap=not console.is_terminal)


def _print_table(subject: str) -> None:
    from perfcli.report.doc_tables import metrics_table

    if subject:
        raise click.UsageError(f"--markdown prints the table of all metrics: leave out {subject}")
    click.echo(metrics_table(), nl=False)


@cli.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete commands, options, and names of scenarios, tags, metrics and baselines.

    \b
    Examples, each for the file that the shell reads at its start:
      eval "$(digipal-perf completion bash)"     in ~/.bashrc
      eval "$(digipal-perf completion zsh)"      in ~/.zshrc
      digipal-perf completion fish | source      in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    found = get_completion_class(shell)
    assert found is not None, f"click knows no {shell}"
    click.echo(found(cli, {}, "digipal-perf", "_DIGIPAL_PERF_COMPLETE").source())
