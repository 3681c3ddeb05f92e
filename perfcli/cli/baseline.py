"""`digipal-perf baseline`: save, list, show, rm."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from perfcli.cli.choosing import STORE
from perfcli.cli.group import cli

_NAME = click.argument("name")


@cli.group()
def baseline() -> None:
    """Keep runs under a name, for later runs to be compared with.

    \b
    Examples:
      digipal-perf run --tag quick --save
      digipal-perf baseline save main
      digipal-perf run --tag quick --baseline main
    """


@baseline.command()
@_NAME
@click.argument("results", required=False, type=click.Path(path_type=Path, dir_okay=False), metavar="[RESULTS.json]")
@click.option("--force", is_flag=True, help="Also runs that failed, were interrupted or cannot be compared with.")
@STORE
def save(name: str, results: Path | None, force: bool, store: Path) -> None:
    """Save a baseline: the runs of a result file, or the newest kept run of each scenario.

    Of kept runs only those count that are of the newest run's commit. A baseline of the same name is replaced.

    \b
    Examples:
      digipal-perf baseline save main
      digipal-perf baseline save v1.2 results.json
    """
    from perfcli.regression.baseline import newest_runs, save_baseline
    from perfcli.regression.kept_files import read_runs
    from perfcli.regression.store import Store
    from perfcli.report.baselines import saved_in_words

    place = Store(store)
    if results is None:
        runs, complaints = place.runs()
        _complain(complaints)
        chosen = newest_runs(runs)
    else:
        chosen = read_runs(results)
    path, replaces = save_baseline(name, chosen, place, force=force)
    click.echo(saved_in_words(name, chosen, path, replaces=replaces))


@baseline.command(name="list")
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it as JSON."
)
@STORE
def list_them(json_file: Path | None, store: Path) -> None:
    """Show the baselines that are there.

    \b
    Example:
      digipal-perf baseline list
    """
    from perfcli.documents import STDOUT, write_document
    from perfcli.regression.baseline import list_baselines, listed
    from perfcli.regression.store import Store
    from perfcli.report.baselines import render_baselines
    from perfcli.report.terminal import make_console

    found, complaints = list_baselines(Store(store))
    _complain(complaints)
    if json_file:
        write_document(listed(found).model_dump(mode="json"), json_file)
    make_console(file=sys.stderr if json_file == STDOUT else None).print(
        render_baselines({each.name: each.runs for each in found})
    )


@baseline.command()
@_NAME
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the runs."
)
@STORE
def show(name: str, json_file: Path | None, store: Path) -> None:
    """Show what a baseline, or a result file, would be compared by.

    \b
    Examples:
      digipal-perf baseline show main
      digipal-perf baseline show ./results.json
    """
    from perfcli.documents import STDOUT
    from perfcli.regression.baseline import read_baseline
    from perfcli.regression.store import Store
    from perfcli.report.baselines import render_baseline
    from perfcli.report.terminal import make_console
    from perfcli.results import save_results

    found = read_baseline(name, Store(store))
    if json_file:
        save_results(found.runs, json_file)
    make_console(file=sys.stderr if json_file == STDOUT else None).print(render_baseline(found.name, found.runs))


@baseline.command()
@_NAME
@STORE
def rm(name: str, store: Path) -> None:
    """Remove a baseline, also one that cannot be read.

    \b
    Example:
      digipal-perf baseline rm v1.2
    """
    from perfcli.regression.baseline import remove_baseline
    from perfcli.regression.store import Store

    click.echo(f"removed {remove_baseline(name, Store(store))}")


def _complain(complaints: Sequence[str]) -> None:
    """Say on stderr what was left out."""
    for complaint in complaints:
        click.echo(f"left out: {complaint}", err=True)
