"""What a page that is looked at, events and metrics cost a load: `python benchmarks/live_page.py`, two minutes.

Runs with and without follow one another in pairs, in either order. A figure is the median latency with over that
without, in each pair; the verdict is that of a signed-rank test over the pairs, as `ab` judges. Exit code 1 if the
pairs say that it costs time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Sequence
from math import log
from pathlib import Path
from statistics import median
from typing import Any, Final

from perfcli.inference.rank_tests import signed_rank_p

ROOT: Final = Path(__file__).resolve().parents[1]
SCENARIO: Final = """
name: watched
setup: {pets: 20}
load: {executor: constant-vus, vus: 1, duration: 3s}
flow: [load_pet]
"""
ALPHA: Final = 0.01


def run_once(folder: Path, *options: str) -> float:
    """The median latency of a run, in ns; its page, if it has one, is looked at."""
    scenario, results = folder / "watched.yaml", folder / "results.json"
    scenario.write_text(SCENARIO, encoding="utf-8")
    command = [sys.executable, "-m", "perfcli", "run", str(scenario), "-q", "--json", str(results), *options]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "live page: " in line:
                url = line.split("live page: ")[1].strip()
                threading.Thread(target=look, args=(f"{url}events",), daemon=True).start()
    (result,) = json.loads(results.read_text(encoding="utf-8"))
    return float(result["total"]["latency"]["p50_ns"])


def look(url: str) -> None:
    """Read the events of the page until they end."""
    with urllib.request.urlopen(url) as stream:
        for _ in stream:
            pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the pairs, print the verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    given: Any = parser.parse_args(arguments)
    differences = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        told = ["--live", "--events", str(folder / "events.jsonl")]
        for pair in range(given.pairs):
            order = [[], told] if pair % 2 else [told, []]
            took = [run_once(folder, *options) for options in order]
            without, watched = took if pair % 2 else took[::-1]
            differences.append(log(watched / without))
            print(f"pair {pair + 1}: {watched / without:.3f}", flush=True)
    p = signed_rank_p(differences)
    print(f"median ratio {2.718281828 ** median(differences):.3f}, p that it costs time {p:.3f} (at most {ALPHA})")
    return int(p < ALPHA)


if __name__ == "__main__":
    raise SystemExit(main())
