"""Tables of Markdown, for documents and for `explain --markdown`, which waits for nothing that reports need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from perfcli.figures import METRICS, Metric


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell that is empty gets a dash."""
    lines = [columns, ["---"] * len(columns), *([cell or "–" for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def meanings(column: str, texts: Mapping[str, str]) -> str:
    """A table of names, each with its meaning."""
    return table((column, "meaning"), ([f"`{name}`", meaning] for name, meaning in texts.items()))


def metrics_table(methodology: str = "docs/methodology.md") -> str:
    """Every metric with what can be asked of it.

    Args:
        methodology: where that document is, from the place of the table.
    """
    columns = ("metric", "unit", "scope", "better", "window", "on time", "meaning", "how it is computed", "more")
    return table(columns, (_metric_row(metric, methodology) for metric in METRICS.values()))


def _metric_row(metric: Metric, methodology: str) -> list[str]:
    statistic = ", of a statistic" if metric.needs_statistic else ""
    return [
        f"`{metric.name}`",
        metric.unit.value + statistic,
        ", ".join(metric.scope.parts),
        str(metric.better),
        "yes" if metric.windowed else "",
        "" if metric.depends_on_time == "no" else metric.depends_on_time,
        metric.meaning,
        metric.computed,
        f"[{metric.section}]({methodology}#{metric.section})",
    ]
