"""What the commands take that run scenarios, write them, and report; and the options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from perfcli.commands.cluster_options import ClusterOptions
from perfcli.commands.parameters import DIRECTORY, FILE, argument, files_by_format, group, option, options
from perfcli.errors import UsageError

AT_LEAST_ONE: Final = click.IntRange(min=1)


def json_option(help_text: str) -> Any:
    """The file that a command writes for programs."""
    return option("--json", type=FILE, metavar="FILE", help=help_text)


def engine_option(use: str) -> Any:
    """The engine that a command uses."""
    default = "Default: this repository's, else the installed one."
    return option(
        "--engine", default="", metavar="PATH|REV", help=f"{use} this engine: a checkout or a revision. {default}"
    )


def progress_option() -> Any:
    """Whether to show how it goes."""
    text = "Show how it goes, if not on a terminal every 10 s."
    return option("--progress/--no-progress", default=True, help=text)


def no_cache_option() -> Any:
    """Whether to load scenario files that have not changed."""
    text = "Load every file, even if it has not changed since the last time."
    return option("--no-cache", is_flag=True, help=text)


@options
class Following:
    """Who else follows the command."""

    live: bool = option("--live", is_flag=True, help="Show how it goes on a page in a browser, on this machine.")
    live_port: int | None = option(
        "--live-port", type=click.IntRange(1, 65535), metavar="N", help="Serve that page there. Default: a free port."
    )
    open: bool = option("--open", is_flag=True, help="Open that page.")
    events: Path | None = option(
        "--events", type=FILE, metavar="FILE", help="Write what happens, a JSON object a line; - is stdout."
    )
    otlp: str = option("--otlp", default="", metavar="URL", help="Send metrics to this OpenTelemetry collector.")

    @property
    def wants_page(self) -> bool:
        """Whether the page is served: an option that only makes sense with it asks for it too."""
        return self.live or self.live_port is not None or self.open


def verbose_option() -> Any:
    """Whether to leave nothing out."""
    return option("--verbose", "-v", is_flag=True, help="Print everything that is known.")


def quiet_option() -> Any:
    """Whether to print next to nothing."""
    return option("--quiet", "-q", is_flag=True, help="Print one line per scenario.")


def store_option() -> Any:
    """Where runs and baselines are."""
    return option(
        "--store",
        type=DIRECTORY,
        default=Path(".digipal-perf"),
        envvar="DIGIPAL_PERF_STORE",
        show_default=True,
        show_envvar=True,
        metavar="DIR",
        help="Where runs and baselines are kept.",
    )


@options
class Selection:
    """Which scenarios."""

    scenarios: tuple[str, ...] = argument("[NAME|FILE|DIR]...", nargs=-1)
    tags: tuple[str, ...] = option(
        "--tag", default=(), multiple=True, metavar="T", help="Only scenarios with this tag (several: any of them)."
    )


@options
class Changes:
    """What a command changes in every scenario that it runs."""

    workers: int | None = option("--workers", "--vus", type=AT_LEAST_ONE, metavar="N", help="Virtual users (load.vus).")
    iterations: int | None = option(
        "--iterations", type=AT_LEAST_ONE, metavar="N", help="Iterations, whatever the executor."
    )
    duration: str | None = option("--duration", metavar="D", help="Run for this long (30s, 2m), whatever the executor.")
    settings: tuple[str, ...] = option(
        "--set", multiple=True, metavar="KEY=VALUE", help="Change a key, e.g. engine.ai.latency=10ms."
    )
    seed: int | None = option(
        "--seed", type=click.IntRange(min=0, max=2**63 - 1), metavar="N", help="Repeat a run's operations."
    )


def sweep_option(use: str) -> Any:
    """The keys that are varied."""
    help_text = f"{use} every combination of values, e.g. setup.pets=10,100."
    return option("--sweep", default=(), multiple=True, metavar="KEY=V,V…", help=help_text)


def fault_option() -> Any:
    """Faults beside those of the scenario."""
    help_text = "Add a fault, e.g. 'lock={at: 5s, for: 1s}'."
    return option("--fault", default=(), multiple=True, metavar="KIND={…}", help=help_text)


@options
class Reports:
    """Which reports, and how much the one on the console says."""

    files: dict[str, Path] = files_by_format()
    plots: bool = option("--plots", is_flag=True, help="Draw the latency of each operation.")
    verbose: bool = verbose_option()


@options
class RunOptions:
    """Run scenarios: shipped ones by name, or files, or all files of a directory.

    Without a name and with --tag, the shipped scenarios that carry the tag.

    \b
    Examples:
      digipal-perf run pet_creation database_load
      digipal-perf run scenarios/ --tag quick --json results.json
      digipal-perf run typical_session --workers 20 --duration 30s
      digipal-perf run long_session --set engine.ai.latency=0ms --seed 42
      digipal-perf run database_load --sweep setup.pets=10,100,1000 --sweep load.vus=1,4
      digipal-perf run database_load --duration 10s --save --baseline main
      digipal-perf run database_load --exact --baseline main.json
      digipal-perf run --tag quick --html report.html --junit junit.xml
      digipal-perf run database_load --samples samples.parquet
    """

    selection: Selection = group(Selection)
    changes: Changes = group(Changes)
    sweeps: tuple[str, ...] = sweep_option("Run")
    faults: tuple[str, ...] = fault_option()
    json_file: Path | None = json_option("Write the results, for `report` and others; - is stdout.")
    reports: Reports = group(Reports)
    samples: Path | None = option(
        "--samples", type=FILE, metavar="FILE", help="Write every sample: .csv, .jsonl or .parquet."
    )
    quiet: bool = quiet_option()
    keep_database_in: Path | None = option("--keep-db", type=DIRECTORY, metavar="DIR", help="Keep the databases there.")
    engine: str = engine_option("Run")
    exact: bool = option("--exact", is_flag=True, help="Count what operations cost, exactly, instead of timing them.")
    also_exact: bool = option("--also-exact", is_flag=True, help="Count it after the load, too.")
    save: bool = option("--save", is_flag=True, help="Keep every run in the store, for history, trend and baseline.")
    baseline: str = option(
        "--baseline", default="", metavar="NAME|FILE", help="Compare with this baseline, and fail if slower."
    )
    strict: bool = option(
        "--strict", is_flag=True, help="Fail also where the comparison could not be made or says too little."
    )
    retries: int = option(
        "--retries",
        type=click.IntRange(min=0),
        default=1,
        show_default=True,
        metavar="N",
        help="Repeat a run that other processes starved, up to N times.",
    )
    store: Path = store_option()
    progress: bool = progress_option()
    following: Following = group(Following)
    spread: ClusterOptions = group(ClusterOptions)

    def __post_init__(self) -> None:
        if self.spread.cluster and (self.samples or self.keep_database_in):
            raise UsageError(
                "--samples and --keep-db need what stays on the machines of a cluster: leave them out, or --cluster"
            )
        if self.exact and self.also_exact:
            raise UsageError("--exact runs no load, --also-exact does: choose one of them")
        if self.exact and self.keep_database_in:
            raise UsageError("--exact keeps no database: leave --keep-db out, or use --also-exact")
        if self.exact and self.samples:
            raise UsageError(
                "--exact times no operation, so there are no samples: leave --samples out, or use --also-exact"
            )
        if self.strict and not self.baseline:
            raise UsageError("--strict says how to compare: it needs --baseline NAME or FILE")
        if self.reports.plots and self.quiet:
            raise UsageError("--plots draws what --quiet leaves out: choose one of them")
        refuse_verbose_and_quiet(verbose=self.reports.verbose, quiet=self.quiet)

    @property
    def files(self) -> dict[str, Path]:
        """Every file to write, by its format."""
        others = {"json": self.json_file, "samples": self.samples, "events": self.following.events}
        return self.reports.files | {form: path for form, path in others.items() if path}


def refuse_verbose_and_quiet(*, verbose: bool, quiet: bool) -> None:
    """Refuse a command that asks for both.

    Raises:
        UsageError: it does.
    """
    if verbose and quiet:
        raise UsageError("--verbose prints what --quiet leaves out: choose one of them")


@options
class PlanOptions:
    """Show what would run, a line for each phase, and run nothing.

    Scenarios are chosen and changed as by `run`, and every mistake in them is told.

    \b
    Examples:
      digipal-perf plan database_load
      digipal-perf plan my.yaml --workers 20 --duration 30s
      digipal-perf plan --tag quick
      digipal-perf plan database_load --sweep load.vus=1,4
    """

    selection: Selection = group(Selection)
    changes: Changes = group(Changes)
    sweeps: tuple[str, ...] = sweep_option("Show")
    faults: tuple[str, ...] = fault_option()


@options
class ListOptions:
    """Show the shipped scenarios, or those of files and directories.

    \b
    Examples:
      digipal-perf list
      digipal-perf list --tag quick
    """

    selection: Selection = group(Selection)
    no_cache: bool = no_cache_option()


@options
class ValidateOptions:
    """Check scenario files, and report every mistake with its line and column.

    Warns of what checks nothing, or fails whatever the engine does; exit code 0.

    \b
    Examples:
      digipal-perf validate my.yaml
      digipal-perf validate scenarios/
    """

    files: tuple[str, ...] = argument("FILE...", nargs=-1, required=True)
    no_cache: bool = no_cache_option()


@options
class InitOptions:
    """Write a commented scenario to begin with, NAME.yaml, that runs as it is.

    Beside it goes digipal-perf.schema.json, by which editors complete keys and mark mistakes. With --operations, it
    uses operations of your own, in NAME_operations.py.

    \b
    Examples:
      digipal-perf init my_session
      digipal-perf init --operations my_methods
      digipal-perf run my_session.yaml
    """

    reference: str = argument("NAME")
    operations: bool = option("--operations", is_flag=True, help="Begin with operations of your own, in Python.")
    force: bool = option("--force", is_flag=True, help="Also in the place of a file that is there.")


@options
class SchemaOptions:
    """Print the JSON Schema of scenario files, for completion in editors.

    With a scenario, it knows the settings of that scenario's own operations. An editor with the YAML language server
    takes it by a first line in the scenario:

    \b
      # yaml-language-server: $schema=./digipal-perf.schema.json

    \b
    Examples:
      digipal-perf schema > digipal-perf.schema.json
      digipal-perf schema my.yaml > my.schema.json
      digipal-perf schema --markdown
    """

    scenario: str = argument("[NAME|FILE]", default="")
    markdown: bool = option("--markdown", is_flag=True, help="As a document with tables, instead of a JSON Schema.")


@options
class ExplainOptions:
    """Say what a metric means and how it is computed, or what an operation does; without a name, list them all.

    \b
    Examples:
      digipal-perf explain
      digipal-perf explain memory.leak
      digipal-perf explain load_pet.latency.p95
      digipal-perf explain interact
      digipal-perf explain --scenario my.yaml my_operation
      digipal-perf explain --markdown
    """

    subject: str = argument("[METRIC|OPERATION]", default="")
    scenario: str = option("--scenario", default="", metavar="NAME|FILE", help="Know this scenario's own operations.")
    markdown: bool = option("--markdown", is_flag=True, help="All metrics as a table, for a document.")


@options
class CompletionOptions:
    """Print what makes a shell complete commands, options, and names of scenarios, tags, metrics and baselines.

    \b
    Examples, each for the file that the shell reads at its start:
      eval "$(digipal-perf completion bash)"     in ~/.bashrc
      eval "$(digipal-perf completion zsh)"      in ~/.zshrc
      digipal-perf completion fish | source      in ~/.config/fish/config.fish
    """

    shell: str = argument("{bash|zsh|fish}", type=click.Choice(["bash", "zsh", "fish"]))
