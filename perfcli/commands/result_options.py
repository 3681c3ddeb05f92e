"""What the commands take that look at results: report, compare, history, trend, baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perfcli.commands.options import AT_LEAST_ONE, Reports, json_option, store_option, verbose_option
from perfcli.commands.parameters import FILE, argument, files_by_format, group, option, options


@options
class ReportOptions:
    """Print or write reports of saved results.

    Reads what `run --json` and `ab --json` wrote, or stdin for `-`. As a file to write, `-` is stdout. The exit code is
    0 if the report was made, whatever the verdicts in it.

    \b
    Examples:
      digipal-perf run --tag quick --json results.json
      digipal-perf report results.json --plots
      digipal-perf report results.json --html report.html --junit junit.xml
      digipal-perf report results.json --markdown -
    """

    results: tuple[Path, ...] = argument("RESULT.json...", nargs=-1, required=True, type=FILE)
    reports: Reports = group(Reports)


def variation_option() -> Any:
    """Which runs of sweeps."""
    help_text = "Only runs with this value of a swept key; `none` for runs without a sweep."
    return option("--variation", default=(), multiple=True, metavar="KEY=VALUE", unset="all", help=help_text)


@options
class CompareOptions:
    """Compare results: the first is the base, the others follow.

    A result is a file of `run --json`, a baseline, or a saved run by its id in `history`. Runs of the same scenario and
    variation are compared, by the rules of `run --baseline`. A regression exits with 5.

    \b
    Examples:
      digipal-perf compare before.json after.json
      digipal-perf compare main after.json --strict
      digipal-perf compare 5f0c9a1e 8d21c07b 31aa90ff --html compared.html
    """

    sources: tuple[str, ...] = argument("FILE|NAME|ID...", nargs=-1, required=True)
    json_file: Path | None = json_option("Write the comparison as JSON.")
    files: dict[str, Path] = files_by_format("html", "markdown")
    strict: bool = option("--strict", is_flag=True, help="Also fail if a comparison is impossible or inconclusive.")
    verbose: bool = verbose_option()
    store: Path = store_option()


@options
class HistoryOptions:
    """List saved runs, of one scenario or of all, the newest last.

    \b
    Examples:
      digipal-perf run --tag quick --save
      digipal-perf history
      digipal-perf history database_load --last 20
    """

    scenario: str = argument("[NAME|FILE]", default="")
    variations: tuple[str, ...] = variation_option()
    last: int | None = option("--last", type=AT_LEAST_ONE, metavar="N", unset="all", help="Only the newest N runs.")
    store: Path = store_option()
    json_file: Path | None = json_option("Write the list as JSON.")


@options
class TrendOptions:
    """Show metrics from run to run, and where they changed.

    Takes saved runs on the same machine, with the same work and variation as the newest. Times are normalised by the
    reference kernel. A change never affects the exit code.

    \b
    Examples:
      digipal-perf trend database_load
      digipal-perf trend database_load --metric load_pet.latency.p95
      digipal-perf trend long_session --metric memory.growth --json trend.json
      digipal-perf trend database_load --variation setup.pets=100
    """

    scenario: str = argument("NAME|FILE")
    metric: str = option(
        "--metric",
        default="",
        metavar="M",
        unset="p50 of each operation, exact counters",
        help="Metric as in a threshold: load_pet.latency.p95, memory.growth.",
    )
    phase: str = option(
        "--phase", default="", metavar="NAME", unset="the whole run", help="Only this phase; needs --metric."
    )
    variations: tuple[str, ...] = variation_option()
    store: Path = store_option()
    json_file: Path | None = json_option("Write the list as JSON.")


@options
class SaveOptions:
    """Save a baseline: a result file, or the newest saved runs.

    Without a file, takes the newest saved run of each scenario, if it has the commit of the newest of all. Replaces a
    baseline of the same name.

    \b
    Examples:
      digipal-perf baseline save main
      digipal-perf baseline save v1.2 results.json
    """

    name: str = argument("NAME")
    results: Path | None = argument("[RESULTS.json]", required=False, type=FILE)
    force: bool = option(
        "--force", is_flag=True, help="Also save runs that failed, were interrupted or cannot be compared."
    )
    store: Path = store_option()


@options
class BaselinesOptions:
    """List the saved baselines.

    \b
    Example:
      digipal-perf baseline list
    """

    json_file: Path | None = json_option("Write the list as JSON.")
    store: Path = store_option()


@options
class ShowOptions:
    """Show what a baseline or a result file holds.

    \b
    Examples:
      digipal-perf baseline show main
      digipal-perf baseline show ./results.json
    """

    name: str = argument("NAME")
    json_file: Path | None = json_option("Write the runs as JSON.")
    store: Path = store_option()


@options
class RemoveOptions:
    """Remove a baseline, even an unreadable one.

    \b
    Example:
      digipal-perf baseline rm v1.2
    """

    name: str = argument("NAME")
    store: Path = store_option()
