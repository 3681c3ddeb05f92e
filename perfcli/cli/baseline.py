"""`digipal-perf baseline`: save, list, show, rm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from perfcli.cli.files import FILE, inputs, note_inputs
from perfcli.cli.group import cli
from perfcli.cli.options import STORE, complain_left_out, kept_runs
from perfcli.streams import say

if TYPE_CHECKING:
    from perfcli.history.store import Store
    from perfcli.report.blocks import Document

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
@click.argument("results", required=False, type=FILE, metavar="[RESULTS.json]")
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
    from perfcli.history.baseline import newest_runs, save_baseline
    from perfcli.history.kept_files import read_runs
    from perfcli.history.store import Store
    from perfcli.report.history import saved_in_words

    place = Store(store)
    chosen = newest_runs(kept_runs(place)) if results is None else read_runs(results)
    path, replaces = save_baseline(name, chosen, place, force=force, results=results)
    say(saved_in_words(name, chosen, path, replaces=replaces))


@baseline.command(name="list")
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write it as JSON.")
@STORE
def list_them(json_file: Path | None, store: Path) -> None:
    """Show the baselines that are there.

    \b
    Example:
      digipal-perf baseline list
    """
    from perfcli.history.baseline import list_baselines, listed
    from perfcli.history.store import Store
    from perfcli.report.history import baselines_document

    place = Store(store)
    _check(json_file, place)
    found, complaints = list_baselines(place)
    complain_left_out(complaints)
    _show(
        baselines_document({each.name: each.runs for each in found}),
        lambda: listed(found).model_dump(mode="json"),
        json_file,
    )


@baseline.command()
@_NAME
@click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write the runs.")
@STORE
def show(name: str, json_file: Path | None, store: Path) -> None:
    """Show what a baseline, or a result file, would be compared by.

    \b
    Examples:
      digipal-perf baseline show main
      digipal-perf baseline show ./results.json
    """
    from perfcli.history.baseline import baseline_file, read_baseline
    from perfcli.history.store import Store
    from perfcli.report.history import baseline_document
    from perfcli.results import as_document

    place = Store(store)
    note_inputs([baseline_file(name, place)])
    _check(json_file, place)
    found = read_baseline(name, place)
    _show(baseline_document(found.name, found.runs), lambda: as_document(found.runs), json_file)


@baseline.command()
@_NAME
@STORE
def rm(name: str, store: Path) -> None:
    """Remove a baseline, also one that cannot be read.

    \b
    Example:
      digipal-perf baseline rm v1.2
    """
    from perfcli.history.baseline import remove_baseline
    from perfcli.history.store import Store

    say(f"removed {remove_baseline(name, Store(store))}")


def _check(json_file: Path | None, store: Store) -> None:
    """See that the document can be written, and would replace nothing of the store."""
    from perfcli.outputs import check_outputs

    if json_file:
        check_outputs({"--json": json_file}, [*inputs(), *store.files()])


def _show(report: Document, document: Callable[[], Any], json_file: Path | None) -> None:
    from perfcli.outputs import Outputs
    from perfcli.report.writing import show_and_write

    outputs = Outputs()
    show_and_write(report, document, json_file, outputs)
    raise click.exceptions.Exit(outputs.exit_code(0))
