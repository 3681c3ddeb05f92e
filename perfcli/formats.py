"""The formats that results can be written in: each is a module of `report` that renders them, and its line here.

Nothing heavy is imported here, as every `--help` reads it.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Format(NamedTuple):
    """How results are written to a file.

    Args:
        render: the function that takes results and returns text, as `module:name`; it is imported when it is needed.
        help: what the option of that name does.
    """

    render: str
    help: str


FORMATS: Final = {
    "html": Format("perfcli.report.html.page:render_html", "Write an HTML page with charts, in one file."),
    "junit": Format("perfcli.report.junit:render_junit", "Write JUnit XML, a test case per threshold."),
    "markdown": Format(
        "perfcli.report.markdown:render_markdown", "Write Markdown for a pull request or a job summary."
    ),
    "csv": Format("perfcli.report.data_files:render_csv", "Write the figures of each second as CSV."),
    "openmetrics": Format("perfcli.report.openmetrics:render_openmetrics", "Write OpenMetrics text for Prometheus."),
}
"""By their names, which are those of the options too."""
