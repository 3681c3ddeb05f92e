"""`run --sweep` and what tells its variations apart: on the console, in every report, and among saved runs."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from click.testing import CliRunner, Result
from plotly.graph_objects import Figure
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from perfcli.cli import cli
from perfcli.errors import ExitCode, UsageError
from perfcli.plan import ExecutionPlan
from perfcli.report.html.over_values import sweep_charts
from perfcli.report.html.page import render_html
from perfcli.report.report_files import JOB_SUMMARY
from perfcli.report.summary import sweeps_of, variations_tables
from perfcli.results import ExactCounters, RunResult, load_results
from perfcli.results.observed import OperationCounts
from perfcli.testing import Behaviour, simulate

pytestmark = pytest.mark.slow

SCENARIO = """
name: swept
setup: {pets: 4}
load: {executor: shared-iterations, vus: 1, iterations: 40}
flow: [status]
thresholds: [latency.p50 < 15ms, success_rate == 100%]
"""
MS = 1_000_000
SWEEPS = ("--sweep", "setup.pets=1,20", "--sweep", "load.vus=1,2")
TITLES = [f"swept [setup.pets={pets}, load.vus={vus}]" for pets in (1, 20) for vus in (1, 2)]
VARIATIONS = [title.removeprefix("swept [").removesuffix("]") for title in TITLES]

Invoke = Callable[..., Result]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[ExecutionPlan]:
    """The plans of simulated runs, in which an operation takes 1 ms for each pet that is set up."""
    plans: list[ExecutionPlan] = []

    def simulated(plan: ExecutionPlan, **_: Any) -> RunResult:
        plans.append(plan)
        return simulate(plan, lambda label, call: Behaviour(takes_ns=plan.scenario.setup.pets * MS))

    monkeypatch.setattr("perfcli.commands.run.run_scenario", simulated)
    return plans


@pytest.fixture
def invoke(ran: list[ExecutionPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Runs the command at 80 columns, beside a scenario that fails with 20 pets."""
    monkeypatch.chdir(tmp_path)
    Path("swept.yaml").write_text(SCENARIO)
    Path("other.yaml").write_text(SCENARIO.replace("swept", "other"))
    return lambda *arguments, **environment: CliRunner().invoke(
        cli, list(arguments), env={"COLUMNS": "80", **environment}
    )


@pytest.fixture
def results(invoke: Invoke) -> list[RunResult]:
    invoke("run", "swept.yaml", "-q", *SWEEPS, "--json", "r.json")
    return load_results(Path("r.json"))


def test_quiet_prints_a_line_for_each_variation_and_the_worst_decides(invoke: Invoke, ran: list[ExecutionPlan]) -> None:
    done = invoke("run", "swept.yaml", "-q", *SWEEPS)
    assert done.exit_code == ExitCode.THRESHOLD_FAILED
    lines = done.stdout.splitlines()
    assert [line.split("  ")[1] for line in lines if line.startswith(("pass", "FAIL"))] == TITLES
    assert [plan.title for plan in ran] == TITLES
    assert len({plan.seed for plan in ran}) == 1


def test_each_scenario_runs_all_variations_before_the_next(invoke: Invoke, ran: list[ExecutionPlan]) -> None:
    invoke("run", "swept.yaml", "other.yaml", "-q", "--sweep", "load.vus=1,2")
    assert [plan.title for plan in ran] == [f"{name} [load.vus={vus}]" for name in ("swept", "other") for vus in (1, 2)]


def test_a_table_has_a_line_for_each_variation_in_their_order(invoke: Invoke) -> None:
    lines = invoke("run", "swept.yaml", *SWEEPS).stdout.splitlines()
    at = lines.index("sweep of swept by setup.pets and load.vus")
    assert lines[at + 1].split() == ["pets", "vus", "p50", "p95", "p99", "rate", "peak", "RSS"]
    assert [line.split()[:3] for line in lines[at + 3 : at + 7]] == [
        ["pass", "1", "1"],
        ["pass", "1", "2"],
        ["FAIL", "20", "1"],
        ["FAIL", "20", "2"],
    ]
    assert lines[-1] == "4 variations: 2 pass, 2 FAIL"


def test_what_was_counted_has_a_table_operation_by_operation(results: list[RunResult]) -> None:
    counts = {"status": OperationCounts(done=20, calls=7.5, statements=1), "care": OperationCounts(done=5, calls=3)}
    where = {"tool_version": "1", "system": "Linux", "python": "CPython 3.11.7", "sqlite": "3.40", "sqlite_options": ""}
    exact = ExactCounters(seed=0, operations=counts, **where)
    counted = [run.model_copy(update={"exact": exact}) for run in results[:2]]
    (sweep,) = sweeps_of(counted)
    measured, table = variations_tables(sweep)
    assert [column.title for column in measured.columns][:3] == ["", "pets", "vus"]
    assert [[cell.plain for cell in row][1:5] for row in table.rows] == [
        ["1", "1", "status", "7.5"],
        ["1", "2", "status", "7.5"],
        ["1", "1", "care", "3"],
        ["1", "2", "care", "3"],
    ]
    (sweep,) = sweeps_of([run.model_copy(update={"duration_ns": None}) for run in counted])
    assert len(variations_tables(sweep)) == 1


def test_a_mistake_in_one_variation_runs_none(invoke: Invoke, ran: list[ExecutionPlan]) -> None:
    done = invoke("run", "swept.yaml", "--sweep", "setup.pets=1,many", "--sweep", "load.vus=1,2")
    assert isinstance(done.exception, UsageError)
    assert "expected a whole number, not 'many' (with setup.pets=many)" in str(done.exception)
    assert ran == []


def test_workers_contradict_a_sweep_of_vus(invoke: Invoke, ran: list[ExecutionPlan]) -> None:
    done = invoke("run", "swept.yaml", *SWEEPS, "--workers", "3")
    assert isinstance(done.exception, UsageError)
    assert "--workers 3 and --sweep load.vus change the same key" in str(done.exception)
    assert ran == []


def test_plan_has_a_line_for_each_variation(invoke: Invoke, ran: list[ExecutionPlan]) -> None:
    done = invoke("plan", "swept.yaml", *SWEEPS)
    assert re.findall(r"^  (setup.+\d) +40 iterations", done.stdout, re.MULTILINE) == VARIATIONS
    assert ran == []


def test_plan_shows_what_a_variation_changes_in_a_phase(invoke: Invoke) -> None:
    load = "load: {executor: shared-iterations, vus: '${vus}', iterations: 10}"
    phases = f"[{{name: one, {load}}}, {{name: two, {load}}}]"
    Path("phased.yaml").write_text(f"name: phased\nvars: {{vus: 1}}\nflow: [create_pet]\nphases: {phases}\n")
    lines = invoke("plan", "phased.yaml", "--sweep", "vars.vus=1,3").stdout.splitlines()
    assert [re.sub(" +", " ", line) for line in lines[3:5]] == [
        " vars.vus=3 one: 10 iterations shared by 3 vus; create_pet",
        " two: 10 iterations shared by 3 vus; create_pet",
    ]


def test_after_an_interrupt_what_is_over_is_reported_and_the_rest_named(
    invoke: Invoke, ran: list[ExecutionPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(plan: ExecutionPlan, **_: Any) -> RunResult:
        if ran:
            signal.raise_signal(signal.SIGINT)
        ran.append(plan)
        return simulate(plan, lambda label, call: Behaviour(takes_ns=MS))

    monkeypatch.setattr("perfcli.commands.run.run_scenario", interrupted)
    done = invoke("run", "swept.yaml", "--json", "r.json", *SWEEPS, COLUMNS="200")
    assert done.exit_code == 130
    assert [result.title for result in load_results(Path("r.json"))] == TITLES[:2]
    assert f"not run: 2 of 4 variations: {TITLES[2]}; {TITLES[3]}" in done.stdout


def test_every_report_tells_the_variations_apart(invoke: Invoke) -> None:
    outputs = ("--junit", "j.xml", "--openmetrics", "m.txt", "--csv", "c.csv", "--markdown", "m.md", "--json", "r.json")
    invoke("run", "swept.yaml", "-q", *SWEEPS, *outputs, **{JOB_SUMMARY: "summary.md"})

    assert [suite.get("name") for suite in fromstring(Path("j.xml").read_text())] == TITLES
    samples = [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(Path("m.txt").read_text())
        for sample in family.samples
    ]
    assert len(samples) == len(set(samples))
    assert {dict(labels)["variation"] for _, labels in samples} == set(VARIATIONS)
    assert not any("run" in dict(labels) for _, labels in samples)
    assert [f'1,swept,"{VARIATIONS[0]}",0,' in line for line in Path("c.csv").read_text().splitlines()].count(True) == 2
    assert [result["variation"] for result in json.loads(Path("r.json").read_text())] == [
        {"setup.pets": pets, "load.vus": vus} for pets in (1, 20) for vus in (1, 2)
    ]
    markdown = Path("m.md").read_text()
    assert Path("summary.md").read_text() == markdown
    assert all(f": `{title}`" in markdown for title in TITLES)
    assert "|  | pets | vus | p50 | p95 | p99 | rate | peak RSS | nearest limit, or reason |" in markdown


def test_charts_are_drawn_over_the_key_with_most_numbers(results: list[RunResult]) -> None:
    (sweep,) = sweeps_of(results)
    charts = list(sweep_charts(sweep))
    assert [chart.title for chart in charts] == [
        "p95 of the latency by setup.pets",
        "Rate by setup.pets",
        "Peak memory by setup.pets",
    ]
    figure = Figure(charts[0].figure)
    assert [(trace.name, trace.x, trace.y) for trace in figure.data] == [
        ("load.vus=1", (1, 20), (pytest.approx(0.001, rel=0.01), pytest.approx(0.02, rel=0.01))),
        ("load.vus=2", (1, 20), (pytest.approx(0.001, rel=0.01), pytest.approx(0.02, rel=0.01))),
    ]
    assert figure.data[0].marker.symbol == ("circle", "x")
    assert figure.layout.xaxis.type == "log"
    assert all(f'id="result-{number}"' in render_html(results) for number in (1, 4))


def test_values_that_are_no_numbers_are_categories_in_their_order(results: list[RunResult]) -> None:
    words = ["slow", "quick", "<b>"]
    varied = [run.model_copy(update={"variation": {"mode": word}}) for run, word in zip(results, words, strict=False)]
    (sweep,) = sweeps_of(varied)
    latency = next(sweep_charts(sweep))
    assert latency.layout["xaxis"]["categoryarray"] == ["slow", "quick", "&lt;b&gt;"]
    assert [trace["name"] for trace in latency.traces] == ["p50", "p95", "p99"]
    assert latency.traces[0]["x"] == ["slow", "quick", "&lt;b&gt;"]


def test_a_single_value_has_no_chart(results: list[RunResult]) -> None:
    (sweep,) = sweeps_of(results[:1])
    assert list(sweep_charts(sweep)) == []


def test_a_baseline_has_a_run_of_each_variation(invoke: Invoke) -> None:
    invoke("run", "swept.yaml", "-q", "--save", *SWEEPS)
    saved = invoke("baseline", "save", "main", "--force")
    assert all(title in saved.stdout for title in TITLES)
    same = invoke("run", "swept.yaml", "-q", "--sweep", "load.vus=2", "--sweep", "setup.pets=1", "--baseline", "main")
    assert "the baseline has no run" not in same.stdout
    other = invoke("run", "swept.yaml", "-q", "--sweep", "load.vus=3", "--baseline", "main", COLUMNS="500").stdout
    assert f"the baseline has no run of swept [load.vus=3], only of {', '.join(TITLES)}" in other
    plain = invoke("run", "swept.yaml", "-q", "--baseline", "main", COLUMNS="500").stdout
    assert f"the baseline has no run of swept, only of {TITLES[0]}" in plain


def test_history_and_trend_never_mix_variations(invoke: Invoke) -> None:
    invoke("run", "swept.yaml", "-q", "--save")
    for _ in range(2):
        invoke("run", "swept.yaml", "-q", "--save", *SWEEPS)
    history = invoke("history", "--json", "h.json", COLUMNS="200").stdout
    assert [history.count(title) for title in TITLES] == [2, 2, 2, 2]
    assert json.loads(Path("h.json").read_text())["runs"][1]["variation"] == {"setup.pets": 1, "load.vus": 1}
    trend = invoke("trend", "swept", "--json", "t.json", COLUMNS="200").stdout
    assert trend.startswith(f"{TITLES[3]}  2 runs; ")
    assert "another variation (7)" in trend
    assert json.loads(Path("t.json").read_text())["other_variations"] == ["none", *VARIATIONS[:3]]
    chosen = invoke("trend", "swept", "--variation", "setup.pets=1", "--variation", "load.vus=2").stdout
    assert chosen.startswith(f"{TITLES[1]}  2 runs; ")
    assert "left out" not in chosen
    assert invoke("trend", "swept", "--variation", "none").stdout.startswith("swept  1 run; ")
    assert invoke("history", "--variation", VARIATIONS[0], COLUMNS="200").stdout.count("swept [") == 2


@pytest.mark.parametrize(
    ("variation", "message"),
    [("load.vus=7", "no saved run has the variation load.vus=7"), ("vus", "--variation vus: expected key=value")],
)
def test_a_variation_that_was_never_run_is_answered_with_those_that_were(
    invoke: Invoke, variation: str, message: str
) -> None:
    invoke("run", "swept.yaml", "-q", "--save", "--sweep", "load.vus=1,2")
    done = invoke("trend", "swept", "--variation", variation)
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)


def test_a_variation_is_repeated_by_what_its_report_prints(invoke: Invoke, ran: list[ExecutionPlan]) -> None:
    done = invoke("run", "swept.yaml", "-v", "--sweep", "load.vus=1,2", "--seed", "7", COLUMNS="200")
    assert "(replay with --seed 7 --sweep load.vus=2)" in done.stdout
