"""Faults as scenario files write them: when each is due, and what cannot be inflicted or told apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from perfcli.errors import UsageError
from perfcli.executors.repeated import Repeated
from perfcli.faults import Fault, FaultSettings, fault_models
from perfcli.faults.schedule import occurrences
from perfcli.plan import plan_run
from perfcli.scenario.loader import ScenarioFileError, load_scenario
from perfcli.scenario.overrides import fault as added

SECOND = 1_000_000_000
HEAD = "name: t\nsetup: {pets: 2}\nflow: [interact]\n"
TIMED = HEAD + "load: {executor: constant-vus, vus: 2, duration: 9s}\n"


def fault(**written: Any) -> FaultSettings:
    parsed: FaultSettings = TypeAdapter(Fault).validate_python(written)
    return parsed


def due(seed: int, *faults: FaultSettings) -> list[tuple[str, int, int]]:
    return [(each.fault.label, each.phase, each.at_ns) for each in occurrences(faults, ["a", "b"], seed)]


def test_a_campaign_is_due_again_and_again() -> None:
    campaign = fault(lock={"at": "2s", "for": "500ms", "every": "1s", "times": 3})
    assert due(1, campaign) == [("lock", 0, at * SECOND) for at in (2, 3, 4)]


def test_each_is_due_since_the_beginning_of_its_phase() -> None:
    later = fault(pause={"at": "1s", "for": "1s", "phase": "b", "name": "stall"})
    assert due(1, later, fault(lock={"at": "3s", "for": "1s"})) == [("lock", 0, 3 * SECOND), ("stall", 1, SECOND)]


def test_jitter_is_drawn_from_the_seed_alone() -> None:
    jittery = fault(lock={"at": "2s", "for": "100ms", "every": "1s", "times": 20, "jitter": "500ms"})
    assert due(7, jittery) == due(7, jittery) != due(8, jittery)
    late = [at_ns - (2 + time) * SECOND for time, (_, _, at_ns) in enumerate(due(7, jittery))]
    assert all(0 <= each < SECOND // 2 for each in late)
    assert len(set(late)) == 20


def test_a_fault_is_written_as_it_is_read() -> None:
    written = fault(lock={"at": "2s", "for": "1s"}).model_dump(mode="json")
    assert (written["fault"], written["for"]) == ("lock", "1s")
    assert fault(**written).lasts_ns == SECOND


@pytest.mark.parametrize(
    ("faults", "place", "message"),
    [
        ("[lok: {at: 2s, for: 1s}]", "5:10", "unknown fault 'lok' (did you mean 'lock'?)"),
        ("[lock: 3s]", "5:10", "lock has no time: write lock: {at: 3s, for: 1s}"),
        ("[lock: {at: 3s}]", "5:10", "required key is missing (how long it lasts)"),
        ("[lock: {at: 3s, for: 1s, times: 2}]", "5:16", "times needs every"),
        ("[lock: {at: 3s, for: 1s, times: 2, every: 900ms}]", "5:16", "must be longer than for plus jitter"),
        ("[lock: {at: 3s, for: 1s, name: latency}]", "5:40", "is the name of a metric"),
        ("[{lock: {at: 3s, for: 1s}}, {lock: {at: 6s, for: 1s}}]", "5:38", "two faults are named 'lock'"),
        ("[lock: {at: 3s, for: 1s, name: interact}]", "5:40", "'interact' is the name of a step"),
        ("[lock: {at: 3s, for: 1s, phase: lod}]", "5:41", "no phase is named 'lod' (did you mean 'load'?)"),
        ("[kill: 3s]", "5:10", "kill has no time: write kill: {at: 3s}"),
        ("[kill: {at: 3s, for: 1s}]", "5:25", "a kill lasts until the next process works: replace for"),
        ("[kill: {at: 3s, signal: TREM}]", "5:33", "unknown value 'TREM' (did you mean 'TERM'?)"),
        ("[kill: {at: 3s, signal: SIGKILL}]", "5:33", "unknown value 'SIGKILL' (did you mean 'KILL'?)"),
        ("[kill: {at: 3s, signal: 9}]", "5:33", "expected one of KILL, TERM, INT, HUP, QUIT, ABRT, SEGV, not 9"),
        ("[kill: {at: 3s, process: 1}]", "5:34", "no process 1: the pool has one process, number 0"),
        ("[kill: {at: 3s, process: all}]", "5:34", "remove it for all"),
        ("[pause: {at: 3s, for: 1s, process: 4}]", "5:44", "no process 4"),
        ("[{kill: {at: 3s}}, {kill: {at: 6s}}]", "5:29", "two faults are named 'kill'"),
        ("[kill: {at: 2s, every: 1s, times: 3, restart_after: 1s}]", "5:16", "longer than restart_after plus jitter"),
        ("[kill: {at: 8s, restart_after: 2s}]", "5:21", "lasts until 10.0 s, but the load ends after 9.00 s"),
        ("[lock: {at: 900ms, for: 1s}]", "5:21", "before the load is steady"),
        ("[lock: {at: 8s, for: 2s}]", "5:21", "lasts until 10.0 s, but the load ends after 9.00 s"),
    ],
)
def test_a_mistake_is_reported_at_its_place(faults: str, place: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(f"{TIMED}faults: {faults}\n")
    with pytest.raises(ScenarioFileError) as failure:
        load_scenario(path)
    assert message in str(failure.value)
    assert f"{path}:{place}:" in str(failure.value)


KEYS_OF_ALL = {field.alias or name for model in fault_models().values() for name, field in model.model_fields.items()}


@pytest.mark.parametrize("kind", fault_models())
def test_a_key_of_another_fault_is_reported_at_its_place(kind: str, tmp_path: Path) -> None:
    model = fault_models()[kind]
    own = {field.alias or name for name, field in model.model_fields.items()} - {"fault"}
    assert KEYS_OF_ALL - own > {"fault"}
    target = "target: {mcp: {transport: http}}\n" if kind == "cut" else ""
    for foreign in sorted(KEYS_OF_ALL - own):
        path = tmp_path / "t.yaml"
        before = f"faults: [{kind}: {model.example[:-1]}, "
        path.write_text(f"{target}{TIMED}{before}{foreign}: kill}}]\n")
        with pytest.raises(ScenarioFileError) as failure:
            load_scenario(path)
        (problem,) = failure.value.problems
        assert (problem.line, problem.column) == (5 + bool(target), 1 + len(before))
        assert problem.message.startswith((f"is not a key of {kind}: use one of at", "a kill lasts until"))
        before = f"{kind}={model.example[:-1]}, "
        path.write_text(f"{target}{TIMED}")
        with pytest.raises(ScenarioFileError, match=f"--fault {kind}: ") as failure:
            load_scenario(path, [added(f"{before}{foreign}: kill}}")])
        (problem,) = failure.value.problems
        assert problem.column == 1 + len(before)


@pytest.mark.parametrize("executor", ["shared-iterations", "per-vu-iterations"])
def test_iterations_are_repeated_until_the_fault_is_over_and_recovered(executor: str, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    load = f"load: {{executor: {executor}, vus: 2, iterations: 50, think_time: 10ms}}\n"
    path.write_text(f"{HEAD}{load}faults: [lock: {{at: 3s, for: 1500ms}}]\n")
    (phase,) = plan_run(load_scenario(path)).phases
    assert isinstance(phase.load, Repeated)
    assert (phase.load.vu_count, phase.load.think_time.longest_ns) == (2, 10_000_000)
    assert phase.load.least_iterations == (50 if executor == "shared-iterations" else 100)
    assert phase.load.describe().endswith("repeated until the last fault has recovered")


def test_only_the_phase_of_a_fault_repeats(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(
        "name: t\nflow: [status]\nsetup: {pets: 1}\nphases:\n"
        "- {name: a, load: {executor: per-vu-iterations, iterations: 5}}\n"
        "- {name: b, load: {executor: per-vu-iterations, iterations: 5, vus: [1, 2]}}\n"
        "faults: [pause: {at: 1s, for: 1s, phase: b-2}]\n"
    )
    phases = plan_run(load_scenario(path)).phases
    assert [phase.name for phase in phases if isinstance(phase.load, Repeated)] == ["b-2"]


def test_an_option_adds_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(f"{TIMED}faults: [lock: {{at: 3s, for: 1s}}]\n")
    loaded = load_scenario(path, [added("kill={at: 5s, name: crash}")])
    assert [each.describe() for each in loaded.faults] == ["lock at 3s for 1s", "crash (kill) at 5s"]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("lok={at: 3s, for: 1s}", "--fault lok: faults[0]: unknown fault 'lok' (did you mean 'lock'?)"),
        ("lock={at: 3s}", "--fault lock: faults[0].lock.for: required key is missing (how long it lasts)"),
        ("lock={at: 3s, for: 1x}", "--fault lock: faults[0].lock.for: "),
        ("lock={at: 3s, fro: 1s}", "--fault lock: faults[0].lock.fro: unknown key (did you mean 'for'?)"),
        ("kill={at: 12s}", "--fault kill: faults[0].kill.at: lasts until 12.0 s, but the load ends after 9.00 s"),
        (
            "lock={at: 1s, for: 1s, fault: kill}",
            "--fault lock: faults[0].lock.fault: is not a key of lock: use one of at, name, ",
        ),
        ("fault={at: 1s}", "--fault fault: faults[0]: expected one of lock, reader, pause, kill, disk_full, "),
        ("kill={at: 3s", "--fault kill: this '{' is never closed"),
    ],
)
def test_a_mistake_in_an_option_is_reported_at_its_place(option: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(TIMED)
    with pytest.raises(ScenarioFileError) as failure:
        load_scenario(path, [added(option)])
    assert message in str(failure.value)
    assert f"1 | {option}\n" in failure.value.message


@pytest.mark.parametrize("option", ["kill", "kill=", "={at: 3s}"])
def test_an_option_needs_a_kind_and_settings(option: str) -> None:
    with pytest.raises(UsageError, match="expected KIND=") as failure:
        added(option)
    assert failure.value.hint.startswith("write --fault '")


@pytest.mark.parametrize(
    ("threshold", "message"),
    [
        ("crash.recovery < 1s", "no fault is named 'crash': use lock"),
        ("success_rate > 5% during lok", "no fault is named 'lok' (did you mean 'lock'?)"),
        ("success_rate > 5% outside fault", "write outside faults"),
        ("memory.peak < 5MB after lock", "known only for the whole load: remove 'after'"),
    ],
)
def test_thresholds_name_faults_that_there_are(threshold: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(f"{TIMED}faults: [lock: {{at: 3s, for: 1s}}]\nthresholds: [{threshold}]\n")
    with pytest.raises(ScenarioFileError) as failure:
        load_scenario(path)
    assert message in str(failure.value)
