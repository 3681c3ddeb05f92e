"""The command as its users meet it: real processes, real databases, real signals."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import Here

ROOT = Path(__file__).parents[2]

ENGINE_LINE = re.compile(r"engine: the installed engine \(.+\): sources [0-9a-f]{12}.*\n(wrote r\.json \(.+\)\n)?")
"""All that a good run says on stderr."""

pytestmark = pytest.mark.end_to_end

SHORT = """
name: short
setup: {pets: 2}
engine: {ai: {latency: 0ms}}
load: {executor: shared-iterations, vus: 2, iterations: 40}
flow:
  - interact
  - status
thresholds: [success_rate == 100%, lost_writes == 0]
"""
ENDLESS = """
name: endless
setup: {pets: 2}
engine: {ai: {latency: 1ms}}
load: {executor: constant-vus, vus: 2, duration: 10m}
flow: [interact]
thresholds: [success_rate >= 95%]
"""


class Command:
    """Starts the command in a temporary directory of its own, and knows what it left behind."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.scratch = home / "scratch"
        self.scratch.mkdir()

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        inherited = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
        return subprocess.Popen(
            [sys.executable, "-m", "perfcli", *arguments],
            cwd=self.home,
            env={**inherited, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.scratch), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(*arguments, **environment)
        output, errors = process.communicate(timeout=60)
        return process.returncode, output, errors

    def write(self, text: str, name: str = "scenario.yaml") -> str:
        (self.home / name).write_text(text, encoding="utf-8")
        return name

    def engines(self) -> list[psutil.Process]:
        return [p for p in psutil.process_iter() if self._is_ours(p)]

    def await_engine(self) -> psutil.Process:
        # a template and a supervisor have the command line of the engine process below them
        return self._until(lambda: self._below(self.engines()))

    def await_load(self) -> psutil.Process:
        """Wait until the engine writes interactions, and return its process."""
        engine = self.await_engine()
        self._until(self._has_interactions)
        return engine

    def assert_nothing_is_left(self) -> None:
        self._until(lambda: not self.engines())
        assert list(self.scratch.iterdir()) == []

    def _has_interactions(self) -> bool:
        for database in self.scratch.glob("*/database/digipal.db"):
            try:
                with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
                    return connection.execute("SELECT COUNT(*) FROM interactions").fetchone()[0] > 20
            except sqlite3.Error:
                return False
        return False

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            command, environment = process.cmdline(), process.environ()
        except psutil.Error:
            return False
        is_agent = any(part in ("perfcli.agent", "perfcli.agent.template") for part in command)
        return is_agent and environment.get("TMPDIR") == str(self.scratch)

    @staticmethod
    def _below(processes: list[psutil.Process]) -> psutil.Process | None:
        supervisors = {process.pid: process for process in processes}
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                supervisor = supervisors.get(process.ppid())
                # elsewhere no process names itself, and none is a template
                if supervisor and (supervisor.name() == "perf-supervisor" or sys.platform != "linux"):
                    return process
        return None

    @staticmethod
    def _until(condition: Any) -> Any:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if found := condition():
                return found
            time.sleep(0.05)
        raise AssertionError("it did not happen within 30 s")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    command = Command(tmp_path)
    # of `here`, too
    monkeypatch.setattr(tempfile, "tempdir", str(command.scratch))
    yield command
    for engine in command.engines():
        engine.kill()


def test_a_run_passes_and_leaves_nothing_behind(command: Command) -> None:
    code, output, errors = command.run("run", command.write(SHORT), "--seed", "7", "--json", "r.json")
    assert code == 0
    assert ENGINE_LINE.fullmatch(errors)
    assert output.startswith("PASS  short  ")
    assert "seed 7\n" in output
    assert "\x1b" not in output
    (result,) = json.loads((command.home / "r.json").read_text())
    assert result["verdict"] == "pass"
    assert result["total"]["ok"] == 80
    found = {key: result["integrity"][key] for key in ("acknowledged", "lost", "duplicates", "examples")}
    assert found == {"acknowledged": 40 + 2, "lost": 0, "duplicates": 0, "examples": []}
    assert result["memory"]["baseline_rss"] > result["memory"]["harness_rss"] > 0
    assert result["environment"]["sqlite"] == sqlite3.sqlite_version
    command.assert_nothing_is_left()


def test_a_threshold_that_cannot_hold_fails_the_run(command: Command, here: Here) -> None:
    code, output, _ = here("run", command.write(SHORT), "--set", "thresholds=[latency.p50 < 1ns]")
    assert code == 3
    assert output.startswith("FAIL  short  1 of 1 threshold failed\n  - latency.p50 < 1ns: ")


def test_the_worst_of_several_wins_and_a_summary_shows_it_first(command: Command, here: Here) -> None:
    failing = SHORT.replace("name: short", "name: failing").replace("success_rate == 100%", "iterations > 99")
    code, output, _ = here("run", command.write(SHORT, "a.yaml"), command.write(failing, "b.yaml"), "--json", "r.json")
    assert code == 3
    summary = output.split("nearest limit")[1]
    assert summary.index("failing") < summary.index("short")
    assert [result["name"] for result in json.loads((command.home / "r.json").read_text())] == ["short", "failing"]


def test_one_seed_repeats_the_operations(command: Command, here: Here) -> None:
    scenario = command.write(SHORT.replace("- interact\n", "- interact: {order: random}\n"))
    digests = []
    for seed in ("1", "1", "2"):
        here("run", scenario, "--seed", seed, "--json", "r.json", "--quiet")
        (result,) = json.loads((command.home / "r.json").read_text())
        assert result["performed_as_planned"]
        digests.append(result["digest"])
    assert digests[0] == digests[1] != digests[2]


def test_quiet_is_one_line(command: Command, here: Here) -> None:
    _, output, _ = here("run", command.write(SHORT), "-q")
    assert output == "pass  short  all 2 thresholds hold\n"


def test_the_database_can_be_kept(command: Command, here: Here) -> None:
    scenario = command.write(SHORT)
    for _ in range(2):
        assert here("run", scenario, "-q", "--keep-db", "kept")[0] == 0
    for name in ("short.db", "short-2.db"):
        with closing(sqlite3.connect(command.home / "kept" / name)) as connection:
            assert connection.execute("SELECT COUNT(*) FROM interactions WHERE success").fetchone() == (40,)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    command.assert_nothing_is_left()


def test_overrides_change_the_load(command: Command, here: Here) -> None:
    code, output, _ = here(
        "run",
        command.write(SHORT),
        "--workers",
        "1",
        "--duration",
        "300ms",
        "--set",
        "setup.pets=1",
        "--set",
        "thresholds=[]",
    )
    assert code == 0
    assert " by 1 vu in 3" in output
    assert "thresholds  none" in output


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            SHORT.replace("iterations: 40", "iteratoins: 40"),
            r"bad\.yaml:5:\d+: load\.iteratoins: .*did you mean 'iterations'",
        ),
        (SHORT.replace("- status", "- statuss"), r"bad\.yaml:8:\d+: .*did you mean 'status'"),
        (SHORT.replace("success_rate == 100%", "latency.mean < 100"), r"bad\.yaml:9:\d+: .*no unit"),
        (SHORT.replace("success_rate ==", "save_pet.success_rate =="), r"bad\.yaml:9:\d+: .*save_pet"),
        ("name: [", r"bad\.yaml:1:\d+: "),
        ("\x00\x01", r"bad\.yaml"),
    ],
)
def test_a_broken_file_is_a_usage_error_with_its_place(here: Here, tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "bad.yaml").write_text(content, encoding="utf-8")
    for verb in ("run", "validate"):
        code, output, errors = here(verb, "bad.yaml")
        assert (code, output) == (2, "")
        assert re.search(expected, errors)
        assert "Traceback" not in errors


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "no_such_scenario"],
        ["run", "missing.yaml"],
        ["run", "."],
        ["run", "pet_creation", "--workers", "0"],
        ["run", "pet_creation", "--duration", "5"],
        ["run", "pet_creation", "--set", "nonsense"],
        ["run", "--tag", "no_such_tag"],
        ["validate"],
        ["no_such_command"],
    ],
)
def test_misuse_exits_2_with_a_message(here: Here, arguments: list[str]) -> None:
    code, output, errors = here(*arguments)
    assert (code, output) == (2, "")
    assert "Error" in errors
    assert "Traceback" not in errors


def test_misuse_ends_the_process_with_code_2(command: Command) -> None:
    code, output, errors = command.run("validate", "missing.yaml")
    assert (code, output) == (2, "")
    assert errors.startswith("Error: missing.yaml: no such file")


def test_a_result_that_cannot_be_written_is_told_before_the_load(command: Command, here: Here) -> None:
    code, output, errors = here("run", command.write(SHORT), "--json", "missing/r.json")
    assert (code, output) == (2, "")
    assert "missing/r.json" in errors


def test_list_shows_the_shipped_scenarios_from_anywhere(command: Command) -> None:
    code, output, _ = command.run("list", "--tag", "scalability")
    assert code == 0
    assert [name for name in ("pet_creation", "database_load", "memory_efficiency") if name not in output] == []
    assert "long_session" not in output


def test_a_killed_engine_is_an_error_with_what_is_known(command: Command) -> None:
    process = command.start("run", command.write(ENDLESS), "--json", "r.json")
    engine = command.await_load()
    time.sleep(0.5)  # a frame of samples leaves the engine every 250 ms
    engine.kill()
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert ENGINE_LINE.fullmatch(errors)
    assert "ERROR  endless" in output
    assert "killed by SIGKILL" in output
    (result,) = json.loads((command.home / "r.json").read_text())
    assert result["verdict"] == "error"
    assert result["total"]["ok"] > 0
    assert result["integrity"]["lost"] == 0
    command.assert_nothing_is_left()


def test_a_sweep_runs_every_combination_and_one_that_fails_decides(command: Command, here: Here) -> None:
    threshold = "thresholds.0=iteration_rate > ${floor}/s"
    code, output, _ = here(
        *("run", command.write(SHORT + "vars: {floor: 1}\n"), "-q", "--set", threshold, "--json", "r.json"),
        *("--sweep", "vars.floor=1,1000000", "--sweep", "load.vus=1,2", "--keep-db", "databases"),
    )
    assert code == 3
    variations = [(floor, vus) for floor in (1, 1_000_000) for vus in (1, 2)]
    verdicts = ["pass", "pass", "FAIL", "FAIL"]
    assert [line.split("  ")[:2] for line in output.splitlines()] == [
        [verdict, f"short [vars.floor={floor}, load.vus={vus}]"]
        for verdict, (floor, vus) in zip(verdicts, variations, strict=True)
    ]
    results = json.loads((command.home / "r.json").read_text())
    assert [tuple(result["variation"].values()) for result in results] == variations
    assert [(result["total"]["ok"], result["phases"][0]["vus"]) for result in results] == [(80, 1), (80, 2)] * 2
    assert len({result["seed"] for result in results}) == 1
    assert sorted(path.name for path in (command.home / "databases").glob("*.db")) == sorted(
        f"short_vars.floor={floor}_load.vus={vus}.db" for floor, vus in variations
    )
    command.assert_nothing_is_left()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_gives_a_partial_report(command: Command, number: signal.Signals, code: int) -> None:
    # under nohup, SIGHUP would be ignored by what these tests start
    inherited = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    process = command.start("run", command.write(ENDLESS), "pet_creation", "--json", "r.json")
    signal.signal(signal.SIGHUP, inherited)
    command.await_load()
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == code
    engine, stopping, written = errors.splitlines(keepends=True)
    assert ENGINE_LINE.fullmatch(engine + written)
    assert stopping.startswith("stopping")
    assert "INTERRUPTED  endless" in output
    assert "not run: 1 of 2 scenarios" in output
    assert json.loads((command.home / "r.json").read_text())[0]["verdict"] == "interrupted"
    command.assert_nothing_is_left()


def test_a_second_signal_leaves_at_once(command: Command) -> None:
    # care is done at once, and then the vus wait for an answer
    care = ", ".join(["care: {actions: [praise]}"] * 11)
    hanging = ENDLESS.replace("latency: 1ms", "latency: 1h").replace("[interact]", f"[{care}, interact]")
    process = command.start("run", command.write(hanging))
    command.await_load()
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 3
    command.assert_nothing_is_left()


def test_signals_at_any_moment_leave_nothing(command: Command) -> None:
    scenario = command.write(ENDLESS)
    for wait_s in (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8):
        process = command.start("run", scenario)
        time.sleep(wait_s)
        process.send_signal(signal.SIGINT)
        try:
            _, errors = process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            # while Python itself starts it can drop an interrupt (one that falls into the callback of an import lock)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        # before Python itself is up, the signal ends the process in the system's way, or in Python's own imports
        within_python = errors.endswith("KeyboardInterrupt\n") and "/perfcli/" not in errors
        assert process.returncode in (130, -signal.SIGINT) or within_python, errors
        command.assert_nothing_is_left()


def test_a_killed_tool_takes_its_engine_along(command: Command) -> None:
    process = command.start("run", command.write(ENDLESS))
    command.await_load()
    process.kill()
    process.communicate(timeout=30)
    command.assert_nothing_is_left()


@pytest.mark.slow
def test_a_killed_profile_leaves_nothing_either(command: Command) -> None:
    process = command.start("profile", command.write(ENDLESS), "--sql")
    command.await_load()
    process.kill()
    process.communicate(timeout=30)
    # the findings have a scratch directory of their own, without an engine process in it
    command.assert_nothing_is_left()


def test_help_is_there_for_every_command(command: Command, here: Here) -> None:
    for arguments in (["--help"], ["run", "--help"], ["list", "-h"], ["validate", "-h"]):
        code, output, _ = here(*arguments)
        assert code == 0
        assert "digipal-perf" in output
        assert "Example" in output
    code, output, _ = command.run("--version")
    assert (code, output.startswith("digipal-perf, version")) == (0, True)
