"""The dashboard asks for metrics that the stream sends."""

from __future__ import annotations

import json
import re
from pathlib import Path

from perfcli.figures import METRICS
from perfcli.units import Unit

DASHBOARD = Path(__file__).parents[3] / "docs" / "grafana-dashboard.json"
SUFFIXES = {Unit.DURATION: "_seconds", Unit.SIZE: "_bytes", Unit.PERCENTAGE: "_ratio"}
"""What Prometheus adds to a name for its unit."""


def test_every_metric_of_the_dashboard_is_one_of_the_registry() -> None:
    sent = {f"{name.replace('.', '_')}{SUFFIXES.get(metric.unit, '')}" for name, metric in METRICS.items()}
    asked = set(re.findall(r"digipal_perf_(\w+)", DASHBOARD.read_text()))
    assert asked
    assert asked <= sent | {"operations_total"}
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
