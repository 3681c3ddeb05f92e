"""Trends: which runs and figures are in a series, how they are held against the machine's pace, what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from perfcli.errors import UsageError, Verdict
from perfcli.figures import METRICS, Better, View, views
from perfcli.history.kept_runs import Subject, comparable, history, needs_histogram, observed, subject_of
from perfcli.history.store import Store
from perfcli.history.trend import trend
from perfcli.results import ExactCounters, OperationCounts, RunResult
from perfcli.testing import Behaviour, simulate

pytestmark = pytest.mark.slow

MS = 1_000_000
MakeRun = Callable[..., RunResult]


@pytest.fixture(scope="module")
def make_run(make_plan: Any) -> MakeRun:
    """A kept run of two operations, with the p50 of `status` and the time of the reference kernel as given."""
    plan = make_plan(["status", "interact"], setup={"pets": 2}, engine={"ai": {"latency": "50ms"}})
    simulated = simulate(plan, lambda label, call: Behaviour(takes_ns=MS))

    def make(
        number: int = 0, p50_ns: float = MS, reference_ns: float | None = 10_000, sources: str = "", **changes: Any
    ) -> RunResult:
        parts = [
            part.model_copy(update={"latency": part.latency and part.latency.model_copy(update={"p50_ns": p50_ns})})
            for part in (simulated.total, *simulated.operations)
        ]
        known = {
            "started_at": f"2026-01-01T00:{number:02}:00Z",
            "commit": f"{number:040x}",
            "environment": simulated.environment.model_copy(update={"engine_version": sources}),
            "reference_ns": reference_ns,
            "total": parts[0],
            "operations": parts[1:],
        }
        return simulated.model_copy(update=known | changes)

    return make


class TestComparable:
    """Runs that end, on the newest one's machine, with its work."""

    def test_others_are_left_out_and_counted(self, make_run: MakeRun) -> None:
        run = make_run()
        elsewhere = run.environment.model_copy(update={"cpu_count": 96})
        newer = run.environment.model_copy(update={"python": "3.99.0"})
        runs = [
            make_run(1, environment=elsewhere),
            make_run(2, environment=newer),
            make_run(3, scenario={**run.scenario, "setup": {"pets": 3}}),
            make_run(4, verdict=Verdict.FAIL),
            run,
            make_run(5, verdict=Verdict.INTERRUPTED),
            make_run(6, verdict=Verdict.INTERRUPTED),
        ]
        series = comparable(runs)
        assert series.runs == runs[3:5]
        assert series.left_out == {
            "another machine": 1,
            "another Python or SQLite": 1,
            "other work": 1,
            "interrupted": 2,
        }

    def test_none_that_ended_is_told(self, make_run: MakeRun) -> None:
        with pytest.raises(UsageError, match=r"no saved run of test finished: error \(1\), invalid \(1\)"):
            trend([make_run(verdict=Verdict.ERROR), make_run(verdict=Verdict.INVALID)])


class TestMetrics:
    """Metrics by the names that thresholds give them."""

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("metric", "value"),
        [
            ("status.latency.p50", 1.5 * MS),
            ("status.latency.median", 1.5 * MS),
            ("status.latency.max", MS),
            ("latency.p99.9", MS),
            ("latency.p75", MS),
            ("status.success_rate", 1.0),
            ("memory.growth", 0.0),
            ("iterations", 20.0),
            ("lost_writes", 0.0),
            ("memory.leak", None),
        ],
    )
    def test_what_a_kept_run_tells(self, metric: str, value: float | None, make_run: MakeRun) -> None:
        run = make_run(p50_ns=1.5 * MS)
        found = observed(run, subject_of(metric, run))
        # percentiles that a result does not hold come from its histogram, right to 0.1 %
        assert found == (value if value is None else pytest.approx(value, rel=1e-3))

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("metric", "needed"),
        [
            ("latency.p75", True),
            ("status.latency.p99.99", True),
            ("status.latency.p99.9", False),
            ("memory.growth", False),
        ],
    )
    def test_odd_percentiles_need_the_histogram(self, metric: str, needed: bool, make_run: MakeRun) -> None:
        assert needs_histogram(metric) is needed
        empty = make_run().total.model_copy(update={"histogram_ns": {}})
        short = make_run().model_copy(
            update={"total": empty, "operations": [empty.model_copy(update={"name": "status"})]}
        )
        assert (observed(short, subject_of(metric, short)) is None) is needed

    def test_the_name_comes_back(self, make_run: MakeRun) -> None:
        assert str(subject_of(" status.latency.p99.9 ", make_run())) == "status.latency.p99.9"

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("metric", "words"),
        [
            ("stats.latency.p50", r"test has no operation stats \(did you mean 'status'\?\)"),
            ("latncy.p50", r"unknown metric 'latncy.p50' \(did you mean 'latency'\?\)"),
            ("status.p95", "write status.latency.p95"),
            ("throughputs", r"unknown metric 'throughputs' \(did you mean 'throughput'\?\)"),
            ("latency", "needs a statistic"),
            ("status.memory.growth", "memory.growth belongs to the whole run"),
            ("", "unknown metric"),
        ],
    )
    def test_what_is_none_is_told(self, metric: str, words: str, make_run: MakeRun) -> None:
        with pytest.raises(UsageError, match=words):
            subject_of(metric, make_run())

    def test_an_unknown_metric_says_where_they_are_listed(self, make_run: MakeRun) -> None:
        with pytest.raises(UsageError) as caught:
            subject_of("speed", make_run())
        assert caught.value.hint == "digipal-perf explain lists every metric"

    def test_a_phase_is_one_of_the_run_and_has_only_its_own_metrics(self, make_run: MakeRun) -> None:
        run = make_run()
        with pytest.raises(UsageError, match="has no phase second"):
            subject_of("latency.p50", run, "second")
        name = run.phases[0].name
        assert str(subject_of("latency.p50", run, name)) == f"latency.p50 in {name}"
        with pytest.raises(UsageError, match=r"memory\.growth belongs to the whole run"):
            subject_of("memory.growth", run, name)


@pytest.fixture(scope="module")
def saved(
    whole_document: dict[str, Any], make_plan: Any, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Store, RunResult]:
    """A store with one run in which everything was measured."""
    scenario = make_plan(["status"], setup={"pets": 2}).scenario.model_dump(mode="json")
    changes = {"scenario": scenario, "operation_files": [], "name": "test", "started_at": "2026-01-01T00:00:00Z"}
    run = RunResult.model_validate(whole_document | changes | {"starved": ""})
    store = Store(tmp_path_factory.mktemp("store"))
    store.add(run)
    return store, run


class TestRegistry:
    """Every metric, of every part of a run that it is known of, from the files of kept runs."""

    @pytest.mark.parametrize("name", METRICS)
    def test_each_is_found_again(self, name: str, saved: tuple[Store, RunResult]) -> None:
        (store, run), metric = saved, METRICS[name]
        statistic = "p99" if metric.needs_statistic else ""
        for view in filter(metric.is_known_of, views(run)):
            asked, phase = str(Subject(metric, view.label, statistic)), view.phase.name if view.phase else ""
            kept = store.runs("test", in_short=not phase and not needs_histogram(asked)).runs
            (found,) = trend(kept, asked, phase=phase).metrics
            assert found.metric == f"{asked} in {phase}" if phase else asked
            assert [point.measured for point in found.points] == [metric.value(view, statistic)]

    @pytest.mark.parametrize("name", [each.name for each in METRICS.values() if each.needs_statistic])
    def test_a_percentile_that_only_some_results_hold_is_found(self, name: str, saved: tuple[Store, RunResult]) -> None:
        store, run = saved
        assert needs_histogram(f"{name}.p75")
        (found,) = trend(store.runs("test").runs, f"{name}.p75").metrics
        assert [point.measured for point in found.points] == [METRICS[name].value(View(run), "p75")]


class TestTrend:
    """Values, change points, and the command that confirms one."""

    def test_the_pace_of_the_machine_is_taken_out(self, make_run: MakeRun) -> None:
        rng = Random(1)
        paces = [rng.uniform(5_000, 20_000) for _ in range(30)]
        runs = [
            make_run(at, pace * (100 if at < 20 else 112) * rng.gauss(1, 0.01), pace) for at, pace in enumerate(paces)
        ]
        (found,) = trend(runs, "status.latency.p50").metrics
        assert found.at_one_pace
        (change,) = found.changes
        assert change.shift == pytest.approx(0.12, abs=0.02)
        assert (change.index, change.is_worse, change.gradual) == (20, True, False)
        assert (change.last_before, change.first_after) == (runs[19].commit, runs[20].commit)

    def test_values_are_at_the_pace_of_the_median_run(self, make_run: MakeRun) -> None:
        found = trend([make_run(0, MS, 10_000), make_run(1, 2 * MS, 20_000), make_run(2, MS, 5_000)], "latency.p50")
        assert found.pace_ns == 10_000
        # the whole of this scenario waits for the AI, so it is taken as it was timed
        assert [point.value for point in found.metrics[0].points] == [MS, 2 * MS, MS]
        (status,) = trend([make_run(0, MS, 10_000), make_run(1, 2 * MS, 20_000)], "status.latency.p50").metrics
        assert [point.value for point in status.points] == [1.5 * MS, 1.5 * MS]

    def test_by_default_the_p50_of_all_and_of_each(self, make_run: MakeRun) -> None:
        found = trend([make_run()]).metrics
        assert [each.metric for each in found] == ["latency.p50", "status.latency.p50", "interact.latency.p50"]
        assert [each.at_one_pace for each in found] == [False, True, False]

    def test_a_single_operation_is_all(self, make_run: MakeRun) -> None:
        run = make_run()
        (found,) = trend([run.model_copy(update={"operations": run.operations[:1]})]).metrics
        assert found.metric == "status.latency.p50"

    def test_a_run_without_the_figure_is_counted(self, make_run: MakeRun) -> None:
        (found,) = trend([make_run(0), make_run(1, reference_ns=None), make_run(2)], "status.latency.p50").metrics
        assert ([point.run for point in found.points], found.missing) == ([0, 2], 1)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("commits", "confirm"),
        [
            (("a" * 40, "b" * 40), "digipal-perf ab my.yaml --base aaaaaaaaaaaa --candidate bbbbbbbbbbbb"),
            (("a" * 40, ""), ""),
            (("a" * 40, "$(no hash)"), ""),
            (("a" * 40, "a" * 40), ""),
        ],
    )
    def test_the_command_that_confirms(self, commits: tuple[str, str], confirm: str, make_run: MakeRun) -> None:
        runs = [make_run(at, MS * (1 + at // 10), commit=commits[at // 10]) for at in range(20)]
        (found,) = trend(runs, "status.latency.p50", reference="my.yaml").metrics
        assert [change.confirm for change in found.changes] == [confirm]

    def test_two_versions_under_one_commit_are_told_apart(self, make_run: MakeRun) -> None:
        runs = [make_run(at, MS * (1 + at // 10), commit="a" * 40, sources=f"version{at // 10}") for at in range(20)]
        (found,) = trend(runs, "status.latency.p50").metrics
        (change,) = found.changes
        assert (change.version_before, change.version_after) == ("version0", "version1")
        assert {point.engine_version for point in found.points} == {"version0", "version1"}
        assert change.confirm == ""

    def test_the_same_sources_under_two_commits_need_no_comparison(self, make_run: MakeRun) -> None:
        runs = [make_run(at, MS * (1 + at // 10), commit="ab"[at // 10] * 40, sources="same") for at in range(20)]
        (found,) = trend(runs, "status.latency.p50").metrics
        assert [change.confirm for change in found.changes] == [""]

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("metric", "falls_to", "is_worse"), [("throughput", 50.0, True), ("status.latency.p50", MS / 2, False)]
    )
    def test_whether_less_is_worse(self, metric: str, falls_to: float, is_worse: bool, make_run: MakeRun) -> None:
        def run(at: int) -> RunResult:
            p50_ns, rate = (MS, 100.0) if at < 10 else (falls_to, falls_to)
            made = make_run(at, p50_ns)
            return made.model_copy(update={"total": made.total.model_copy(update={"throughput_per_s": rate})})

        (found,) = trend([run(at) for at in range(20)], metric).metrics
        assert [change.is_worse for change in found.changes] == [is_worse]

    @pytest.mark.parametrize("falls", [True, False])
    def test_neither_direction_of_some_is_worse(self, falls: bool, make_run: MakeRun) -> None:
        counts = [10, 20] if falls else [20, 10]
        runs = [make_run(at, warmup_iterations=counts[at // 10]) for at in range(20)]
        (found,) = trend(runs, "warmup_iterations").metrics
        assert (found.better, [change.is_worse for change in found.changes]) == (Better.NEITHER, [False])

    def test_a_drift_names_its_ends(self, make_run: MakeRun) -> None:
        runs = [make_run(at, MS * (1 + 0.01 * at)) for at in range(40)]
        (found,) = trend(runs, "status.latency.p50").metrics
        (change,) = found.changes
        assert change.gradual
        assert (change.last_before, change.first_after) == (runs[0].commit, runs[-1].commit)

    def test_a_scenario_this_version_cannot_read_is_told(self, make_run: MakeRun) -> None:
        with pytest.raises(UsageError, match="holds a scenario that this version cannot read"):
            trend([make_run(scenario={"name": "test", "flow": 7})])


def counters(calls: float, python: str = "CPython 3.11.7", **more: Any) -> ExactCounters:
    """What `status` costs."""
    known: dict[str, Any] = {
        "seed": 0,
        "tool_version": "1",
        "system": "Linux",
        "python": python,
        "sqlite": "3.40.1",
        "sqlite_options": "0f3a",
        "operations": {"status": OperationCounts(done=40, calls=calls, statements=1.0)},
    }
    return ExactCounters(**known | more)


class TestExactCounters:
    """Each run against the first on its level, by the rule of baselines; few runs suffice."""

    @pytest.mark.parametrize(
        ("calls", "places"),
        [
            ([100, 100, 103, 103], [2]),
            ([100, 103], [1]),
            ([100, 101.9, 100], []),
            ([100, 101, 102, 103], [3]),  # many small steps
            ([100, 97, 97, 100], [1, 3]),
        ],
    )
    def test_more_than_two_percent_is_a_change(self, calls: list[float], places: list[int], make_run: MakeRun) -> None:
        runs = [make_run(number, exact=counters(each)) for number, each in enumerate(calls)]
        (found,) = trend(runs, "status.python.calls_per_op").metrics
        assert found.exact
        assert [change.index for change in found.changes] == places
        assert [change.is_worse for change in found.changes] == [calls[at] > calls[at - 1] for at in places]

    def test_it_holds_from_machine_to_machine(self, make_run: MakeRun) -> None:
        elsewhere = make_run().environment.model_copy(update={"cpu_count": 96})
        runs = [make_run(0, exact=counters(100), environment=elsewhere), make_run(1, exact=counters(200))]
        found = trend(runs, "status.python.calls_per_op")
        assert found.left_out == {}
        ((change,),) = (each.changes for each in found.metrics)
        assert (change.before, change.after, change.shift) == (100, 200, 1.0)

    def test_what_cannot_be_compared_says_what_differs_and_starts_anew(self, make_run: MakeRun) -> None:
        pythons = ["CPython 3.11.7", "CPython 3.12.1", "CPython 3.12.1"]
        runs = [make_run(at, exact=counters(100 + 50 * at, python)) for at, python in enumerate(pythons)]
        (found,) = trend(runs, "status.python.calls_per_op").metrics
        assert [(each.index, each.reason) for each in found.incomparable] == [
            (1, "Python is CPython 3.12.1, was CPython 3.11.7")
        ]
        assert [(each.index, each.before) for each in found.changes] == [(2, 150)]

    def test_what_is_not_exact_is_passed_over(self, make_run: MakeRun) -> None:
        wobbles = counters(150, not_exact={"status.python.calls_per_op": "two counts gave 149 and 150"})
        runs = [make_run(at, exact=each) for at, each in enumerate([counters(100), wobbles, counters(101)])]
        for metric in ("status.python.calls_per_op", "python.calls_per_op"):
            (found,) = trend(runs, metric).metrics
            assert (found.changes, [each.index for each in found.incomparable]) == ([], [1])

    def test_by_default_those_that_changed_stand_beside_the_times(self, make_run: MakeRun) -> None:
        runs = [make_run(0, exact=counters(100)), make_run(1, exact=counters(200))]
        names = [metric.metric for metric in trend(runs).metrics]
        assert names[-1:] == ["status.python.calls_per_op"]
        assert sum(each.endswith("_per_op") for each in names) == 1

    def test_runs_that_only_counted_have_no_times_to_show(self, make_run: MakeRun) -> None:
        counted = {"duration_ns": None, "operations": [], "slices": {}}
        runs = [make_run(at, exact=counters(100), **counted) for at in (0, 1)]
        names = {metric.metric for metric in trend(runs).metrics}
        assert {"status.python.calls_per_op", "memory.kept_per_op"} <= names
        assert not any("latency" in name for name in names)


class TestHistory:
    """A line for each run."""

    def test_the_newest_are_the_last(self, make_run: MakeRun) -> None:
        found = history([make_run(at) for at in range(5)], list("abcde"), 2)
        assert [run.started_at[14:16] for run in found.runs] == ["03", "04"]
        assert [run.id for run in found.runs] == ["d", "e"]
        assert found.older == 3

    def test_the_rate_is_the_metric(self, make_run: MakeRun) -> None:
        run = make_run(duration_ns=2_000_000_000, iterations=50)
        (kept,) = history([run], ["a"]).runs
        assert kept.iterations_per_s == METRICS["iteration_rate"].value(View(run)) == 25

    def test_what_was_not_measured_is_none(self, make_run: MakeRun) -> None:
        run = make_run(duration_ns=None)
        (kept,) = history(
            [run.model_copy(update={"total": run.total.model_copy(update={"latency": None})})], ["a"]
        ).runs
        assert (kept.iterations_per_s, kept.p50_ns, kept.p99_ns) == (None, None, None)
