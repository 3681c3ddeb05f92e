"""The machines that a command works on, as every command takes them that can use a cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from perfcli.commands.parameters import FILE, WholeNumber, argument, option, options
from perfcli.errors import UsageError

SCHEDULER_VARIABLE: Final = "DASK_SCHEDULER_ADDRESS"
_OF_VARIABLE: Final = f"${SCHEDULER_VARIABLE}"
"""What a bare `--cluster` stands for. The variable alone spreads nothing: it may be set for other work with dask."""


def insecure_option() -> Any:
    """Whether a connection without TLS will do."""
    return option("--insecure-cluster", is_flag=True, help="Connect without TLS, which lets others run code.")


@options
class ClusterOptions:
    """A cluster to spread work over."""

    cluster: str = option(
        "--cluster",
        default="",
        is_flag=False,
        flag_value=_OF_VARIABLE,
        metavar="[ADDRESS]",
        unset="this machine",
        help=f"Spread the work over a dask cluster. Without ADDRESS: {_OF_VARIABLE}.",
    )
    machines: int | None = option(
        "--machines",
        type=WholeNumber(min=1),
        metavar="N",
        unset="1",
        help="Fail if fewer machines are there within 10 s.",
    )
    insecure_cluster: bool = insecure_option()

    def __post_init__(self) -> None:
        if self.cluster == _OF_VARIABLE:
            self.cluster = os.environ.get(SCHEDULER_VARIABLE, "")
            if not self.cluster:
                raise UsageError(
                    f"--cluster names no scheduler, and {SCHEDULER_VARIABLE} is not set",
                    hint="--cluster tls://HOST:8786",
                )
        if self.machines and not self.cluster:
            raise UsageError("--machines counts those of a cluster: add --cluster tls://HOST:8786, or drop it")
        if self.cluster:
            from perfcli.cluster.carrier import check_address

            check_address(self.cluster, insecure=self.insecure_cluster)


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
