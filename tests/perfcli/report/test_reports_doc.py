"""docs/reports.md names the options as they are."""

from __future__ import annotations

import re
from pathlib import Path

from perfcli.commands.parameters import parameters_of
from perfcli.commands.result_options import ReportOptions

TEXT = (Path(__file__).parents[3] / "docs" / "reports.md").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """The rows below a heading that begin with code."""
    found = re.search(rf"^#+ {title}\n(.*?)(?=^#+ |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found
    return [line.strip("| ").split(" | ") for line in found[1].splitlines() if line.startswith("| `")]


def test_every_option_has_a_row() -> None:
    names = {name for parameter in parameters_of(ReportOptions) for name in parameter.opts}
    options = {name for name in names if name.startswith("--")}
    assert {"--html", "--junit", "--markdown", "--csv", "--openmetrics", "--plots"} <= options
    assert options < {row[0].split("`")[1].split()[0] for row in rows("Reports")}
