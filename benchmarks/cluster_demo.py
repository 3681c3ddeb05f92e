"""`make cluster-demo`: a cluster of two workers on this machine, with TLS, and what the tool does on it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

from benchmarks.loopback_cluster import LoopbackCluster, loopback_cluster


def main() -> int:
    """Show the machines, then spread a suite over them; return the worst exit code."""
    with loopback_cluster("left", "right") as cluster:
        codes = [
            shown(cluster, "cluster", cluster.address),
            shown(cluster, "run", "--tag", "quick", "--cluster", cluster.address, "--machines", "2"),
        ]
    return max(codes)


def shown(cluster: LoopbackCluster, *arguments: str) -> int:
    """Run the tool in sight, and return its exit code."""
    print(f"\n$ digipal-perf {shlex.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "perfcli", *arguments]
    return subprocess.run(command, env={**os.environ, **cluster.variables}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
