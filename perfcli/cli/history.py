"""Commands that look back at kept runs."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from perfcli.cli.files import FILE, inputs
from perfcli.cli.group import cli
from perfcli.cli.options import STORE, kept_runs
from perfcli.errors import UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from perfcli.report.blocks import Document
    from perfcli.results import RunResult

_JSON = click.option("--json", "json_file", type=FILE, metavar="FILE", help="Write it as JSON.")


@cli.command()
@click.argument("scenario", default="", metavar="[NAME|FILE]")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the newest N runs.")
@STORE
@_JSON
def history(scenario: str, store: Path, last: int | None, json_file: Path | None) -> None:
    """Show the runs that were kept, of one scenario or of all, the newest last.

    \b
    Examples:
      digipal-perf run --tag quick --save
      digipal-perf history
      digipal-perf history database_load --last 20
    """
    from perfcli.history.kept_runs import history as history_of
    from perfcli.report.history import history_document

    runs = _kept(scenario, store, json_file, in_short=True)
    if scenario and not runs:
        raise _none_kept(scenario, store)
    found = history_of(runs, last)
    _show(history_document(found, str(store)), found, json_file)


@cli.command()
@click.argument("scenario", metavar="NAME|FILE")
@click.option("--metric", default="", metavar="M", help="As in a threshold: load_pet.latency.p95, memory.growth, …")
@click.option("--phase", default="", metavar="NAME", help="Only in this phase; needs --metric.")
@STORE
@_JSON
def trend(scenario: str, metric: str, phase: str, store: Path, json_file: Path | None) -> None:
    """Show how a scenario's metrics went from run to run, and where they changed.

    By default the median latency (p50) of each operation. Times are corrected for the machine's pace, and only runs on
    the same machine and of the same work as the newest are taken. It informs, and never fails for what it finds.

    \b
    Examples:
      digipal-perf trend database_load
      digipal-perf trend database_load --metric load_pet.latency.p95
      digipal-perf trend long_session --metric memory.growth --json trend.json
    """
    from perfcli.history.kept_metrics import needs_histogram
    from perfcli.history.trend import trend as trend_of
    from perfcli.report.trend import trend_document

    runs = _kept(scenario, store, json_file, in_short=not phase and not needs_histogram(metric))
    if not runs:
        raise _none_kept(scenario, store)
    found = trend_of(runs, metric, phase=phase, reference=scenario)
    _show(trend_document(found), found, json_file)


def _kept(scenario: str, directory: Path, json_file: Path | None, *, in_short: bool) -> list[RunResult]:
    """The runs of a scenario, oldest first; what cannot be read is said on stderr."""
    from perfcli.history.store import Store
    from perfcli.outputs import check_outputs

    store, name = Store(directory), _name_of(scenario)
    if json_file:
        check_outputs({"--json": json_file}, [*inputs(), *store.files()])
    return kept_runs(store, name, in_short=in_short)


def _name_of(scenario: str) -> str:
    """The name that runs are kept under; of a file, its scenario's."""
    from perfcli.cli.options import load

    return load([scenario], (), [])[0].name if os.path.isfile(os.path.expanduser(scenario)) else scenario


def _none_kept(scenario: str, directory: Path) -> UsageError:
    from perfcli.history.store import Store

    known = list(dict.fromkeys(run.name for run in Store(directory).runs(in_short=True).runs))
    there = f"there are runs of {', '.join(sorted(known))}" if known else "there are none at all"
    meant = get_close_matches(scenario, known, n=1)
    hint = f"did you mean {meant[0]}?" if meant else f"digipal-perf run {scenario} --save"
    return UsageError(f"no run of {scenario} is kept in {directory}: {there}", hint=hint)


def _show(report: Document, document: BaseModel, json_file: Path | None) -> None:
    from perfcli.outputs import Outputs
    from perfcli.report.writing import show_and_write

    outputs = Outputs()
    show_and_write(report, lambda: document.model_dump(mode="json"), json_file, outputs)
    raise click.exceptions.Exit(outputs.exit_code(0))
