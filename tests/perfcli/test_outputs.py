"""Outputs: checked before the work, independent of one another afterwards, and never a file that is read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from perfcli.cli import cli
from perfcli.errors import ExitCode, PerfError, UsageError, Verdict
from perfcli.outputs import (
    STDOUT,
    Outputs,
    check_folder,
    check_outputs,
    remove_unfinished,
    replacing,
    write_document,
    write_text,
)
from perfcli.plan import ExecutionPlan
from perfcli.profiling import write_flame_graph
from perfcli.results import RunResult, load_results, save_results
from perfcli.results.findings import FlameGraph
from perfcli.testing import simulate
from perfcli.units import format_size

ROOT = Path(__file__).parents[2]
TINY = """
name: {name}
setup: {{pets: 1}}
load: {{executor: shared-iterations, iterations: 2}}
flow: [load_pet]
"""
Call = Callable[..., Result]

FULL_DISK = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")


class TestWriting:
    """One document."""

    def test_a_temporary_file_of_a_name_somebody_foresaw_is_not_followed(self, tmp_path: Path) -> None:
        victim = tmp_path / "victim"
        victim.write_text("mine")
        (tmp_path / f".out.{os.getpid()}.tmp").symlink_to(victim)
        write_text("text", tmp_path / "out")
        assert victim.read_text() == "mine"
        assert sorted(os.listdir(tmp_path)) == [f".out.{os.getpid()}.tmp", "out", "victim"]

    def test_a_name_as_long_as_the_file_system_allows(self, tmp_path: Path) -> None:
        write_text("text", tmp_path / ("n" * 255))
        assert os.listdir(tmp_path) == ["n" * 255]

    def test_permissions_are_those_of_the_file_that_was_there(self, tmp_path: Path) -> None:
        (tmp_path / "old").touch(mode=0o640)
        write_text("text", tmp_path / "old")
        write_text("text", tmp_path / "new")
        (tmp_path / "plain").touch()
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        assert modes["old"] == 0o640
        assert modes["new"] == modes["plain"]

    def test_a_link_stays_one_and_its_file_is_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("file")
        write_text("text", tmp_path / "link")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "file").read_text() == "text"

    def test_a_failure_leaves_the_old_file_and_nothing_beside_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        (tmp_path / "out").write_text("old")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(PerfError, match="out: cannot be written: No space left on device"):
            write_document({}, tmp_path / "out")
        assert (tmp_path / "out").read_text() == "old"
        assert os.listdir(tmp_path) == ["out"]

    def test_a_file_that_is_half_written_when_the_tool_quits_is_removed(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("old")
        writing = replacing(tmp_path / "out")
        writing.__enter__().write(b"half")
        assert len(os.listdir(tmp_path)) == 2
        remove_unfinished()
        assert os.listdir(tmp_path) == ["out"]
        with pytest.raises(PerfError, match="out: cannot be written"):
            writing.__exit__(None, None, None)
        assert (tmp_path / "out").read_text() == "old"


class TestAttempts:
    """What fails costs itself alone."""

    def test_a_failure_is_reported_once_and_replaces_only_a_pass(self, capsys: pytest.CaptureFixture[str]) -> None:
        outputs = Outputs()
        for _ in range(2):
            with outputs.attempt("--json"):
                raise OSError(28, "No space left on device")
        with outputs.attempt("--csv"):
            pass
        assert capsys.readouterr().err == "Error: --json: No space left on device\n"
        codes = [ExitCode.PASS, ExitCode.THRESHOLD_FAILED, ExitCode.REGRESSION, 9]
        assert [outputs.exit_code(code) for code in codes] == [ExitCode.INTERNAL, *codes[1:]]

    def test_a_later_success_makes_up_for_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        outputs = Outputs()
        with outputs.attempt("--json"):
            raise PerfError("full for a moment")
        with outputs.attempt("--json"):
            pass
        assert outputs.exit_code(0) == 0
        assert "full for a moment" in capsys.readouterr().err

    def test_a_defect_of_one_report_is_shown_whole(self, capsys: pytest.CaptureFixture[str]) -> None:
        outputs = Outputs()
        with outputs.attempt("--html"):
            raise ZeroDivisionError("a chart without width")
        told = capsys.readouterr().err
        assert told.startswith("Error: --html: Traceback")
        assert "a chart without width" in told
        assert outputs.exit_code(0) == ExitCode.INTERNAL


class TestWritten:
    """What a command says that it wrote."""

    @pytest.fixture
    def outputs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outputs:
        monkeypatch.chdir(tmp_path)
        return Outputs()

    def test_each_file_has_a_line_however_often_it_was_written(
        self, outputs: Outputs, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for size in (1, 1_234_567):
            with outputs.attempt("--html", Path("r.html")):
                Path("r.html").write_bytes(b"x" * size)
        with outputs.attempt("stdout"):
            pass
        outputs.list_written()
        assert capsys.readouterr().err == "wrote r.html (1.23 MB)\n"

    def test_what_failed_went_to_stdout_or_to_a_pipe_is_no_file(
        self, outputs: Outputs, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with outputs.attempt("--json", Path("lost.json")):
            raise PerfError("no space")
        for place in (STDOUT, Path(os.devnull)):
            with outputs.attempt("--csv", place):
                pass
        capsys.readouterr()
        outputs.list_written()
        assert capsys.readouterr().err == ""

    def test_quiet_lists_none(self, place: Path, result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("perfcli.commands.run.run_scenario", lambda plan, **_: result)
        arguments = ("run", "own.yaml", "--json", "r.json", "--csv", "r.csv", "--save")
        assert "wrote" not in call(*arguments).output  # digipal-perf.toml says quiet
        Path("digipal-perf.toml").unlink()
        kinds = [Path(line.split()[1]).suffix for line in call(*arguments).stderr.splitlines() if "wrote" in line]
        assert kinds == [".json", ".json", ".csv"]

    def test_init_names_both_files(self, place: Path) -> None:
        written = [line.partition(" (")[0] for line in call("init", "mine").stderr.splitlines()]
        assert written == ["wrote mine.yaml", "wrote digipal-perf.schema.json"]

    def test_a_database_that_was_kept_is_named(
        self, place: Path, result: RunResult, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        Path("digipal-perf.toml").unlink()

        def keep(plan: ExecutionPlan, keep_database_in: Path, **_: Any) -> RunResult:
            (keep_database_in / "own.db").write_bytes(b"x" * 4096)
            return result.model_copy(update={"kept_database": str(keep_database_in / "own.db")})

        monkeypatch.setattr("perfcli.commands.run.run_scenario", keep)
        assert "wrote kept/own.db (4.10 kB)\n" in call("run", "own.yaml", "--keep-db", "kept").stderr


class TestChecks:
    """Before the work."""

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("none/out", "does not exist"),
            ("file/out", "Not a directory"),
            ("folder", "is a directory"),
            ("n" * 256, "File name too long"),
            ("loop", "Too many levels of symbolic links"),
            ("/proc/out", "cannot be written|does not exist"),
            ("a\0b", "null"),
        ],
    )
    def test_a_name_that_cannot_be_written(self, tmp_path: Path, name: str, told: str) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "folder").mkdir()
        (tmp_path / "loop").symlink_to("loop")
        with pytest.raises(UsageError, match=told):
            check_outputs({"--json": tmp_path / name})
        assert sorted(os.listdir(tmp_path)) == ["file", "folder", "loop"]

    @FULL_DISK
    def test_a_name_of_250_characters_and_devices_are_fine(self, tmp_path: Path) -> None:
        check_outputs({"--json": tmp_path / ("n" * 250), "--csv": Path("/dev/full"), "--html": STDOUT})
        check_outputs({"--json": Path("/dev/null"), "--csv": Path("/dev/null")})
        assert os.listdir(tmp_path) == []

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_permissions(self, tmp_path: Path) -> None:
        (tmp_path / "protected").touch(mode=0o400)
        with pytest.raises(UsageError, match="write-protected"):
            check_outputs({"--json": tmp_path / "protected"})
        tmp_path.chmod(0o500)
        with pytest.raises(UsageError, match="Permission denied"):
            check_outputs({"--json": tmp_path / "new"})

    def test_a_folder_is_made_or_told_of(self, tmp_path: Path) -> None:
        check_folder(tmp_path / "a" / "b", "--out")
        assert (tmp_path / "a" / "b").is_dir()
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=r"--out .*file: not a directory"):
            check_folder(tmp_path / "file", "--out")

    def test_two_outputs_of_one_file_by_whatever_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("old").touch()
        Path("hard").hardlink_to("old")
        Path("soft").symlink_to("new")
        for one, other in (("new", "./new"), ("new", "soft"), ("old", "hard"), ("old", str(tmp_path / "old"))):
            with pytest.raises(UsageError, match=f"--json and --csv both write to {one}"):
                check_outputs({"--json": Path(one), "--csv": Path(other)})

    @pytest.mark.parametrize("output", ["in.yaml", "./in.yaml", "folder/../in.yaml", "soft", "hard"])
    def test_an_output_that_is_an_input_by_whatever_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Path("folder").mkdir()
        Path("in.yaml").write_text("mine")
        Path("soft").symlink_to("in.yaml")
        Path("hard").hardlink_to("in.yaml")
        with pytest.raises(UsageError, match=r"--json .* would replace in\.yaml, which this command reads"):
            check_outputs({"--json": Path(output)}, [Path("in.yaml")])
        with pytest.raises(UsageError, match=r"SUMMARY .* would replace in\.yaml, which this command reads"):
            check_outputs({}, [Path("in.yaml")], appended={"SUMMARY": Path(output)})

    @pytest.mark.parametrize(
        ("option", "name", "kind"),
        [
            ("--json", "keep.yaml", "a scenario"),
            ("--junit", "KEEP.YML", "a scenario"),
            ("--csv", "results.json", "a JSON file"),
            ("--html", "pyproject.toml", "a TOML file"),
            ("--markdown", "kept.db", "a database"),
        ],
    )
    def test_a_file_of_another_kind_was_meant_as_an_argument(
        self, tmp_path: Path, option: str, name: str, kind: str
    ) -> None:
        file = tmp_path / name
        check_outputs({option: file})
        file.touch()
        check_outputs({option: file})
        file.write_text("mine")
        with pytest.raises(UsageError, match=f"it would replace {kind} of that name"):
            check_outputs({option: file})

    def test_an_older_output_is_replaced(self, tmp_path: Path) -> None:
        for option, name in (("--json", "r.json"), ("--csv", "s.csv"), ("--junit", "j.xml"), ("--out g", "g.json")):
            (tmp_path / name).write_text("old")
            check_outputs({option: tmp_path / name})

    def test_other_files_may_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "in.yaml").touch()
        check_outputs({"--json": tmp_path / "out"}, [tmp_path / "in.yaml", tmp_path / "gone", STDOUT])


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a scenario of everything that can be read."""
    monkeypatch.chdir(tmp_path)
    for variable in ("DIGIPAL_PERF_STORE", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(variable, raising=False)
    Path("base.yaml").write_text(TINY.format(name="base"), encoding="utf-8")
    Path("words.csv").write_text("text\nhello\n", encoding="utf-8")
    Path("digipal-perf.toml").write_text("[run]\nquiet = true\n", encoding="utf-8")
    own = "name: own\nextends: base.yaml\nflow: [interact: {texts: {csv: words.csv}}]\n"
    Path("own.yaml").write_text(own, encoding="utf-8")
    return tmp_path


@pytest.fixture
def result(make_plan: Callable[..., ExecutionPlan]) -> RunResult:
    """A simulated run."""
    return simulate(make_plan(["load_pet"], setup={"pets": 1}))


def call(*arguments: object) -> Result:
    """The command line; an error that it ends with is raised."""
    return CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False)


class TestInputs:
    """No command replaces a file that it reads."""

    @pytest.mark.slow
    @pytest.mark.parametrize("read", ["own.yaml", "base.yaml", "words.csv", "digipal-perf.toml"])
    @pytest.mark.parametrize(
        "command",
        [
            ["run", "./own.yaml", "--json"],
            ["run", "./own.yaml", "--junit"],
            ["ab", "./own.yaml", "--base", ".", "--json"],
            ["selftest", "./own.yaml", "--json"],
            ["profile", "./own.yaml", "--sql", "--json"],
        ],
        ids=" ".join,
    )
    def test_of_commands_that_run(self, place: Path, command: list[str], read: str) -> None:
        before = Path(read).read_bytes()
        with pytest.raises(UsageError, match="which this command reads"):
            call(*command, read)
        assert Path(read).read_bytes() == before

    def test_the_variable_of_an_option(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DIGIPAL_PERF_RUN_JSON", "own.yaml")
        with pytest.raises(UsageError, match="which this command reads"):
            call("run", "./own.yaml")

    def test_the_summary_of_a_job(self, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", "own.yaml")
        with pytest.raises(
            UsageError, match=r"GITHUB_STEP_SUMMARY own\.yaml would replace own\.yaml, which this command reads"
        ):
            call("run", "./own.yaml")

    @pytest.mark.parametrize("baseline", ["./main.json", "main"])
    def test_a_baseline(self, place: Path, result: RunResult, baseline: str) -> None:
        file = Path("main.json") if baseline.startswith("./") else Path(".digipal-perf/baselines/main.json")
        file.parent.mkdir(parents=True, exist_ok=True)
        save_results([result], file)
        with pytest.raises(UsageError, match="which this command reads"):
            call("run", "own.yaml", "--baseline", baseline, "--csv", file)
        with pytest.raises(UsageError, match="which this command reads"):
            call("baseline", "show", baseline, "--json", file)
        assert load_results(file) == [result]

    def test_results(self, place: Path, result: RunResult) -> None:
        save_results([result], Path("r.json"))
        with pytest.raises(
            UsageError, match=r"--json r\.json|--csv r\.json would replace r\.json, which this command reads"
        ):
            call("report", "r.json", "--csv", "r.json")
        kept = Path(".digipal-perf/baselines/main.json")
        kept.parent.mkdir(parents=True)
        save_results([result], kept)
        with pytest.raises(UsageError, match="which this command reads"):
            call("baseline", "save", "main", kept, "--force")

    @pytest.mark.parametrize(
        "command", [["history"], ["trend", "test"], ["baseline", "list"], ["run", "own.yaml"]], ids=" ".join
    )
    def test_kept_runs(self, place: Path, result: RunResult, command: list[str]) -> None:
        kept = Path(".digipal-perf/runs/one.json")
        kept.parent.mkdir(parents=True)
        save_results([result], kept)
        with pytest.raises(UsageError, match="which this command reads"):
            call(*command, "--json", kept)
        assert load_results(kept) == [result]


class TestIndependence:
    """One output that fails."""

    @pytest.fixture(autouse=True)
    def _simulated(self, result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("perfcli.commands.run.run_scenario", lambda plan, **_: result)
        monkeypatch.setattr("perfcli.run.interrupts.Interrupts.install", lambda self: None)

    @FULL_DISK
    def test_the_others_are_written_and_all_scenarios_run(self, place: Path) -> None:
        ran = call("run", "own.yaml", "base.yaml", "--json", "/dev/full", "--junit", "j.xml", "--save", "--csv", "-")
        assert ran.exit_code == ExitCode.INTERNAL
        assert "Error: /dev/full: cannot be written: No space left on device" in ran.stderr
        assert ran.stdout.startswith("run,scenario,variation,second")
        assert Path("j.xml").exists()
        assert len(os.listdir(".digipal-perf/runs")) == 2

    def test_a_folder_that_vanishes_meanwhile(
        self, place: Path, result: RunResult, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run_scenario(plan: ExecutionPlan, **_: Any) -> RunResult:
            Path("out").rmdir()
            return result.model_copy(update={"verdict": Verdict.FAIL})

        monkeypatch.setattr("perfcli.commands.run.run_scenario", run_scenario)
        Path("out").mkdir()
        ran = call("run", "own.yaml", "--json", "out/r.json", "--markdown", "r.md")
        assert ran.exit_code == ExitCode.THRESHOLD_FAILED
        assert "out/r.json: cannot be written: No such file or directory" in ran.stderr
        assert Path("r.md").exists()

    @FULL_DISK
    def test_a_database_that_is_not_kept(self, place: Path, result: RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
        lost = result.model_copy(update={"reasons": ["the database could not be kept in db: No space left on device"]})
        monkeypatch.setattr("perfcli.commands.run.run_scenario", lambda plan, **_: lost)
        ran = call("run", "own.yaml", "--keep-db", "db")
        assert ran.exit_code == ExitCode.INTERNAL
        assert ran.stderr.endswith(
            "Error: test: --keep-db: the database could not be kept in db: No space left on device\n"
        )

    def test_a_later_scenario_that_cannot_be_started(
        self, place: Path, result: RunResult, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ends: Iterator[RunResult | None] = iter([result, None])

        def run_scenario(plan: ExecutionPlan, **_: Any) -> RunResult:
            if (end := next(ends)) is None:
                raise PerfError("no process can be started")
            return end

        complaints: list[str] = []
        monkeypatch.setattr("perfcli.commands.run.run_scenario", run_scenario)
        monkeypatch.setattr("perfcli.outputs.complain", complaints.append)
        Path("digipal-perf.toml").unlink()
        with pytest.raises(PerfError, match="no process can be started"):
            call("run", "own.yaml", "base.yaml", "--json", "r.json", "--junit", "j.xml")
        assert load_results(Path("r.json")) == [result]
        assert [line.partition(" (")[0] for line in complaints] == ["wrote r.json", "wrote j.xml"]

    def test_of_report(self, place: Path, result: RunResult) -> None:
        save_results([result], Path("r.json"))
        ran = call("report", "r.json", "--csv", "/dev/full", "--junit", "j.xml")
        assert (ran.exit_code, ran.stdout) == (ExitCode.INTERNAL, "")
        *_, written = ran.stderr.splitlines()
        assert written == f"wrote j.xml ({format_size(Path('j.xml').stat().st_size)})"


def test_of_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph, outputs = FlameGraph(html="<page>", speedscope="{}"), Outputs()
    (tmp_path / "x-cpu.html").mkdir()
    assert write_flame_graph(graph, "x", tmp_path, outputs) == [str(tmp_path / "x-cpu.speedscope.json")]
    assert "x-cpu.html: cannot be written: Is a directory" in capsys.readouterr().err
    assert outputs.exit_code(0) == ExitCode.INTERNAL


@pytest.mark.end_to_end
@pytest.mark.slow
class TestStreams:
    """stdout and stderr, as users close and fill them."""

    def perform(self, place: Path, command: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = command.replace("digipal-perf", f"{sys.executable} -m perfcli")
        return subprocess.run(
            ["bash", "-c", command], cwd=place, env=environment, capture_output=True, text=True, timeout=60
        )

    def test_a_reader_that_leaves_costs_what_it_did_not_read(self, place: Path) -> None:
        Path("digipal-perf.toml").unlink()
        ended = self.perform(
            place,
            "digipal-perf run own.yaml base.yaml --json o.json --junit o.xml --save | true; exit ${PIPESTATUS[0]}",
        )
        # a busy machine may make it invalid
        assert ended.returncode in (ExitCode.INTERNAL, ExitCode.INVALID)
        engine, *others = ended.stderr.splitlines()
        assert engine.startswith("engine: ")
        assert [line.partition(" (")[0] for line in others] == [
            "wrote o.json",
            *(f"wrote {run}" for run in sorted(Path(".digipal-perf/runs").iterdir(), reverse=True)),  # own, then base
            "wrote o.xml",
            "Error: stdout: Broken pipe: not all of the output was printed",
        ]
        assert [run["name"] for run in json.loads(Path("o.json").read_text())] == ["own", "base"]
        assert Path("o.xml").read_text().count("<testsuite ") == 2
        assert len(os.listdir(".digipal-perf/runs")) == 2

    @pytest.mark.parametrize(
        ("command", "code", "told"),
        [
            pytest.param(
                *("list > /dev/full", 1, "Error: stdout: No space left on device: not all of the output was printed\n"),
                marks=FULL_DISK,
            ),
            pytest.param("run none.yaml 2>/dev/full", 2, "", marks=FULL_DISK),
            ("report r.json --csv - >> r.json", 2, "Error: --csv - would replace r.json, which this command reads"),
        ],
    )
    def test_each_stream(self, place: Path, result: RunResult, command: str, code: int, told: str) -> None:
        save_results([result], Path("r.json"))
        ended = self.perform(place, f"digipal-perf {command}")
        assert (ended.returncode, ended.stdout) == (code, "")
        assert ended.stderr.startswith(told)
        assert bool(ended.stderr) is bool(told)
        assert load_results(Path("r.json")) == [result]

    def test_dev_stdout_is_stdout_and_not_replaced(self, place: Path, result: RunResult) -> None:
        save_results([result], Path("r.json"))
        ended = self.perform(place, "digipal-perf report r.json --csv /dev/stdout > o.csv")
        assert ended.returncode == 0
        assert Path("o.csv").read_text().startswith("run,scenario")


PROTECTED = "import sys; from pathlib import Path; from perfcli import outputs, streams; streams.protect(); "


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("code", "redirected", "told"),
    [
        pytest.param(
            "print('x' * 9_000); print(streams.stdout_failure(), file=sys.stderr)",
            ">/dev/full",
            "No space left on device",
            marks=FULL_DISK,
        ),
        ("print('x'); print(streams.stdout_failure(), file=sys.stderr)", ">&-", ""),
        pytest.param("print('lost', file=sys.stderr)", "2>/dev/full", "", marks=FULL_DISK),
        ("print(open('r.json').fileno(), file=sys.stderr)", "<&- >&-", "3"),
        ("outputs.check_outputs({'--json': Path('-')})", ">&-", "--json -: stdout is closed"),
        (
            "outputs.check_outputs({}, [Path('r.json')])",
            ">>r.json",
            "stdout - would replace r.json, which this command reads",
        ),
        (
            "outputs.check_outputs({'--csv': Path('r.json')}, [Path('-')])",
            "<r.json",
            "--csv r.json would replace -, which this command",
        ),
        ("outputs.check_outputs({'--csv': Path('o.csv')})", ">o.csv", "--csv and stdout both write to o.csv"),
    ],
)
def test_standard_streams(tmp_path: Path, code: str, redirected: str, told: str) -> None:
    (tmp_path / "r.json").write_text("mine")
    command = f'exec {sys.executable} -c "{PROTECTED}{code}" {redirected}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert told in ended.stderr.strip().rpartition("\n")[2]
    assert bool(told) is bool(ended.stderr.strip())
    assert (tmp_path / "r.json").read_text() == "mine"
