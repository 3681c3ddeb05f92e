"""The parts of the documents that are made from the code; `make docs` writes them anew between their markers.

A part begins with `<!-- generated: NAME -->` and ends with `<!-- end of NAME -->`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from perfcli.ab.result import AbResult
from perfcli.ab.selftest import SelftestResult
from perfcli.errors import ExitCode
from perfcli.figures import METRICS, Metric
from perfcli.history.baseline import BaselineList
from perfcli.history.kept_runs import History
from perfcli.history.result_pairs import ResultsComparison
from perfcli.history.trend import Trend
from perfcli.operations import STEP_MODELS, Context
from perfcli.operations.own.syntax_tree import MEMBERS
from perfcli.report.csv_series import COLUMNS, PAIR_COLUMNS
from perfcli.report.openmetrics import FAMILIES, PREFIX
from perfcli.report.sample_file import SAMPLE_COLUMNS
from perfcli.results import RunResult
from perfcli.scenario.reference import scenario_reference
from perfcli.usl.scaling_result import ScalingResult

Schema = dict[str, Any]

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


def _context() -> str:
    rows = []
    for member in MEMBERS:
        found = inspect.getattr_static(Context, member)
        function = found.fget if isinstance(found, property) else found
        signature = "" if function is not found else _signature(function)
        rows.append([f"`ctx.{member}{signature}`", (inspect.getdoc(function) or "").replace("\n", " ")])
    return table(("member", "what it is"), rows)


def _signature(function: Callable[..., object]) -> str:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return str(inspect.Signature([each.replace(annotation=inspect.Parameter.empty) for each in parameters]))


def _columns(columns: Mapping[str, str]) -> str:
    return table(("column", "meaning"), ([f"`{name}`", meaning] for name, meaning in columns.items()))


def _answers() -> str:
    rows = ([f"`{name}`", model.right_when] for name, model in STEP_MODELS.items() if model.right_when)
    return table(("operation", "right when"), rows)


def _exit_codes() -> str:
    return table(("code", "meaning"), ([str(code.value), code.meaning] for code in ExitCode))


def records(*kinds: type[Any]) -> dict[str, Schema]:
    """The JSON Schema of documents and of every record in them, by their names."""
    found: dict[str, Schema] = {}
    for kind in kinds:
        schema = TypeAdapter(kind).json_schema()
        found |= {kind.__name__: schema} | schema["$defs"]
    return found


def _records(*kinds: type[Any]) -> str:
    """A section for each record that no other kind of result holds too."""
    every = records(RunResult, *kinds)
    elsewhere = () if RunResult in kinds else records(RunResult)
    sections = (
        f"### {name}\n\n{_sentence(record)}\n\n{_fields(record, every)}"
        for name, record in every.items()
        if "properties" in record and name not in elsewhere
    )
    return "\n".join(sections)


def _fields(record: Schema, every: Mapping[str, Schema]) -> str:
    rows = (
        (f"`{name}`", _type(field, every), _with_links(field["description"]))
        for name, field in record["properties"].items()
    )
    return table(("field", "type", "meaning"), rows)


def _sentence(record: Schema) -> str:
    return " ".join(_with_links(record["description"]).split())


def _with_links(text: str) -> str:
    """Links in the place of docs/FILE.md#section, for a document in docs/."""
    return _IN_DOCS.sub(lambda found: f"[{found[1]}]({found[1]}{found[2] or ''})", text)


def _type(field: Schema, every: Mapping[str, Schema]) -> str:
    """The JSON type of a field; of a text that is one of a few, these."""
    match field:
        case {"$ref": str(path)}:
            name = path.rpartition("/")[2]
            return name if "properties" in every[name] else _type(every[name], every)
        case {"anyOf": choices}:
            return " or ".join(_type(each, every) for each in choices)
        case {"const": value}:
            return f"`{value}`"
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"type": "array", "items": items}:
            return f"array of {_type(items, every)}"
        case {"type": "object", "additionalProperties": dict(values)}:
            return f"object of {_type(values, every)}"
        case _:
            return str(field["type"])


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "metrics": metrics_table,
    "answers": _answers,
    "families": _families,
    "context": _context,
    "columns": partial(_columns, COLUMNS),
    "sample_columns": partial(_columns, SAMPLE_COLUMNS),
    "pair_columns": partial(_columns, PAIR_COLUMNS),
    "exit_codes": _exit_codes,
    "records": partial(_records, RunResult),
    "records_of_ab": partial(_records, AbResult),
    "records_of_looking_back": partial(_records, ResultsComparison, History, BaselineList, Trend),
    "records_of_selftest": partial(_records, SelftestResult),
    "records_of_scaling": partial(_records, ScalingResult),
}
"""What makes each part, by the name in its markers."""


if __name__ == "__main__":
    write_documents(Path.cwd())
