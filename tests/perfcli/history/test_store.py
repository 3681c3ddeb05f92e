"""The directory of kept runs: nothing clobbered, nothing half, nothing silently left out, nothing of the machine."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from perfcli.errors import UsageError
from perfcli.history.store import Store, without_places
from perfcli.plan import plan_run
from perfcli.results import RunResult, load_results
from perfcli.scenario.models import Scenario
from perfcli.testing import simulate


@pytest.fixture(scope="module")
def result() -> RunResult:
    """A simulated run."""
    scenario = {"name": "test", "load": {"executor": "shared-iterations", "iterations": 20}, "flow": ["load_pet"]}
    return simulate(plan_run(Scenario.model_validate(scenario), 1))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store whose directory is not there yet."""
    return Store(tmp_path / "kept" / "here")


def at(result: RunResult, time: str, name: str = "test") -> RunResult:
    """The run, begun at another time."""
    return result.model_copy(update={"started_at": time, "name": name})


def test_a_run_comes_back_as_it_was_kept(store: Store, result: RunResult) -> None:
    path = store.add(result)
    assert path.parent == store.directory / "runs"
    assert path.name.startswith("test-20")
    assert store.runs() == ([result], [], store.runs().ids)


def test_an_empty_store_has_none(store: Store) -> None:
    assert store.runs() == ([], [], [])


def test_the_oldest_comes_first_whatever_the_order_of_keeping(store: Store, result: RunResult) -> None:
    times = ["2026-03-01T00:00:00+00:00", "2026-01-01T00:00:00Z", "2026-01-31T23:30:00", "2026-02-01T01:00:00+02:00"]
    for time in times:
        store.add(at(result, time))
    assert [run.started_at for run in store.runs().runs] == [times[1], times[3], times[2], times[0]]


def test_of_one_second_the_one_kept_first_comes_first(store: Store, result: RunResult) -> None:
    for seed in range(9):
        store.add(result.model_copy(update={"seed": seed}))
    assert [run.seed for run in store.runs().runs] == list(range(9))


def test_runs_of_one_scenario(store: Store, result: RunResult) -> None:
    for name in ("test", "other", "test-2"):
        store.add(at(result, result.started_at, name))
    assert [run.name for run in store.runs("test").runs] == ["test"]


@pytest.mark.slow
def test_many_writers_clobber_nothing_and_leave_nothing_else(store: Store, result: RunResult) -> None:
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda seed: store.add(result.model_copy(update={"seed": seed})), range(40)))
    assert len(set(paths)) == 40
    assert sorted(os.listdir(paths[0].parent)) == sorted(path.name for path in paths)
    assert {run.seed for run in store.runs().runs} == set(range(40))


def test_a_name_that_is_taken_is_not_overwritten(
    store: Store, result: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped:
        @staticmethod
        def now(_: object) -> Stopped:
            return Stopped()

        def strftime(self, _: str) -> str:
            return "now"

    monkeypatch.setattr("perfcli.history.store.datetime", Stopped)
    monkeypatch.setattr("secrets.token_hex", lambda _: "same")
    path = store.add(result)
    with pytest.raises(FileExistsError):
        store.add(at(result, "2020-01-01T00:00:00Z"))
    assert load_results(path) == [result]


def test_a_file_system_without_links_will_do(store: Store, result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert load_results(store.add(result)) == [result]


def test_in_short_it_has_every_figure_but_not_what_reports_draw(store: Store, result: RunResult) -> None:
    store.add(result)
    (whole,), (short,) = store.runs().runs, store.runs(in_short=True).runs
    assert whole.total.histogram_ns
    without = {"histogram_ns": {}}
    assert short == whole.model_copy(
        update={
            "total": whole.total.model_copy(update=without),
            "operations": [each.model_copy(update=without) for each in whole.operations],
            **{key: [] for key in ("phases", "monitor", "seconds", "vus")},
            **{key: {} for key in ("slices", "seconds_by_operation")},
        }
    )


@pytest.mark.parametrize("content", [b"", b"\xff", b"[]", b"7", b"[" * 100_000, b'{"schema_version": 2}'])
def test_nor_is_anything_silently_left_out_of_that(content: bytes, store: Store, result: RunResult) -> None:
    (store.add(result).parent / "strange.json").write_bytes(content)
    runs, complaints, _ = store.runs(in_short=True)
    assert (len(runs), len(complaints)) == (1, 1)


def text_of(result: RunResult, **changes: object) -> str:
    """A result file with fields changed."""
    return json.dumps({**result.model_dump(mode="json"), **changes})


class TestUnreadableFiles:
    """Each is told with its path and why; the others are read all the same."""

    @pytest.fixture
    def runs(self, store: Store, result: RunResult) -> Path:
        """Where runs are kept; one is there."""
        return store.add(result).parent

    def complaint(self, store: Store, file: Path) -> str:
        runs, complaints, _ = store.runs()
        assert len(runs) == 1
        (complaint,) = complaints
        assert complaint.startswith(f"{file}: ")
        return complaint

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "not a result file"),
            (b"\x89PNG\r\n\x1a\n\x00\xff", "not a result file"),
            (b"[" * 100_000, "not a result file"),
            (b'{"schema_version": 1, "duration_ns": NaN}', "NaN is no figure"),
            (b'{"schema_version": 1, "duration_ns": 1e999}', "1e999 is no figure"),
            (b"[]", "it holds no result"),
            (b"null", "it has no schema_version"),
            (b'"text"', "it has no schema_version"),
            (b'{"benchmarks": []}', "it has no schema_version"),
            (b'{"schema_version": 0}', "found 0"),
            (b'{"schema_version": 99}', "a newer digipal-perf wrote it"),
            (b'{"kind": "ab", "schema_version": 1}', "not the result of a run, but of digipal-perf ab"),
            (b'{"schema_version": 1, "name": "x"}', "not a whole result: "),
        ],
    )
    def test_foreign_content(self, content: bytes, told: str, store: Store, runs: Path) -> None:
        file = runs / "strange.json"
        file.write_bytes(content)
        assert told in self.complaint(store, file)

    def test_half_a_file(self, store: Store, runs: Path, result: RunResult) -> None:
        file = runs / "half.json"
        file.write_text(text_of(result)[:-100])
        assert "not a result file" in self.complaint(store, file)

    @pytest.mark.parametrize("time", ["", "yesterday", "2026-13-01T00:00:00Z"])
    def test_a_time_that_is_none(self, time: str, store: Store, runs: Path, result: RunResult) -> None:
        file = runs / "timeless.json"
        file.write_text(text_of(result, started_at=time))
        assert "is not a time in ISO 8601" in self.complaint(store, file)

    @pytest.mark.parametrize("median_ns", [None, -1.0, "fast"])
    def test_slices_that_are_no_times(self, median_ns: object, store: Store, runs: Path, result: RunResult) -> None:
        file = runs / "wrong.json"
        part = {"start_ns": 0, "count": 1, "mean_ns": 1.0, "median_ns": median_ns}
        file.write_text(text_of(result, slices={"load_pet": [part]}))
        assert "slices.load_pet.0.median_ns" in self.complaint(store, file)

    def test_a_directory(self, store: Store, runs: Path) -> None:
        (runs / "folder.json").mkdir()
        assert "it is not a regular file" in self.complaint(store, runs / "folder.json")

    def test_a_pipe_is_not_waited_for(self, store: Store, runs: Path) -> None:
        os.mkfifo(runs / "pipe.json")
        assert "it is not a regular file" in self.complaint(store, runs / "pipe.json")

    def test_a_link_to_itself(self, store: Store, runs: Path) -> None:
        (runs / "loop.json").symlink_to("loop.json")
        assert "cannot read the result" in self.complaint(store, runs / "loop.json")

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"duration_ns": -3}, "duration_ns is -3, which no run of test can have measured"),
            ({"iterations": 10**400}, "iterations is 10000000… (401 digits)"),
            ({"memory": {"growth": -(10**30)}}, "memory.growth is -1000000"),
            ({"total": {"name": "all", "ok": 1, "failed": 0, "throughput_per_s": 1e300}}, "total.throughput_per_s is"),
        ],
    )
    def test_figures_that_cannot_be(
        self, changes: dict[str, object], told: str, store: Store, runs: Path, result: RunResult
    ) -> None:
        file = runs / "absurd.json"
        file.write_text(text_of(result, **changes))
        assert told in self.complaint(store, file)

    def test_a_time_before_the_beginning_of_time(self, store: Store, runs: Path, result: RunResult) -> None:
        fields = result.model_dump(mode="json")
        fields["operations"][0]["latency"]["p50_ns"] = -5.0
        (runs / "absurd.json").write_text(json.dumps(fields))
        assert "operations.0.latency.p50_ns is -5.0" in self.complaint(store, runs / "absurd.json")

    def test_a_link_to_nowhere(self, store: Store, runs: Path) -> None:
        (runs / "gone.json").symlink_to(runs / "nowhere")
        assert "No such file" in self.complaint(store, runs / "gone.json")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_one_that_may_not_be_read(self, store: Store, runs: Path) -> None:
        (runs / "secret.json").write_text("{}")
        (runs / "secret.json").chmod(0)
        assert "Permission denied" in self.complaint(store, runs / "secret.json")

    def test_files_that_are_not_results_by_name_are_none_of_ours(self, store: Store, runs: Path) -> None:
        for name in (".gitignore", "README.md", ".unfinished.json"):
            (runs / name).write_text("")
        assert store.runs().complaints == []

    def test_a_result_of_before_this_version_is_read(self, store: Store, runs: Path, result: RunResult) -> None:
        fields = result.model_dump(mode="json")
        for key in ("slices", "reference_ns", "commit", "baseline"):
            del fields[key]
        (runs / "old.json").write_text(json.dumps(fields))
        found, complaints, _ = store.runs()
        assert (len(found), complaints) == (2, [])

    def test_the_directory_itself(self, tmp_path: Path) -> None:
        (tmp_path / "runs").write_text("")
        (complaint,) = Store(tmp_path).runs().complaints
        assert "cannot be read: Not a directory" in complaint


@pytest.mark.parametrize("blocked", ["kept", "kept/here", "kept/here/runs"])
def test_a_store_that_cannot_be_made_is_told_before_anything_runs(blocked: str, store: Store, tmp_path: Path) -> None:
    (tmp_path / blocked).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / blocked).write_text("")
    with pytest.raises(UsageError, match=r"--store .*: (not a directory|cannot write there)"):
        store.prepare()


def test_what_is_kept_tells_nothing_of_the_machines_directories(result: RunResult) -> None:
    told = result.model_copy(
        update={
            "kept_database": "/home/ada/kept/test.db",
            "engine": "/home/ada/digipal",
            "reasons": ["the database could not be kept in /home/ada/kept: no space (see ./log and a/b/c)"],
            "details": 'File "/home/ada/digipal/core.py", line 3',
            "plan": "20/s for 10s, http://127.0.0.1:8000/mcp",
        }
    )
    kept = without_places(told)
    assert (kept.kept_database, kept.engine) == ("", "digipal")
    assert kept.reasons == ["the database could not be kept in kept: no space (see ./log and a/b/c)"]
    assert kept.details == 'File "core.py", line 3'
    assert kept.plan == told.plan
    assert kept.scenario == told.scenario
