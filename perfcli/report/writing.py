"""Reports to files: which there are, whether each has a place, and how they get there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from rich.console import Console

from perfcli.documents import STDOUT, check_writable, write_text
from perfcli.errors import UsageError
from perfcli.report.saved import Reported
from perfcli.report.terminal import make_console

Places = Mapping[str, Path]
"""Where each report goes, by its format; `-` is stdout."""

JOB_SUMMARY: Final = "GITHUB_STEP_SUMMARY"


def check_places(places: Places) -> None:
    """See that every report can be made and written, before there is one to lose.

    Raises:
        UsageError: a folder is missing, or two reports have one place.
        PerfError: an extra is missing.
    """
    if "html" in places and find_spec("plotly") is None:
        from perfcli.report.html.plotly import plotly_source

        plotly_source()
    taken: dict[Path, str] = {}
    for form, path in places.items():
        check_writable(path, f"--{form}")
        other = taken.setdefault(path if path == STDOUT else path.resolve(), form)
        if other != form:
            where = "stdout" if path == STDOUT else path
            raise UsageError(
                f"--{other} and --{form} both write to {where}: one would be lost", hint="give each a file of its own"
            )


def console_beside(places: Iterable[Path]) -> Console:
    """The console for people: stderr where a report goes to stdout."""
    return make_console(file=sys.stderr if STDOUT in places else None)


def write_reports(results: Sequence[Reported], places: Places) -> None:
    """Write the results in every format that was asked for.

    Raises:
        PerfError: a file cannot be written, or an extra is missing.
    """
    for form, path in places.items():
        write_text(rendered(form, results), path)


def rendered(form: str, results: Sequence[Reported]) -> str:
    """The results as `html`, `junit`, `markdown`, `csv` or `openmetrics`."""
    match form:
        case "html":
            from perfcli.report.html import render_html as render
        case "junit":
            from perfcli.report.junit import render_junit as render
        case "markdown":
            from perfcli.report.markdown import render_markdown as render
        case "csv":
            from perfcli.report.csv_series import render_csv as render
        case "openmetrics":
            from perfcli.report.openmetrics import render_openmetrics as render
        case _:
            raise ValueError(f"no report is called {form!r}")
    return render(results)


def add_job_summary(results: Sequence[Reported]) -> None:
    """Append the Markdown to the summary of the CI job, where there is one; what prevents that is only told."""
    path = os.environ.get(JOB_SUMMARY)
    if not path or not results:
        return
    try:
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as summary:
            summary.write(rendered("markdown", results))
    except OSError as error:
        sys.stderr.write(f"Warning: {JOB_SUMMARY}={path}: no summary of this job: {error.strerror}\n")
