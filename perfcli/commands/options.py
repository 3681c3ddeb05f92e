"""What the commands take that run scenarios, write them, and report; and the options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from perfcli.commands.cluster_options import ClusterOptions
from perfcli.commands.parameters import DIRECTORY, FILE, WholeNumber, argument, files_by_format, group, option, options
from perfcli.errors import UsageError

AT_LEAST_ONE: Final = WholeNumber(min=1)
OWN_ENGINE: Final = "this repository's, else the installed one"
"""The engine that commands use if none is named."""
AS_WRITTEN: Final = "as in the scenario"
MOST_SEED: Final = 2**63 - 1


def json_option(help_text: str) -> Any:
    """The file that a command writes for programs."""
    return option("--json", type=FILE, metavar="FILE", unset="none", help=help_text)


def engine_option(use: str) -> Any:
    """The engine that a command uses."""
    help_text = f"{use} this engine: a checkout or a git revision."
    return option("--engine", default="", metavar="PATH|REV", unset=OWN_ENGINE, help=help_text)


def progress_option() -> Any:
    """Whether to show progress."""
    text = "Show progress: live on a terminal, else a line every 10 s."
    return option("--progress/--no-progress", default=True, help=text)


def no_cache_option() -> Any:
    """Whether to load scenario files that have not changed."""
    text = "Load every file, even if it has not changed since the last time."
    return option("--no-cache", is_flag=True, help=text)


@options
class Following:
    """Who else follows the command."""

    live: bool = option("--live", is_flag=True, help="Serve a live page of the run, on this machine only.")
    live_port: int | None = option(
        "--live-port",
        type=WholeNumber(1, 65535),
        metavar="N",
        unset="a free port",
        help="Port of the live page; implies --live.",
    )
    open: bool = option("--open", is_flag=True, help="Open the live page in a browser; implies --live.")
    events: Path | None = option(
        "--events", type=FILE, metavar="FILE", unset="none", help="Write events as JSON Lines; - is stdout."
    )
    otlp: str = option(
        "--otlp", default="", metavar="URL", unset="none", help="Send metrics to this OpenTelemetry collector."
    )

    @property
    def wants_page(self) -> bool:
        """Whether the page is served: an option that only makes sense with it asks for it too."""
        return self.live or self.live_port is not None or self.open


def verbose_option() -> Any:
    """Whether to leave nothing out."""
    return option("--verbose", "-v", is_flag=True, help="Print every detail.")


def quiet_option() -> Any:
    """Whether to print next to nothing."""
    return option("--quiet", "-q", is_flag=True, help="Print only one line per scenario.")


def store_option() -> Any:
    """Where runs and baselines are."""
    return option(
        "--store",
        type=DIRECTORY,
        default=Path(".digipal-perf"),
        envvar="DIGIPAL_PERF_STORE",
        show_envvar=True,
        metavar="DIR",
        help="Directory of saved runs and baselines.",
    )


@options
class Selection:
    """Which scenarios."""

    scenarios: tuple[str, ...] = argument("[NAME|FILE|DIR]...", nargs=-1)
    tags: tuple[str, ...] = option(
        "--tag",
        default=(),
        multiple=True,
        metavar="T",
        unset="any tag",
        help="Only scenarios with this tag, or with one of several.",
    )


@options
class Changes:
    """What a command changes in every scenario that it runs."""

    workers: int | None = option(
        "--workers", "--vus", type=AT_LEAST_ONE, metavar="N", unset=AS_WRITTEN, help="Run N virtual users (load.vus)."
    )
    iterations: int | None = option(
        "--iterations",
        type=AT_LEAST_ONE,
        metavar="N",
        unset=AS_WRITTEN,
        help="Run N iterations, whatever the executor.",
    )
    duration: str | None = option(
        "--duration", metavar="D", unset=AS_WRITTEN, help="Run for this long (30s, 2m), whatever the executor."
    )
    settings: tuple[str, ...] = option(
        "--set",
        multiple=True,
        metavar="KEY=VALUE",
        unset="none",
        help="Change a key, e.g. engine.ai.latency=10ms; repeat it for more.",
    )
    seed: int | None = option(
        "--seed",
        type=WholeNumber(min=0, max=MOST_SEED),
        metavar="N",
        unset="a new one",
        help="Replay the operations of the run with this seed.",
    )


def sweep_option(use: str) -> Any:
    """The keys that are varied."""
    help_text = f"{use} a variation for each value, e.g. setup.pets=10,100; several: each combination."
    return option("--sweep", default=(), multiple=True, metavar="KEY=V,V…", unset="none", help=help_text)


def fault_option() -> Any:
    """Faults beside those of the scenario."""
    help_text = "Add a fault, e.g. 'lock={at: 5s, for: 1s}'; repeat it for more."
    return option("--fault", default=(), multiple=True, metavar="KIND={…}", unset="none", help=help_text)


@options
class Reports:
    """Which reports to write, and how detailed the printed one is."""

    files: dict[str, Path] = files_by_format()
    plots: bool = option("--plots", is_flag=True, help="Also draw the latency of each operation.")
    verbose: bool = verbose_option()


@options
class RunOptions:
    """Run scenarios, and judge their thresholds.

    Name shipped scenarios, files or directories. With --tag alone, all shipped scenarios with that tag run.

    \b
    Examples:
      digipal-perf run pet_creation database_load
      digipal-perf run scenarios/ --tag quick --json results.json
      digipal-perf run typical_session --workers 20 --duration 30s
      digipal-perf run long_session --set engine.ai.latency=0ms --seed 42
      digipal-perf run database_load --sweep load.vus=1,4
      digipal-perf run database_load --save --baseline main
      digipal-perf run database_load --exact --baseline main.json
      digipal-perf run --tag quick --html report.html --junit junit.xml
      digipal-perf run database_load --samples samples.parquet
    """

    selection: Selection = group(Selection)
    changes: Changes = group(Changes)
    sweeps: tuple[str, ...] = sweep_option("Run")
    faults: tuple[str, ...] = fault_option()
    json_file: Path | None = json_option("Write the results as JSON; - is stdout.")
    reports: Reports = group(Reports)
    samples: Path | None = option(
        "--samples",
        type=FILE,
        metavar="FILE",
        unset="none",
        help="Write every sample, as .csv, .jsonl or .parquet.",
    )
    quiet: bool = quiet_option()
    keep_database_in: Path | None = option(
        "--keep-db", type=DIRECTORY, metavar="DIR", unset="none", help="Save each run's database in DIR."
    )
    engine: str = engine_option("Run")
    exact: bool = option("--exact", is_flag=True, help="Count calls, statements and bytes per operation; time nothing.")
    also_exact: bool = option("--also-exact", is_flag=True, help="Count them after the load, too.")
    save: bool = option("--save", is_flag=True, help="Save every run in the store, for history, trend and baseline.")
    baseline: str = option(
        "--baseline",
        default="",
        metavar="NAME|FILE",
        unset="none",
        help="Compare with this baseline; exit with 5 if slower.",
    )
    strict: bool = option("--strict", is_flag=True, help="Also fail if the comparison is impossible or inconclusive.")
    retries: int = option(
        "--retries",
        type=WholeNumber(min=0),
        default=1,
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
                "--samples and --keep-db need what stays on the machines of a cluster: drop them, or drop --cluster"
            )
        if self.exact and self.also_exact:
            raise UsageError("--exact runs no load, --also-exact does: drop one of them")
        if self.exact and self.keep_database_in:
            raise UsageError("--exact keeps no database: drop --keep-db, or use --also-exact")
        if self.exact and self.samples:
            raise UsageError("--exact times nothing, so it has no samples: drop --samples, or use --also-exact")
        if self.strict and not self.baseline:
            raise UsageError("--strict compares nothing by itself: add --baseline NAME or --baseline FILE")
        if self.reports.plots and self.quiet:
            raise UsageError("--plots and --quiet contradict each other: drop one of them")
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
        raise UsageError("--verbose and --quiet contradict each other: drop one of them")


@options
class PlanOptions:
    """Show what `run` would do, phase by phase, and run nothing.

    Takes scenarios and options as `run` does, and reports every mistake in them.

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
    """List the shipped scenarios, or those in files and directories.

    \b
    Examples:
      digipal-perf list
      digipal-perf list --tag quick
    """

    selection: Selection = group(Selection)
    no_cache: bool = no_cache_option()


@options
class ValidateOptions:
    """Check scenario files; report each mistake with its line.

    Warns about thresholds that check nothing, or fail whatever the engine does. Warnings leave exit code 0.

    \b
    Examples:
      digipal-perf validate my.yaml
      digipal-perf validate scenarios/
    """

    files: tuple[str, ...] = argument("FILE...", nargs=-1, required=True)
    no_cache: bool = no_cache_option()


@options
class InitOptions:
    """Write a commented scenario to start from, NAME.yaml.

    It runs as it is. Beside it, digipal-perf.schema.json lets editors complete keys and mark mistakes. With
    --operations, it also writes your own operations, in NAME_operations.py.

    \b
    Examples:
      digipal-perf init my_session
      digipal-perf init --operations my_methods
      digipal-perf run my_session.yaml
    """

    reference: str = argument("NAME")
    operations: bool = option("--operations", is_flag=True, help="Also write your own operations, in Python.")
    force: bool = option("--force", is_flag=True, help="Replace files that exist.")


@options
class SchemaOptions:
    """Print the JSON Schema of scenario files, for editors.

    Name a scenario to include the settings of its own operations. Editors with the YAML language server read the
    schema that the first line of a scenario names:

    \b
      # yaml-language-server: $schema=./digipal-perf.schema.json

    \b
    Examples:
      digipal-perf schema > digipal-perf.schema.json
      digipal-perf schema my.yaml > my.schema.json
      digipal-perf schema --markdown
    """

    scenario: str = argument("[NAME|FILE]", default="")
    markdown: bool = option("--markdown", is_flag=True, help="Print Markdown tables instead of a JSON Schema.")


@options
class ExplainOptions:
    """Explain a metric, operation or fault; alone, list them all.

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
    scenario: str = option(
        "--scenario", default="", metavar="NAME|FILE", unset="none", help="Include this scenario's own operations."
    )
    markdown: bool = option("--markdown", is_flag=True, help="Print all metrics as a Markdown table.")


@options
class CompletionOptions:
    """Print the completion script of a shell.

    It completes commands, options, and the names of scenarios, tags, metrics and baselines. Add one of these lines to
    the start-up file of your shell:

    \b
    Examples:
      eval "$(digipal-perf completion bash)"     in ~/.bashrc
      eval "$(digipal-perf completion zsh)"      in ~/.zshrc
      digipal-perf completion fish | source      in ~/.config/fish/config.fish
    """

    shell: str = argument("{bash|zsh|fish}", type=click.Choice(["bash", "zsh", "fish"]))
