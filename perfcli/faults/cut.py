"""The fault `cut`: the connections to an MCP server break."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from perfcli.faults.base import LastingFault, Seen
from perfcli.faults.inside import Hits, Inflicted, Inside, InsideFault
from perfcli.figures import Needs


class Cut(InsideFault, LastingFault):
    """All connections to the MCP server are reset, and new ones refused until it is over.

    The load goes through a relay on loopback from its beginning on, a process of the tool's own that ends with it. The
    relay passes on bytes, TLS too. A vu that lost its session opens a new one with its next call. An operation must
    fail meanwhile.
    """

    needs: ClassVar[Needs] = Needs.CONNECTIONS
    is_in_engine: ClassVar[bool] = False
    fault: Literal["cut"] = "cut"

    def inflict_inside(self, engine: Inside, draw: Callable[[], float]) -> Inflicted:
        """Cut them; what it hits are the connections that were open."""
        lift, connections = engine.cut_connections()
        return Inflicted(lift, Hits(connections))

    def why_unseen(self, seen: Seen) -> str:
        """Only operations that are due or in flight show it."""
        return "" if seen.failed else "no operation failed: was none due?"
