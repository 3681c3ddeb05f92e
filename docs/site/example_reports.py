"""The HTML report of each kind of result, made from the results in examples/, which record.py made."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from perfcli.capacity.result import CapacityResult
from perfcli.history.result_pairs import ResultsComparison
from perfcli.report.capacity import capacity_html
from perfcli.report.html.over_values import scaling_article
from perfcli.report.html.page import render_document, render_html
from perfcli.report.profile import profile_document
from perfcli.report.reported import load_reported
from perfcli.report.side_by_side import compared_document
from perfcli.results.findings import ProfileResult
from perfcli.usl.scaling_result import ScalingResult

EXAMPLES: Final = Path(__file__).parent / "examples"
KINDS: Final = {
    "run": "one scenario, with every metric, its thresholds and charts over time",
    "ab": "a change of the engine that makes loading a pet slower, found in pairs",
    "compare": "two saved results side by side",
    "sweep": "a scenario with every combination of some values",
    "capacity": "the highest rate at which thresholds hold, with every probe",
    "scaling": "throughput over users, with the fitted law",
    "profile": "where the time of the same change goes",
}
"""What each report shows."""


def write_example_reports(folder: Path) -> None:
    """Make a page of each kind."""
    folder.mkdir(exist_ok=True)
    for kind in KINDS:
        render = _RENDER.get(kind, _of_results)
        (folder / f"{kind}.html").write_text(render(EXAMPLES / f"{kind}.json"), encoding="utf-8")


def _of_results(file: Path) -> str:
    return render_html(load_reported([file]))


def _of_compare(file: Path) -> str:
    return render_document(compared_document(ResultsComparison.model_validate(_read(file))), "compare")


def _of_capacity(file: Path) -> str:
    return capacity_html([CapacityResult.model_validate(each) for each in _read(file)])


def _of_scaling(file: Path) -> str:
    return render_document(scaling_article(ScalingResult.model_validate(_read(file))), "scaling")


def _of_profile(file: Path) -> str:
    return render_document(profile_document(ProfileResult.model_validate(_read(file))), "profile")


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


_RENDER: Final[Mapping[str, Callable[[Path], str]]] = {
    "compare": _of_compare,
    "capacity": _of_capacity,
    "scaling": _of_scaling,
    "profile": _of_profile,
}
