"""An agent that reads another monotonic clock than the tool: `main([LINE, SHIFT_NS, …])`."""

from __future__ import annotations

import sys
import time


def main(arguments: list[str]) -> None:
    """Run one session by a clock that is this far ahead."""
    line, shift_ns, *rest = arguments
    # whoever had imported it already would read the tool's clock
    assert "perfcli.clock" not in sys.modules
    read_ns, ahead_ns = time.perf_counter_ns, int(shift_ns)
    time.perf_counter_ns = lambda: read_ns() + ahead_ns

    from perfcli.agent.engine_process import main as run

    run([line, *rest])
