"""Baselines by name and by file: what may become one, and what is told where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perfcli.errors import UsageError, Verdict
from perfcli.history.baseline import (
    Baseline,
    list_baselines,
    newest_runs,
    read_baseline,
    remove_baseline,
    save_baseline,
)
from perfcli.history.store import Store
from perfcli.plan import plan_run
from perfcli.results import LoadSlice, RunResult, save_results
from perfcli.scenario.models import Scenario
from perfcli.testing import simulate

SLICES = {"load_pet": [LoadSlice(start_ns=0, count=1, mean_ns=1.0, median_ns=1.0, reference_ns=1.0)]}


@pytest.fixture(scope="module")
def result() -> RunResult:
    """A simulated run that could be a baseline."""
    scenario = {"name": "test", "load": {"executor": "shared-iterations", "iterations": 20}, "flow": ["load_pet"]}
    simulated = simulate(plan_run(Scenario.model_validate(scenario), 1))
    return simulated.model_copy(update={"slices": SLICES, "reference_ns": 1.0, "verdict": Verdict.PASS})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "kept")


def test_comes_back_by_its_name(store: Store, result: RunResult) -> None:
    path, replaces = save_baseline("main", [result], store)
    assert (path, replaces) == (store.baselines / "main.json", False)
    assert read_baseline("main", store) == Baseline("main", (result,))


def test_the_same_name_again_replaces_it(store: Store, result: RunResult) -> None:
    save_baseline("main", [result], store)
    assert save_baseline("main", [result.model_copy(update={"seed": 9})], store)[1]
    assert [run.seed for run in read_baseline("main", store).runs] == [9]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/main", ".hidden", "-x", "a b", "main.json", "x" * 65, "a\n"])
def test_names_that_are_none(name: str, store: Store, result: RunResult) -> None:
    with pytest.raises(UsageError, match="is not a name for a baseline"):
        save_baseline(name, [result], store)
    assert not store.directory.exists()


@pytest.mark.parametrize("name", ["main", "v1.2", "2026-01-02", "A_b"])
def test_names_that_are_some(name: str, store: Store, result: RunResult) -> None:
    save_baseline(name, [result], store)
    assert [each.name for each in list_baselines(store)[0]] == [name]


class TestUnfitRuns:
    """A run that others should not be measured by is refused, and taken only by force."""

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"verdict": Verdict.FAIL, "reasons": ["latency.p99 < 1ms: 7 ms"]}, "fail; latency.p99 < 1ms: 7 ms"),
            ({"verdict": Verdict.INVALID}, "its verdict is invalid"),
            ({"verdict": Verdict.INTERRUPTED}, "its verdict is interrupted"),
            ({"verdict": Verdict.ERROR}, "its verdict is error"),
            ({"slices": {}}, "it has no slices"),
            ({"slices": {"load_pet": []}}, "it has no slices"),
            ({"reference_ns": None}, "the reference kernel never ran"),
        ],
    )
    def test_is_refused(self, changes: dict[str, Any], told: str, store: Store, result: RunResult) -> None:
        runs = [result.model_copy(update={"name": "sound"}), result.model_copy(update=changes)]
        with pytest.raises(UsageError) as caught:
            save_baseline("main", runs, store)
        assert f"test: {told}" in caught.value.message.replace("its verdict is fail", "fail")
        assert "sound: " not in caught.value.message
        assert "--force" in caught.value.hint
        assert not store.baselines.exists()
        save_baseline("main", runs, store, force=True)
        assert len(read_baseline("main", store).runs) == 2


def test_two_runs_of_one_scenario_are_no_baseline(store: Store, result: RunResult, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="several runs of test"):
        save_baseline("main", [result, result], store)
    save_results([result, result], tmp_path / "twice.json")
    with pytest.raises(UsageError, match="several runs of test"):
        read_baseline(str(tmp_path / "twice.json"), store)


class TestReading:
    """A name is looked for in the store, a path on the disk."""

    def test_a_file(self, store: Store, result: RunResult, tmp_path: Path) -> None:
        save_results([result], tmp_path / "results.json")
        assert read_baseline(str(tmp_path / "results.json"), store) == Baseline("results.json", (result,))

    def test_a_name_that_is_not_there_tells_those_that_are(self, store: Store, result: RunResult) -> None:
        with pytest.raises(UsageError, match="it has none yet") as caught:
            read_baseline("main", store)
        assert "baseline save NAME" in caught.value.hint
        save_baseline("v1", [result], store)
        with pytest.raises(UsageError, match=r"no baseline main in .*: it has v1"):
            read_baseline("main", store)

    @pytest.mark.parametrize("text", ["missing.json", "./missing"])
    def test_a_file_that_is_not_there(self, text: str, store: Store) -> None:
        with pytest.raises(UsageError, match="cannot read the result: No such file"):
            read_baseline(text, store)

    def test_one_that_is_damaged(self, store: Store, result: RunResult) -> None:
        path, _ = save_baseline("main", [result], store)
        path.write_text(path.read_text()[:200])
        with pytest.raises(UsageError, match=r"main\.json: not a result file"):
            read_baseline("main", store)


class TestListing:
    """What is there, also what cannot be read; and away with it."""

    def test_damaged_ones_are_told(self, store: Store, result: RunResult) -> None:
        save_baseline("main", [result], store)
        (store.baselines / "broken.json").write_text("{")
        found, (complaint,) = list_baselines(store)
        assert [each.name for each in found] == ["main"]
        assert "broken.json: not a result file" in complaint

    def test_remove(self, store: Store, result: RunResult) -> None:
        save_baseline("main", [result], store)
        (store.baselines / "broken.json").write_text("{")
        remove_baseline("broken", store)
        remove_baseline("main", store)
        assert list_baselines(store) == ([], [])
        with pytest.raises(UsageError, match="no baseline main"):
            remove_baseline("main", store)


def test_the_newest_runs_are_those_of_the_newest_engine_whatever_its_commit(result: RunResult) -> None:
    def run(name: str, seed: int, sources: str) -> RunResult:
        environment = result.environment.model_copy(update={"engine_version": sources})
        return result.model_copy(update={"name": name, "seed": seed, "environment": environment})

    runs = [run("a", 1, "old"), run("b", 2, "old"), run("a", 3, "new"), run("c", 4, "new"), run("a", 5, "new")]
    assert [(each.name, each.seed) for each in newest_runs(runs)] == [("a", 5), ("c", 4)]
    with pytest.raises(UsageError, match="no saved run to make a baseline of"):
        newest_runs([])


def test_a_scenario_that_the_baseline_does_not_have_is_incomparable(result: RunResult) -> None:
    baseline = Baseline("main", (result,))
    compared = baseline.judge(result.model_copy(update={"name": "other"}))
    assert (compared.change, compared.exit_code) == ("incomparable", 0)
    assert compared.reasons == ["the baseline has no run of other, only of test"]
    assert baseline.judge(result).reasons == []
