"""Where the vus of a scenario run."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MOST_PROCESSES: Final = 64
MOST_MACHINES: Final = 64
EXAMPLE_ADDRESS: Final = "tls://scheduler:8786"


def _written_address(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected the address of a dask scheduler, such as {EXAMPLE_ADDRESS}, not {value!r:.60}")
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        is_address = parts.scheme in ("tls", "tcp") and bool(parts.hostname and parts.port)
    except ValueError:
        is_address = False
    if not is_address or "@" in value:
        raise ValueError(f"expected tls://HOST:PORT or tcp://HOST:PORT, such as {EXAMPLE_ADDRESS}, not {value!r:.60}")
    return value


class Pool(BaseModel):
    """Where the vus run: threads in one process, or in several, on this machine or on those of a cluster."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, strict=True)

    processes: int = Field(
        default=1, ge=1, le=MOST_PROCESSES, description="processes with vus: engines on one database, or clients of one"
    )
    cluster: Annotated[str, BeforeValidator(_written_address)] = Field(
        default="", description="the dask scheduler whose machines share the load; empty: this machine alone"
    )
    machines: int = Field(default=1, ge=1, le=MOST_MACHINES, description="machines of the cluster that the run needs")
    server: str = Field(
        default="", max_length=200, description="the dask worker to run the engine on; the first one by default"
    )

    @property
    def load_machines(self) -> int:
        """How many of the cluster's machines have processes with vus if one of them has the engine instead."""
        return max(1, self.machines - 1)


ONE_PROCESS: Final = Pool()
"""Of this machine, for runs that measure in ways of their own."""
