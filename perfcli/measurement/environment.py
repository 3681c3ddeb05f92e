"""Where a run takes place."""

from __future__ import annotations

import os
import platform
import sqlite3
from pathlib import Path

from perfcli import __version__
from perfcli.cpus import usable_cpus
from perfcli.results import Environment


def describe_environment(engine_version: str) -> Environment:
    """This machine, its Python and its SQLite; no name that tells whose machine it is."""
    return Environment(
        tool_version=__version__,
        engine_version=engine_version,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        sqlite=sqlite3.sqlite_version,
        system=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        cpu_model=_cpu_model(),
        cpu_count=os.cpu_count() or 1,
        usable_cpus=usable_cpus(),
    )


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor()
