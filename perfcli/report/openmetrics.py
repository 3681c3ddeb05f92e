"""OpenMetrics text (version 1.0.0) that readers of Prometheus' older text format (0.0.4) take as well.

GitLab's metrics report and Prometheus read OpenMetrics. node_exporter's textfile collector and the Pushgateway read the
older format: it has no info, no stateset and no escaped quotes in HELP, and takes the lines UNIT and EOF as comments.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from perfcli.ab.result import AbResult
from perfcli.report.exposition import FAMILIES, PREFIX, Family, Labels
from perfcli.report.saved import Reported
from perfcli.report.wording import without_surrogates


def render_openmetrics(results: Sequence[Reported]) -> str:
    """All families that any of the results has something of, each once, and the line that ends the text."""
    labelled = list(zip(results, _labels(results), strict=True))
    lines = [line for family in FAMILIES for line in _family(family, labelled)]
    return without_surrogates("\n".join([*lines, "# EOF"]) + "\n")


def _labels(results: Sequence[Reported]) -> Iterator[Labels]:
    """Those that tell the results apart: the scenario, and of several of one scenario their number."""
    scenarios = [result.scenario if isinstance(result, AbResult) else result.name for result in results]
    total, seen = Counter(scenarios), Counter[str]()
    for scenario in scenarios:
        seen[scenario] += 1
        yield {"scenario": scenario} | ({"run": str(seen[scenario])} if total[scenario] > 1 else {})


def _family(family: Family, labelled: Sequence[tuple[Reported, Labels]]) -> Iterator[str]:
    name = PREFIX + family.name
    samples = [
        f"{name}{sample.suffix}{_braced({**common, **sample.labels})} {_number(sample.value)}"
        for result, common in labelled
        for sample in family.samples(result)
    ]
    if samples:
        yield f"# TYPE {name} {family.kind}"
        if family.unit:
            yield f"# UNIT {name} {family.unit}"
        yield f"# HELP {name} {family.help}"
        yield from samples


def _braced(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return repr(float(value)).replace("inf", "Inf").replace("nan", "NaN")
