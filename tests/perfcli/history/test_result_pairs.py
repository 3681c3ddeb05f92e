"""Results side by side: what belongs together, what it is called, and which exit code it gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perfcli.errors import ExitCode, UsageError, Verdict
from perfcli.history.baseline import save_baseline
from perfcli.history.result_pairs import Source, read_source, side_by_side
from perfcli.history.store import Store
from perfcli.results import RunResult, ThresholdResult, save_results
from perfcli.units import Unit
from tests.perfcli.history.fabricated import HERE, run, slices

LOAD = {"load_pet": slices(100)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store."""
    return Store(tmp_path / "kept")


def beside(base: RunResult, *others: RunResult, strict: bool = False) -> Any:
    """Runs of a file each, beside one another."""
    sources = [Source(f"{letter}.json", (each,)) for letter, each in zip("abc", (base, *others), strict=False)]
    return side_by_side(sources, strict=strict)


def test_a_result_beside_itself_has_not_changed() -> None:
    same = run(LOAD)
    found = beside(same, same, strict=True)
    (pair,) = found.pairs
    assert (pair.comparison.change, found.exit_code, pair.differences) == ("no change", ExitCode.PASS, [])
    assert (pair.base.label, pair.now.label) == ("a.json", "b.json")


def test_a_slower_one_is_a_regression_with_its_interval() -> None:
    found = beside(run(LOAD), run({"load_pet": slices(130, seed=2)}))
    (operation,) = found.pairs[0].comparison.operations
    assert found.exit_code == ExitCode.REGRESSION
    assert 1.25 < operation.lower < operation.ratio < operation.upper < 1.35


def test_each_further_one_is_compared_with_the_first() -> None:
    found = beside(run(LOAD), run({"load_pet": slices(130, seed=2)}), run({"load_pet": slices(70, seed=2)}))
    assert [pair.comparison.change for pair in found.pairs] == ["regression", "improvement"]
    assert {pair.base.source for pair in found.pairs} == {"a.json"}


@pytest.mark.parametrize(("strict", "code"), [(False, ExitCode.PASS), (True, ExitCode.INVALID)])
def test_what_is_incomparable_fails_only_if_strict(strict: bool, code: ExitCode) -> None:
    elsewhere = run({"load_pet": slices(300)}, environment=HERE.model_copy(update={"cpu_count": 64}))
    assert beside(run(LOAD), elsewhere, strict=strict).exit_code == code


@pytest.mark.parametrize(("strict", "code"), [(False, ExitCode.PASS), (True, ExitCode.REGRESSION)])
def test_so_does_what_is_inconclusive(strict: bool, code: ExitCode) -> None:
    assert beside(run(LOAD), run({"load_pet": slices(100, count=2)}), strict=strict).exit_code == code


class TestNames:
    """Two runs are called by what tells them apart."""

    OLD = HERE.model_copy(update={"engine_version": "0f3a5c7e9b1d"})
    NEW = HERE.model_copy(update={"engine_version": "9f8e7d6c5b4a"})

    @pytest.mark.parametrize(
        ("base", "now", "labels"),
        [
            ({"engine": "v1.2"}, {"engine": "the working tree"}, ("v1.2", "the working tree")),
            ({"commit": "1" * 40}, {"commit": "2" * 40}, ("1" * 12, "2" * 12)),
            ({"commit": "1" * 40}, {"engine_modified": True}, ("1" * 12, "modified")),
            ({"environment": OLD}, {"environment": NEW}, ("0f3a5c7e9b1d", "9f8e7d6c5b4a")),
            ({"variation": {"setup.pets": 10}}, {"variation": {"setup.pets": 20}}, ("setup.pets=10", "setup.pets=20")),
            ({"seed": 1}, {"seed": 2}, ("a.json", "b.json")),
            ({"engine": ""}, {"engine": "v1.2"}, ("a.json", "b.json")),
        ],
    )
    def test_come_from_what_differs(self, base: dict[str, Any], now: dict[str, Any], labels: tuple[str, str]) -> None:
        (pair,) = beside(run(LOAD, **base), run(LOAD, **now)).pairs
        assert (pair.base.label, pair.now.label) == labels
        assert pair.comparison.name == labels[0]

    def test_are_times_for_two_runs_of_files_of_one_name(self) -> None:
        early, late = run(LOAD), run(LOAD, started_at="2026-01-03T00:00:00+00:00")
        (pair,) = side_by_side([Source("r.json", (early,)), Source("r.json", (late,))]).pairs
        assert (pair.base.label, pair.now.label) == (early.started_at, late.started_at)

    def test_whatever_differs_is_listed_though_it_leaves_runs_comparable(self) -> None:
        (pair,) = beside(run(LOAD, engine="v1", seed=1), run(LOAD, engine="v2", seed=9)).pairs
        assert [(each.what, each.base, each.now) for each in pair.differences] == [
            ("engine", "v1", "v2"),
            ("seed", "1", "9"),
        ]
        assert pair.comparison.change == "no change"


class TestPartners:
    """Runs meet by scenario and variation."""

    def variations(self, *pets: int, name: str = "test") -> tuple[RunResult, ...]:
        """A sweep over pets."""
        return tuple(run(LOAD, name=name, variation={"setup.pets": count}) for count in pets)

    def test_of_one_variation_meet(self) -> None:
        found = side_by_side([Source("a", self.variations(1, 10, 100)), Source("b", self.variations(100, 1))])
        assert [pair.variation["setup.pets"] for pair in found.pairs] == [100, 1]
        assert [(each.held_by, each.missing_in, each.variation["setup.pets"]) for each in found.unmatched] == [
            ("a", "b", 10)
        ]

    def test_of_scenarios_that_only_one_has_are_named_and_fail_if_strict(self) -> None:
        sources = [Source("a", (run(LOAD), run(LOAD, name="x"))), Source("b", (run(LOAD), run(LOAD, name="y")))]
        found = side_by_side(sources)
        assert [(each.scenario, each.held_by) for each in found.unmatched] == [("x", "a"), ("y", "b")]
        assert found.exit_code == ExitCode.PASS
        assert side_by_side(sources, strict=True).exit_code == ExitCode.INVALID

    def test_a_lone_run_meets_one_of_another_variation(self) -> None:
        found = side_by_side([Source("a", self.variations(1)), Source("b", self.variations(10))])
        assert [each.what for each in found.pairs[0].differences] == ["variation"]
        assert found.pairs[0].variation == {}

    def test_one_of_several_variations_does_not(self) -> None:
        with pytest.raises(UsageError, match="no scenario in common: a has test; b has test"):
            side_by_side([Source("a", self.variations(1, 2)), Source("b", self.variations(10))])

    def test_nothing_in_common_is_an_error(self) -> None:
        with pytest.raises(UsageError, match="no scenario in common: a has test; b has other"):
            side_by_side([Source("a", (run(LOAD),)), Source("b", (run(LOAD, name="other"),))])


def test_thresholds_stand_side_by_side_also_if_one_run_has_them() -> None:
    def judged(expr: str, observed: float) -> ThresholdResult:
        return ThresholdResult(expr=expr, unit=Unit.COUNT, observed=observed, limit=1, passed=observed < 1)

    base, now = (
        run(LOAD, thresholds=[judged("a < 1", 0), judged("b < 1", 0)]),
        run(LOAD, thresholds=[judged("a < 1", 2)]),
    )
    pairs = beside(base, now).pairs[0].thresholds
    assert [(each.expr, each.base and each.base.outcome, each.now and each.now.outcome) for each in pairs] == [
        ("a < 1", "pass", "fail"),
        ("b < 1", "pass", None),
    ]


class TestSources:
    """A file, a baseline or a saved run."""

    def test_a_file(self, store: Store, tmp_path: Path) -> None:
        save_results([run(LOAD)], tmp_path / "r.json")
        assert read_source(str(tmp_path / "r.json"), store).name == "r.json"

    def test_a_baseline_also_if_a_saved_run_has_its_name(self, store: Store) -> None:
        store.add(run(LOAD, seed=5))
        (run_id,) = store.runs().ids
        save_baseline(run_id, [run(LOAD, seed=6)], store, force=True)
        assert [each.seed for each in read_source(run_id, store).runs] == [6]

    def test_a_saved_run_by_its_id_or_the_beginning(self, store: Store) -> None:
        for seed in range(20):
            store.add(run(LOAD, seed=seed))
        kept = store.runs()
        for saved, run_id in zip(kept.runs, kept.ids, strict=True):
            assert [each.seed for each in read_source(run_id, store).runs] == [saved.seed]
        assert read_source(kept.ids[7][:7], store).runs[0].seed == kept.runs[7].seed

    def test_a_file_put_into_the_store_by_hand_is_named_by_its_file(self, store: Store) -> None:
        store.prepare()
        save_results([run(LOAD, seed=7)], store.runs_directory / "by_hand.json")
        assert store.runs().ids == ["by_hand"]
        assert read_source("by_hand", store).runs[0].seed == 7

    def test_a_beginning_of_several_lists_them(self, store: Store) -> None:
        store.prepare()
        for end in ("aaaa1111", "aaaa2222"):
            save_results([run(LOAD)], store.runs_directory / f"test-20260102T030405.123456Z-{end}.json")
        with pytest.raises(UsageError, match="matches several saved runs: aaaa1111, aaaa2222"):
            read_source("aaaa", store)

    @pytest.mark.parametrize("text", ["nowhere", "abc", "a b", "*"])
    def test_nothing_of_that_name_says_what_there_is(self, text: str, store: Store) -> None:
        save_baseline("main", [run(LOAD)], store, force=True)
        with pytest.raises(
            UsageError, match=r"neither a file, a baseline nor a saved run in .*kept \(baselines: main\)"
        ):
            read_source(text, store)

    def test_a_file_with_two_runs_of_a_scenario_is_refused(self, store: Store, tmp_path: Path) -> None:
        save_results([run(LOAD), run(LOAD, verdict=Verdict.FAIL)], tmp_path / "r.json")
        with pytest.raises(UsageError, match="several runs of test"):
            read_source(str(tmp_path / "r.json"), store)
