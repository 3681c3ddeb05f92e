"""`--samples`: every sample in a file, in three formats that hold the same, and agree with the result."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from array import array
from collections import Counter
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from perfcli import UsageError, run_scenario
from perfcli.cli import cli
from perfcli.errors import ExitCode, PerfError, Verdict
from perfcli.measurement.measurement import Measurement
from perfcli.measurement.samples import FailureKind
from perfcli.measurement.spilled_samples import SpilledSamples, spilled_beside
from perfcli.metrics.histogram import Histogram, bucket_floor, bucket_width
from perfcli.plan import ExecutionPlan, plan_run
from perfcli.recorder import NOT_DUE, OK, SKIPPED, Frame
from perfcli.report import data_files
from perfcli.report.data_files import SAMPLE_COLUMNS, check_sample_file, write_samples
from perfcli.report.wording import without_surrogates
from perfcli.results import PhaseResult, RunResult, load_results
from perfcli.scenario.models import Scenario
from perfcli.testing import Behaviour, SimulatedTime, simulate
from perfcli.workload import pack
from tests.conftest import Here

pytestmark = pytest.mark.slow

MakePlan = Callable[..., ExecutionPlan]
Row = dict[str, Any]
MS = 1_000_000
ROOT = Path(__file__).parents[3]
SUFFIXES = ("csv", "jsonl", "parquet")
HOSTILE = 'a, "b" %s\r\n=1+1 \\ é 😀 \udcff'
SHOWN = without_surrogates(HOSTILE)
TINY = """
name: tiny
setup: {pets: 2}
load: {executor: shared-iterations, iterations: 12}
flow: [load_pet, status]
"""


def read(file: Path) -> list[Row]:
    """The rows of a file, as users would read it."""
    if file.suffix == ".parquet":
        rows: list[Row] = parquet.read_table(file).to_pylist()
        return rows
    if file.suffix == ".jsonl":
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    with file.open(encoding="utf-8", newline="") as lines:
        texts = list(csv.DictReader(lines))
    return [
        {name: _number(text) if name.endswith("_ns") or name == "vu" else text for name, text in row.items()}
        for row in texts
    ]


def _number(text: str) -> int | None:
    return int(text) if text else None


def sampled(plan: ExecutionPlan, file: Path, *arguments: Any, **settings: Any) -> tuple[RunResult, list[Row]]:
    """The result of a simulated run, and its samples."""
    with spilled_beside(file) as spilled:
        result = simulate(plan, *arguments, spilled=spilled, **settings)
        assert spilled is not None
        write_samples(spilled, file)
    return result, read(file)


def check_agreement(result: RunResult, rows: list[Row]) -> None:
    """Counts are equal, percentiles in the same bucket, and totals of the phases those of their samples."""
    assert [tuple(row) for row in rows] == [tuple(SAMPLE_COLUMNS)] * len(rows)
    for phase in result.phases:
        own = [row for row in rows if row["phase"] == phase.name]
        for operation in phase.operations:
            outcomes = Counter(row["outcome"] for row in own if row["operation"] == operation.name)
            counted = {kind.replace(HOSTILE, SHOWN): count for kind, count in operation.errors.items()} | {
                "ok": operation.ok,
                "skipped": operation.skipped,
            }
            assert outcomes - Counter({"unknown": outcomes["unknown"]}) == +Counter(counted)
        check_percentiles(phase, own)
    assert {row["scenario"] for row in rows} <= {result.name}


def check_percentiles(phase: PhaseResult, rows: list[Row]) -> None:
    for operation in phase.operations:
        good = [row for row in rows if row["operation"] == operation.name and row["outcome"] == "ok"]
        for summary, column in ((operation.latency, "latency_ns"), (operation.service_time, "service_time_ns")):
            values = sorted(row[column] for row in good)
            assert bool(values) == (summary is not None)
            if summary is None:
                continue
            assert (summary.count, summary.min_ns, summary.max_ns) == (len(values), values[0], values[-1])
            assert summary.mean_ns == pytest.approx(sum(values) / len(values))
            for quantile, percentile in ((0.5, summary.p50_ns), (0.95, summary.p95_ns), (0.99, summary.p99_ns)):
                place = (len(values) - 1) * quantile
                low, high = values[int(place)], values[min(int(place) + 1, len(values) - 1)]
                assert low - bucket_width(bucket_floor(low)) <= percentile <= high + bucket_width(bucket_floor(high))
    lags = [row["lateness_ns"] for row in rows if row["lateness_ns"] is not None]
    lag = phase.schedule_lag
    assert (lag.count, lag.max_ns) == (len(lags), max(lags)) if lag else not lags


@pytest.fixture
def two_phases(make_plan: MakePlan) -> ExecutionPlan:
    """A closed phase in which steps are skipped, and an open one that cannot keep up."""
    closed = {"executor": "per-vu-iterations", "vus": 3, "iterations": 8}
    arrivals = {"executor": "constant-arrival-rate", "rate": "100/s", "vus": 2, "duration": "500ms"}
    phases = [
        {"name": "first", "load": closed, "flow": ["load_pet", {"status": {"only_if": "load_pet"}}]},
        {"name": "second", "load": arrivals, "flow": ["status", "load_pet"]},
    ]
    return make_plan([], phases=phases, setup={"pets": 4}).model_copy(update={"variation": {"vars.x": HOSTILE}})


def some_fail(label: str, call: int) -> Behaviour:
    raises = ValueError(f"no {label}, {call}") if call % 5 == 0 else None
    return Behaviour(takes_ns=(3 + call % 17) * MS, raises=raises, problem=HOSTILE if call % 7 == 0 else "")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_samples_agree_with_the_result(two_phases: ExecutionPlan, suffix: str, tmp_path: Path) -> None:
    result, rows = sampled(two_phases, tmp_path / f"s.{suffix}", some_fail)
    assert result.total.failed
    assert result.phase("first").operation("status").skipped
    check_agreement(result, rows)
    assert {row["vu"] for row in rows} == set(range(5))
    first, second = (list(group) for _, group in groupby(rows, key=lambda row: row["phase"]))
    assert min(row["start_ns"] for row in first) == 0
    assert max(row["start_ns"] for row in first) <= min(row["start_ns"] for row in second)
    assert [row for row in second if row["latency_ns"] > row["service_time_ns"]]
    for row in rows:
        is_skipped = row["outcome"] == "skipped"
        assert [row[name] is None for name in ("latency_ns", "service_time_ns")] == [is_skipped, is_skipped]


def test_all_formats_hold_the_same(two_phases: ExecutionPlan, tmp_path: Path) -> None:
    with spilled_beside(tmp_path / "s.csv") as spilled:
        assert spilled is not None
        simulate(two_phases, some_fail, spilled=spilled)
        for suffix in SUFFIXES:
            write_samples(spilled, tmp_path / f"s.{suffix}")
    by_csv, by_json, by_parquet = (read(tmp_path / f"s.{suffix}") for suffix in SUFFIXES)
    assert by_csv == by_json == by_parquet
    assert {row["variation"] for row in by_csv} == {f"vars.x={SHOWN}"}
    assert SHOWN in {row["outcome"] for row in by_csv}
    assert sorted(os.listdir(tmp_path)) == ["s.csv", "s.jsonl", "s.parquet"]


def test_parquet_has_types_and_dictionaries(two_phases: ExecutionPlan, tmp_path: Path) -> None:
    sampled(two_phases, tmp_path / "s.parquet")
    types = {field.name: str(field.type) for field in parquet.read_schema(tmp_path / "s.parquet")}
    texts = {"scenario", "variation", "phase", "operation", "outcome"}
    assert {name for name, kind in types.items() if kind.startswith("dictionary<values=string")} == texts
    assert {types[name] for name in types.keys() - texts} == {"int64"}


def test_what_a_killed_process_had_begun_is_unknown(make_plan: MakePlan, tmp_path: Path) -> None:
    load = {"executor": "constant-vus", "vus": 2, "duration": "4s"}
    plan = make_plan(["status"], setup={"pets": 4}, load=load, faults=[{"fault": "kill", "at": "2505ms"}])
    time = SimulatedTime(1_000 * MS, stands_still_at=[3_505 * MS])
    result, rows = sampled(plan, tmp_path / "s.csv", lambda label, call: Behaviour(takes_ns=10 * MS), time=time)
    check_agreement(result, rows)
    unknown = [row for row in rows if row["outcome"] == "unknown"]
    assert len(unknown) == result.restarts[0].unknown > 0
    assert all(row[name] is None for row in unknown for name in row if name.endswith("_ns"))
    # of both incarnations
    assert {row["vu"] for row in rows} == {0, 1}
    assert max(row["start_ns"] or 0 for row in rows) > 3_900 * MS


def test_of_a_run_that_is_tried_again_the_last_try_is_kept(make_plan: MakePlan, tmp_path: Path) -> None:
    once, again = (make_plan([operation], setup={"pets": 1}) for operation in ("load_pet", "status"))
    with spilled_beside(tmp_path / "s.csv") as spilled:
        assert spilled is not None
        for plan, takes_ms in ((once, 3), (again, 4), (again, 5), (again, 6)):
            simulate(plan, lambda label, call, ms=takes_ms: Behaviour(takes_ns=ms * MS), spilled=spilled)
        write_samples(spilled, tmp_path / "s.csv")
    counts = Counter((row["operation"], row["latency_ns"]) for row in read(tmp_path / "s.csv"))
    assert counts == {("load_pet", 3 * MS): 20, ("status", 6 * MS): 20}


SAMPLES = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 10**12),
        st.integers(0, 10**10),
        st.sampled_from([OK, OK, OK, SKIPPED, 1, 2]),
    ),
    max_size=60,
)
OPEN_AND_CLOSED = [
    {"executor": "constant-vus", "vus": 2, "duration": "10m"},
    {"executor": "constant-arrival-rate", "rate": "10/s", "vus": 2, "duration": "10m"},
]
KINDS = {1: FailureKind("ValueError", ""), 2: FailureKind('timeout: %d, "late"', "timeout")}


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), SAMPLES), max_size=8), st.integers(-(10**9), 10**15))
def test_any_frames_agree_with_the_histogram(tmp_path_factory: Any, frames: list[Any], origin_ns: int) -> None:
    phases = [
        {"name": name, "load": load | ({"start_after": "0s"} if name == "b" else {}), "flow": ["load_pet", "status"]}
        for name, load in zip("ab", OPEN_AND_CLOSED, strict=True)
    ]
    plan = plan_run(Scenario.model_validate({"name": "any", "setup": {"pets": 1}, "phases": phases}), 1)
    file = tmp_path_factory.getbasetemp() / "any.csv"
    with spilled_beside(file) as spilled:
        assert spilled is not None
        measurement = Measurement(plan, spilled)
        measurement.begin_wave(0, origin_ns)
        for number, kind in KINDS.items():
            measurement.samples.learn(number, kind)
        for vu, samples in frames:
            measurement.add(frame_of(vu, samples, origin_ns, is_open=vu > 1))
        write_samples(spilled, file)
    rows = read(file)
    for phase, name in enumerate("ab"):
        for label, known in measurement.samples.phases[phase].items():
            own = [row for row in rows if (row["phase"], row["operation"]) == (name, label)]
            outcomes = Counter(row["outcome"] for row in own)
            counted = Counter({"ok": known.ok, "skipped": known.skipped})
            counted.update({KINDS[number].kind: count for number, count in known.failures.items()})
            assert outcomes == +counted
            latencies = Histogram()
            latencies.add_all(array("q", [row["latency_ns"] for row in own if row["outcome"] == "ok"]))
            of_run = known.timeline.distribution().histogram()
            assert (latencies.count, latencies.total) == (of_run.count, of_run.total)
            assert latencies.to_counts() == of_run.to_counts()


def frame_of(vu: int, samples: list[tuple[int, int, int, int]], origin_ns: int, *, is_open: bool) -> Frame:
    samples = sorted(samples, key=lambda sample: sample[1])
    return Frame(
        vu=vu,
        measured=True,
        iterations=len(samples),
        draws=array("q", [pack(place, 0, 0) for place, *_ in samples]),
        starts=array("q", [origin_ns + start for _, start, *_ in samples]),
        durations=array("q", [duration for *_, duration, _ in samples]),
        lags=array("q", [start % 3 * MS or NOT_DUE for _, start, *_ in samples]) if is_open else array("q"),
        failures={index: outcome for index, (*_, outcome) in enumerate(samples) if outcome != OK},
    )


class TestWhatCannotBeWritten:
    """Mistakes before anything runs, and disks that fill while it does."""

    @pytest.mark.parametrize("name", ["-", "samples", "samples.txt", "samples.csv.gz", "/dev/stdout"])
    def test_another_format(self, name: str) -> None:
        with pytest.raises(UsageError, match=r"--samples \S+: the name must end in \.csv, \.jsonl or \.parquet"):
            call("run", "pet_creation", "--samples", name)

    def test_a_missing_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(data_files, "find_spec", lambda name: None)
        check_sample_file(tmp_path / "s.csv", "--samples")
        with pytest.raises(UsageError, match="Parquet needs the package pyarrow") as raised:
            check_sample_file(tmp_path / "s.parquet", "--samples")
        assert raised.value.hint == "pip install 'digipal-perf[parquet]'"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--samples", "none/s.csv"), "--samples none/s.csv: the directory "),
            (("--samples", "s.csv", "--csv", "./s.csv"), "--csv and --samples both write to s.csv"),
            (("--samples", "s.csv", "--exact"), "--exact times nothing"),
        ],
    )
    def test_a_place_that_cannot_be(self, arguments: tuple[str, ...], message: str, home: Path) -> None:
        with pytest.raises(UsageError, match=message):
            call("run", "tiny.yaml", *arguments)
        assert os.listdir(home) == ["tiny.yaml"]

    def test_python_users_are_told_alike(self, home: Path) -> None:
        for arguments, message in (
            ({"samples": "s.txt"}, "samples s.txt: the name must end in"),
            ({"samples": "none/s.csv"}, "samples none/s.csv: the directory "),
            ({"samples": "s.csv", "exact": True}, "exact=True times nothing"),
        ):
            with pytest.raises(UsageError, match=message):
                run_scenario("tiny.yaml", **arguments)  # type: ignore[arg-type]

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
    def test_a_full_disk_costs_the_samples_alone(self, make_plan: MakePlan, tmp_path: Path) -> None:
        (tmp_path / "s.csv").write_text("old")
        with Path("/dev/full").open("r+b", buffering=0) as full:
            spilled = SpilledSamples(full)
            result = simulate(make_plan(["status"], setup={"pets": 1}), spilled=spilled)
            assert result.verdict is Verdict.PASS
            with pytest.raises(PerfError, match=r"s\.csv: cannot be written: No space left on device"):
                write_samples(spilled, tmp_path / "s.csv")
        assert (tmp_path / "s.csv").read_text() == "old"
        assert os.listdir(tmp_path) == ["s.csv"]

    def test_a_parquet_writer_that_ends_says_why(
        self, make_plan: MakePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken = tmp_path / "broken.py"
        broken.write_text("import sys\nsys.exit('no such codec')")
        monkeypatch.setattr(data_files, "_PARQUET_WRITER", broken)
        with pytest.raises(PerfError, match=r"s\.parquet: cannot be written: pyarrow: no such codec"):
            sampled(make_plan(["status"], setup={"pets": 1}), tmp_path / "s.parquet")
        assert os.listdir(tmp_path) == ["broken.py"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a tiny scenario."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    return tmp_path


def call(*arguments: str) -> Result:
    """The command line; an error that it ends with is raised."""
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def test_without_a_sample_there_is_a_file_with_columns_alone(make_plan: MakePlan, tmp_path: Path) -> None:
    never = {"executor": "constant-vus", "vus": 1, "duration": "1s"}
    plan = make_plan(["status"], setup={"pets": 1}, load=never)
    for suffix in SUFFIXES:
        with spilled_beside(tmp_path / f"s.{suffix}") as spilled:
            assert spilled is not None
            Measurement(plan, spilled)
            write_samples(spilled, tmp_path / f"s.{suffix}")
        assert read(tmp_path / f"s.{suffix}") == []
    assert parquet.read_schema(tmp_path / "s.parquet").names == list(SAMPLE_COLUMNS)


@pytest.mark.end_to_end
def test_scenarios_and_variations_share_a_file(home: Path, here: Here) -> None:
    (home / "other.yaml").write_text(TINY.replace("name: tiny", "name: other"), encoding="utf-8")
    files = ("--samples", "s.parquet", "--json", "r.json")
    code, output, _ = here("run", "tiny.yaml", "other.yaml", "-q", "--sweep", "load.vus=1,3", *files)
    assert code == ExitCode.PASS, output
    rows, results = read(home / "s.parquet"), load_results(home / "r.json")
    groups = groupby(rows, key=lambda row: (row["scenario"], row["variation"]))
    for result, ((name, variation), own) in zip(results, groups, strict=True):
        assert (name, variation) == (result.name, f"load.vus={result.variation['load.vus']}")
        check_agreement(result, list(own))
    assert sorted(os.listdir(home)) == ["other.yaml", "r.json", "s.parquet", "tiny.yaml"]


@pytest.mark.end_to_end
def test_many_samples_of_several_processes_agree_with_the_histogram(home: Path, forked_engines: None) -> None:
    """Beyond 50,000 samples percentiles are read from it."""
    settings = {"pool.processes": 2, "flow": ["status"]}
    result = run_scenario("tiny.yaml", iterations=60_000, workers=4, settings=settings, samples=home / "s.csv")
    assert result.total.latency is not None
    assert not result.total.latency.exact
    rows = read(home / "s.csv")
    check_agreement(result, rows)
    assert {row["vu"] for row in rows} == {0, 1, 2, 3}
    assert all(0 <= row["start_ns"] <= (result.duration_ns or 0) for row in rows)


@pytest.mark.end_to_end
def test_an_interrupted_run_writes_what_was_measured(home: Path) -> None:
    command = [sys.executable, "-m", "perfcli", "run", "tiny.yaml", "--duration", "60s", "--json", "r.json"]
    process = subprocess.Popen(
        [*command, "--samples", "s.jsonl", "--progress"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "CI": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 30
    # the file that samples are spilled to has no name
    while not _spilled_bytes(process.pid, home):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [name for name in os.listdir(home) if name.startswith("s.")] == []
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED
    (result,) = load_results(home / "r.json")
    assert result.verdict is Verdict.INTERRUPTED
    check_agreement(result, read(home / "s.jsonl"))
    assert result.total.ok


def _spilled_bytes(pid: int, folder: Path) -> int:
    """The size of the files in a folder that a process holds open and that have no name."""
    total = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:
            continue
        if target.startswith(str(folder)) and target.endswith("(deleted)"):
            total += descriptor.stat().st_size
    return total
