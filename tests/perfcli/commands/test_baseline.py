"""`run --save`, `run --baseline` and `baseline`, on simulated runs; and once as users meet them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from perfcli.cli import cli
from perfcli.commands.context import Context
from perfcli.commands.options import RunOptions
from perfcli.commands.run import run_plans
from perfcli.errors import ExitCode, UsageError, Verdict
from perfcli.history.baseline import save_baseline
from perfcli.history.store import Store
from perfcli.plan import ExecutionPlan
from perfcli.results import LoadSlice, RunResult, save_results
from perfcli.testing import simulate
from tests.conftest import Here

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
MakePlan = Callable[..., ExecutionPlan]


def slices(typical_ns: float) -> dict[str, list[LoadSlice]]:
    """Forty slices of `load_pet`, each with a reading of the machine's pace."""
    made = [
        LoadSlice(start_ns=n, count=5, mean_ns=typical_ns, median_ns=typical_ns + n / 100, reference_ns=1_000 + n)
        for n in range(40)
    ]
    return {"load_pet": made}


@dataclass
class Suite:
    """Runs suites in a directory; what a scenario gives is said beforehand."""

    make_plan: MakePlan
    store: Path
    result: RunResult
    plans_run: list[str] = field(default_factory=list)

    def run(self, *given: dict[str, Any], **options: Any) -> tuple[int, str]:
        """Run a suite whose scenarios end so; return its exit code and the words it printed."""
        results = iter([self.result.model_copy(update=changes) for changes in given])

        def run_scenario(plan: ExecutionPlan, **_: Any) -> RunResult:
            self.plans_run.append(plan.scenario.name)
            return next(results)

        stream = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("perfcli.commands.run.run_scenario", run_scenario)
            patch.setattr("perfcli.run.interrupts.Interrupts.install", lambda self: None)
            code = run_plans(
                [self.make_plan(["load_pet"])] * len(given),
                RunOptions(store=self.store, **options),
                Context(console=Console(file=stream, width=200, color_system=None)),
            )
        return code, " ".join(stream.getvalue().split())


@pytest.fixture
def suite(make_plan: MakePlan, tmp_path: Path) -> Suite:
    """A suite with a store of its own, and a run that passes."""
    simulated = simulate(make_plan(["load_pet"], setup={"pets": 1}))
    sound = {"slices": slices(100), "reference_ns": 1_000.0, "verdict": Verdict.PASS}
    return Suite(make_plan, tmp_path / "kept", simulated.model_copy(update=sound))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls the command line in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DIGIPAL_PERF_STORE", raising=False)

    def call(*arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(cli, arguments, env=environment)

    return call


class TestRunAndSave:
    """`run --save`."""

    def test_keeps_every_run_whatever_its_verdict(self, suite: Suite) -> None:
        verdicts = [Verdict.PASS, Verdict.FAIL, Verdict.ERROR, Verdict.INTERRUPTED]
        suite.run(*({"verdict": verdict} for verdict in verdicts), save=True)
        kept, complaints, _ = Store(suite.store).runs()
        assert [run.verdict for run in kept] == verdicts
        assert complaints == []

    def test_keeps_none_where_nobody_asked(self, suite: Suite) -> None:
        suite.run({})
        assert not suite.store.exists()

    def test_a_store_that_cannot_be_written_is_told_before_anything_runs(self, suite: Suite) -> None:
        suite.store.write_text("")
        with pytest.raises(UsageError, match=r"--store .*: cannot write there: Not a directory"):
            suite.run({}, save=True)
        assert suite.plans_run == []


class TestRunAndCompare:
    """`run --baseline`."""

    @pytest.fixture
    def baseline(self, suite: Suite) -> str:
        """The sound run, as a baseline."""
        save_baseline("main", [suite.result], Store(suite.store))
        return "main"

    def test_the_same_again_passes(self, suite: Suite, baseline: str) -> None:
        code, told = suite.run({}, baseline=baseline)
        assert code == ExitCode.PASS
        assert "no change against main" in told

    def test_a_slower_one_is_a_regression(self, suite: Suite, baseline: str) -> None:
        code, told = suite.run({"slices": slices(150)}, baseline=baseline)
        assert code == ExitCode.REGRESSION
        assert "REGRESSION against main: load_pet +49.9%" in told

    def test_one_of_several_is_enough(self, suite: Suite, baseline: str) -> None:
        assert suite.run({}, {"slices": slices(150)}, {}, baseline=baseline)[0] == ExitCode.REGRESSION

    @pytest.mark.parametrize("quiet", [True, False])
    def test_a_failed_threshold_is_graver_and_hides_nothing(self, quiet: bool, suite: Suite, baseline: str) -> None:
        failed = {"slices": slices(150), "verdict": Verdict.FAIL, "reasons": ["a < 1ms: 2 ms"]}
        code, told = suite.run(failed, baseline=baseline, quiet=quiet)
        assert code == ExitCode.THRESHOLD_FAILED
        assert "a < 1ms: 2 ms" in told
        assert "REGRESSION against main: load_pet +49.9%" in told

    def test_a_file_will_do(self, suite: Suite, tmp_path: Path) -> None:
        save_results([suite.result], tmp_path / "results.json")
        assert suite.run({"slices": slices(150)}, baseline=str(tmp_path / "results.json"))[0] == ExitCode.REGRESSION

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("changes", "told"),
        [({"name": "other"}, "the baseline has no run of other"), ({"slices": {}}, "this run has no slices")],
    )
    def test_incomparable_is_told_and_fails_only_where_strict(
        self, changes: dict[str, Any], told: str, suite: Suite, baseline: str
    ) -> None:
        code, printed = suite.run(changes, baseline=baseline)
        assert (code, told in printed) == (ExitCode.PASS, True)
        assert suite.run(changes, baseline=baseline, strict=True)[0] == ExitCode.INVALID

    def test_the_comparison_is_kept_with_the_run(self, suite: Suite, baseline: str, tmp_path: Path) -> None:
        suite.run({"slices": slices(150)}, baseline=baseline, save=True, json_file=tmp_path / "results.json")
        (kept,) = Store(suite.store).runs().runs
        assert kept.baseline is not None
        assert kept.baseline.change == "regression"
        assert kept.exit_code == ExitCode.REGRESSION
        assert json.loads((tmp_path / "results.json").read_text())[0]["baseline"]["name"] == "main"

    @pytest.mark.parametrize("name", ["missing", "./missing.json", "a/../b", ""])
    def test_a_missing_one_is_told_before_anything_runs(self, name: str, suite: Suite) -> None:
        if not name:
            name = "broken"
            (suite.store / "baselines").mkdir(parents=True)
            (suite.store / "baselines" / "broken.json").write_text("{")
        with pytest.raises(UsageError) as caught:
            suite.run({}, baseline=name)
        assert caught.value.exit_code is ExitCode.USAGE
        assert suite.plans_run == []

    def test_strict_alone_makes_no_sense(self, command: Callable[..., Result]) -> None:
        refused = command("run", "pet_creation", "--strict").exception
        assert isinstance(refused, UsageError)
        assert "add --baseline" in refused.message


class TestBaselineCommands:
    """`baseline save`, `list`, `show` and `rm`."""

    @pytest.fixture
    def kept(self, suite: Suite, tmp_path: Path) -> Store:
        """The default store, with a run."""
        store = Store(tmp_path / ".digipal-perf")
        store.add(suite.result.model_copy(update={"commit": "c0ffee0123"}))
        return store

    def test_save_list_show_rm(self, kept: Store, command: Callable[..., Result], tmp_path: Path) -> None:
        saved = command("baseline", "save", "main")
        assert (
            saved.output
            == "saved baseline main: test of sources scripted, commit c0ffee0, in .digipal-perf/baselines/main.json\n"
        )
        assert command("baseline", "save", "main").output.startswith("replaced baseline main")
        assert "main         1" in command("baseline", "list").output
        command("baseline", "list", "--json", "list.json")
        (told,) = json.loads(Path("list.json").read_text(encoding="utf-8"))["baselines"]
        assert (told["name"], [run["verdict"] for run in told["runs"]]) == ("main", ["pass"])
        shown = command("baseline", "show", "main", "--json", "shown.json")
        assert "load_pet" in shown.output
        assert json.loads((tmp_path / "shown.json").read_text())[0]["name"] == "test"
        assert command("baseline", "rm", "main").output == "removed .digipal-perf/baselines/main.json\n"
        assert "No baselines here." in command("baseline", "list").output
        assert kept.runs().complaints == []

    def test_from_a_file(self, suite: Suite, command: Callable[..., Result], tmp_path: Path) -> None:
        both = [suite.result, suite.result.model_copy(update={"name": "other"})]
        save_results(both, tmp_path / "results.json")
        told = command("baseline", "save", "v1", "results.json", "--store", "elsewhere")
        assert told.output == "saved baseline v1: test, other of sources scripted, in elsewhere/baselines/v1.json\n"
        assert "v1" in command("baseline", "list", DIGIPAL_PERF_STORE="elsewhere").output

    def test_a_failed_run_is_refused_unless_forced(self, suite: Suite, command: Callable[..., Result]) -> None:
        save_results([suite.result.model_copy(update={"verdict": Verdict.INTERRUPTED})], Path("results.json"))
        refused = command("baseline", "save", "main", "results.json").exception
        assert isinstance(refused, UsageError)
        assert "test: its verdict is interrupted" in refused.message
        assert command("baseline", "save", "main", "results.json", "--force").exit_code == ExitCode.PASS

    def test_files_that_cannot_be_read_are_told_on_stderr(self, kept: Store, command: Callable[..., Result]) -> None:
        (kept.directory / "runs" / "empty.json").write_text("")
        saved = command("baseline", "save", "main")
        assert "skipped: .digipal-perf/runs/empty.json: not a result file" in saved.stderr
        assert "empty.json" not in saved.stdout
        (kept.baselines / "old.json").write_text('{"schema_version": 99}')
        assert "skipped: .digipal-perf/baselines/old.json" in command("baseline", "list").stderr

    @pytest.mark.parametrize("arguments", [["save", "main"], ["show", "main"], ["rm", "main"], ["save", "a/b"]])
    def test_what_cannot_be_done_is_told(self, arguments: list[str], command: Callable[..., Result]) -> None:
        refused = command("baseline", *arguments).exception
        assert isinstance(refused, UsageError)
        assert refused.hint


@pytest.mark.end_to_end
def test_as_users_meet_it(tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a run, make it a baseline, compare the next one: too short to tell, and that is said."""
    monkeypatch.setenv("COLUMNS", "300")
    code, output, errors = here("run", "pet_creation", "--baseline", "main")
    assert (code, output) == (ExitCode.USAGE, "")
    assert "no baseline main in .digipal-perf: it has none yet" in errors
    assert here("run", "pet_creation", "--iterations", "20", "--save")[0] == ExitCode.PASS
    assert here("baseline", "save", "main")[0] == ExitCode.PASS
    code, output, _ = here("run", "pet_creation", "--iterations", "20", "--baseline", "main")
    assert code == ExitCode.PASS, output
    assert "INCONCLUSIVE against main" in output
    assert "readings of the machine's speed" in output
    code, output, _ = here("run", "pet_creation", "--iterations", "30", "--baseline", "main", "--strict")
    assert code == ExitCode.INVALID
    assert "load.iterations is 30, was 20" in " ".join(output.split())
    (kept,) = (tmp_path / ".digipal-perf" / "runs").iterdir()
    assert str(tmp_path) not in kept.read_text()
