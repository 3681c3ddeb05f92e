"""Engines with one fault each, run as they come: the right metric and verdict name it, and a sound engine passes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from perfcli.errors import Verdict
from perfcli.plan import plan_run
from perfcli.pool.identity import EngineSource
from perfcli.pool.processes import LocalPool
from perfcli.results import RunResult
from perfcli.run import run_scenario, time_limits
from perfcli.scenario.library import find_scenarios
from perfcli.scenario.loader import load_scenario
from perfcli.scenario.models import Scenario
from perfcli.scenario.overrides import parse_set
from tests.perfcli.faulty.checkout import make_checkout

pytestmark = pytest.mark.slow

CLEAN = [
    "success_rate == 100%",
    "lost_writes == 0",
    "duplicate_writes == 0",
    "torn_reads == 0",
    "db_errors == 0",
    "busy_errors == 0",
    "timeouts == 0",
]
OF_WRITES = ["lost_writes == 0", "duplicate_writes == 0", "torn_reads == 0"]
TIDY = [
    "engine.threads_left == 0",
    "engine.connections_left == 0",
    "engine.files_left == 0",
    "log.errors == 0",
    "stray_output == 0B",
    "engine.shutdown_time < 5s",
]
TALK = ["interact", {"save_pet": {"history": True}}, "load_pet"]
READ: list[Any] = ["load_pet"]

Run = Callable[..., RunResult]


@pytest.fixture
def misdeed_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have engines read this text from their environment: a template would have that of its own start."""

    def tell(text: str) -> None:
        monkeypatch.setattr("perfcli.run.one_run.LocalPool", LocalPool)
        monkeypatch.setenv("DIGIPAL_MISDEED", text)

    return tell


@pytest.fixture
def run(tmp_path: Path, forked_engines: None) -> Run:
    """Run a flow on an engine with a fault; its thresholds are CLEAN, unless others are given."""

    def run(fault: str, flow: list[Any], *, thresholds: list[Any] | None = None, **keys: Any) -> RunResult:
        load = {"executor": "per-vu-iterations", "iterations": keys.pop("iterations", 150), **keys.pop("load", {})}
        if "duration" in load:
            del load["iterations"]
        written = {"name": "faulty", "setup": {"pets": 3}, "engine": {"ai": {"latency": "0ms"}}, "load": load}
        saves = any("save_pet" in step for step in flow)
        limits = [each for each in CLEAN if saves or each not in OF_WRITES] if thresholds is None else thresholds
        scenario = Scenario.model_validate({**written, "flow": flow, "thresholds": limits, **keys})
        engine = make_checkout(tmp_path, fault)
        return run_scenario(plan_run(scenario, 1), engine=EngineSource(engine, fault))

    return run


def failed(result: RunResult) -> list[str]:
    return [threshold.expr.split(" ")[0] for threshold in result.failed_thresholds]


def test_a_sound_engine_passes(run: Run) -> None:
    result = run("", TALK, thresholds=[*CLEAN, *TIDY, "fidelity.differences == 0", "statements_per_op < 20"])
    assert (result.verdict, result.reasons, result.engine) == (Verdict.PASS, [], "")


@pytest.mark.parametrize(
    ("fault", "flow", "metrics"),
    [
        ("loses_writes", TALK, {"lost_writes"}),
        ("stores_nothing", TALK, {"lost_writes"}),
        ("stores_twice", TALK, {"duplicate_writes"}),
        ("wrong_pet", TALK, {"success_rate"}),
        ("loses_saves", ["save_pet", "load_pet"], {"lost_writes"}),
        ("tears_reads", ["save_pet", "load_pet"], {"torn_reads"}),
        ("answers_busy", READ, {"busy_errors", "success_rate"}),
    ],
)
def test_each_fault_is_named_by_its_metric(run: Run, fault: str, flow: list[Any], metrics: set[str]) -> None:
    result = run(fault, flow, iterations=600)
    assert result.verdict is Verdict.FAIL
    assert metrics <= set(failed(result))


def test_what_nobody_looked_at_is_no_pass(run: Run) -> None:
    result = run("drops_saves", READ, thresholds=OF_WRITES)
    assert result.reasons == [
        "lost_writes == 0: no samples: no write of the load could be checked",
        "duplicate_writes == 0: no samples: the load wrote nothing, or not all answers are known",
        "torn_reads == 0: no samples: no pet is both saved with canaries and read",
    ]


def test_saves_that_are_dropped_are_found_on_shared_pets_in_several_processes(run: Run) -> None:
    flow: list[Any] = ["save_pet", "load_pet"]
    keys = {"setup": {"pets": 20}, "users": "uniform", "pool": {"processes": 2}, "load": {"vus": 4}}
    result = run("drops_saves", flow, thresholds=["lost_writes == 0", "torn_reads == 0"], iterations=40, **keys)
    assert (result.verdict, failed(result)) == (Verdict.FAIL, ["lost_writes"])
    assert result.integrity is not None
    assert result.integrity.stale_reads > 20
    assert result.integrity.saves.checked > result.integrity.saves.acknowledged / 2


def test_what_a_restart_finds_is_told_in_full(run: Run) -> None:
    limits = ["lost_writes == 0", "fidelity.differences == 0"]
    result = run("forgets_at_shutdown", ["interact"], thresholds=limits, iterations=10)
    assert [threshold.expr for threshold in result.failed_thresholds] == limits
    assert all(threshold.observed for threshold in result.failed_thresholds)


def test_a_leak_is_proven(run: Run) -> None:
    flow = ["save_pet"]
    load = {"executor": "constant-vus", "duration": "3s"}
    result = run("leaks", flow, thresholds=["memory.leak == 0B/op"], load=load)
    assert result.verdict is Verdict.FAIL
    assert result.memory.leak is not None
    assert result.memory.leak.judged > 500


def test_cost_that_grows_with_a_session_is_seen(run: Run) -> None:
    result = run(
        "grows",
        ["interact"],
        setup={"pets": 1},
        growth={"over": "interactions"},
        thresholds=["interact.growth.ratio < 2.5"],
        iterations=1_500,
    )
    assert failed(result) == ["interact.growth.ratio"]


def test_a_copied_database_is_a_stray_file_and_too_much_written(run: Run) -> None:
    result = run("copies_database", TALK, thresholds=["engine.files_left == 0", "io.written_per_op < 100kB"])
    assert "engine.files_left" in failed(result)
    assert result.inspection.files_left == ["digipal.copy"]


def test_an_unclean_end_is_seen_in_all_its_parts(run: Run) -> None:
    result = run("leaves_things", READ, thresholds=TIDY)
    names = ["engine.threads_left", "engine.connections_left", "engine.files_left", "log.errors", "stray_output"]
    assert failed(result) == names
    assert result.inspection.threads_left == ["left behind"]
    assert result.inspection.files_left == ["stray.txt"]
    assert result.inspection.log_errors == {"digipal.storage": 1}


def test_shipped_scenarios_see_one_stall_and_an_error_that_was_only_logged(
    tmp_path: Path, forked_engines: None
) -> None:
    scenario = load_scenario(
        find_scenarios(["crowd"])[0], [parse_set("load.iterations=300"), parse_set("setup.pets=20")]
    )
    engine = make_checkout(tmp_path, "stalls_and_logs")
    result = run_scenario(plan_run(scenario, 1), engine=EngineSource(engine, "stalls_and_logs"))
    assert {"latency.max", "log.errors"} <= set(failed(result))


def test_an_engine_that_exits_is_an_error(run: Run) -> None:
    result = run("exits", READ)
    assert (result.verdict, result.exit_code) == (Verdict.ERROR, 1)
    assert "exited with code 7" in result.reasons[0]


def test_an_engine_that_hangs_is_ended_at_its_deadline(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limits, "GRACE_S", 1.0)
    result = run("hangs", READ)
    assert result.verdict is Verdict.ERROR
    assert "the engine hangs" in result.reasons[0]


def test_a_call_that_hangs_times_out_and_the_vu_goes_on(run: Run) -> None:
    result = run("hangs", [{"load_pet": {"timeout": "500ms"}}], iterations=200)
    assert (result.total.ok, result.total.failed, failed(result)) == (199, 1, ["success_rate", "timeouts"])


def test_updates_lost_between_threads_do_not_add_up(run: Run) -> None:
    care = {"care": {"actions": ["vegetables", "fish"]}}
    result = run(
        "forgets_updates",
        [care],
        setup={"pets": 1},
        users="uniform",
        thresholds=["lost_updates == 0"],
        load={"vus": 4},
        iterations=50,
    )
    assert failed(result) == ["lost_updates"]


def test_several_processes_share_the_load_and_nothing_is_lost(run: Run) -> None:
    result = run("", TALK, pool={"processes": 2}, load={"vus": 3}, iterations=40)
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])
    assert (result.iterations, result.total.ok, result.processes) == (120, 360, 2)
    assert [work.iterations for work in result.vus] == [40, 40, 40]


def test_a_process_without_a_vu_stands_by(run: Run) -> None:
    result = run("", READ, pool={"processes": 2}, iterations=40)
    assert (result.verdict, result.iterations) == (Verdict.PASS, 40)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux leads to orphans")
def test_a_daemon_is_ended_and_named(run: Run) -> None:
    result = run("leaves_daemon", READ, thresholds=["fidelity.differences == 0"], iterations=5)
    assert result.verdict is Verdict.PASS
    # twice: the process that compared answers opened the engine too
    daemons = re.findall(r"\(pid (\d+): innocent", "; ".join(result.reasons))
    assert len(daemons) == 2
    assert not any(psutil.pid_exists(int(daemon)) for daemon in daemons)
    assert len(result.inspection.processes_left) == 2


MISDEEDS = [
    ("import os; os.closerange(3, 1024)", "closed the harness's line to the tool"),
    ("import os, socket; [socket.socket(fileno=os.dup(n)).shutdown(2) for n in lines()]", "closed the harness's line"),
    (
        "import os; [os.write(n, b'GARBAGE') for n in lines()]",
        "garbage .* while measuring: b'GARBAGE.* instead of a mess",
    ),
    ("import os, struct; [os.write(n, struct.pack('!i', 2**30)) for n in lines()]", "garbage .* instead of a message"),
    ("import os; os.fork()", "garbage .* while measuring: (message [0-9]+ arrived twice|.* instead of a message)"),
    ("from perfcli.wire import Done; link().send(Done())", "garbage .* the message 'Done' after 'Wave'"),
    ("from dataclasses import make_dataclass as d; link().send(d('Party', [])())", "garbage .* be read: .*Party"),
    ("from perfcli.wire import Opened; link().send(Opened('2'))", "garbage .* the message 'Opened' after 'Wave'"),
    ("import os, shutil; shutil.rmtree(os.getcwd())", "the engine removed engine-0/cwd from its scratch directory"),
    ("import os; os.unlink('../output.txt')", "the engine removed engine-0/output.txt from its scratch directory"),
    ("import os, shutil; shutil.rmtree('../../database')", "the engine removed database from its scratch directory"),
    ("import os, shutil; shutil.rmtree(os.path.abspath('../..'))", "the engine removed its scratch directory"),
    ("import os; os.kill(os.getppid(), 9)", "was killed by SIGKILL"),
]
HARMLESS = [
    "import os; os.chdir('/')",
    "import os; os.umask(0o777)",
    "import os; os.write(1, bytes(10_000_000))",
    "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))",
    "import sys; sys.stdout = sys.stderr = None",
    "import atexit, os; atexit.register(os._exit, 9)",
]


@pytest.mark.nightly
@pytest.mark.parametrize(("misdeed", "words"), MISDEEDS)
def test_a_misdeed_is_an_error_that_names_it(
    run: Run, misdeed_of: Callable[[str], None], misdeed: str, words: str
) -> None:
    misdeed_of(misdeed)
    result = run("misbehaves", READ, thresholds=["success_rate == 100%"], iterations=1_000)
    assert result.verdict is Verdict.ERROR
    assert re.search(words, result.reasons[0])


@pytest.mark.nightly
@pytest.mark.parametrize("deed", HARMLESS)
def test_what_harms_nobody_is_no_error(run: Run, misdeed_of: Callable[[str], None], deed: str) -> None:
    misdeed_of(deed)
    result = run("misbehaves", READ, thresholds=["success_rate == 100%"], iterations=1_000)
    assert (result.verdict, result.reasons) == (Verdict.PASS, [])


SUITE = """
name: {name}
setup: {{pets: 2}}
load: {{executor: per-vu-iterations, iterations: {iterations}}}
flow: [load_pet]
thresholds: [success_rate == 100%]
"""


@pytest.mark.end_to_end
@pytest.mark.slow
def test_a_scenario_that_an_engine_breaks_ends_no_suite(tmp_path: Path) -> None:
    for name, iterations in (("broken", 500), ("sound", 50)):
        (tmp_path / f"{name}.yaml").write_text(SUITE.format(name=name, iterations=iterations), encoding="utf-8")
    misdeed = "import os, shutil; shutil.rmtree(os.path.abspath('../..')); [os.write(n, b'GARBAGE') for n in lines()]"
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "perfcli", "run", "broken.yaml", "sound.yaml", "-q", "--json", "r.json"),
            *("--engine", str(make_checkout(tmp_path / "engine", "misbehaves"))),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "DIGIPAL_MISDEED": misdeed},
        capture_output=True,
        text=True,
    )
    assert (finished.returncode, len(finished.stderr.splitlines())) == (1, 1), finished.stderr
    assert finished.stderr.startswith("engine: ")
    broken, sound = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert (broken["verdict"], sound["verdict"]) == ("error", "pass")
    assert "removed its scratch directory; the engine process wrote garbage" in broken["reasons"][0]


def test_backups_without_data_are_found_by_operations_of_its_own(tmp_path: Path, forked_engines: None) -> None:
    (file,) = find_scenarios(["backup_and_restore"])
    scenario = load_scenario(file)
    sound = run_scenario(plan_run(scenario, 1))
    assert (sound.verdict, sound.reasons) == (Verdict.PASS, [])
    engine = make_checkout(tmp_path, "empties_backups")
    result = run_scenario(plan_run(scenario, 1), engine=EngineSource(engine, "empties_backups"))
    assert result.verdict is Verdict.FAIL
    assert result.total.errors == {
        "the backup does not hold the pet": 240,
        "the restored pet differs in name, happiness": 240,
    }
    example = result.error_examples["the backup does not hold the pet"]
    assert re.fullmatch(
        r"asked: \(verify_backup\(\) for user-\d,\)\nanswered: 'backup_operations\.py, line \d+: the backup does .*'",
        example,
    )
