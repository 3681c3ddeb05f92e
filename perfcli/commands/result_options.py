"""What the commands take that look at results: report, compare, history, trend, baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perfcli.commands.options import AT_LEAST_ONE, Reports, json_option, store_option, verbose_option
from perfcli.commands.parameters import FILE, argument, files_by_format, group, option, options


@options
class ReportOptions:
    """Make reports of what `run --json` and `ab --json` wrote; by default the one that was printed then.

    A file of `-` is stdout, a result of `-` is stdin. The exit code says whether the report was made, not how the
    runs went.

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
    help_text = "Only runs with this value of a swept key; none: without a sweep."
    return option("--variation", default=(), multiple=True, metavar="KEY=VALUE", help=help_text)


@options
class CompareOptions:
    """Hold results against one another: the first is the baseline, each further one is compared with it.

    A result is a file of `run --json`, a baseline, or a saved run by its id in `history`. Runs meet by scenario and
    variation, and the rules of `run --baseline` decide. Exit code 5 on a regression.

    \b
    Examples:
      digipal-perf compare before.json after.json
      digipal-perf compare main after.json --strict
      digipal-perf compare 5f0c9a1e 8d21c07b 31aa90ff --html compared.html
    """

    sources: tuple[str, ...] = argument("FILE|NAME|ID...", nargs=-1, required=True)
    json_file: Path | None = json_option("Write the comparison.")
    files: dict[str, Path] = files_by_format("html", "markdown")
    strict: bool = option("--strict", is_flag=True, help="Also fail if a comparison is impossible or inconclusive.")
    verbose: bool = verbose_option()
    store: Path = store_option()


@options
class HistoryOptions:
    """Show the runs that were kept, of one scenario or of all, the newest last.

    \b
    Examples:
      digipal-perf run --tag quick --save
      digipal-perf history
      digipal-perf history database_load --last 20
    """

    scenario: str = argument("[NAME|FILE]", default="")
    variations: tuple[str, ...] = variation_option()
    last: int | None = option("--last", type=AT_LEAST_ONE, metavar="N", help="Only the newest N runs.")
    store: Path = store_option()
    json_file: Path | None = json_option("Write it as JSON.")


@options
class TrendOptions:
    """Show how a scenario's metrics went from run to run, and where they changed.

    By default the median latency (p50) of each operation. Times are corrected for the machine's pace, and only runs on
    the same machine, of the same work and variation as the newest are taken. It informs, and never fails for what it
    finds.

    \b
    Examples:
      digipal-perf trend database_load
      digipal-perf trend database_load --metric load_pet.latency.p95
      digipal-perf trend long_session --metric memory.growth --json trend.json
      digipal-perf trend database_load --variation setup.pets=100
    """

    scenario: str = argument("NAME|FILE")
    metric: str = option(
        "--metric", default="", metavar="M", help="As in a threshold: load_pet.latency.p95, memory.growth, …"
    )
    phase: str = option("--phase", default="", metavar="NAME", help="Only in this phase; needs --metric.")
    variations: tuple[str, ...] = variation_option()
    store: Path = store_option()
    json_file: Path | None = json_option("Write it as JSON.")


@options
class SaveOptions:
    """Save a baseline: the runs of a result file, or the newest kept run of each scenario.

    Of kept runs only those count that are of the newest run's commit. A baseline of the same name is replaced.

    \b
    Examples:
      digipal-perf baseline save main
      digipal-perf baseline save v1.2 results.json
    """

    name: str = argument("NAME")
    results: Path | None = argument("[RESULTS.json]", required=False, type=FILE)
    force: bool = option(
        "--force", is_flag=True, help="Also runs that failed, were interrupted or cannot be compared with."
    )
    store: Path = store_option()


@options
class BaselinesOptions:
    """Show the baselines that are there.

    \b
    Example:
      digipal-perf baseline list
    """

    json_file: Path | None = json_option("Write it as JSON.")
    store: Path = store_option()


@options
class ShowOptions:
    """Show what a baseline, or a result file, would be compared by.

    \b
    Examples:
      digipal-perf baseline show main
      digipal-perf baseline show ./results.json
    """

    name: str = argument("NAME")
    json_file: Path | None = json_option("Write the runs.")
    store: Path = store_option()


@options
class RemoveOptions:
    """Remove a baseline, also one that cannot be read.

    \b
    Example:
      digipal-perf baseline rm v1.2
    """

    name: str = argument("NAME")
    store: Path = store_option()
