"""The types of text in scenario files, each as a definition of a JSON Schema: quantities and thresholds."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from perfcli.figures import METRICS, STATISTICS, Metric
from perfcli.thresholds import OPERATORS
from perfcli.units import DURATION_SUFFIXES, RATE_SUFFIXES

Definition = dict[str, Any]

VARIABLE: Final[Definition] = {"type": "string", "pattern": r"\$\{", "description": "with a variable, as in ${name}"}
"""What may stand in the place of any value that is no list and no section."""

_NUMBER: Final = r"\+?\d+(\.\d+)?"
_MORE_THAN_0: Final = "(?=.*[1-9])"


def text_types() -> dict[str, Definition]:
    """The definitions, by the names that `durations.kind` marks texts with; every one takes variables too."""
    duration = rf"(\s*\d+(\.\d+)?\s*({_any(DURATION_SUFFIXES)})\s*)+"
    rate = rf"\s*{_NUMBER}\s*({_any(RATE_SUFFIXES)})\s*"
    return {
        "Duration": _kind("duration", duration, "50ms", "2s", "1m30s"),
        "PositiveDuration": _kind("duration of more than 0", _MORE_THAN_0 + duration, "50ms", "2s", "1m30s"),
        "Rate": _kind("rate", rate, "10/s", "600/m"),
        "PositiveRate": _kind("rate of more than 0", _MORE_THAN_0 + rate, "10/s", "600/m"),
        "Percentage": _kind("percentage", rf"\s*{_NUMBER}\s*%\s*", "5%"),
        "Expression": _kind(
            "threshold: [operation.]metric[.statistic] OP value [for|within duration]",
            rf"\s*{_subject()}\s*({_any(OPERATORS)})\s*[^<>=!\s][^<>=!]*",
            "latency.p99 < 100ms",
            "success_rate >= 95%",
        ),
    }


def _kind(noun: str, pattern: str, *examples: str) -> Definition:
    description = f"a {noun}, e.g. {', '.join(examples)}"
    return {
        "type": "string",
        "pattern": rf"^{pattern}$|\$\{{",
        "patternErrorMessage": f"expected {description}",  # of the language servers, which show the pattern else
        "description": description,
        "examples": list(examples),
    }


def _subject() -> str:
    """What a threshold is about: metrics of any operation with or without one, and those of the run alone."""
    of_operations = _metrics(metric for metric in METRICS.values() if metric.per_operation)
    of_the_run = _metrics(metric for metric in METRICS.values() if not metric.per_operation)
    return rf"(([A-Za-z][A-Za-z0-9_-]*\.)?({of_operations})|{of_the_run})"


def _metrics(metrics: Iterable[Metric]) -> str:
    statistic = rf"\.({_any(STATISTICS)}|p\d{{1,2}}(\.\d{{1,3}})?|p100)"
    return "|".join(re.escape(metric.name) + statistic * metric.needs_statistic for metric in metrics)


def _any(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, words))
