"""What `digipal-perf explain` says of metrics and operations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from perfcli.cli import cli
from perfcli.errors import UsageError
from perfcli.faults import fault_models
from perfcli.figures import METRICS
from perfcli.operations import STEP_MODELS
from perfcli.report.console import as_text
from perfcli.report.explained import render_explanation
from perfcli.report.openmetrics import PREFIX
from perfcli.thresholds import parse_threshold

DOCS = Path(__file__).parents[3] / "docs"


def explained(*arguments: str) -> str:
    """What the command prints, having ended well."""
    result = CliRunner().invoke(cli, ["explain", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def anchors(document: str) -> set[str]:
    """The anchors that a host of Markdown gives to the headings of a document."""
    headings = re.findall(r"^#+ (.+)$", (DOCS / document).read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", METRICS)
def test_examples_are_thresholds_and_sections_exist(name: str) -> None:
    metric = METRICS[name]
    assert parse_threshold(metric.example).metric is metric
    assert metric.section in anchors("methodology.md")


@pytest.mark.slow
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_explained(name: str) -> None:
    text = " ".join(explained(name).split())
    metric = METRICS[name]
    assert text.startswith(f"{name} {metric.meaning}")
    facts = (metric.unit.value, metric.computed, metric.example, metric.needs.meaning, metric.label, metric.group)
    for told in (*facts, f"better {metric.better}", f"docs/methodology.md#{metric.section}"):
        assert " ".join(told.split()) in text
    assert not isinstance(metric.why_none, str) or metric.why_none in text
    assert (", each operation" in text) is metric.per_operation
    assert ("[--phase NAME]" in text) is metric.per_phase
    assert ("needed: min" in text) is metric.needs_statistic
    assert ("within 30s" in text) is metric.windowed
    assert ("only after the load" in text) is metric.at_end
    assert f" {PREFIX}{name.replace('.', '_')}" in text


@pytest.mark.slow
def test_labels_of_reports_name_their_metric() -> None:
    labels = [metric.label for metric in METRICS.values()]
    assert len(set(labels)) == len(labels)
    for metric in METRICS.values():
        assert metric.label not in METRICS or METRICS[metric.label] is metric
        assert as_text(render_explanation(metric.label)).startswith(f"{metric.name}  ")


def test_the_range_of_values_is_told() -> None:
    ranges = {
        name: explained(name).split("values")[1].splitlines()[0].strip() for name in ("delivery", "ok", "degradation")
    }
    assert ranges == {"delivery": "0% to 100%", "ok": "0 or more", "degradation": "-100% or more"}


def test_all_metrics_come_as_a_table_in_markdown() -> None:
    assert [line.split("`")[1] for line in explained("--markdown").splitlines()[2:]] == [*METRICS]
    with pytest.raises(UsageError, match="drop latency"):
        CliRunner().invoke(cli, ["explain", "latency", "--markdown"], catch_exceptions=False)


@pytest.mark.parametrize("name", STEP_MODELS)
def test_an_operation_is_explained(name: str) -> None:
    text = explained(name)
    assert text.startswith(name)
    (anchor,) = re.findall(r"docs/reference/operations\.md#(\S+)", text)
    assert anchor in anchors("reference/operations.md")


@pytest.mark.parametrize(
    ("fault", "own"),
    [("disk_full", ("for", "share")), ("kill", ("signal", "restart_after")), ("clock", ("jump", "for"))],
)
def test_a_fault_is_explained_with_its_settings(fault: str, own: tuple[str, ...]) -> None:
    text = explained(fault)
    for setting in own:
        assert re.search(rf"^  {setting} +\S", text, re.MULTILINE)
    assert re.search(r"^  also +at, name, phase, every, times, jitter, as for every fault$", text, re.MULTILINE)
    (anchor,) = re.findall(r"docs/reference/faults\.md#(\S+)", text)
    assert anchor in anchors("reference/faults.md")


@pytest.mark.parametrize(
    ("subject", "metric"),
    [
        ("load_pet.latency.p95", "latency"),
        ("latency.p95", "latency"),
        ("care.growth.ratio", "growth.ratio"),
        ("memory.leak", "memory.leak"),
    ],
)
def test_a_metric_is_found_within_a_threshold(subject: str, metric: str) -> None:
    assert explained(subject).startswith(f"{metric}  ")


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        ("time", "compared by digipal-perf ab"),
        ("save_pet.p99", "margin 20%"),
        ("load_pet.p50", "margin 5%"),
        ("errors", "share of the operations that failed"),
        ("database", "in ab growth of the database's pages"),
    ],
)
def test_a_metric_of_ab_is_explained(subject: str, told: str) -> None:
    assert told in " ".join(explained(subject).split())


@pytest.mark.parametrize(("subject", "near"), [("latancy", "'latency'"), ("load_pets", "'load_pet'")])
def test_what_is_unknown_is_told_with_what_is_near(subject: str, near: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean {near}"):
        CliRunner().invoke(cli, ["explain", subject], catch_exceptions=False)


@pytest.mark.parametrize("statistic", ["p95", "mean"])
def test_a_statistic_alone_is_told_where_it_belongs(statistic: str) -> None:
    with pytest.raises(UsageError, match=f"{statistic} is a statistic, not a metric") as caught:
        CliRunner().invoke(cli, ["explain", statistic], catch_exceptions=False)
    assert f"digipal-perf explain latency.{statistic}" in caught.value.hint


def test_without_a_name_each_has_a_line() -> None:
    lines = explained().splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [*METRICS, *STEP_MODELS, *fault_models()]


def test_a_counter_of_an_own_operation_says_where_it_is_exported_and_explained() -> None:
    text = explained("--scenario", "backup_and_restore", "back_up.backup_bytes_per_op")
    assert 'digipal_perf_own_counter_per_operation{counter="backup_bytes"}' in text
    assert "docs/operations.md#counters" in text
    assert "counters" in anchors("operations.md")
