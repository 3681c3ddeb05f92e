"""The machines that a command works on, as every command takes them that can use a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from perfcli.commands.parameters import FILE, WholeNumber, argument, option, options

SCHEDULER_VARIABLE: Final = "DASK_SCHEDULER_ADDRESS"


def insecure_option() -> Any:
    """Whether a connection without TLS will do."""
    return option("--insecure-cluster", is_flag=True, help="Connect without TLS, which lets others run code.")


@options
class ClusterOptions:
    """A cluster to spread work over."""

    cluster: str = option(
        "--cluster",
        default="",
        envvar=SCHEDULER_VARIABLE,
        metavar="ADDRESS",
        unset="this machine",
        help="Spread the work over the machines of this dask scheduler.",
    )
    machines: int = option(
        "--machines",
        type=WholeNumber(min=1),
        default=1,
        metavar="N",
        help="Fail if fewer machines are there within 10 s.",
    )
    insecure_cluster: bool = insecure_option()


@options
class MachinesOptions:
    """List the machines of a cluster, and those that are unfit.

    Prints the versions, CPUs, speed and clock of each. Exits with 2 if a machine is unfit, with 4 if there is none.

    \b
    Examples:
      digipal-perf cluster tls://scheduler:8786
      digipal-perf cluster tls://scheduler:8786 --json machines.json
    """

    address: str = argument("[ADDRESS]", default="", envvar=SCHEDULER_VARIABLE)
    insecure_cluster: bool = insecure_option()
    json_file: Path | None = option("--json", type=FILE, metavar="FILE", unset="none", help="Write the list as JSON.")
