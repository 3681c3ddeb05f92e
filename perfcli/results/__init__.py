"""RunResult: all that is known of one run. Reports, baselines and comparisons read this and nothing else.

The JSON that `--json` writes is this model; docs/results.md describes it. `schema_version` rises when a field changes
its meaning or goes away; a new field alone does not raise it.
"""

from __future__ import annotations

from perfcli.results.files import as_document, as_result, load_records, load_results, save_results
from perfcli.results.observed import (
    Inspection,
    Integrity,
    LeakResult,
    MemoryResult,
    MonitorSample,
    ResourceResult,
    SaveCounts,
)
from perfcli.results.operation_results import (
    TOTAL,
    CounterResult,
    GrowthResult,
    LatencySummary,
    LoadSlice,
    OperationResult,
    PhaseResult,
    SecondOfLoad,
)
from perfcli.results.run import (
    SCHEMA_VERSION,
    BaselineComparison,
    Environment,
    OperationChange,
    OperationSource,
    RunResult,
    ThresholdResult,
    Try,
    UnjudgedRun,
    VuWork,
)

__all__ = [
    "SCHEMA_VERSION",
    "TOTAL",
    "BaselineComparison",
    "CounterResult",
    "Environment",
    "GrowthResult",
    "Inspection",
    "Integrity",
    "LatencySummary",
    "LeakResult",
    "LoadSlice",
    "MemoryResult",
    "MonitorSample",
    "OperationChange",
    "OperationResult",
    "OperationSource",
    "PhaseResult",
    "ResourceResult",
    "RunResult",
    "SaveCounts",
    "SecondOfLoad",
    "ThresholdResult",
    "Try",
    "UnjudgedRun",
    "VuWork",
    "as_document",
    "as_result",
    "load_records",
    "load_results",
    "save_results",
]
