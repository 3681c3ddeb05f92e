"""plotly.js, as the extra `report` brings it."""

from __future__ import annotations

from perfcli.errors import PerfError


def plotly_source() -> str:
    """The library, to be written into the page.

    Raises:
        PerfError: the extra is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]
    except ImportError as error:
        raise PerfError(
            f"the HTML report draws its charts with plotly, which cannot be imported: {error}",
            hint="pip install 'digipal-perf[report]'",
        ) from error
    return str(get_plotlyjs())
