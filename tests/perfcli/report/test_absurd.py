"""Results of elsewhere that hold absurd values: refused by name, or reported; never a traceback."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from perfcli.ab.result import AbResult
from perfcli.errors import PerfError, UsageError
from perfcli.history.kept_runs import history
from perfcli.history.store import read_in_short, read_runs
from perfcli.history.trend import trend
from perfcli.report.console import as_text, to_console
from perfcli.report.history import history_document
from perfcli.report.report_files import rendered
from perfcli.report.reported import document_of, load_reported
from perfcli.report.run import run_document
from perfcli.report.trend import trend_document
from perfcli.results import RunResult

FORMS = ("html", "junit", "markdown", "csv", "openmetrics")
NUMBERS = (10**29, 10**400, 1e308, -1e308, 10**18, -(10**18), -1, 0)
TEXTS = ("", "x" * 50_000, "\x1b[31m\x00", "[bold]x[/nope]", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")

Path_ = tuple[str | int, ...]


def fields(value: Any, at: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    """Every field of a document that holds one value, in short lists the first two items."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else None
    if items is None:
        yield at, value
        return
    for key, inner in items:
        yield from fields(inner, (*at, key))


def changed(document: Any, at: Path_, value: Any) -> Any:
    """The document with another value in a field."""
    whole = copy.deepcopy(document)
    inner = whole
    for key in at[:-1]:
        inner = inner[key]
    inner[at[-1]] = value
    return whole


def report_all(file: Path) -> None:
    """All that reads a file of results; a refusal is fine."""
    try:
        (result,) = load_reported([file])
    except PerfError:
        return
    for form in FORMS:
        rendered(form, [result])
    for brief in (True, False):
        as_text(to_console(document_of(result), brief=brief))
    if isinstance(result, AbResult):
        return
    as_text(to_console(run_document(result, plot=True)))
    for read in (read_runs, read_in_short):
        runs = read(file) * 9
        as_text(to_console(history_document(history(runs, [""] * len(runs)), "store")))
        try:
            as_text(to_console(trend_document(trend(runs, "", reference="x"))))
        except PerfError:
            continue


@pytest.fixture
def documents(all_results: dict[str, RunResult], make_ab: Callable[..., AbResult]) -> list[Any]:
    """Results as files hold them."""
    return [result.model_dump(mode="json") for result in (all_results["passed"], all_results["failed"], make_ab())]


@pytest.mark.slow
@pytest.mark.parametrize("value", [10**18, -(10**18), 0, -1, 1e-320])
def test_all_figures_at_once(documents: list[Any], tmp_path: Path, value: float) -> None:
    for document in documents:
        for at, old in fields(document):
            if isinstance(old, (int, float)) and not isinstance(old, bool) and at != ("schema_version",):
                document = changed(document, at, value)
        (tmp_path / "r.json").write_text(json.dumps(document))
        report_all(tmp_path / "r.json")


@pytest.mark.parametrize(
    ("at", "value", "told"),
    [
        (("duration_ns",), 10**29, "duration_ns is 10000000… (30 digits), which no run of "),
        (("total", "throughput_per_s"), 1e308, "total.throughput_per_s is 1e+308, which no run of "),
        (("operations", 0, "ok"), 10**400, "operations.0.ok is 10000000… (401 digits), which no run of "),
        (("total", "latency", "p50_ns"), -5, "total.latency.p50_ns is -5.0, which no run of "),
        (
            ("started_at",),
            "0001-01-01T00:00:00+14:00",
            "started_at: '0001-01-01T00:00:00+14:00' is not a time",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    documents: list[Any], tmp_path: Path, at: Path_, value: Any, told: str
) -> None:
    (tmp_path / "r.json").write_text(json.dumps(changed(documents[0], at, value)))
    for read in (lambda file: load_reported([file]), read_runs, read_in_short):
        with pytest.raises(UsageError) as caught:
            read(tmp_path / "r.json")
        assert caught.value.message.startswith(f"{tmp_path}/r.json: {told}")


@pytest.mark.nightly
def test_every_field_by_itself(documents: list[Any], tmp_path: Path) -> None:
    for document in documents:
        for at, old in fields(document):
            if at[0] == "scenario" or old is None or isinstance(old, bool):
                continue
            for value in TEXTS if isinstance(old, str) else NUMBERS:
                (tmp_path / "r.json").write_text(json.dumps(changed(document, at, value)))
                report_all(tmp_path / "r.json")
