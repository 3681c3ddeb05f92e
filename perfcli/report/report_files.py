"""Reports to files: which there are, whether each has a place, and how they get there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Final

from rich.console import Console

from perfcli.formats import FORMATS
from perfcli.outputs import STDOUT, Outputs, check_outputs, write_text
from perfcli.report.console import make_console
from perfcli.streams import complain

if TYPE_CHECKING:
    from perfcli.report.reported import Reported

ReportFiles = Mapping[str, Path]
"""Where each report goes, by its format; `-` is stdout."""

JOB_SUMMARY: Final = "GITHUB_STEP_SUMMARY"


def check_report_files(files: ReportFiles, inputs: Iterable[Path]) -> None:
    """See that every report can be made and written, before there is one to lose.

    Args:
        inputs: the files that the command reads.

    Raises:
        UsageError: a folder is missing, two reports have one place, or one would replace an input.
    """
    summary = os.environ.get(JOB_SUMMARY)
    appended = {JOB_SUMMARY: Path(summary)} if summary else {}
    check_outputs({f"--{form}": path for form, path in files.items()}, inputs, appended=appended)


def console_beside(files: Iterable[Path]) -> Console:
    """The console for people: stderr where a report goes to stdout."""
    return make_console(file=sys.stderr if STDOUT in files else None)


def write_reports(results: Sequence[Reported], files: ReportFiles, outputs: Outputs) -> None:
    """Write the results in every format that was asked for; stdout, whose reader may have left, comes last."""
    for form, path in sorted(files.items(), key=lambda item: item[1] == STDOUT):
        with outputs.attempt(f"--{form}", path):
            write_text(rendered(form, results), path)


def rendered(form: str, results: Sequence[Reported]) -> str:
    """The results in one of FORMATS."""
    text: str = resolve_name(FORMATS[form].render)(results)
    return text


def whole_page(results: Sequence[Reported]) -> str:
    """The results as one page of HTML; "" if there are none."""
    return rendered("html", results) if results else ""


def add_job_summary(results: Sequence[Reported], outputs: Outputs) -> None:
    """Append the Markdown to the summary of the CI job, where there is one; what prevents that is only told."""
    path = os.environ.get(JOB_SUMMARY)
    if not path or not results:
        return
    with outputs.attempt(JOB_SUMMARY):
        markdown = rendered("markdown", results)
        try:
            with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as summary:
                summary.write(markdown)
        except OSError as error:
            complain(f"Warning: {JOB_SUMMARY}={path}: no summary of this job: {error.strerror}")
