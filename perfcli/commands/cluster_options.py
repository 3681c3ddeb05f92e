"""The machines that a command works on, as every command takes them that can use a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from perfcli.commands.parameters import FILE, argument, option, options

SCHEDULER_VARIABLE: Final = "DASK_SCHEDULER_ADDRESS"


def insecure_option() -> Any:
    """Whether a connection without TLS will do."""
    return option("--insecure-cluster", is_flag=True, help="Connect without TLS, though anybody may run code then.")


@options
class ClusterOptions:
    """A cluster to spread work over."""

    cluster: str = option(
        "--cluster",
        default="",
        envvar=SCHEDULER_VARIABLE,
        metavar="ADDRESS",
        help="Spread the work over the machines of this dask scheduler.",
    )
    machines: int = option(
        "--machines",
        type=click.IntRange(min=1),
        default=1,
        metavar="N",
        help="Begin with N machines of the cluster at least; fail if fewer are there within 10 s.",
    )
    insecure_cluster: bool = insecure_option()


@options
class MachinesOptions:
    """Show the machines of a cluster, and which of them `--cluster` would refuse.

    Prints the versions, CPUs, speed and clock of each. Exit code 2 if a machine would be refused, 4 if there is none.

    \b
    Examples:
      digipal-perf cluster tls://scheduler:8786
      digipal-perf cluster tls://scheduler:8786 --json machines.json
    """

    address: str = argument("[ADDRESS]", default="", envvar=SCHEDULER_VARIABLE)
    insecure_cluster: bool = insecure_option()
    json_file: Path | None = option("--json", type=FILE, metavar="FILE", help="Write the machines.")
