"""What the tool writes: the JSON of each command, samples, CSV and OpenMetrics, and one whole result."""

from __future__ import annotations

import json
from typing import Final

from perfcli.ab.result import COMPARED_METRICS, AbResult
from perfcli.ab.selftest import SelftestResult
from perfcli.capacity.result import CapacityResult
from perfcli.crash import CrashResult
from perfcli.history.baseline import BaselineList
from perfcli.history.kept_runs import History
from perfcli.history.result_pairs import ResultsComparison
from perfcli.history.trend import Trend
from perfcli.plan import plan_run
from perfcli.reference.records import RecordTables
from perfcli.report.data_files import COLUMNS, PAIR_COLUMNS, SAMPLE_COLUMNS
from perfcli.report.markdown_tables import meanings, table
from perfcli.report.openmetrics import FAMILIES, PREFIX
from perfcli.results import RunResult, as_document
from perfcli.results.findings import ProfileResult
from perfcli.results.run import Environment
from perfcli.scenario.library import find_scenarios
from perfcli.scenario.loader import load_scenario
from perfcli.testing import Behaviour, simulate
from perfcli.usl.scaling_result import ScalingResult
from perfcli.version import VERSION

_HOME: Final = "results.md"
_RESULTS: Final = """# Fields of a result

Look up any field of the JSON that `run --json` writes: an array of [RunResult](#runresult).
[example.json](example.json) is a whole file; [Results](../results.md) shows how to read it. Fields end in their unit;
those of memory are in bytes. A field with a default may be missing in files of earlier versions.

"""
_COMPARISONS: Final = """# Fields of comparisons

Look up any field of the JSON that `ab`, `compare`, `history`, `trend` and `baseline list` write. `ab` writes an array
of [AbResult](#abresult), the others one object each. `baseline show` writes runs, as `run --json` does.

"""
_EXPERIMENTS: Final = """# Fields of experiments

Look up any field of the JSON that `capacity`, `scaling`, `crash`, `profile` and `selftest` write.

"""
_EXPORTS: Final = """# Columns and families

Look up the columns of `--samples` and `--csv` files, and the families of `--openmetrics`. [Reports](../reports.md)
explains how to write them.

"""
_EXAMPLE_SEED: Final = 7
_EXAMPLE_THRESHOLDS: Final = 3
_REFERENCE_NS: Final = 21_630.0
_US: Final = 1_000


def results() -> str:
    """The records of a run."""
    return _RESULTS + str(RecordTables(RunResult))


def comparisons() -> str:
    """The records of what compares runs or engines."""
    kinds = (AbResult, ResultsComparison, History, BaselineList, Trend)
    records = RecordTables(*kinds, known=RunResult, known_in=_HOME)
    columns = ("metric", "margin", "what it does not show", "what it is")
    compared = ([f"`{name}`", each.margin, each.unseen, each.meaning] for name, each in COMPARED_METRICS.items())
    return f"{_COMPARISONS}{records}\n## Metrics of `ab`\n\n{table(columns, compared)}"


def experiments() -> str:
    """The records of the commands that run many loads."""
    kinds = (CapacityResult, ScalingResult, CrashResult, ProfileResult, SelftestResult)
    return _EXPERIMENTS + str(RecordTables(*kinds, known=RunResult, known_in=_HOME))


def exports() -> str:
    """What is no JSON."""
    rows = ([f"`{PREFIX}{each.name}`", each.kind, each.unit or "", each.help] for each in FAMILIES)
    sections = {
        "Samples": meanings("column", SAMPLE_COLUMNS),
        "CSV of runs": meanings("column", COLUMNS),
        "CSV of `ab`": meanings("column", PAIR_COLUMNS),
        "OpenMetrics": table(("family", "type", "unit", "meaning"), rows),
    }
    return _EXPORTS + "\n".join(f"## {title}\n\n{text}" for title, text in sections.items())


def example() -> str:
    """The JSON of one run: `database_query` in simulated time, so that it is the same everywhere.

    The thresholds are those on answers and times: a simulated engine has no process whose end could be seen.
    """
    shipped = load_scenario(find_scenarios(["database_query"])[0])
    scenario = shipped.model_copy(update={"thresholds": shipped.thresholds[:_EXAMPLE_THRESHOLDS]})
    result = simulate(plan_run(scenario, _EXAMPLE_SEED), lambda _, call: Behaviour(takes_ns=(60 + call % 7 * 5) * _US))
    environment = Environment(
        tool_version=VERSION,
        engine_version="5c1f0a7e2b94",
        python="CPython 3.11.7",
        sqlite="3.40.1",
        system="Linux 6.1",
        machine="x86_64",
        cpu_model="",
        cpu_count=2,
        usable_cpus=2.0,
    )
    paced = {"reference_ns": _REFERENCE_NS}  # simulated time has no machine whose pace could be read
    fixed = {
        "environment": environment,
        "started_at": "2026-11-23T01:15:17+00:00",
        "monitor": [reading for reading in result.monitor if reading.uss is not None],  # of marks, not of real time
        "slices": {name: [each.model_copy(update=paced) for each in parts] for name, parts in result.slices.items()},
        **paced,
    }
    return json.dumps(as_document([result.model_copy(update=fixed)]), indent=1, ensure_ascii=False) + "\n"
