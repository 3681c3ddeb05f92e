"""`ab` of several scenarios: a slower `load_pet` that one of them shows, the exit code of all, and every document."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from perfcli.ab.pairs import BothPools, OpenPools
from perfcli.cli import cli
from perfcli.commands import engines as commands_ab
from perfcli.commands.context import Context
from perfcli.commands.engine_options import AbOptions, PairOptions
from perfcli.commands.engines import compare
from perfcli.errors import ExitCode, UsageError
from perfcli.judgement import Ending
from perfcli.plan import ExecutionPlan
from perfcli.pool.identity import EngineSource
from perfcli.report.report_files import rendered
from perfcli.report.reported import load_reported
from perfcli.run.exact_counts import Count
from perfcli.run.interrupts import Interrupts
from perfcli.testing import Behaviour, Script, SimulatedPool, SimulatedTime

pytestmark = pytest.mark.slow

MakePlan = Callable[..., ExecutionPlan]
LOADS_22_PERCENT_SLOWER = 1.22
_NS = 4_000_000
"""Of a call: one is a slice."""


def engine(seed: int, load_pet: float = 1.0) -> Script:
    random = Random(seed)
    slower = {"load_pet": load_pet}
    return lambda label, call: Behaviour(takes_ns=round(_NS * slower.get(label, 1) * random.gauss(1, 0.03)))


@pytest.fixture
def plans(make_plan: MakePlan) -> list[ExecutionPlan]:
    def named(name: str, flow: Sequence[Any], **more: Any) -> ExecutionPlan:
        plan = make_plan(list(flow), **more)
        return plan.model_copy(update={"scenario": plan.scenario.model_copy(update={"name": name})})

    return [
        named("pet_creation", ["create_pet"]),
        named("database_query", ["load_pet"], setup={"pets": 1}),
    ]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Compare an engine with one whose `load_pet` takes longer; return the exit code and what was printed."""
    source = EngineSource(tmp_path, "engine", "0f3a5c7e9b1d")

    @contextmanager
    def chosen(text: str, option: str = "") -> Iterator[EngineSource]:
        yield source

    def compared(
        plans: Sequence[ExecutionPlan],
        candidate: float,
        pairs: int,
        json_file: Path | None = None,
        *,
        quiet: bool = False,
    ) -> tuple[int, str]:
        @contextmanager
        def opened() -> Iterator[BothPools]:
            yield SimulatedPool(engine(1), SimulatedTime()), SimulatedPool(engine(2, candidate), SimulatedTime())

        def from_engines(base: Path, candidate: Path) -> OpenPools:
            return opened

        # what is simulated cannot be pinned
        monkeypatch.setattr("perfcli.ab.comparison.pinnable_cpus", lambda: ())
        monkeypatch.setattr(commands_ab, "from_engines", from_engines)
        unseen = Count(None, Ending(error="a scripted engine costs nothing\nas it does nothing"))
        monkeypatch.setattr("perfcli.ab.pairs.count_exactly", lambda *_: unseen)
        monkeypatch.setattr("perfcli.pool.checkout.choose_engine", chosen)
        monkeypatch.setattr(Interrupts, "install", lambda self: None)
        printed = io.StringIO()
        options = AbOptions(
            base="base", max_pairs=pairs, pairs=PairOptions(progress=False, json_file=json_file), quiet=quiet
        )
        code = compare(plans, options, Context(console=Console(file=printed, width=200, color_system=None)))
        return code, printed.getvalue()

    return compared


@pytest.mark.slow
def test_a_slower_load_pet_is_found_by_the_scenario_that_loads(
    plans: list[ExecutionPlan], run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    code, printed = run(plans, LOADS_22_PERCENT_SLOWER, 10, json_file=tmp_path / "ab.json")
    assert code == ExitCode.REGRESSION
    assert "REGRESSION  database_query  " in printed
    assert "2 scenarios in" in printed
    assert ": 1 REGRESSION, 1 no change" in printed
    assert printed.count("no exact counters: the base could not be counted: a scripted engine costs nothing\n") == 2
    results = load_reported([tmp_path / "ab.json"])
    assert [(each.scenario, str(each.change)) for each in results] == [
        ("pet_creation", "no change"), ("database_query", "regression")
    ]  # fmt: skip
    assert {json_result["alpha"] for json_result in json.loads((tmp_path / "ab.json").read_text())} == {0.01 / 2}
    junit = rendered("junit", results)
    assert junit.count("<testsuite ") == 2
    assert junit.count('failures="0"') == 1
    assert "**REGRESSION**" in rendered("markdown", results)
    assert rendered("html", results).count("<article ") == 2


def test_engines_alike_pass_with_a_line_each(plans: list[ExecutionPlan], run: Callable[..., tuple[int, str]]) -> None:
    code, printed = run(plans, 1.0, 1, quiet=True)
    assert code == ExitCode.PASS
    # one pair says little
    assert [line.split()[:2] for line in printed.splitlines()] == [
        ["INCONCLUSIVE", plan.scenario.name] for plan in plans
    ]


def test_one_scenario_is_an_array_of_one(
    plans: list[ExecutionPlan], run: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    _, printed = run(plans[:1], 1.0, 1, json_file=tmp_path / "ab.json")
    (result,) = json.loads((tmp_path / "ab.json").read_text())
    assert result["alpha"] == 0.01
    assert "scenarios in" not in printed


def test_how_far_a_comparison_is_fits_in_a_line_of_any_terminal() -> None:
    progress = commands_ab._so_far("a scenario of a very long name", 61.5, 3, 30, list)
    console = Console(file=io.StringIO(), width=40)
    lines = ["".join(part.text for part in line) for line in console.render_lines(progress)]
    assert lines == ["a scenario of a very long name: 3 of 30 "]


@pytest.mark.parametrize(
    ("settings", "asks"),
    [
        (["engine.ai.latency=2s"], True),
        (["load.iterations=5", " engine.ai = {latency: 0ms}"], True),
        (["engine.log_level=INFO"], False),
        (["setup.user=engine.ai"], False),
        ([], False),
    ],
)
def test_the_simulated_ai_takes_its_time_if_a_setting_names_it(settings: list[str], asks: bool) -> None:
    assert commands_ab._asks_for_ai(settings) is asks


@pytest.mark.parametrize("command", ["ab", "selftest"])
def test_a_file_that_cannot_be_written_is_reported_before_engines_start(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(commands_ab, "from_engines", lambda *_: pytest.fail("an engine was about to start"))
    base = ["--base", "HEAD"] if command == "ab" else []
    arguments = [command, "pet_creation", *base, "--json", str(tmp_path / "missing" / "out.json")]
    with pytest.raises(UsageError, match="missing"):
        CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
