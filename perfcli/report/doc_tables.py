"""The parts of the documents that are made from the code; `make docs` writes them anew between their markers.

A part begins with `<!-- generated: NAME -->` and ends with `<!-- end of NAME -->`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from perfcli.errors import ExitCode
from perfcli.figures import METRICS, Metric
from perfcli.report.exposition import FAMILIES
from perfcli.report.openmetrics import PREFIX
from perfcli.scenario.reference import scenario_reference

_PART: Final = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end of \2 -->)", re.DOTALL)
_IN_DOCS: Final = re.compile(r"\bdocs/([\w-]+\.md)(#[\w-]+)?")


def write_documents(root: Path) -> None:
    """Bring README.md and docs/ up to date."""
    for path in documents(root):
        text, new = path.read_text(encoding="utf-8"), regenerated(path)
        if new != text:
            path.write_text(new, encoding="utf-8")


def documents(root: Path) -> list[Path]:
    """Those that have generated parts, or could."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def regenerated(path: Path) -> str:
    """A document with its generated parts as they should be."""
    if path.name == "scenario-reference.md":
        return scenario_reference()
    text = path.read_text(encoding="utf-8")
    return _PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n{part[3]}", text)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def metrics_table() -> str:
    """Every metric with what can be asked of it."""
    columns = ("metric", "unit", "known of", "better", "window", "on time", "meaning", "how it is computed", "more")
    return table(columns, map(_metric_row, METRICS.values()))


def _metric_row(metric: Metric) -> list[str]:
    statistic = ", of a statistic" if metric.needs_statistic else ""
    return [
        f"`{metric.name}`",
        metric.unit.value + statistic,
        ", ".join(metric.scope.parts),
        str(metric.better),
        "yes" if metric.windowed else "–",
        "–" if metric.depends_on_time == "no" else metric.depends_on_time,
        metric.meaning,
        metric.computed,
        f"[{metric.section}](#{metric.section})",
    ]


def _families() -> str:
    rows = ([f"`{PREFIX}{each.name}`", each.kind, each.unit or "–", each.help] for each in FAMILIES)
    return table(("family", "type", "unit", "meaning"), rows)


def _exit_codes() -> str:
    return table(("code", "meaning"), ([str(code.value), code.meaning] for code in ExitCode))


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "metrics": metrics_table,
    "families": _families,
    "exit_codes": _exit_codes,
}
"""What makes each part, by the name in its markers."""


if __name__ == "__main__":
    write_documents(Path.cwd())
