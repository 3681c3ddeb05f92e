"""`make cluster-demo`: a cluster of two workers on this machine, with TLS, and what the tool does on it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.loopback_cluster import LoopbackCluster, loopback_cluster

SPLIT: Final = """\
name: crowd
description: A server on one machine, and those who load it on another
target: {mcp: {transport: http}}
setup: {pets: 10}
engine: {ai: {latency: 5ms}}
pool: {cluster: "${DASK_SCHEDULER_ADDRESS:-}", machines: 2, processes: 2, server: left}
load: {executor: constant-vus, vus: 8, duration: 3s}
flow: [get_pet_status, interact_with_pet]
thresholds: [success_rate >= 99%, lost_writes == 0]
"""


def main() -> int:
    """Show the machines, spread a suite over them, then split one load; return the worst exit code."""
    with loopback_cluster("left", "right") as cluster, tempfile.TemporaryDirectory() as folder:
        crowd = Path(folder, "crowd.yaml")
        crowd.write_text(SPLIT, encoding="utf-8")
        codes = [
            shown(cluster, "cluster", cluster.address),
            shown(cluster, "run", "--tag", "quick", "--cluster", cluster.address, "--machines", "2"),
            shown(cluster, "run", str(crowd), "--cluster", cluster.address),
        ]
    return max(codes)


def shown(cluster: LoopbackCluster, *arguments: str) -> int:
    """Run the tool in sight, and return its exit code."""
    print(f"\n$ digipal-perf {shlex.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "perfcli", *arguments]
    return subprocess.run(command, env={**os.environ, **cluster.variables}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
